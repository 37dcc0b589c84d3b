// SPDX-License-Identifier: MIT
/** Digests of contents: the core's against those of node:crypto, and of the kernel's manifests. */
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { Content } from "../src/content.js"
import { ContentDescription, LAYOUT_FLAT } from "../src/content-description.js"
import { Core, TAG_DEVICE } from "../src/core.js"
import { Devices } from "../src/devices.js"
import { driveAsync, driveSync } from "../src/drive.js"
import { Engine } from "../src/engine.js"
import { hashContent, proofBytes } from "../src/hash.js"
import { bufferSource } from "../src/index.js"
import { PAGE_SIZE } from "../src/page.js"
import { Random } from "./support/random.js"
import { StallingSource } from "./support/synthetic-image.js"

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest()

/** A flat content of these bytes, padded to whole pages on the device. */
async function contentOf(bytes: Uint8Array, isLater = false) {
  const core = await Core.create("shared", { frames: 64, spaces: 64, workers: 1 })
  const engine = new Engine(core, new Set())
  const stored = new Uint8Array(Math.ceil(bytes.length / PAGE_SIZE) * PAGE_SIZE + PAGE_SIZE).fill(0xee)
  stored.set(bytes)
  const source = isLater ? StallingSource.of(stored) : bufferSource(stored)
  const description = new ContentDescription()
  description.space = engine.openSpace({
    tag: TAG_DEVICE,
    owner: 1,
    key: Uint8Array.of(0),
    size: bytes.length,
    mount: 1,
    domain: 0,
  })
  description.layout = LAYOUT_FLAT
  description.size = bytes.length
  description.blockBits = 12
  const devices = new Devices(source, [], () => {})
  return {
    engine,
    content: new Content(description, { devices, nid: 1n, metadata: undefined, packed: undefined }),
  }
}

const LENGTHS = [0, 1, 55, 56, 64, 4095, 4096, 4097, 8192 - 9, 131071, 131072, 131073, 135168, 400000]

describe("the digest of a content", () => {
  it.each(LENGTHS)("of %i bytes", async (length) => {
    const bytes = new Random(9, length).bytes(length)
    const { engine, content } = await contentOf(bytes)
    const proof = new Uint8Array(proofBytes(length))
    const seen: number[] = []
    const digest = driveSync(hashContent(engine, content, proof, (done) => seen.push(done)))
    expect(Buffer.compare(digest, sha256(bytes))).toBe(0)
    expect(seen.at(-1) ?? 0).toBe(length)
    expect(engine.core.statistics().framesUsed).toBe(0)
    // A proof leads from page to page, the last one as zero behind its end as the pool holds it.
    const state = proof.slice(0, 32)
    for (let page = 0; page * PAGE_SIZE < length; page++) {
      const whole = new Uint8Array(PAGE_SIZE)
      whole.set(bytes.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE))
      engine.core.hashBlocks(state, whole)
      expect(Buffer.compare(state, proof.subarray((page + 1) * 32, (page + 2) * 32))).toBe(0)
    }
  })

  it("from a source that answers later, and is given up", async () => {
    const bytes = new Random(9).bytes(400000)
    const { engine, content } = await contentOf(bytes, true)
    expect(Buffer.compare(await driveAsync(hashContent(engine, content)), sha256(bytes))).toBe(0)
    const controller = new AbortController()
    const given = driveAsync(
      hashContent(engine, content, undefined, () => controller.abort(new Error("enough"))),
      controller.signal,
    )
    await expect(given).rejects.toThrow("enough")
    expect(() => driveSync(hashContent(engine, content))).toThrow(
      expect.objectContaining({ code: "ENOTSUP" }),
    )
  })
})
