// SPDX-License-Identifier: MIT
/** From lcluster records to one extent: its head, its end, and the pcluster that holds it. */
import {
  CONTENT_IS_PACKED,
  EXTENT_IN_METADATA,
  EXTENT_INTERLACED,
  EXTENT_LIMIT,
  EXTENT_PARTIAL,
  Extent,
  KIND_COPY,
  KIND_DECODE,
  KIND_FRAGMENT,
  KIND_METADATA,
  LAYOUT_FULL,
  PCLUSTER_LIMIT,
  Slot,
} from "../slot"
import {
  ALGORITHM_UNANNOUNCED,
  ALGORITHM_UNKNOWN,
  BLOCK_COUNT,
  EMPTY_EXTENT,
  EXTENT_TOO_LONG,
  FRAGMENT_NESTED,
  FRAGMENT_OUTSIDE,
  INLINE_CROSSES_BLOCK,
  LOOKBACK,
  OK,
  PCLUSTER_TOO_LONG,
  PLAIN_TOO_SHORT,
} from "../status"
import { behindCompactRecord } from "./compact"
import { FULL_RECORD_SIZE } from "./full"
import { readRecord } from "./lcluster"
import {
  ADVISE_BIG_PCLUSTER_1,
  ADVISE_BIG_PCLUSTER_2,
  ADVISE_FRAGMENT,
  ADVISE_INLINE,
  ADVISE_INTERLACED,
  TYPE_HEAD1,
  TYPE_HEAD2,
  TYPE_NONHEAD,
  TYPE_PLAIN,
} from "./record"

const ALGORITHM_MASK: u32 = 15
const ALGORITHM_LIMIT: u32 = 3

/** The whole extent that holds byte `at` of a file with full or compact indexes. */
export function mapIndexed(slot: Slot, at: u64, extent: Extent): i32 {
  const bits = slot.clusterBits
  let lcluster = at >> bits
  let status = readRecord(slot, lcluster)
  if (status) return status
  let isHead = slot.recordType != TYPE_NONHEAD
  if (isHead) {
    if ((at & (((1 as u64) << bits) - 1)) < slot.recordOffset) {
      // The extent that begins in this lcluster begins behind `at`: take the one before.
      if (lcluster == 0) return LOOKBACK
      lcluster--
      status = readRecord(slot, lcluster)
      if (status) return status
      isHead = slot.recordType != TYPE_NONHEAD
    }
  }
  // Distances of 2048 and more are stored capped, so this may take several hops, but no more than an extent is long.
  while (!isHead) {
    const back: u64 = slot.recordBack
    if (back == 0) return LOOKBACK
    if (back > lcluster) return LOOKBACK
    lcluster -= back
    if (at - (lcluster << bits) > EXTENT_LIMIT + ((1 as u64) << bits)) return EXTENT_TOO_LONG
    status = readRecord(slot, lcluster)
    if (status) return status
    isHead = slot.recordType != TYPE_NONHEAD
  }
  return finishExtent(slot, lcluster, at, extent)
}

/** Fills in the extent whose head is `lcluster`, whose record is in the slot. */
function finishExtent(slot: Slot, lcluster: u64, at: u64, extent: Extent): i32 {
  const type = slot.recordType
  const block = slot.recordBlock
  extent.logical = (lcluster << slot.clusterBits) + slot.recordOffset
  extent.flags = slot.recordPartial ? EXTENT_PARTIAL : 0
  extent.device = 0

  // What the next record says of the pcluster's size, and where the next head begins.
  let blocks: u32 = 1
  let end = slot.size
  const total = ((slot.size - 1) >> slot.clusterBits) + 1
  let next = lcluster + 1
  if (next < total) {
    let status = readRecord(slot, next)
    if (status) return status
    const isBig = bool(slot.advise & (type == TYPE_HEAD1 ? ADVISE_BIG_PCLUSTER_1 : ADVISE_BIG_PCLUSTER_2))
    if (slot.recordType == TYPE_NONHEAD && isBig) {
      blocks = slot.recordBlocks ? slot.recordBlocks - 1 : 0
    }
    while (slot.recordType == TYPE_NONHEAD) {
      next += slot.recordForward
      if (next >= total) break
      if ((next - lcluster) << slot.clusterBits > EXTENT_LIMIT + ((1 as u64) << slot.clusterBits)) {
        return EXTENT_TOO_LONG
      }
      status = readRecord(slot, next)
      if (status) return status
    }
    if (next < total) end = min(end, (next << slot.clusterBits) + slot.recordOffset)
  }
  if (end <= extent.logical) return EMPTY_EXTENT
  // Records can contradict each other: the distance back may lead to a head whose extent ends before.
  if (end <= at) return LOOKBACK
  const length = end - extent.logical

  // The extent that ends with the file may lie elsewhere.
  if (end == slot.size) {
    if (slot.advise & ADVISE_FRAGMENT) return mapFragmentTail(slot, block, length, extent)
    if (slot.advise & ADVISE_INLINE) {
      if (slot.inlineSize) return mapInlineTail(slot, type, length, extent)
    }
  }
  if (!blocks) return BLOCK_COUNT
  const encodedLength = (blocks as u64) << slot.blockBits
  if (encodedLength > PCLUSTER_LIMIT) return PCLUSTER_TOO_LONG
  extent.encodedLength = encodedLength as u32
  extent.physical = (block as u64) << slot.blockBits
  if (type == TYPE_PLAIN && slot.advise & ADVISE_INTERLACED) extent.flags |= EXTENT_INTERLACED
  return setCodec(slot, type, length, extent)
}

/** Sets kind, algorithm and length of an extent whose stored bytes are known. */
function setCodec(slot: Slot, type: u32, length: u64, extent: Extent): i32 {
  if (type == TYPE_PLAIN) {
    if (length > extent.encodedLength) return PLAIN_TOO_SHORT
    extent.kind = KIND_COPY
    extent.length = length
    return OK
  }
  const algorithm = type == TYPE_HEAD2 ? slot.algorithms >> 4 : slot.algorithms & ALGORITHM_MASK
  return setDecoder(slot, algorithm, length, extent)
}

/** Makes the extent one that is decoded with `algorithm`, if the superblock announced it. */
export function setDecoder(slot: Slot, algorithm: u32, length: u64, extent: Extent): i32 {
  if (algorithm > ALGORITHM_LIMIT) return ALGORITHM_UNKNOWN
  if (!((slot.available >> algorithm) & 1)) return ALGORITHM_UNANNOUNCED
  if (length > EXTENT_LIMIT) return EXTENT_TOO_LONG
  extent.kind = KIND_DECODE
  extent.algorithm = algorithm
  extent.length = length
  return OK
}

/** The tail as a piece of the packed inode; full indexes hide the high part of its offset in the head's address. */
function mapFragmentTail(slot: Slot, block: u32, length: u64, extent: Extent): i32 {
  const high: u64 = slot.layout == LAYOUT_FULL ? block : 0
  return setFragment(slot, slot.fragment | (high << 32), length, extent)
}

/** Makes the extent a piece of the packed inode. */
export function setFragment(slot: Slot, offset: u64, length: u64, extent: Extent): i32 {
  if (slot.flags & CONTENT_IS_PACKED) return FRAGMENT_NESTED
  if (offset > slot.packedSize) return FRAGMENT_OUTSIDE
  if (length > slot.packedSize - offset) return FRAGMENT_OUTSIDE
  extent.kind = KIND_FRAGMENT
  extent.physical = offset
  extent.length = length
  return OK
}

/** The tail in a pcluster behind the last index record. Plain ones are always linear, even if INTERLACED is set. */
function mapInlineTail(slot: Slot, type: u32, length: u64, extent: Extent): i32 {
  const last = (slot.size - 1) >> slot.clusterBits
  const position =
    slot.layout == LAYOUT_FULL ? slot.index + (last + 1) * FULL_RECORD_SIZE : behindCompactRecord(slot, last)
  const blockMask = ((1 as u64) << slot.blockBits) - 1
  if ((position & blockMask) + slot.inlineSize > blockMask + 1) return INLINE_CROSSES_BLOCK
  extent.physical = position
  extent.encodedLength = slot.inlineSize
  extent.flags |= EXTENT_IN_METADATA
  const status = setCodec(slot, type, length, extent)
  if (status) return status
  if (extent.kind == KIND_COPY) extent.kind = KIND_METADATA
  return OK
}
