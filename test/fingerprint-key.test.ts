// SPDX-License-Identifier: MIT
/** Fingerprints become keys without loss, and those in hexadecimal take no pages of the pool. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { fingerprintKey } from "../src/fingerprint-key.js"
import { bufferSource, PagePool } from "../src/index.js"
import { buildImage, directory, file } from "./support/build-image.js"

const digits = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), maxLength: 140 })
const fingerprints = fc
  .tuple(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constantFrom("sha256:", "sha512:", "")), digits)
  .map(([head, tail]) => new Uint8Array(Buffer.concat([Buffer.from(head), Buffer.from(tail, "latin1")])))

it("says by its key and its digits which fingerprint it was", () => {
  fc.assert(
    fc.property(fingerprints, (fingerprint) => {
      const packed = fingerprintKey(fingerprint)
      const start = packed.key.length - packed.digits / 2
      const text = Buffer.from(packed.key.subarray(start)).toString("hex")
      expect(text).toHaveLength(packed.digits)
      expect(Buffer.concat([packed.key.subarray(0, start), Buffer.from(text, "latin1")])).toEqual(
        Buffer.from(fingerprint),
      )
    }),
  )
})

it.each([
  ["a".repeat(64), 32],
  [`sha256:${"0123456789abcdef".repeat(4)}`, 39],
  [`sha256:${"g".repeat(64)}`, 71],
  [`sha256:${"A".repeat(64)}`, 71],
  [`x${"b".repeat(63)}`, 33],
  ["c".repeat(40), 40],
  ["", 0],
])("%j has a key of %d bytes", (fingerprint, length) => {
  expect(fingerprintKey(Buffer.from(fingerprint)).key).toHaveLength(length)
})

it("costs the pool no page, and shares with the same text only", async () => {
  const text = `sha256:${"0123456789abcdef".repeat(4)}`
  const content = new Uint8Array(100).fill(7)
  const texts = [
    text,
    text,
    text.toUpperCase(),
    `sha256:${Buffer.from(text.slice(7), "hex").toString("latin1")}`,
  ]
  const pool = await PagePool.create({ bytes: 1 << 20 })
  const keys: number[] = []
  for (const value of texts) {
    const node = file(content, { xattrs: { "user.fp": Buffer.from(value, "latin1") } })
    const image = pool.mountSync(bufferSource(buildImage(directory({ file: node }))), {
      fingerprint: "user.fp",
    })
    const before = pool.stats()
    expect(image.readFileSync("/file")).toEqual(content)
    const after = pool.stats()
    keys.push(Math.floor((after.bookkeepingBytes - before.bookkeepingBytes) / 4096))
  }
  // In capitals it is longer than a record holds.
  expect(keys).toEqual([0, 0, 1, 0])
  expect(pool.stats().pagesShared).toBe(1)
})
