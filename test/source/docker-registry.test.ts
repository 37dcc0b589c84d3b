// SPDX-License-Identifier: MIT
/**
 * Images pushed to Docker's own registry server, and read from there. Without that server (`apt-get install
 * docker-registry`) these tests are skipped; oci.test.ts covers the protocol with a server of our own.
 */
import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { type OciOptions, ociSource, PagePool } from "../../src/index.js"
import { scratch } from "../support/cli.js"
import {
  hasDockerRegistry,
  Pusher,
  serveFolder,
  startDockerRegistry,
  TokenServer,
} from "../support/docker-registry.js"
import { readFixture } from "../support/flat-image.js"
import { filesOf, manifestOf } from "../support/open.js"
import { EROFS, INDEX, MANIFEST } from "../support/registry.js"

const NAME = "lz4-c65536"
const credentials = { username: "user", password: "secret:word" }
const BASIC = `Basic ${Buffer.from("user:secret:word").toString("base64")}`
/** `secret:word` as htpasswd keeps it. */
const HASH = "$2y$05$abcdefghijklmnopqrstuuCFAENiKBlCyBuDPzJAoyIPDH7szvmzC"
const CONFIG = "application/vnd.oci.image.config.v1+json"

/** Pushes the fixture as an image, and an index of it under the tag `multi`. Answers the digest of the manifest. */
async function push(host: string, authorization?: string): Promise<string> {
  const pusher = new Pusher(host, "team/app", authorization)
  const config = await pusher.blob(new Uint8Array(Buffer.from("{}")), CONFIG)
  const layer = await pusher.blob(new Uint8Array(readFixture(`${NAME}.erofs`)), EROFS)
  const image = { schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] }
  const manifest = await pusher.manifest(image, "v1")
  const entry = (architecture: string) => ({ ...manifest, platform: { os: "linux", architecture } })
  const manifests = [entry("amd64"), entry("arm64")]
  await pusher.manifest({ schemaVersion: 2, mediaType: INDEX, manifests } as { mediaType: string }, "multi")
  return manifest.digest
}

/** Reads every file of the image, and compares it with what the kernel reads. Answers how many bytes came. */
async function readAll(reference: string, options: OciOptions = {}): Promise<number> {
  const source = await ociSource(reference, { plainHttp: true, ...options })
  const pool = await PagePool.create({ bytes: 1 << 20 })
  const image = await pool.mount(source)
  const manifest = manifestOf(NAME)
  for (const path of filesOf(manifest)) {
    const digest = createHash("sha256")
      .update(await image.readFile(path))
      .digest("hex")
    expect([path, digest]).toEqual([path, manifest[path]?.sha256])
  }
  const { bytes } = source.stats()
  await image.close()
  return bytes
}

describe.skipIf(!hasDockerRegistry)("docker-registry (skipped where it is not installed)", () => {
  it("gives an image by tag, by digest and through an index", async () => {
    const host = await startDockerRegistry(scratch())
    const digest = await push(host)
    expect(await readAll(`oci://${host}/team/app:v1`)).toBeGreaterThan(0)
    await readAll(`oci://${host}/team/app@${digest}`)
    await readAll(`oci://${host}/team/app:multi`, { platform: "linux/arm64" })
    await expect(readAll(`oci://${host}/team/app:v2`)).rejects.toMatchObject({
      code: "ENOENT",
      message: expect.stringContaining("MANIFEST_UNKNOWN"),
    })
    await expect(readAll(`oci://${host}/team/other`)).rejects.toMatchObject({ code: "ENOENT" })
  })

  it("lets in who knows the password", async () => {
    const folder = scratch()
    const passwords = join(folder, "htpasswd")
    writeFileSync(passwords, `user:${HASH}\n`)
    const auth = `auth:\n  htpasswd: ${JSON.stringify({ realm: "tests", path: passwords })}\n`
    const host = await startDockerRegistry(folder, auth)
    await push(host, BASIC)
    await readAll(`oci://${host}/team/app:v1`, { credentials })
    await expect(readAll(`oci://${host}/team/app:v1`)).rejects.toMatchObject({ code: "EACCES" })
    const wrong = { ...credentials, password: "wrong" }
    await expect(readAll(`oci://${host}/team/app:v1`, { credentials: wrong })).rejects.toMatchObject({
      code: "EACCES",
    })
  })

  it("lets in who has a token, and sends to a storage that is told nothing of it", async () => {
    const folder = scratch()
    const seen: Record<string, unknown>[] = []
    const storage = await serveFolder(join(folder, "data"), seen)
    const tokens = await TokenServer.start(BASIC)
    const redirect = `middleware:\n  storage:\n    - name: redirect\n      options: {baseurl: "${storage}"}\n`
    const host = await startDockerRegistry(folder, tokens.config + redirect)
    await push(host, `Bearer ${tokens.token(["pull", "push"])}`)
    await readAll(`oci://${host}/team/app:v1`, { credentials })
    expect(tokens.asked).toEqual([["repository:team/app:pull"]])
    expect(seen.length).toBeGreaterThan(0)
    for (const headers of seen)
      expect([headers.authorization, headers.range]).toEqual([undefined, expect.any(String)])
    await expect(readAll(`oci://${host}/team/app:v1`)).rejects.toMatchObject({ code: "EACCES" })
    await expect(readAll(`oci://${host}/team/other:v1`, { credentials })).rejects.toMatchObject({
      code: "EACCES",
    })
  })
})
