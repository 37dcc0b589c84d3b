// SPDX-License-Identifier: MIT
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import xxhash from "xxhash-wasm"
import { BUILDS, PoolCore } from "../support/pool-core.js"

const { h32Raw } = await xxhash()

describe.each(BUILDS)("xxh32 of the %s build", (build) => {
  const pool = PoolCore.create(build, { frames: 64 })
  const start = pool.core.exchangeAt(pool.worker)
  const hash = (bytes: Uint8Array, seed: number, shift = 0): number => {
    pool.bytes.set(bytes, start + shift)
    return pool.core.xxh32(start + shift, bytes.length, seed) >>> 0
  }

  it("is the one of xxhash-wasm for every length to 300 and many seeds", () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * 151 + 7) & 0xff)
    for (let length = 0; length <= 300; length++) {
      for (const seed of [0, 1, 0x25bbe08f, 0x7fffffff, 0x80000000, 0xffffffff]) {
        const piece = bytes.subarray(0, length)
        expect(hash(piece, seed, length % 5)).toBe(h32Raw(piece, seed))
      }
    }
  })

  it("is the one of xxhash-wasm for any bytes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 2000 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        (bytes, seed) => {
          expect(hash(bytes, seed)).toBe(h32Raw(bytes, seed))
        },
      ),
    )
  })

  it("is the one of the published vectors", () => {
    const text = (value: string) => new TextEncoder().encode(value)
    expect(hash(text(""), 0)).toBe(0x02cc5d05)
    expect(hash(text("erofs.fingerprint.v1"), 0x25bbe08f)).toBe(0x8a8c0408)
    expect(hash(text("capability"), 0x25bbe095)).toBe(0x8c47ac5d)
    expect(hash(text("selinux"), 0x25bbe095)).toBe(0x9490146b)
  })
})
