// SPDX-License-Identifier: MIT
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  isInMetabox,
  METABOX_NID_BASE,
  nidFromBigInt,
  nidFromWords,
  nidToBigInt,
  slotOf,
} from "../../src/format/nid.js"

const METABOX_BIT = 1n << 63n
const slots = fc.bigInt({ min: 0n, max: (1n << 52n) - 1n })

describe("nid", () => {
  it("keeps slot and metabox bit, exactly", () => {
    fc.assert(
      fc.property(slots, fc.boolean(), (slot, metabox) => {
        const onDisk = metabox ? METABOX_BIT | slot : slot
        const nid = nidFromWords(Number(onDisk & 0xffffffffn), Number(onDisk >> 32n))
        expect(Number.isSafeInteger(nid)).toBe(true)
        expect(BigInt(slotOf(nid))).toBe(slot)
        expect(isInMetabox(nid)).toBe(metabox)
        expect(nidToBigInt(nid)).toBe(onDisk)
        expect(nidFromBigInt(onDisk)).toBe(nid)
      }),
    )
  })

  it("puts slot 0 of the metabox at its base", () => {
    expect(nidFromBigInt(METABOX_BIT)).toBe(METABOX_NID_BASE)
    // Words may come out of bit operations as negative numbers.
    expect(nidFromWords(-1, 0x80000000 | 0)).toBe(METABOX_NID_BASE + 0xffffffff)
  })

  it.each([52n, 55n, 62n])("refuses bit %i", (bit) => {
    for (const rest of [0n, METABOX_BIT, 7n]) {
      const nid = (1n << bit) | rest
      expect(() => nidFromBigInt(nid)).toThrow(expect.objectContaining({ code: "EUCLEAN", nid }))
    }
  })
})
