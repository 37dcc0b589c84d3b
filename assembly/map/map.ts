// SPDX-License-Identifier: MIT
/** One question for every layout: which extent holds byte `at` of the file? */
import {
  Extent,
  KIND_COPY,
  KIND_DECODE,
  KIND_HOLE,
  KIND_RAW,
  LAYOUT_CHUNK,
  LAYOUT_EXTENTS,
  LAYOUT_FLAT,
  LAYOUT_FRAGMENT,
  Slot,
} from "../slot"
import { OK } from "../status"
import { mapChunk } from "./chunk"
import { mapEncoded } from "./extents"
import { mapFlat } from "./flat"
import { mapIndexed, setFragment } from "./pcluster"

/**
 * Fills in the extent that holds byte `at` (which must be below slot.size). Answers OK, NEED_METADATA,
 * or a status that names the broken rule. Extents that can be cut anywhere (raw, hole, metadata,
 * fragment) may begin at `at` rather than where they really begin, and may be continued by another.
 */
export function mapExtent(slot: Slot, at: u64, extent: Extent): i32 {
  if (CHECKED) assert(at < slot.size)
  extent.flags = 0
  extent.device = 0
  extent.encodedLength = 0
  extent.algorithm = 0
  extent.status = OK
  if (slot.layout == LAYOUT_FLAT) return mapFlat(slot, at, extent)
  if (slot.layout == LAYOUT_CHUNK) return mapChunk(slot, at, extent)
  if (slot.layout == LAYOUT_EXTENTS) return mapEncoded(slot, at, extent)
  if (slot.layout == LAYOUT_FRAGMENT) {
    extent.logical = at
    return setFragment(slot, slot.fragment + at, slot.size - at, extent)
  }
  return mapIndexed(slot, at, extent)
}

/** Whether the extent's stored bytes only make sense from its beginning on. */
export function isWhole(extent: Extent): bool {
  return extent.kind == KIND_COPY || extent.kind == KIND_DECODE
}

/** Whether the extent's bytes go through the slot's staging rather than straight to the frames. */
export function isStaged(extent: Extent): bool {
  return extent.kind != KIND_RAW && extent.kind != KIND_HOLE
}
