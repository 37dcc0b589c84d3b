// SPDX-License-Identifier: MIT
/**
 * Lcluster records: one for every lcluster of a file with full or compact indexes. readRecord() decodes
 * one into the slot's record fields:
 *
 *   recordType      PLAIN, HEAD1, NONHEAD or HEAD2
 *   recordOffset    heads: where in the lcluster the extent begins
 *   recordBlock     heads: block address of the pcluster (full indexes; compact: see headBlock())
 *   recordBack      NONHEAD: distance back to the head, in lclusters
 *   recordForward   NONHEAD: distance forward to the next head, a hint, never 0
 *   recordBlocks    NONHEAD: blocks of the pcluster + 1 if this is a block count record, else 0
 *   recordPartial   heads: whether the extent is only the beginning of what the pcluster decodes to
 */
import { LAYOUT_FULL, Slot } from "../slot"
import { BLOCK_COUNT, CLUSTER_OFFSET, OK } from "../status"
import { readCompactRecord } from "./compact"
import { readFullRecord } from "./full"
import { ADVISE_BIG_PCLUSTER, TYPE_NONHEAD } from "./record"

/** Decodes record `lcluster` into the slot and checks what can be checked on it alone. */
export function readRecord(slot: Slot, lcluster: u64): i32 {
  const status =
    slot.layout == LAYOUT_FULL ? readFullRecord(slot, lcluster) : readCompactRecord(slot, lcluster)
  if (status) return status
  if (slot.recordType == TYPE_NONHEAD) {
    if (slot.recordBlocks) {
      if (!(slot.advise & ADVISE_BIG_PCLUSTER)) return BLOCK_COUNT
    }
    if (!slot.recordForward) slot.recordForward = 1
  } else if (slot.recordOffset >> slot.clusterBits) {
    return CLUSTER_OFFSET
  }
  return OK
}
