// SPDX-License-Identifier: MIT
/** Full lcluster indexes: one record of eight bytes for every lcluster. */
import { Slot } from "../slot"
import { OK } from "../status"
import { metadataAt } from "./metadata"
import { BLOCK_COUNT_FLAG, TYPE_MASK, TYPE_NONHEAD } from "./record"

export const FULL_RECORD_SIZE: u32 = 8
const FULL_PARTIAL: u32 = 1 << 15

/**
 * Full index record: u16 advise (bits 0-1 type, bit 15 partial reference), u16 cluster offset, then a
 * head's u32 block address or a NONHEAD's two u16 distances.
 */
export function readFullRecord(slot: Slot, lcluster: u64): i32 {
  const record = metadataAt(slot, slot.index + lcluster * FULL_RECORD_SIZE, FULL_RECORD_SIZE)
  if (!record) return slot.answer
  const advise = load<u16>(record) as u32
  slot.recordType = advise & TYPE_MASK
  slot.recordPartial = advise & FULL_PARTIAL
  if (slot.recordType == TYPE_NONHEAD) {
    const back = load<u16>(record, 4) as u32
    slot.recordForward = load<u16>(record, 6)
    if (back & BLOCK_COUNT_FLAG) {
      slot.recordBlocks = (back & ~BLOCK_COUNT_FLAG) + 1
      slot.recordBack = 1
    } else {
      slot.recordBlocks = 0
      slot.recordBack = back
    }
  } else {
    slot.recordOffset = load<u16>(record, 2)
    slot.recordBlock = load<u32>(record, 4)
  }
  return OK
}
