// SPDX-License-Identifier: MIT
/**
 * Compact lcluster indexes. Records come in packs: a string of equally wide codes, then one block
 * address for all of them.
 *
 *   pack of 8 bytes (unit 4):   16-bit code | 16-bit code | u32 address
 *   pack of 32 bytes (unit 2):  16 codes of 14 bits        | u32 address
 *
 *   code:   | type, 2 bits | lo, max(lcluster bits, 12) bits |
 *
 * The first records stand in packs of unit 4 until the position is a multiple of 32, then come packs
 * of unit 2 as far as whole ones fit, then packs of unit 4 again.
 */
import { Slot } from "../slot"
import { BLOCK_COUNT, OK } from "../status"
import { metadataAt } from "./metadata"
import { ADVISE_BIG_PCLUSTER_1, ADVISE_COMPACT_2B, BLOCK_COUNT_FLAG, TYPE_MASK, TYPE_NONHEAD } from "./record"

/** Codes are never narrower, even when lclusters are: a distance needs 11 bits and the flag. */
const MIN_CODE_BITS: u32 = 12
const WIDE_UNIT: u32 = 4
const NARROW_UNIT: u32 = 2
const WIDE_COUNT: u32 = 2
const NARROW_COUNT: u32 = 16
const ADDRESS_SIZE: u32 = 4
const NARROW_PACK: u32 = NARROW_UNIT * NARROW_COUNT
const WIDE_PACK: u32 = WIDE_UNIT * WIDE_COUNT

/** Where a record lies: its pack, and which code of the pack it is. Packed in one word: position << 8 | code << 1 | narrow. */
function locate(slot: Slot, lcluster: u64): u64 {
  const start = slot.index
  const total = ((slot.size - 1) >> slot.blockBits) + 1
  const leading = ((NARROW_PACK - ((start & (NARROW_PACK - 1)) as u32)) / WIDE_UNIT) & 7
  let narrow: u64 = 0
  if (slot.advise & ADVISE_COMPACT_2B) {
    if (leading < total) narrow = (total - leading) & ~((NARROW_COUNT as u64) - 1)
  }
  let position = start
  let unit = WIDE_UNIT
  let rest = lcluster
  if (rest >= leading) {
    position += leading * WIDE_UNIT
    rest -= leading
    if (rest < narrow) {
      unit = NARROW_UNIT
    } else {
      position += narrow * NARROW_UNIT
      rest -= narrow
    }
  }
  position += rest * unit
  const packSize: u64 = unit == NARROW_UNIT ? NARROW_PACK : WIDE_PACK
  const base = position & ~(packSize - 1)
  const code = (position - base) / unit
  return (base << 8) | (code << 1) | u64(unit == NARROW_UNIT)
}

/** Code number `code` of the pack at `pack`; the word of the last one may touch the address, masked off here. */
function codeAt(pack: usize, code: u32, width: u32): u32 {
  const bit = code * width
  return load<u32>(pack + (bit >> 3)) >> (bit & 7)
}

/** Decodes record `lcluster`; see lcluster.ts for what the fields say. */
export function readCompactRecord(slot: Slot, lcluster: u64): i32 {
  const place = locate(slot, lcluster)
  const isNarrow = bool(place & 1)
  const code = ((place >> 1) & 0x7f) as u32
  const count = isNarrow ? NARROW_COUNT : WIDE_COUNT
  const packSize = isNarrow ? NARROW_PACK : WIDE_PACK
  const pack = metadataAt(slot, place >> 8, packSize)
  if (!pack) return slot.answer
  const width = ((packSize - ADDRESS_SIZE) << 3) / count
  const codeBits = max(slot.clusterBits, MIN_CODE_BITS)
  const mask = ((1 as u32) << codeBits) - 1
  const word = codeAt(pack, code, width)
  const lo = word & mask
  slot.recordType = (word >> codeBits) & TYPE_MASK
  slot.recordPartial = 0
  if (slot.recordType != TYPE_NONHEAD) {
    slot.recordOffset = lo
    return readHeadBlock(slot, pack, packSize, code, width, codeBits)
  }
  if (lo & BLOCK_COUNT_FLAG) {
    if (!(slot.advise & ADVISE_BIG_PCLUSTER_1)) return BLOCK_COUNT
    slot.recordBlocks = (lo & ~BLOCK_COUNT_FLAG) + 1
    slot.recordBack = 1
  } else {
    slot.recordBlocks = 0
    slot.recordBack = code + 1 < count ? lo : backOfLast(pack, code, width, codeBits)
  }
  slot.recordForward = forwardOf(pack, code, count, width, codeBits)
  return OK
}

/** The last code of a pack holds the forward distance; back is one more than at the code before it. */
function backOfLast(pack: usize, code: u32, width: u32, codeBits: u32): u32 {
  const word = codeAt(pack, code - 1, width)
  if (((word >> codeBits) & TYPE_MASK) != TYPE_NONHEAD) return 1
  const lo = word & (((1 as u32) << codeBits) - 1)
  return lo & BLOCK_COUNT_FLAG ? 2 : lo + 1
}

/** The distance to the next head as far as this pack tells it. */
function forwardOf(pack: usize, code: u32, count: u32, width: u32, codeBits: u32): u32 {
  const mask = ((1 as u32) << codeBits) - 1
  let distance: u32 = 0
  let lo: u32 = 0
  for (let next = code; next < count; next++) {
    const word = codeAt(pack, next, width)
    if (((word >> codeBits) & TYPE_MASK) != TYPE_NONHEAD) return distance
    lo = word & mask
    distance++
  }
  return lo & BLOCK_COUNT_FLAG ? distance : distance + lo - 1
}

/**
 * Works out the block address of the head at `code` from the one address of its pack: without big
 * pclusters that is the address before the pack's first head, with them the one of the first pcluster
 * that starts in the pack. Going back, the blocks of the pclusters in between are counted. Modulo 2^32.
 */
function readHeadBlock(slot: Slot, pack: usize, packSize: u32, code: u32, width: u32, codeBits: u32): i32 {
  const mask = ((1 as u32) << codeBits) - 1
  const isBig = bool(slot.advise & ADVISE_BIG_PCLUSTER_1)
  let blocks: u32 = isBig ? 0 : 1
  let at = code as i32
  while (at > 0) {
    at--
    const word = codeAt(pack, at as u32, width)
    if (((word >> codeBits) & TYPE_MASK) != TYPE_NONHEAD) {
      blocks++
      continue
    }
    const lo = word & mask
    if (!isBig) {
      // Jump to its head, which counts if it is in this pack.
      at -= lo as i32
      if (at >= 0) blocks++
    } else if (lo & BLOCK_COUNT_FLAG) {
      at--
      blocks += lo & ~BLOCK_COUNT_FLAG
    } else {
      // Jump to behind the block count record of its pcluster.
      if (lo <= 1) return BLOCK_COUNT
      at -= (lo as i32) - 2
    }
  }
  slot.recordBlock = load<u32>(pack + (packSize - ADDRESS_SIZE)) + blocks
  return OK
}

/** Position behind the pack that holds record `lcluster`: where an inline tail begins. */
export function behindCompactRecord(slot: Slot, lcluster: u64): u64 {
  const place = locate(slot, lcluster)
  return (place >> 8) + (place & 1 ? NARROW_PACK : WIDE_PACK)
}
