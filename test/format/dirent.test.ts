// SPDX-License-Identifier: MIT
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { findDirent, firstName, parseDirentBlock } from "../../src/format/dirent.js"
import { decodeName, encodeName } from "../../src/format/names.js"
import { fromHex, record, shared } from "../support/bytes.js"

interface Entry {
  name: Uint8Array
  nid: bigint
  type: number
}

/** A block of these entries as they come, right or wrong, with `padding` zero bytes behind. */
function block(entries: Entry[], padding = 0): Uint8Array {
  const head = entries.length * 12
  const bytes = record(head + entries.reduce((sum, { name }) => sum + name.length, 0) + padding)
  const view = new DataView(bytes.buffer)
  let at = head
  entries.forEach(({ name, nid, type }, index) => {
    view.setBigUint64(index * 12, nid, true)
    view.setUint16(index * 12 + 8, at, true)
    bytes[index * 12 + 10] = type
    bytes.set(name, at)
    at += name.length
  })
  return bytes
}

function named(...names: string[]): Entry[] {
  return names.map((name, index) => ({ name: encodeName(name), nid: BigInt(index + 1), type: 1 }))
}

const EXAMPLE = fromHex(`
  2800000000000000 3c00 01 00  2400000000000000 3e00 02 00  2400000000000000 3f00 02 00
  2a00000000000000 4100 01 00  2c00000000000000 4200 01 00  21 78 2e 2e 2e 61 62`)

const names = fc.uniqueArray(
  fc
    .uint8Array({ minLength: 1, maxLength: 20 })
    .map((name) => name.map((byte) => (byte === 0 || byte === 0x2f ? 0x30 : byte))),
  { minLength: 1, maxLength: 40, selector: (name) => Buffer.from(name).toString("hex") },
)

describe("directory block", () => {
  it("with names before the dot", () => {
    const expected = [
      ["!x", 40, 1],
      [".", 36, 2],
      ["..", 36, 2],
      ["a", 42, 1],
      ["b", 44, 1],
    ]
    for (const bytes of [EXAMPLE, shared(EXAMPLE)]) {
      const dirents = parseDirentBlock(bytes)
      expect(dirents.map(({ name, nid, type }) => [decodeName(name), nid, type])).toEqual(expected)
      expect(dirents.every(({ name }) => name.buffer instanceof ArrayBuffer)).toBe(true)
      expect(firstName(bytes).buffer).toBeInstanceOf(ArrayBuffer)
    }
  })

  it("gives back what was put in, padded or not, by list and by name", () => {
    fc.assert(
      fc.property(names, fc.nat(300), fc.bigInt(0n, 2n ** 52n - 1n), (unsorted, padding, nid) => {
        const sorted = unsorted.sort(Buffer.compare)
        const bytes = block(
          sorted.map((name, index) => ({ name, nid, type: index % 8 })),
          padding,
        )
        const expected = sorted.map((name, index) => ({ name, nid: Number(nid), type: index % 8 }))
        expect(parseDirentBlock(bytes)).toEqual(expected)
        expect(firstName(bytes)).toEqual(sorted[0])
        for (const dirent of expected) expect(findDirent(bytes, dirent.name)).toEqual(dirent)
      }),
    )
  })

  it("does not find what is not there", () => {
    fc.assert(
      fc.property(names, fc.uint8Array({ maxLength: 3 }), (unsorted, name) => {
        fc.pre(!unsorted.some((other) => Buffer.compare(other, name) === 0))
        const entries = unsorted.sort(Buffer.compare).map((name) => ({ name, nid: 1n, type: 0 }))
        expect(findDirent(block(entries), name)).toBeUndefined()
      }),
    )
  })

  it("takes names of 255 bytes, and strips padding before it counts", () => {
    const long = "x".repeat(255)
    expect(parseDirentBlock(block(named("a", long), 700))[1]?.name.length).toBe(255)
    expect(parseDirentBlock(block(named(long, "y")))[0]?.name.length).toBe(255)
  })

  it("knows nids in the metabox, and takes types beyond 7 for unknown", () => {
    const [dirent] = parseDirentBlock(block([{ name: encodeName("a"), nid: 2n ** 63n + 5n, type: 8 }]))
    expect(dirent).toMatchObject({ nid: 2 ** 52 + 5, type: 0 })
  })
})

describe("damaged directory block", () => {
  const patched = (bytes: Uint8Array, at: number, value: number) => {
    const copy = bytes.slice()
    copy[at] = value
    return copy
  }
  const good = block(named("a", "b", "c"))

  it.each([
    ["no bytes", new Uint8Array(0)],
    ["less than an entry", good.subarray(0, 11)],
    ["only entries", good.subarray(0, 36)],
    ["first offset 0", patched(good, 8, 0)],
    ["first offset uneven", patched(good, 8, 37)],
    ["first offset outside", patched(good, 8, 48)],
    ["an offset into the entries", patched(good, 20, 24)],
    ["an offset outside", patched(good, 20, 39)],
    ["an empty name", patched(good, 20, 36)],
    ["offsets that fall", patched(patched(good, 20, 38), 32, 37)],
    ["a last name of only padding", patched(good, 38, 0)],
    ["a NUL in a name", block(named("a", "b\0b", "c"))],
    ["a slash in a name", block(named("a", "b/b", "c"))],
    ["a slash as name", block(named("/"))],
    ["names out of order", block(named("b", "a"))],
    ["a name twice", block(named("a", "a"))],
    ["a prefix behind", block(named("ab", "a"))],
    ["a name of 256 bytes", block(named("x".repeat(256), "y"))],
    ["a last name of 256 bytes", block(named("a", "x".repeat(256)))],
    ["a last name of 256 bytes and padding", block(named("a", "x".repeat(256)), 9)],
    ["a nid far away", block([{ name: encodeName("a"), nid: 1n << 60n, type: 1 }])],
  ])("is refused: %s", (_, bytes) => {
    expect(() => parseDirentBlock(bytes)).toThrow(expect.objectContaining({ code: "EUCLEAN" }))
  })

  it("is noticed by the search where it looks", () => {
    expect(() => findDirent(patched(good, 20, 39), encodeName("b"))).toThrow("EUCLEAN: dirent name offset 39")
    expect(() => findDirent(patched(good, 20, 24), encodeName("b"))).toThrow("EUCLEAN: dirent name offset 24")
    expect(() => findDirent(patched(good, 20, 36), encodeName("a"))).toThrow("EUCLEAN: dirent name")
    expect(() => firstName(patched(good, 8, 1))).toThrow("EUCLEAN: first name offset 1")
  })
})
