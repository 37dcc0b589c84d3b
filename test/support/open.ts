// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto"
import { bufferSource, type Image, type MountOptions, PagePool, type PoolOptions } from "../../src/index.js"
import { allFixtures, type ManifestEntry, readFixture, readManifest } from "./flat-image.js"

/** A pool with one image of the fixtures in it. */
export async function openFixture(
  name: string,
  options: PoolOptions = { bytes: 1 << 20 },
): Promise<{ pool: PagePool; image: Image; manifest: Record<string, ManifestEntry> }> {
  const pool = await PagePool.create(options)
  return { pool, image: mountFixture(pool, name), manifest: manifestOf(name) }
}

/** Mounts an image of the fixtures. */
export function mountFixture(pool: PagePool, name: string, options: MountOptions = {}): Image {
  const fixture = allFixtures.find((image) => image.name === name)
  if (!fixture) throw new Error(`no fixture ${name}`)
  const devices = fixture.extra.map((file) => bufferSource(readFixture(file)))
  return pool.mountSync(bufferSource(readFixture(fixture.file)), { devices, ...options })
}

/** What Linux sees in an image of the fixtures. */
export function manifestOf(name: string): Record<string, ManifestEntry> {
  return readManifest(allFixtures.find((image) => image.name === name)?.manifest as string)
}

/** The digest that manifests give. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}

/** Paths of an image's regular files that are not empty. */
export function filesOf(manifest: Record<string, ManifestEntry>): string[] {
  return Object.keys(manifest).filter((path) => manifest[path]?.type === "file" && manifest[path].size > 0)
}
