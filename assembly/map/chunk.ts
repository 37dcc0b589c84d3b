// SPDX-License-Identifier: MIT
/** Chunk-based files: a table of block addresses, one a chunk, as a block map or as index records. */
import { CONTENT_CHUNK_48BIT, CONTENT_CHUNK_INDEXES, Extent, KIND_HOLE, KIND_RAW, Slot } from "../slot"
import { ADDRESS_TOO_HIGH, OK } from "../status"
import { metadataAt } from "./metadata"

const NULL_32: u64 = 0xffffffff
const NULL_48: u64 = 0xffffffffffff

/** Byte addresses stay below 2^62, so that sums cannot wrap; what lies beyond its device is refused there. */
const ADDRESS_BITS: u64 = 62

const MAP_RECORD_SIZE: u32 = 4
const INDEX_RECORD_SIZE: u32 = 8

/**
 * The extent at byte `at` of a chunk-based file, beginning there, to the end of its chunk.
 *
 * Block map record: u32 block address. Index record: u16 address high part (only with 48-bit chunks),
 * u16 device id, u32 address low part. All ones, in the width in use, is a hole.
 */
export function mapChunk(slot: Slot, at: u64, extent: Extent): i32 {
  const chunkBits = slot.clusterBits
  const chunk = at >> chunkBits
  const within = at - (chunk << chunkBits)
  let address: u64
  let isHole: bool
  extent.device = 0
  if (slot.flags & CONTENT_CHUNK_INDEXES) {
    const record = metadataAt(slot, slot.index + chunk * INDEX_RECORD_SIZE, INDEX_RECORD_SIZE)
    if (!record) return slot.answer
    extent.device = load<u16>(record, 2) & slot.deviceMask
    address = load<u32>(record, 4)
    if (slot.flags & CONTENT_CHUNK_48BIT) {
      address |= (load<u16>(record) as u64) << 32
      isHole = address == NULL_48
    } else {
      isHole = address == NULL_32
    }
  } else {
    const record = metadataAt(slot, slot.index + chunk * MAP_RECORD_SIZE, MAP_RECORD_SIZE)
    if (!record) return slot.answer
    address = load<u32>(record)
    isHole = address == NULL_32
  }
  extent.logical = at
  const chunkLeft = ((1 as u64) << chunkBits) - within
  extent.length = min<u64>(chunkLeft, slot.size - at)
  extent.kind = isHole ? KIND_HOLE : KIND_RAW
  if (isHole) return OK
  if (address >> (ADDRESS_BITS - slot.blockBits)) return ADDRESS_TOO_HIGH
  extent.physical = (address << slot.blockBits) + within
  return OK
}
