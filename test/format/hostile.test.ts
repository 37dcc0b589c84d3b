// SPDX-License-Identifier: MIT
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isErofsError } from "../../src/errors.js"
import { parseChunkFormat } from "../../src/format/chunk.js"
import { parseCompressionConfig } from "../../src/format/compression.js"
import { parseDeviceSlot } from "../../src/format/device.js"
import { findDirent, firstName, parseDirentBlock } from "../../src/format/dirent.js"
import { type Inode, parseInode } from "../../src/format/inode.js"
import { isDirectory } from "../../src/format/mode.js"
import { decodeName } from "../../src/format/names.js"
import {
  describeForeign,
  parseSuperblock,
  peekSuperblock,
  verifyChecksum,
} from "../../src/format/superblock.js"
import { fullName, parseInlineXattrs, parseLongPrefix, parseXattrHeader } from "../../src/format/xattr.js"
import { parseMapHeader } from "../../src/format/zheader.js"
import { shared } from "../support/bytes.js"
import { type Fixture, FlatImage, fixtures } from "../support/flat-image.js"

// Errors are fine, anything else is a bug: whatever the bytes, a parser returns or throws an ErofsError.

const superblock = { blockBits: 12, blockSize: 4096, epoch: 0n, fixedNanoseconds: 0 }

function xattrs(body: Uint8Array) {
  const header = parseXattrHeader(body)
  return parseInlineXattrs(body, header.inlineStart).map((entry) => [
    entry,
    fullName(entry, [{ baseIndex: 0, infix: Uint8Array.of(1) }]),
  ])
}

const parsers = {
  superblock: parseSuperblock,
  checksum: (bytes) => verifyChecksum(bytes, peekSuperblock(bytes)),
  foreign: describeForeign,
  device: (bytes) => parseDeviceSlot(bytes, true),
  compression: (bytes) => [0, 1, 2, 3].map((id) => parseCompressionConfig(id, bytes, superblock)),
  inode: (bytes) => {
    const inode = parseInode(bytes, 0, 0, superblock)
    return inode.layout === 4 ? [inode, parseChunkFormat(inode, superblock)] : inode
  },
  dirents: parseDirentBlock,
  "first name": firstName,
  "dirent by name": (bytes) => findDirent(bytes, bytes.subarray(20, 24)),
  xattrs,
  "long prefix": parseLongPrefix,
  "full map header": (bytes) => parseMapHeader(bytes, { layout: 1, nid: 0, size: 1e6 }, superblock),
  "compact map header": (bytes) => parseMapHeader(bytes, { layout: 3, nid: 0, size: 1e6 }, superblock),
  name: decodeName,
} satisfies Record<string, (bytes: Uint8Array) => unknown>

/** The result, or the code and text of the ErofsError. */
function outcome(parse: (bytes: Uint8Array) => unknown, bytes: Uint8Array): unknown {
  try {
    return parse(bytes)
  } catch (error) {
    if (!isErofsError(error)) throw error
    return error.message
  }
}

/** How often each parser returned in the mutations below, so that they cannot all have been refused at once. */
function accepts(parse: (bytes: Uint8Array) => unknown, seed: Uint8Array): number {
  let accepted = 0
  const flips = fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { maxLength: 3 })
  fc.assert(
    fc.property(flips, fc.nat(8), (changes, cut) => {
      const bytes = seed.slice(0, seed.length - (cut === 0 ? 7 : 0))
      for (const [at, value] of changes) bytes[at] = value
      const result = outcome(parse, bytes)
      expect(outcome(parse, shared(bytes))).toEqual(result)
      if (typeof result !== "string") accepted++
    }),
    { numRuns: 300 },
  )
  return accepted
}

describe.each(Object.entries(parsers))("%s", (_, parse) => {
  it("survives random bytes, and reads shared memory alike", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(outcome(parse, shared(bytes))).toEqual(outcome(parse, bytes))
      }),
    )
  })

  it("survives bytes that are all alike", () => {
    for (const byte of [0, 1, 0x0c, 0x2f, 0x7f, 0x80, 0xff]) {
      for (const length of [0, 1, 12, 32, 64, 128, 4096, 65536]) {
        const bytes = new Uint8Array(length).fill(byte)
        expect(outcome(parse, shared(bytes))).toEqual(outcome(parse, bytes))
      }
    }
  })
})

describe("records of a real image with some bytes changed", () => {
  const image = FlatImage.fixture(
    fixtures.images.find(({ name }) => name === "small-xattr-prefixes") as Fixture,
  )
  const found = image.walk().map(({ inode }) => inode)
  const biggest = (size: (inode: Inode) => number) =>
    found.reduce((best, inode) => (size(inode) > size(best) ? inode : best))

  it("superblock", () => {
    expect(accepts(parseSuperblock, image.bytes.slice(1024, 1024 + 128))).toBeGreaterThan(50)
  })

  it("inode", () => {
    const { position } = image.inode(image.superblock.rootNid)
    expect(accepts(parsers.inode, image.bytes.slice(position, position + 64))).toBeGreaterThan(50)
  })

  it("directory block", () => {
    const directory = biggest((inode) => (isDirectory(inode.mode) ? inode.size : 0))
    const block = image.blocks(directory)[0] as Uint8Array
    expect(accepts(parseDirentBlock, block)).toBeGreaterThan(10)
    expect(accepts((bytes) => findDirent(bytes, firstName(block)), block)).toBeGreaterThan(50)
  })

  it("xattr body", () => {
    const inode = biggest(({ xattrSize }) => (xattrSize < 2000 ? xattrSize : 0))
    const body = image.bytes.slice(inode.bodyEnd - inode.xattrSize, inode.bodyEnd)
    expect(accepts(xattrs, body)).toBeGreaterThan(10)
  })
})

describe("biggest bodies", () => {
  it("of padding alone are walked to their end", () => {
    expect(parseInlineXattrs(new Uint8Array(12 + 4 * 65534), 12)).toEqual([])
  })

  it("of two-byte names in a block of 64 KiB are read, and every name found", () => {
    const count = Math.floor(65536 / 14)
    const digits = Array.from({ length: 256 }, (_, byte) => byte).filter(
      (byte) => byte !== 0 && byte !== 0x2f,
    )
    const block = new Uint8Array(65536)
    const view = new DataView(block.buffer)
    const names = Array.from({ length: count }, (_, k) =>
      Uint8Array.of(digits[Math.floor(k / digits.length)] as number, digits[k % digits.length] as number),
    )
    names.forEach((name, k) => {
      view.setUint16(k * 12 + 8, count * 12 + k * 2, true)
      block.set(name, count * 12 + k * 2)
    })
    expect(parseDirentBlock(block).map(({ name }) => name)).toEqual(names)
    expect(names.every((name) => findDirent(block, name) !== undefined)).toBe(true)
  })
})
