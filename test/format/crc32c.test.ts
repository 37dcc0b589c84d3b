// SPDX-License-Identifier: MIT
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { crc32c } from "../../src/format/crc32c.js"
import { shared } from "../support/bytes.js"

const text = new TextEncoder()

describe("crc32c", () => {
  it("has the check value of the format", () => {
    expect(crc32c(text.encode("123456789"))).toBe(0x1cf96d7c)
    expect(crc32c(shared(text.encode("123456789")))).toBe(0x1cf96d7c)
  })

  // RFC 3720 B.4 gives the usual, inverted form.
  it.each([
    ["zeros", new Uint8Array(32), 0x8a9136aa],
    ["ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["ascending", Uint8Array.from({ length: 32 }, (_, k) => k), 0x46dd794e],
    ["descending", Uint8Array.from({ length: 32 }, (_, k) => 31 - k), 0x113fdb5c],
  ])("is the complement of the iSCSI vector: %s", (_, bytes, inverted) => {
    expect(crc32c(bytes)).toBe(~inverted >>> 0)
  })

  it("goes on where another call ended", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(crc32c(b, crc32c(a))).toBe(crc32c(Uint8Array.of(...a, ...b)))
      }),
    )
  })
})
