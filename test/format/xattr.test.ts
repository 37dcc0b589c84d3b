// SPDX-License-Identifier: MIT
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import xxhash from "xxhash-wasm"
import { decodeName, encodeName } from "../../src/format/names.js"
import {
  entrySize,
  FILTER_SEED,
  filterBit,
  fullName,
  type LongPrefix,
  NAME_PREFIXES,
  parseInlineXattrs,
  parseLongPrefix,
  parseXattrEntry,
  parseXattrHeader,
  splitName,
} from "../../src/format/xattr.js"
import { fromHex, record, shared } from "../support/bytes.js"

const { h32Raw } = await xxhash()
const DIGEST = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
const SHA256 = Buffer.from("sha256:").toString("hex")

/** The xattr body of a file with fingerprint and user.u = "1". */
const BODY = fromHex(`fffefffd 00 00000000000000  00802700 ${SHA256} ${DIGEST} 00  01010100 75 31 0000`)

describe("xattr body", () => {
  it("with a fingerprint and another attribute", () => {
    for (const body of [BODY, shared(BODY)]) {
      expect(body.length).toBe(64)
      const header = parseXattrHeader(body)
      expect(header).toEqual({ nameFilter: 0xfdfffeff, sharedIds: [], inlineStart: 12 })
      const [fingerprint, user, ...others] = parseInlineXattrs(body, header.inlineStart)
      expect(others).toEqual([])
      expect(fingerprint).toEqual({
        nameIndex: 0x80,
        nameSuffix: new Uint8Array(0),
        value: fromHex(SHA256 + DIGEST),
        size: 44,
      })
      expect(user).toEqual({ nameIndex: 1, nameSuffix: encodeName("u"), value: encodeName("1"), size: 8 })
      expect(user?.value.buffer).toBeInstanceOf(ArrayBuffer)
    }
  })

  it("with shared ids only", () => {
    const body = record(20, [0, 4, 7], [4, 1, 2], [12, 4, 0xffffffff], [16, 4, 3])
    expect(parseXattrHeader(body)).toEqual({ nameFilter: 7, sharedIds: [0xffffffff, 3], inlineStart: 20 })
    expect(parseInlineXattrs(body, 20)).toEqual([])
  })

  it("with padding, which is no attribute", () => {
    const body = record(32, [16, 1, 1], [17, 1, 1], [20, 1, 0x78])
    const names = parseInlineXattrs(body, 12).map((entry) => fullName(entry, [])?.name)
    expect(names).toEqual([encodeName("user.x")])
  })

  it.each([
    ["of only a header", "ENOTSUP", new Uint8Array(12)],
    ["without a whole header", "EUCLEAN", new Uint8Array(11)],
    ["too short for its shared ids", "EUCLEAN", record(16, [4, 1, 2])],
  ])("is refused: %s", (_, code, body) => {
    expect(() => parseXattrHeader(body)).toThrow(expect.objectContaining({ code }))
  })
})

describe("xattr entry", () => {
  it("gives back what was put in, and its size tells where the next begins", () => {
    const part = fc.uint8Array({ maxLength: 255 })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 255 }), part, part), { maxLength: 5 }),
        (entries) => {
          const body = entries.map(([index, name, value]) => {
            const bytes = record(Math.ceil((4 + name.length + value.length) / 4) * 4)
            bytes.set([name.length, index, value.length, 0, ...name, ...value])
            expect(entrySize(bytes)).toBe(bytes.length)
            return bytes
          })
          const parsed = parseInlineXattrs(Uint8Array.from(body.flatMap((bytes) => [...bytes])), 0)
          expect(parsed.map((entry) => [entry.nameIndex, entry.nameSuffix, entry.value])).toEqual(entries)
        },
      ),
    )
  })

  it("may end a shared area without its padding", () => {
    expect(parseXattrEntry(fromHex("ffff 01010100 75 31"), 2)).toMatchObject({
      size: 8,
      value: encodeName("1"),
    })
  })

  it("has at most 64 KiB of value", () => {
    expect(entrySize(fromHex("ffffffff"))).toBe(Math.ceil((4 + 255 + 65535) / 4) * 4)
  })

  it.each([
    ["no whole head", fromHex("010101"), 0],
    ["a name that is cut", fromHex("02010000 75"), 0],
    ["a value that is cut", fromHex("01010200 75 31"), 0],
    ["a place outside", fromHex("00000000"), 4],
  ])("is refused: %s", (_, bytes, at) => {
    expect(() => parseXattrEntry(bytes, at)).toThrow(expect.objectContaining({ code: "EUCLEAN", offset: at }))
  })

  it("is refused when it exceeds the body", () => {
    expect(() => parseInlineXattrs(BODY.subarray(0, 56), 12)).not.toThrow()
    expect(() => parseInlineXattrs(BODY.subarray(0, 60), 12)).toThrow("EUCLEAN: xattr entry is cut short")
  })
})

describe("long prefix", () => {
  it("is a base index and an infix", () => {
    const payload = fromHex(`00${Buffer.from("erofs.fingerprint.v1").toString("hex")}`)
    expect(parseLongPrefix(payload)).toEqual({ baseIndex: 0, infix: encodeName("erofs.fingerprint.v1") })
    expect(parseLongPrefix(Uint8Array.of(4))).toEqual({ baseIndex: 4, infix: new Uint8Array(0) })
    expect(parseLongPrefix(new Uint8Array(256)).infix.length).toBe(255)
  })

  it.each([0, 257])("is refused with %i bytes", (length) => {
    expect(() => parseLongPrefix(new Uint8Array(length))).toThrow("EUCLEAN: long xattr prefix")
  })
})

describe("whole names", () => {
  const prefixes: LongPrefix[] = [
    { baseIndex: 0, infix: encodeName("erofs.fingerprint.v1") },
    { baseIndex: 4, infix: encodeName("overlay.") },
    { baseIndex: 9, infix: encodeName("x") },
    { baseIndex: 0, infix: new Uint8Array(0) },
  ]
  const name = (nameIndex: number, suffix: string) => {
    const full = fullName({ nameIndex, nameSuffix: encodeName(suffix) }, prefixes)
    return full && [decodeName(full.name), full.isHidden]
  }

  it.each<[number, string, [string, boolean] | undefined]>([
    [1, "a", ["user.a", false]],
    [2, "", ["system.posix_acl_access", false]],
    [3, "", ["system.posix_acl_default", false]],
    [4, "a", ["trusted.a", false]],
    [5, "a", ["lustre.a", false]],
    [6, "selinux", ["security.selinux", false]],
    [0x80, "", ["erofs.fingerprint.v1", true]],
    [0x81, "opaque", ["trusted.overlay.opaque", false]],
    [0, "a", ["a", true]],
    [0, "", undefined],
    [7, "a", undefined],
    [0x7f, "a", undefined],
    [0x82, "a", undefined],
    [0x83, "", undefined],
    [0x84, "a", undefined],
    [0xff, "a", undefined],
  ])("index %i and %j", (index, suffix, expected) => {
    expect(name(index, suffix)).toEqual(expected)
  })

  it("have as many short prefixes as the format", () => {
    expect(NAME_PREFIXES.length).toBe(7)
  })

  it.each([
    ["user.a", 1, "a"],
    ["user.", 1, ""],
    ["user", 0, "user"],
    ["system.posix_acl_access", 2, ""],
    ["system.posix_acl_default", 3, ""],
    ["system.posix_acl_accessory", 0, "system.posix_acl_accessory"],
    ["trusted.overlay.metacopy", 4, "overlay.metacopy"],
    ["security.selinux", 6, "selinux"],
    ["erofs.fingerprint.v1", 0, "erofs.fingerprint.v1"],
    ["", 0, ""],
  ])("split for the filter: %s", (text, baseIndex, rest) => {
    expect(splitName(encodeName(text))).toEqual({ baseIndex, rest: encodeName(rest) })
  })
})

describe("name filter", () => {
  it.each([
    ["security.selinux", 11],
    ["security.capability", 29],
    ["trusted.overlay.metacopy", 31],
    ["trusted.erofs.fingerprint", 30],
    ["erofs.fingerprint.v1", 8],
    ["system.posix_acl_access", 30],
    ["system.posix_acl_default", 21],
    ["user.u", 25],
  ])("of %s is bit %i", (text, bit) => {
    const { baseIndex, rest } = splitName(encodeName(text))
    expect(filterBit(baseIndex, rest, h32Raw)).toBe(bit)
  })

  it("admits what the body has", () => {
    const { nameFilter } = parseXattrHeader(BODY)
    expect((nameFilter >>> filterBit(0, encodeName("erofs.fingerprint.v1"), h32Raw)) & 1).toBe(0)
    expect((nameFilter >>> filterBit(1, encodeName("u"), h32Raw)) & 1).toBe(0)
    expect((nameFilter >>> filterBit(6, encodeName("selinux"), h32Raw)) & 1).toBe(1)
  })

  it("hashes with the format's seed", () => {
    expect(h32Raw(encodeName("capability"), FILTER_SEED + 6)).toBe(0x8c47ac5d)
    expect(filterBit(0, new Uint8Array(0), () => 0xffffffff)).toBe(31)
  })
})
