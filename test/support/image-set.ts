// SPDX-License-Identifier: MIT
/** Folders of images with an `index.json`, and the manifests that say what a correct reader sees in them. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { bufferSource, type Image, offsetSource, type PagePool } from "../../src/index.js"
import type { Source } from "../../src/source/source.js"

/** One image of an index: its file, its further devices in order, and where in the file it begins. */
export interface ListedImage {
  name: string
  file: string
  manifest: string
  extra: string[]
  offset?: number
  tags?: string[]
  command: string[]
}

/** What a manifest says of one path; see the README of the image sets. */
export type Expected = Record<string, unknown> & { type: string; size: number }

/** The images that a folder's index lists. */
export function readIndex(folder: string): ListedImage[] {
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { images: ListedImage[] }
  return index.images
}

/** The entries of a manifest, plain or compressed with gzip. */
export function readExpected(folder: string, file: string): Map<string, Expected> {
  const bytes = readFileSync(join(folder, file))
  const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString()
  const { entries } = JSON.parse(text) as { entries: Record<string, Expected> }
  return new Map(Object.entries(entries))
}

/** The sources of an image and of its further devices, all in memory. */
export function sourcesOf(folder: string, listed: ListedImage): { source: Source; devices: Source[] } {
  const whole = bufferSource(readFileSync(join(folder, listed.file)))
  return {
    source: listed.offset === undefined ? whole : offsetSource(whole, listed.offset),
    devices: listed.extra.map((file) => bufferSource(readFileSync(join(folder, file)))),
  }
}

/** Mounts an image of a set. Throws what `PagePool.mount` throws. */
export function mountListed(pool: PagePool, folder: string, listed: ListedImage): Promise<Image> {
  const { source, devices } = sourcesOf(folder, listed)
  return pool.mount(source, { devices })
}
