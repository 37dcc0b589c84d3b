// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import {
  LAYOUT_COMPRESSED_COMPACT as COMPACT,
  LAYOUT_COMPRESSED_FULL as FULL,
} from "../../src/format/inode.js"
import { type MapHeader, mapHeaderPosition, parseMapHeader } from "../../src/format/zheader.js"
import { fromHex, record, shared } from "../support/bytes.js"
import { FlatImage, fixtures } from "../support/flat-image.js"

const NOTHING: MapHeader = {
  isWholeFragment: false,
  fragmentOffset: 0,
  advise: 0,
  algorithmHead1: 0,
  algorithmHead2: 0,
  lclusterBits: 12,
  inlineDataSize: 0,
  extentCount: 0,
  extentRecordSize: 0,
  isEncodedExtents: false,
  isInterlaced: false,
  hasInlineTail: false,
  hasFragmentTail: false,
  bigPcluster1: false,
  bigPcluster2: false,
  isCompact2Byte: false,
}

function parse(hex: string, layout: number, size = 80000): MapHeader {
  return parseMapHeader(fromHex(hex), { layout, size, nid: 40 }, { blockBits: 12 })
}

describe("map header as mkfs.erofs writes it", () => {
  it.each<[string, string, number, Partial<MapHeader>]>([
    ["compact indexes", "00000000 0100 00 00", COMPACT, { advise: 1, isCompact2Byte: true }],
    [
      "compact indexes with big clusters",
      "00000000 0700 00 00",
      COMPACT,
      { advise: 7, isCompact2Byte: true, bigPcluster1: true, bigPcluster2: true },
    ],
    [
      "encoded extents of 16 bytes",
      "02000000 0500 0000",
      FULL,
      { advise: 5, isEncodedExtents: true, extentRecordSize: 16, extentCount: 2 },
    ],
    ["full indexes", "00000000 0000 00 00", FULL, {}],
    [
      "an inline tail",
      "0000 e804 0900 00 00",
      COMPACT,
      { advise: 9, isCompact2Byte: true, hasInlineTail: true, inlineDataSize: 1256 },
    ],
  ])("%s", (_, hex, layout, fields) => {
    expect(parse(hex, layout)).toEqual({ ...NOTHING, ...fields })
  })

  it("on whole images: every compressed file has indexes for lz4, and tails only where they were asked for", () => {
    for (const [name, layout, hasTails] of [
      ["lz4-legacy", FULL, false],
      ["lz4-ztailpacking", COMPACT, true],
    ] as const) {
      const fixture = fixtures.images.find((image) => image.name === name)
      const image = FlatImage.fixture(fixture as NonNullable<typeof fixture>)
      const headers = image
        .walk()
        .filter(({ inode }) => inode.layout === layout)
        .map(({ inode }) => {
          const at = mapHeaderPosition(inode)
          return parseMapHeader(image.bytes.subarray(at, at + 8), inode, image.superblock)
        })
      expect(headers.length).toBeGreaterThan(9)
      for (const header of headers) {
        const { advise, isCompact2Byte, hasInlineTail, inlineDataSize } = header
        expect(header).toEqual({ ...NOTHING, advise, isCompact2Byte, hasInlineTail, inlineDataSize })
        expect(hasInlineTail).toBe(hasTails)
        expect(isCompact2Byte).toBe(layout === COMPACT)
      }
    }
  })
})

describe("whole-file fragment", () => {
  it.each([FULL, COMPACT])("beats all other fields in layout %i", (layout) => {
    const expected = { ...NOTHING, isWholeFragment: true, fragmentOffset: 0x12_7fff_0000_0005 }
    expect(parse("05000000 ff7f 12 80", layout).fragmentOffset).toBe(0x12_7fff_0000_0005)
    expect(parse("05000000 ff7f 12 80", layout)).toEqual(expected)
  })

  it("is refused beyond 2^53", () => {
    expect(() => parse("00000000 0000 20 80", FULL)).toThrow(
      expect.objectContaining({ code: "EUCLEAN", nid: 40n }),
    )
  })
})

describe("fragment tail", () => {
  it("has an offset of 32 bits, and no inline data", () => {
    expect(parse("feffffff 3800 01 00", FULL)).toEqual({
      ...NOTHING,
      advise: 0x38,
      algorithmHead1: 1,
      hasFragmentTail: true,
      fragmentOffset: 0xfffffffe,
      isInterlaced: true,
    })
  })

  it("of encoded extents has its offset elsewhere", () => {
    expect(parse("feffffff 2500 0000", FULL)).toMatchObject({
      hasFragmentTail: true,
      fragmentOffset: 0,
      extentCount: 0xfffffffe,
    })
  })
})

describe("encoded extents", () => {
  it.each([
    ["00000000 0100 00 03", 4, 15, 3],
    ["00000000 0300 00 00", 8, 12, 20],
    ["ffffffff 0500 ff7f", 16, 12, 2 ** 47 - 1],
    ["01000000 0700 0100", 32, 12, 2 ** 32 + 1],
  ])("%s", (hex, extentRecordSize, lclusterBits, extentCount) => {
    const expected = { isEncodedExtents: true, extentRecordSize, lclusterBits, extentCount }
    expect(parse(hex, FULL)).toMatchObject({
      ...expected,
      bigPcluster1: false,
      bigPcluster2: false,
      isCompact2Byte: false,
    })
  })

  it("have no inline tails, and are interlaced where the header says so", () => {
    expect(parse("0000e804 1900 0000", FULL)).toMatchObject({
      hasInlineTail: false,
      inlineDataSize: 0,
      isInterlaced: true,
    })
  })
})

describe("indexes", () => {
  it("have an algorithm for each head, and lclusters of their own", () => {
    expect(parse("00000000 0200 32 0f", FULL)).toMatchObject({
      algorithmHead1: 2,
      algorithmHead2: 3,
      lclusterBits: 27,
      bigPcluster1: true,
      bigPcluster2: false,
    })
  })

  it("have no inline tail of no bytes", () => {
    expect(parse("00000000 0800 00 00", FULL)).toMatchObject({ hasInlineTail: false, inlineDataSize: 0 })
    expect(parse("0000e804 0000 00 00", FULL)).toMatchObject({ hasInlineTail: false, inlineDataSize: 0 })
  })

  it.each([
    ["only the first big", "00000000 0200 00 00", COMPACT, "EUCLEAN"],
    ["only the second big", "00000000 0400 00 00", COMPACT, "EUCLEAN"],
    ["compact ones of 32 KiB", "00000000 0000 00 03", COMPACT, "ENOTSUP"],
    ["algorithm 4 first", "00000000 0000 04 00", COMPACT, "ENOTSUP"],
    ["algorithm 4 second", "00000000 0000 40 00", FULL, "ENOTSUP"],
    ["no whole header", "00000000 000000", FULL, "EUCLEAN"],
  ])("are refused: %s", (_, hex, layout, code) => {
    expect(() => parse(hex, layout)).toThrow(expect.objectContaining({ code, nid: 40n }))
  })

  it("are accepted at 16 KiB", () => {
    expect(parse("00000000 0000 00 02", COMPACT).lclusterBits).toBe(14)
  })
})

it("lies behind the xattr body, aligned to 8", () => {
  expect([1184, 1185, 1188, 1192].map((bodyEnd) => mapHeaderPosition({ bodyEnd }))).toEqual([
    1184, 1192, 1192, 1192,
  ])
})

it("reads shared memory", () => {
  const bytes = record(8, [2, 2, 7], [4, 2, 8])
  const inode = { layout: FULL, size: 1, nid: 1 }
  expect(parseMapHeader(shared(bytes), inode, { blockBits: 9 })).toEqual(
    parseMapHeader(bytes, inode, { blockBits: 9 }),
  )
})
