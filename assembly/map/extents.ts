// SPDX-License-Identifier: MIT
/**
 * Encoded extents: a table of records of 4, 8, 16 or 32 bytes; lengths and addresses in bytes.
 *
 *   4    (behind one u64: address of the first pcluster)  plen
 *   8    plen | address low
 *   16   plen | address low | address high | logical low
 *   32   plen | address low | address high | logical low | logical high | reserved
 *
 *   plen:  bits 0-20 encoded length, 0 = hole; bit 27 partial; bits 28-31 0 = plain, else algorithm + 1
 *
 * Records of 4 and 8 bytes describe extents of one size; the others are sorted by logical start.
 */

import { PAGE_SIZE } from "../bits"
import {
  EXTENT_INTERLACED,
  EXTENT_PARTIAL,
  Extent,
  KIND_COPY,
  KIND_HOLE,
  PCLUSTER_LIMIT,
  Slot,
} from "../slot"
import {
  ADDRESS_TOO_HIGH,
  EXTENT_ORDER,
  METADATA_OUTSIDE,
  OK,
  PCLUSTER_TOO_LONG,
  PLAIN_TOO_SHORT,
  TABLE_TOO_LONG,
} from "../status"
import { metadataAt } from "./metadata"
import { setDecoder, setFragment } from "./pcluster"
import { ADVISE_FRAGMENT, ADVISE_INTERLACED } from "./record"

const LENGTH_MASK: u32 = (1 << 21) - 1
const PARTIAL_BIT: u32 = 1 << 27
const FORMAT_SHIFT: u32 = 28
/** Bytes in front of records of 4 bytes: the first address. */
const SUM_HEAD: u64 = 8
/** Records of 4 bytes that are added up at the most; a metabox can claim more of them than it has bytes. */
const SUM_LIMIT: u64 = 1 << 26
/** Records from the first one that is looked at to the second. */
const FIRST_STEP: u64 = 16
/** Addresses that TypeScript can hold exactly; no source is longer. */
const ADDRESS_BITS: u64 = 53
const ADDRESS_BLOCK_BITS: u64 = 48

/** The whole extent that holds byte `at` of a file with encoded extents (a hole before the first is cut there). */
export function mapEncoded(slot: Slot, at: u64, extent: Extent): i32 {
  extent.flags = 0
  extent.device = 0
  return slot.recordSize <= 8 ? mapEqual(slot, at, extent) : mapSorted(slot, at, extent)
}

/** Records of 4 and 8 bytes: extent k begins at k lclusters. */
function mapEqual(slot: Slot, at: u64, extent: Extent): i32 {
  const bits = slot.clusterBits
  const index = at >> bits
  const count = ((slot.size - 1) >> bits) + 1
  extent.logical = index << bits
  const length = min<u64>((1 as u64) << bits, slot.size - extent.logical)
  const isLast = index + 1 == count
  let address: u64
  let word: u32
  if (slot.recordSize == 8) {
    const record = metadataAt(slot, slot.index + (index << 3), 8)
    if (!record) return slot.answer
    word = load<u32>(record)
    address = load<u32>(record, 4)
  } else {
    const status = sumBefore(slot, index)
    if (status) return status
    address = slot.hintAddress
    const record = metadataAt(slot, slot.index + SUM_HEAD + (index << 2), 4)
    if (!record) return slot.answer
    word = load<u32>(record)
    if (isLast && slot.advise & ADVISE_FRAGMENT) address = 0
  }
  return interpret(slot, word, address, isLast, length, extent)
}

/**
 * Brings slot.hintAddress to the address of extent `index`: pclusters stand back to back, so it is the
 * sum of the lengths before. Goes on from the hint when that is not behind `index`; extent 0 is no hint.
 */
function sumBefore(slot: Slot, index: u64): i32 {
  if (slot.index + SUM_HEAD + (index << 2) >= slot.metaSize) return METADATA_OUTSIDE
  if (index > SUM_LIMIT) return TABLE_TOO_LONG
  if (slot.hintExtent > index || slot.hintExtent == 0) {
    const first = metadataAt(slot, slot.index, 8)
    if (!first) return slot.answer
    slot.hintExtent = 0
    slot.hintAddress = load<u64>(first)
  }
  while (slot.hintExtent < index) {
    const record = metadataAt(slot, slot.index + SUM_HEAD + (slot.hintExtent << 2), 4)
    if (!record) return slot.answer
    slot.hintAddress += load<u32>(record) & LENGTH_MASK
    slot.hintExtent += 1
    if (slot.hintAddress >> ADDRESS_BITS) return ADDRESS_TOO_HIGH
  }
  return OK
}

/** Logical start of record `index` of a sorted table; u64.MAX_VALUE with slot.answer if it is not there. */
function startOf(slot: Slot, index: u64): u64 {
  const record = metadataAt(slot, slot.index + index * slot.recordSize, slot.recordSize)
  if (!record) return u64.MAX_VALUE
  const low = load<u32>(record, 12) as u64
  const start = slot.recordSize == 32 ? low | ((load<u32>(record, 16) as u64) << 32) : low
  // A start that looks like "not there" is one beyond every file.
  if (start == u64.MAX_VALUE) slot.answer = EXTENT_ORDER
  return start
}

/** Where the record of byte `at` is, if all extents are equally long. */
function guessRecord(slot: Slot, at: u64): u64 {
  const count = slot.extentCount
  return min<u64>((((at as f64) / (slot.size as f64)) * (count as f64)) as u64, count - 1)
}

/**
 * Records of 16 and 32 bytes: search for the last one that begins at or before `at`. Extents are about equally long, so it
 * begins where the record would be if they were, goes on from there in growing steps until it has passed it, and ends as
 * a binary search: few pages of a table are touched, each of which may be a request. In a table of one page it is a binary
 * search at once.
 */
function mapSorted(slot: Slot, at: u64, extent: Extent): i32 {
  const count = slot.extentCount
  let low: u64 = 0
  let high = count
  const isLong = count * slot.recordSize > PAGE_SIZE
  let middle = isLong ? guessRecord(slot, at) : count >> 1
  let step = isLong ? FIRST_STEP : count
  while (low < high) {
    const start = startOf(slot, middle)
    if (start == u64.MAX_VALUE) return slot.answer
    if (start <= at) low = middle + 1
    else high = middle
    const distance = high - low
    if (low > 0 && high < count) middle = low + (distance >> 1)
    else if (start <= at) middle = low + min(step, distance >> 1)
    else middle = high - 1 - min(step, (distance - 1) >> 1)
    if (step < distance) step <<= 1
  }
  // `low` records begin at or before `at`.
  let end = slot.size
  if (low < count) {
    end = startOf(slot, low)
    if (end == u64.MAX_VALUE) return slot.answer
    if (end > slot.size) return EXTENT_ORDER
  }
  if (low == 0) {
    extent.logical = at
    extent.kind = KIND_HOLE
    if (end <= at) return EXTENT_ORDER
    extent.length = end - at
    return OK
  }
  const index = low - 1
  const record = metadataAt(slot, slot.index + index * slot.recordSize, slot.recordSize)
  if (!record) return slot.answer
  const word = load<u32>(record)
  const address = (load<u32>(record, 4) as u64) | ((load<u32>(record, 8) as u64) << 32)
  extent.logical = startOf(slot, index)
  if (end <= extent.logical || at >= end) return EXTENT_ORDER
  if (index > 0) {
    // Records that are out of order would give a byte one answer or another, by the way it was come to.
    const before = startOf(slot, index - 1)
    if (before == u64.MAX_VALUE) return slot.answer
    if (before >= extent.logical) return EXTENT_ORDER
  }
  return interpret(slot, word, address, low == count, end - extent.logical, extent)
}

/** Fills in the extent from its plen word and address. */
function interpret(slot: Slot, word: u32, address: u64, isLast: bool, length: u64, extent: Extent): i32 {
  if (isLast && slot.advise & ADVISE_FRAGMENT) {
    // The word and the address are the two halves of an offset in the packed inode, and nothing else.
    return setFragment(slot, (word as u64) | (address << 32), length, extent)
  }
  const encodedLength = word & LENGTH_MASK
  if (encodedLength == 0) {
    extent.kind = KIND_HOLE
    extent.length = length
    return OK
  }
  if (encodedLength > PCLUSTER_LIMIT) return PCLUSTER_TOO_LONG
  if (address + encodedLength < address) return ADDRESS_TOO_HIGH
  if (((address + encodedLength) >> slot.blockBits) >> ADDRESS_BLOCK_BITS) return ADDRESS_TOO_HIGH
  extent.physical = address
  extent.encodedLength = encodedLength
  if (word & PARTIAL_BIT) extent.flags |= EXTENT_PARTIAL
  const format = word >> FORMAT_SHIFT
  if (format) return setDecoder(slot, format - 1, length, extent)
  if (length > encodedLength) return PLAIN_TOO_SHORT
  extent.kind = KIND_COPY
  extent.length = length
  const blockMask = ((1 as u64) << slot.blockBits) - 1
  if (slot.advise & ADVISE_INTERLACED) {
    if (((address | encodedLength) & blockMask) == 0) extent.flags |= EXTENT_INTERLACED
  }
  return OK
}
