// SPDX-License-Identifier: MIT
/** Flat files: contiguous on the device, the last block perhaps behind the inode. */
import {
  CONTENT_HOLE,
  CONTENT_INLINE_TAIL,
  EXTENT_IN_METADATA,
  Extent,
  KIND_HOLE,
  KIND_METADATA,
  KIND_RAW,
  Slot,
} from "../slot"
import { INLINE_CROSSES_BLOCK, OK } from "../status"

/** The extent at byte `at` of a flat file, beginning there. */
export function mapFlat(slot: Slot, at: u64, extent: Extent): i32 {
  const blockMask = ((1 as u64) << slot.blockBits) - 1
  let end = slot.size
  if (slot.flags & CONTENT_INLINE_TAIL) {
    const tailStart = (slot.size - 1) & ~blockMask
    if (at >= tailStart) {
      // Only the tail must not cross a block; it may begin in a later one than its inode.
      if ((slot.tail & blockMask) + (slot.size - tailStart) > blockMask + 1) return INLINE_CROSSES_BLOCK
      extent.kind = KIND_METADATA
      extent.flags |= EXTENT_IN_METADATA
      extent.logical = tailStart
      extent.physical = slot.tail
      extent.length = slot.size - tailStart
      return OK
    }
    end = tailStart
  }
  extent.logical = at
  extent.kind = slot.flags & CONTENT_HOLE ? KIND_HOLE : KIND_RAW
  extent.physical = slot.start + at
  extent.length = end - at
  return OK
}
