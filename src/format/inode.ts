// SPDX-License-Identifier: MIT
import { corrupted, type ErrorDetails, unsupported } from "../errors.js"
import { readS64, readU16, readU32, readU64 } from "./bytes.js"
import { fileTypeOf, isDevice, isDirectory, isRegular, isSymlink } from "./mode.js"
import { isInMetabox, type Nid, nidToBigInt, slotOf } from "./nid.js"
import type { Superblock } from "./superblock.js"

/** All blocks in a row. */
export const LAYOUT_FLAT_PLAIN = 0
/** Compressed, with full indexes or encoded extents. */
export const LAYOUT_COMPRESSED_FULL = 1
/** All blocks in a row but for the last, which lies behind the inode. */
export const LAYOUT_FLAT_INLINE = 2
/** Compressed, with compact indexes. */
export const LAYOUT_COMPRESSED_COMPACT = 3
/** Chunks anywhere, on any device. */
export const LAYOUT_CHUNK_BASED = 4

/** Names of the data layouts; the index is the layout on disk. */
export const LAYOUT_NAMES = [
  "flat-plain",
  "compressed-full",
  "flat-inline",
  "compressed-compact",
  "chunk-based",
] as const

const COMPACT_SIZE = 32
const EXTENDED_SIZE = 64
const SLOT_SIZE = 32
const FORMAT_EXTENDED = 0x01
/** NLINK_1 of a compact non-directory, DOT_OMITTED of a directory. */
const FORMAT_BIT_4 = 0x10
const FORMAT_KNOWN = 0x1f
const XATTR_HEADER_SIZE = 12
const NULL_32 = 2 ** 32 - 1
const NULL_48 = 2 ** 48 - 1
const MAX_SIZE = 2n ** 63n - 1n

/** One inode (format section 4). */
export interface Inode {
  nid: Nid
  /** Byte position of the inode in its metadata space: the primary device, or the content of the metabox. */
  position: number
  isExtended: boolean
  /** Data layout, one of the LAYOUT constants. */
  layout: number
  /** Linux st_mode, file type included. */
  mode: number
  nlink: number
  /** Bytes of content; inexact above 2^53 - 1. */
  size: number
  exactSize: bigint
  uid: number
  gid: number
  /** Seconds since 1970, possibly negative. */
  mtimeSeconds: bigint
  /** As stored: a damaged image may give more than 999999999. */
  mtimeNanoseconds: number
  /** `i_ino`, for stat of old programs; no unique identity. */
  inodeNumber: number
  inodeSize: 32 | 64
  /** Bytes of the xattr body; 0 = none. */
  xattrSize: number
  /** `i_xattr_icount`. */
  xattrCount: number
  /** Where inode and xattr body end, in the metadata space. */
  bodyEnd: number
  /** First block of the data of layouts 0 and 2; undefined: NULL address (a hole), or no such data. */
  startBlock: number | undefined
  /** Blocks that the data takes on disk, of layouts 1 and 3; otherwise 0. */
  compressedBlocks: number
  /** Chunk format of layout 4, see chunk.ts; otherwise 0. */
  chunkFormat: number
  /** Device number of device nodes as stored, see {@link deviceNumber}; otherwise 0. */
  rdev: number
  /** A directory without an entry "."; the reader has to supply it. */
  isDotOmitted: boolean
}

/** Bytes of the inode that begins with these two bytes. */
export function inodeBytes(firstTwoBytes: Uint8Array): 32 | 64 {
  return ((firstTwoBytes[0] ?? 0) & FORMAT_EXTENDED) !== 0 ? EXTENDED_SIZE : COMPACT_SIZE
}

/**
 * Byte position of an inode in its metadata space (format section 4): the primary device, or the content of
 * the metabox where slots count from 0.
 *
 * Throws EUCLEAN for a position beyond 2^53 and for an inode in the metabox of an image that has none.
 */
export function inodePosition(
  nid: Nid,
  superblock: Pick<Superblock, "metaBlock" | "blockSize" | "hasMetabox">,
): number {
  if (isInMetabox(nid) && !superblock.hasMetabox) {
    throw corrupted("nid in a metabox that the image does not have", { nid: nidToBigInt(nid) })
  }
  const base = isInMetabox(nid) ? 0 : superblock.metaBlock * superblock.blockSize
  const position = base + slotOf(nid) * SLOT_SIZE
  if (position > Number.MAX_SAFE_INTEGER) {
    throw corrupted("nid lies beyond every possible device", { nid: nidToBigInt(nid) })
  }
  return position
}

/**
 * One inode of `bytes`, which begin with it and hold at least 32 bytes, 64 if it is extended.
 *
 * Throws EUCLEAN for an inode that is cut short, an unknown file type or a size above 2^63 - 1; ENOTSUP for
 * unknown bits of i_format and unknown data layouts.
 */
export function parseInode(
  bytes: Uint8Array,
  position: number,
  nid: Nid,
  superblock: Pick<Superblock, "epoch" | "fixedNanoseconds">,
): Inode {
  if (bytes.length < COMPACT_SIZE || bytes.length < inodeBytes(bytes)) {
    throw corrupted("inode is cut short", whereIs(nid, position))
  }
  const format = readU16(bytes, 0)
  const layout = parseFormat(format, nid, position)
  const inodeSize = inodeBytes(bytes)
  const isExtended = inodeSize === EXTENDED_SIZE
  const xattrCount = readU16(bytes, 2)
  const mode = readU16(bytes, 4)
  if (fileTypeOf(mode) === 0)
    throw corrupted(`file type of mode 0o${mode.toString(8)} is unknown`, whereIs(nid, position))
  const exactSize = isExtended ? readU64(bytes, 8) : BigInt(readU32(bytes, 8))
  if (exactSize > MAX_SIZE) throw corrupted(`file size ${exactSize} is out of range`, whereIs(nid, position))

  const hasBit4 = (format & FORMAT_BIT_4) !== 0
  const isNlink1 = !isExtended && hasBit4 && !isDirectory(mode)
  const xattrSize = xattrCount === 0 ? 0 : XATTR_HEADER_SIZE + 4 * (xattrCount - 1)
  const union = parseUnion(bytes, layout, mode, isExtended || isNlink1)
  return {
    nid,
    position,
    isExtended,
    layout,
    mode,
    nlink: isExtended ? readU32(bytes, 44) : isNlink1 ? 1 : readU16(bytes, 6),
    size: Number(exactSize),
    exactSize,
    uid: isExtended ? readU32(bytes, 24) : readU16(bytes, 24),
    gid: isExtended ? readU32(bytes, 28) : readU16(bytes, 26),
    mtimeSeconds: isExtended ? readS64(bytes, 32) : superblock.epoch + BigInt(readU32(bytes, 12)),
    mtimeNanoseconds: isExtended ? readU32(bytes, 40) : superblock.fixedNanoseconds,
    inodeNumber: readU32(bytes, 20),
    inodeSize,
    xattrSize,
    xattrCount,
    bodyEnd: position + inodeSize + xattrSize,
    startBlock: union.startBlock,
    compressedBlocks: union.compressedBlocks,
    chunkFormat: union.chunkFormat,
    rdev: union.rdev,
    isDotOmitted: hasBit4 && isDirectory(mode),
  }
}

/** The data layout of an i_format (section 4.1). */
function parseFormat(format: number, nid: Nid, position: number): number {
  if ((format & ~FORMAT_KNOWN) !== 0) {
    throw unsupported(`inode format 0x${format.toString(16)}`, whereIs(nid, position))
  }
  const layout = (format >> 1) & 7
  if (layout > LAYOUT_CHUNK_BASED) throw unsupported(`data layout ${layout}`, whereIs(nid, position))
  return layout
}

function whereIs(nid: Nid, position: number): ErrorDetails {
  return { nid: nidToBigInt(nid), offset: position }
}

/**
 * What the u32 at 16 (`i_u`) means, by file type and layout (section 4.2). With `hasHighPart` the u16 at 6
 * holds address bits 32 to 47; otherwise it is the link count.
 */
function parseUnion(
  bytes: Uint8Array,
  layout: number,
  mode: number,
  hasHighPart: boolean,
): Pick<Inode, "startBlock" | "compressedBlocks" | "chunkFormat" | "rdev"> {
  const low = readU32(bytes, 16)
  const union: ReturnType<typeof parseUnion> = {
    startBlock: undefined,
    compressedBlocks: 0,
    chunkFormat: 0,
    rdev: isDevice(mode) ? low : 0,
  }
  if (!isRegular(mode) && !isDirectory(mode) && !isSymlink(mode)) return union
  const wide = low + (hasHighPart ? readU16(bytes, 6) * 2 ** 32 : 0)
  switch (layout) {
    case LAYOUT_FLAT_PLAIN:
    case LAYOUT_FLAT_INLINE:
      // NULL is all ones in the width in use.
      union.startBlock = wide === (hasHighPart ? NULL_48 : NULL_32) ? undefined : wide
      break
    case LAYOUT_CHUNK_BASED:
      union.chunkFormat = low & 0xffff
      break
    default:
      union.compressedBlocks = wide
  }
  return union
}

/** Major and minor number of a device node's `i_u` (format section 4.2). */
export function deviceNumber(raw: number): { major: number; minor: number } {
  return { major: (raw >>> 8) & 0xfff, minor: (raw & 0xff) | ((raw >>> 12) & 0xfff00) }
}

/** Major and minor number of a device number in the encoding of Linux' `st_rdev`. */
export function deviceParts(rdev: bigint): [major: number, minor: number] {
  return [Number((rdev >> 8n) & 0xfffn), Number((rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n))]
}
