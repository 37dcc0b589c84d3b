// SPDX-License-Identifier: MIT
import { corrupted, unsupported } from "../errors.js"
import { readU16, readU32, readU64, roundUp } from "./bytes.js"
import { ALGORITHM_NAMES } from "./features.js"
import { type Inode, LAYOUT_COMPRESSED_COMPACT, LAYOUT_COMPRESSED_FULL } from "./inode.js"
import { nidToBigInt } from "./nid.js"
import type { Superblock } from "./superblock.js"

/** Bytes of the map header. */
export const MAP_HEADER_SIZE = 8

/** Layout 3: packs of 2-byte records are used in the middle. */
export const ADVISE_COMPACTED_2B = 0x01
/** Layout 1: encoded extents instead of indexes; bits 1 and 2 are then the record size code. */
export const ADVISE_EXTENTS = 0x01
/** Pclusters of HEAD1 may have more than one block. */
export const ADVISE_BIG_PCLUSTER_1 = 0x02
/** Pclusters of HEAD2 and plain ones may have more than one block. */
export const ADVISE_BIG_PCLUSTER_2 = 0x04
/** The tail pcluster is inline. */
export const ADVISE_INLINE_PCLUSTER = 0x08
/** Plain pclusters are rotated to their offset within the block. */
export const ADVISE_INTERLACED_PCLUSTER = 0x10
/** The tail is a fragment. */
export const ADVISE_FRAGMENT_PCLUSTER = 0x20

const WHOLE_FRAGMENT_BIT = 1n << 63n
const WHOLE_FRAGMENT_IN_LAST_BYTE = 0x80
const MAX_COMPACT_LCLUSTER_BITS = 14

/** The map header of a compressed inode (format section 9.1). */
export interface MapHeader {
  /** The whole file is a fragment: content is at `fragmentOffset` in the packed inode, nothing else counts. */
  isWholeFragment: boolean
  /**
   * Where the fragment begins in the packed inode. For a tail in full indexes these are the low 32 bits, the
   * high ones lie in the tail's head record; for encoded extents 0, the last record has it all.
   */
  fragmentOffset: number
  /** h_advise as stored: ADVISE bits. */
  advise: number
  algorithmHead1: number
  algorithmHead2: number
  /** log2 of the lcluster size (of the equal-sized extents with records of 4 and 8 bytes). */
  lclusterBits: number
  /** Bytes of the inline tail pcluster; 0 unless `hasInlineTail`. */
  inlineDataSize: number
  /** Number of encoded extents, below 2^47; hostile: compare with what fits before any use. Otherwise 0. */
  extentCount: number
  /** Bytes of a record of encoded extents; 0 for indexes. */
  extentRecordSize: 0 | 4 | 8 | 16 | 32
  isEncodedExtents: boolean
  isInterlaced: boolean
  hasInlineTail: boolean
  hasFragmentTail: boolean
  bigPcluster1: boolean
  bigPcluster2: boolean
  /** Compact indexes with 2-byte packs; these need lclusters of at most 4096 bytes. */
  isCompact2Byte: boolean
}

/** Byte position of the map header in the inode's metadata space: behind the xattr body, aligned to 8. */
export function mapHeaderPosition(inode: Pick<Inode, "bodyEnd">): number {
  return roundUp(inode.bodyEnd, MAP_HEADER_SIZE)
}

/**
 * The map header of an inode of layout 1 or 3.
 *
 * Throws EUCLEAN for a header that is cut short, differing big-pcluster bits in layout 3 and fragment offsets
 * beyond 2^53; ENOTSUP for unknown algorithms and compact indexes with lclusters above 16 KiB.
 */
export function parseMapHeader(
  bytes: Uint8Array,
  inode: Pick<Inode, "layout" | "nid" | "size">,
  superblock: Pick<Superblock, "blockBits">,
): MapHeader {
  if (bytes.length < MAP_HEADER_SIZE) {
    throw corrupted("map header is cut short", { nid: nidToBigInt(inode.nid) })
  }
  // Before any other field: with this bit the others do not exist.
  if (((bytes[7] as number) & WHOLE_FRAGMENT_IN_LAST_BYTE) !== 0) {
    const offset = readU64(bytes, 0) & ~WHOLE_FRAGMENT_BIT
    if (offset > Number.MAX_SAFE_INTEGER) {
      throw corrupted(`fragment offset ${offset} is out of range`, { nid: nidToBigInt(inode.nid) })
    }
    return { ...emptyHeader(superblock), isWholeFragment: true, fragmentOffset: Number(offset) }
  }
  const advise = readU16(bytes, 4)
  if (inode.layout === LAYOUT_COMPRESSED_FULL && (advise & ADVISE_EXTENTS) !== 0) {
    return parseExtentsHeader(bytes, advise, inode, superblock)
  }
  return parseIndexHeader(bytes, advise, inode, superblock)
}

function emptyHeader({ blockBits }: Pick<Superblock, "blockBits">): MapHeader {
  return {
    isWholeFragment: false,
    fragmentOffset: 0,
    advise: 0,
    algorithmHead1: 0,
    algorithmHead2: 0,
    lclusterBits: blockBits,
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
}

/** Encoded extents (format section 9.5): algorithms are in the records, inline tails do not occur. */
function parseExtentsHeader(
  bytes: Uint8Array,
  advise: number,
  inode: Pick<Inode, "size">,
  superblock: Pick<Superblock, "blockBits">,
): MapHeader {
  const extentRecordSize = (4 << ((advise >> 1) & 3)) as 4 | 8 | 16 | 32
  const isEqualSized = extentRecordSize <= 8
  // The count of bigger records takes the bytes that hold algorithms and lcluster bits otherwise.
  const lclusterBits = superblock.blockBits + (isEqualSized ? (bytes[7] as number) & 15 : 0)
  return {
    ...emptyHeader(superblock),
    advise,
    lclusterBits,
    extentCount: isEqualSized
      ? Math.ceil(inode.size / 2 ** lclusterBits)
      : readU32(bytes, 0) + readU16(bytes, 6) * 2 ** 32,
    extentRecordSize,
    isEncodedExtents: true,
    isInterlaced: (advise & ADVISE_INTERLACED_PCLUSTER) !== 0,
    hasFragmentTail: (advise & ADVISE_FRAGMENT_PCLUSTER) !== 0,
  }
}

/** Full or compact indexes. */
function parseIndexHeader(
  bytes: Uint8Array,
  advise: number,
  inode: Pick<Inode, "layout" | "nid">,
  superblock: Pick<Superblock, "blockBits">,
): MapHeader {
  const where = { nid: nidToBigInt(inode.nid) }
  const isCompact = inode.layout === LAYOUT_COMPRESSED_COMPACT
  const bigPcluster1 = (advise & ADVISE_BIG_PCLUSTER_1) !== 0
  const bigPcluster2 = (advise & ADVISE_BIG_PCLUSTER_2) !== 0
  if (isCompact && bigPcluster1 !== bigPcluster2) {
    throw corrupted("big pclusters of only one head in compact indexes", where)
  }
  const lclusterBits = superblock.blockBits + ((bytes[7] as number) & 15)
  if (isCompact && lclusterBits > MAX_COMPACT_LCLUSTER_BITS) {
    throw unsupported(`compact indexes with lclusters of ${lclusterBits} bits`, where)
  }
  const algorithmHead1 = (bytes[6] as number) & 15
  const algorithmHead2 = (bytes[6] as number) >> 4
  for (const algorithm of [algorithmHead1, algorithmHead2]) {
    if (algorithm >= ALGORITHM_NAMES.length) throw unsupported(`compression algorithm ${algorithm}`, where)
  }
  const hasFragmentTail = (advise & ADVISE_FRAGMENT_PCLUSTER) !== 0
  const isInline = (advise & ADVISE_INLINE_PCLUSTER) !== 0 && !hasFragmentTail
  const inlineDataSize = isInline ? readU16(bytes, 2) : 0
  return {
    ...emptyHeader(superblock),
    fragmentOffset: hasFragmentTail ? readU32(bytes, 0) : 0,
    advise,
    algorithmHead1,
    algorithmHead2,
    lclusterBits,
    inlineDataSize,
    isInterlaced: (advise & ADVISE_INTERLACED_PCLUSTER) !== 0,
    hasInlineTail: inlineDataSize > 0,
    hasFragmentTail,
    bigPcluster1,
    bigPcluster2,
    isCompact2Byte: isCompact && (advise & ADVISE_COMPACTED_2B) !== 0,
  }
}
