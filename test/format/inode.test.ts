// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import { parseChunkFormat } from "../../src/format/chunk.js"
import { deviceNumber, type Inode, inodeBytes, inodePosition, parseInode } from "../../src/format/inode.js"
import { fileTypeOf, isDevice, isDirectory, isRegular, isSymlink } from "../../src/format/mode.js"
import { METABOX_NID_BASE } from "../../src/format/nid.js"
import { fromHex, record, shared } from "../support/bytes.js"

type Fields = [number, 1 | 2 | 4 | 8, number | bigint][]

const times = { epoch: 1000n, fixedNanoseconds: 5 }
const REGULAR = 0o100644
const DIRECTORY = 0o040755

function compact(format: number, mode: number, ...fields: Fields): Inode {
  return parseInode(record(32, [0, 2, format], [4, 2, mode], ...fields), 1152, 36, times)
}

function extended(format: number, mode: number, ...fields: Fields): Inode {
  return parseInode(record(64, [0, 2, format | 1], [4, 2, mode], ...fields), 1152, 36, times)
}

describe("compact inode", () => {
  it("as mkfs.erofs writes it", () => {
    const bytes = fromHex("04000e00a48101000500000000000000ffffffff020000000000000000000000")
    const expected: Inode = {
      nid: 36,
      position: 1152,
      isExtended: false,
      layout: 2,
      mode: REGULAR,
      nlink: 1,
      size: 5,
      exactSize: 5n,
      uid: 0,
      gid: 0,
      mtimeSeconds: 1000n,
      mtimeNanoseconds: 5,
      inodeNumber: 2,
      inodeSize: 32,
      xattrSize: 64,
      xattrCount: 14,
      bodyEnd: 1152 + 32 + 64,
      startBlock: undefined,
      compressedBlocks: 0,
      chunkFormat: 0,
      rdev: 0,
      isDotOmitted: false,
    }
    expect(inodeBytes(bytes)).toBe(32)
    expect(parseInode(bytes, 1152, 36, times)).toEqual(expected)
    expect(parseInode(shared(bytes), 1152, 36, times)).toEqual(expected)
  })

  it("counts its time from the epoch, and owners are 16 bits", () => {
    const inode = compact(0, REGULAR, [12, 4, 0xffffffff], [24, 2, 0xffff], [26, 2, 0xfffe])
    expect(inode).toMatchObject({ mtimeSeconds: 1000n + 0xffffffffn, uid: 0xffff, gid: 0xfffe })
  })

  it("has 32-bit addresses beside a link count", () => {
    expect(compact(0, REGULAR, [6, 2, 7], [16, 4, 9])).toMatchObject({ nlink: 7, startBlock: 9 })
    expect(compact(0, REGULAR, [6, 2, 7], [16, 4, 0xffffffff]).startBlock).toBeUndefined()
  })

  it("has 48-bit addresses with NLINK_1", () => {
    expect(compact(0x10, REGULAR, [6, 2, 7], [16, 4, 9])).toMatchObject({
      nlink: 1,
      startBlock: 9 + 7 * 2 ** 32,
    })
    expect(compact(0x10, REGULAR, [6, 2, 0], [16, 4, 0xffffffff]).startBlock).toBe(0xffffffff)
    expect(compact(0x10, REGULAR, [6, 2, 0xffff], [16, 4, 0xffffffff]).startBlock).toBeUndefined()
  })

  it("of a directory uses the same bit for an omitted dot", () => {
    expect(compact(0x10, DIRECTORY, [6, 2, 7], [16, 4, 9])).toMatchObject({
      isDotOmitted: true,
      nlink: 7,
      startBlock: 9,
    })
    expect(compact(0, DIRECTORY).isDotOmitted).toBe(false)
    expect(compact(0x10, REGULAR).isDotOmitted).toBe(false)
  })
})

describe("extended inode", () => {
  it("has wide fields of its own", () => {
    const inode = extended(
      0,
      0o120777,
      [6, 2, 3],
      [8, 8, 2n ** 53n + 1n],
      [16, 4, 4],
      [20, 4, 77],
      [24, 4, 0xfffffffe],
      [28, 4, 0x10000],
      [32, 8, -2n],
      [40, 4, 999999999],
      [44, 4, 70000],
    )
    expect(inode).toMatchObject({
      isExtended: true,
      inodeSize: 64,
      exactSize: 2n ** 53n + 1n,
      uid: 0xfffffffe,
      gid: 0x10000,
      mtimeSeconds: -2n,
      mtimeNanoseconds: 999999999,
      nlink: 70000,
      startBlock: 4 + 3 * 2 ** 32,
      inodeNumber: 77,
      bodyEnd: 1216,
    })
  })

  it("has a NULL address of 48 bits", () => {
    expect(extended(0, REGULAR, [6, 2, 0xffff], [16, 4, 0xffffffff]).startBlock).toBeUndefined()
    expect(extended(0, REGULAR, [16, 4, 0xffffffff]).startBlock).toBe(0xffffffff)
  })
})

describe("what i_u means", () => {
  it("compressed blocks", () => {
    for (const layout of [1, 3]) {
      expect(extended(layout << 1, REGULAR, [6, 2, 1], [16, 4, 6])).toMatchObject({
        layout,
        compressedBlocks: 6 + 2 ** 32,
        startBlock: undefined,
      })
    }
  })

  it("chunk format", () => {
    expect(compact(8, REGULAR, [16, 4, 0xabcd0025])).toMatchObject({ layout: 4, chunkFormat: 0x25 })
  })

  it("device number of devices, nothing of fifos and sockets", () => {
    for (const mode of [0o020644, 0o060644]) {
      expect(compact(0, mode, [16, 4, 0x12345678])).toMatchObject({ rdev: 0x12345678, startBlock: undefined })
    }
    for (const mode of [0o010644, 0o140644]) {
      expect(compact(0, mode, [16, 4, 0x12345678])).toMatchObject({ rdev: 0, startBlock: undefined })
    }
  })
})

describe("xattr body size", () => {
  it.each([
    [0, 0],
    [1, 12],
    [2, 16],
    [65535, 12 + 4 * 65534],
  ])("count %i: %i bytes", (count, size) => {
    expect(compact(0, REGULAR, [2, 2, count])).toMatchObject({ xattrSize: size, bodyEnd: 1184 + size })
  })
})

describe("what is refused", () => {
  it.each([
    ["unknown format bits", "ENOTSUP", record(32, [0, 2, 0x20], [4, 2, REGULAR])],
    ["layout 5", "ENOTSUP", record(32, [0, 2, 10], [4, 2, REGULAR])],
    ["layout 7", "ENOTSUP", record(32, [0, 2, 14], [4, 2, REGULAR])],
    ["no file type", "EUCLEAN", record(32, [4, 2, 0o644])],
    ["a strange file type", "EUCLEAN", record(32, [4, 2, 0o170644])],
    ["a huge size", "EUCLEAN", record(64, [0, 2, 1], [4, 2, REGULAR], [8, 8, 2n ** 63n])],
    ["few bytes", "EUCLEAN", record(31, [4, 2, REGULAR])],
    ["few bytes of an extended one", "EUCLEAN", record(63, [0, 2, 1], [4, 2, REGULAR])],
    ["no bytes", "EUCLEAN", new Uint8Array(0)],
  ])("%s", (_, code, bytes) => {
    expect(() => parseInode(bytes, 1152, METABOX_NID_BASE + 36, times)).toThrow(
      expect.objectContaining({ code, nid: 2n ** 63n + 36n, offset: 1152 }),
    )
  })

  it("but not the biggest size", () => {
    expect(extended(0, REGULAR, [8, 8, 2n ** 63n - 1n]).exactSize).toBe(2n ** 63n - 1n)
  })
})

describe("inodePosition", () => {
  const superblock = { metaBlock: 3, blockSize: 4096, hasMetabox: true }
  it("counts from the metadata block, or from the metabox's begin", () => {
    expect(inodePosition(36, superblock)).toBe(3 * 4096 + 36 * 32)
    expect(inodePosition(METABOX_NID_BASE + 36, superblock)).toBe(36 * 32)
    expect(inodePosition(0, { ...superblock, metaBlock: 0xffffffff, blockSize: 65536 })).toBe(
      0xffffffff * 65536,
    )
  })

  it.each([
    ["beyond 2^53", 2 ** 48, true],
    ["in no metabox", METABOX_NID_BASE, false],
  ])("refuses a nid %s", (_, nid, hasMetabox) => {
    expect(() => inodePosition(nid, { ...superblock, hasMetabox })).toThrow(
      expect.objectContaining({ code: "EUCLEAN", nid: expect.anything() }),
    )
  })
})

it("device numbers have 12 bits of major and 20 of minor", () => {
  expect(deviceNumber(0x0801)).toEqual({ major: 8, minor: 1 })
  expect(deviceNumber(0xfff_fff_ff)).toEqual({ major: 0xfff, minor: 0xfffff })
  expect(deviceNumber(0x12345678)).toEqual({ major: 0x456, minor: 0x12378 })
})

it("modes have one of seven types", () => {
  const types = [0o100644, 0o040755, 0o020600, 0o060600, 0o010600, 0o140600, 0o120777].map(fileTypeOf)
  expect(types).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect([0, 0o030000, 0o110000, 0o170000].map(fileTypeOf)).toEqual([0, 0, 0, 0])
  const modes = Array.from({ length: 16 }, (_, type) => type << 12)
  expect(modes.filter(isRegular)).toEqual([0o100000])
  expect(modes.filter(isDirectory)).toEqual([0o040000])
  expect(modes.filter(isSymlink)).toEqual([0o120000])
  expect(modes.filter(isDevice)).toEqual([0o020000, 0o060000])
})

describe("chunk format", () => {
  const parse = (chunkFormat: number, bodyEnd = 1184) =>
    parseChunkFormat({ nid: 36, chunkFormat, bodyEnd }, { blockBits: 12 })

  it("of a block map", () => {
    expect(parse(4, 1188)).toEqual({
      chunkBits: 16,
      hasIndexes: false,
      is48Bit: false,
      recordSize: 4,
      tablePosition: 1188,
    })
    expect(parse(0x40).is48Bit).toBe(false)
  })

  it("of indexes, which are aligned to 8", () => {
    expect(parse(0x20, 1188)).toEqual({
      chunkBits: 12,
      hasIndexes: true,
      is48Bit: false,
      recordSize: 8,
      tablePosition: 1192,
    })
    expect(parse(0x7f)).toMatchObject({ chunkBits: 43, is48Bit: true, tablePosition: 1184 })
  })

  it.each([0x80, 0x100, 0x8000])("refuses unknown bits (%i)", (bit) => {
    expect(() => parse(bit)).toThrow(expect.objectContaining({ code: "ENOTSUP", nid: 36n }))
  })
})
