// SPDX-License-Identifier: MIT
/** The extents that make up a range of pages: mapped, and what they are stored as given a place in the staging. */
import { alignUp, PAGE_BITS, PAGE_MASK, PAGE_SIZE, pagesFor } from "../bits"
import { frameAddress, workerRecord } from "../layout"
import { isStaged, isWhole, mapExtent } from "../map/map"
import { copyMetadata } from "../map/metadata"
import { unpinFrame } from "../pool/frames"
import { pinPage } from "../pool/pages"
import {
  EXTENT_IN_METADATA,
  EXTENT_TABLE_LENGTH,
  Extent,
  extentOf,
  KIND_FRAGMENT,
  REQUEST_SPARE,
  RUN_LIMIT,
  Slot,
  STAGING_GOAL,
  STAGING_OFFSET,
  STAGING_SIZE,
} from "../slot"
import { EXTENT_ORDER, NEED_METADATA, NEED_PACKED, OK, PAGE_TOO_SCATTERED } from "../status"

/**
 * Maps the window's extents in order into the slot's table. Extents that must be whole may reach beyond
 * both ends of the window. A page that the last one leaves unfinished is finished with the beginning of
 * the next extents, so that the next window starts with a page of its own.
 */
export function gatherExtents(slot: Slot): i32 {
  const from = slot.page << PAGE_BITS
  const mustReach = endOfPage(slot, slot.page)
  const until = min<u64>((slot.page + slot.want) << PAGE_BITS, slot.size)
  slot.extentUsed = 0
  slot.stagingUsed = 0
  slot.coverStart = from
  slot.coverEnd = from
  while (slot.coverEnd < until) {
    const status = addExtent(slot, until, u64.MAX_VALUE, slot.coverEnd < mustReach)
    if (status == OK) continue
    if (status == NEED_METADATA || status == NEED_PACKED) return status
    // What is wrong with later pages is told when they are asked for.
    if (slot.coverEnd >= mustReach) return OK
    slot.errorOffset = slot.coverEnd
    return status
  }
  // Whoever wants one page gets it alone, with nothing that might not be had.
  if (slot.want == 1 || slot.request & REQUEST_SPARE) return OK
  const goal = min<u64>(alignUp(slot.coverEnd, PAGE_SIZE), slot.size)
  while (slot.coverEnd < goal) {
    const status = addExtent(slot, goal, goal, false)
    if (status == OK) continue
    return status == NEED_METADATA || status == NEED_PACKED ? status : OK
  }
  return OK
}

/**
 * Adds the extent at slot.coverEnd. One that may be cut anywhere is cut at `until`, one that must be
 * decoded from its beginning at `cutAt`. Unless it is needed it must fit what one fill may hold.
 */
function addExtent(slot: Slot, until: u64, cutAt: u64, isNeeded: bool): i32 {
  if (slot.extentUsed == EXTENT_TABLE_LENGTH) return PAGE_TOO_SCATTERED
  const at = slot.coverEnd
  const extent = extentOf(slot, slot.extentUsed)
  let status = mapExtent(slot, at, extent)
  if (status) return status
  if (isWhole(extent)) {
    // Extents follow each other. One that reached back would overwrite what the one before it brought.
    if (slot.extentUsed && extent.logical != at) return EXTENT_ORDER
    extent.wanted = min<u64>(extent.length, cutAt - extent.logical) as u32
  } else {
    const skipped = at - extent.logical
    extent.logical = at
    extent.physical += skipped
    extent.length = min<u64>(extent.length - skipped, until - at)
    extent.wanted = extent.length as u32
    if (isStaged(extent)) extent.encodedLength = extent.wanted
  }
  if (isStaged(extent)) status = stageExtent(slot, extent, isNeeded)
  if (status) return status
  if (slot.extentUsed == 0) slot.coverStart = extent.logical
  slot.coverEnd = extent.logical + extent.wanted
  slot.extentUsed += 1
  return OK
}

/**
 * Gives the stored bytes of an extent a place in the staging. Those that lie in the pool already (metadata,
 * packed inode) are copied there at once: taking frames for the run might reclaim what they are copied from.
 */
function stageExtent(slot: Slot, extent: Extent, isNeeded: bool): i32 {
  const start = slot.extentUsed == 0 ? extent.logical : slot.coverStart
  const pages = pagesFor(extent.logical + extent.wanted) - (start >> PAGE_BITS)
  const staged = slot.stagingUsed + extent.encodedLength
  if (!isNeeded) {
    if (pages > RUN_LIMIT) return PAGE_TOO_SCATTERED
    if (staged > STAGING_GOAL) return PAGE_TOO_SCATTERED
  }
  if (staged > STAGING_SIZE) return PAGE_TOO_SCATTERED
  extent.staging = (changetype<usize>(slot) as u32) + STAGING_OFFSET + slot.stagingUsed
  if (extent.flags & EXTENT_IN_METADATA) {
    if (!copyMetadata(slot, extent.physical, extent.encodedLength, extent.staging)) return slot.answer
  } else if (extent.kind == KIND_FRAGMENT) {
    const status = copyFragment(slot, extent)
    if (status) return status
  }
  slot.stagingUsed = staged
  return OK
}

/** Copies an extent's bytes from the pages of the packed inode to its staging. */
function copyFragment(slot: Slot, extent: Extent): i32 {
  const worker = workerRecord(slot.worker)
  const end = extent.physical + extent.encodedLength
  let target = extent.staging as usize
  for (let position = extent.physical; position < end; ) {
    const page = position >> PAGE_BITS
    const piece = min<u64>(PAGE_SIZE - (position & PAGE_MASK), end - position) as u32
    const frame = pinPage(worker, slot.packedSpace, page, true)
    if (frame < 0) {
      slot.needPage = page
      slot.needCount = (pagesFor(end) - page) as u32
      return NEED_PACKED
    }
    memory.copy(target, frameAddress(frame as u32) + ((position & PAGE_MASK) as usize), piece)
    unpinFrame(worker, frame as u32)
    target += piece
    position += piece
  }
  return OK
}

/** First byte behind page `page`, or the end of the file. */
function endOfPage(slot: Slot, page: u64): u64 {
  return min<u64>((page + 1) << PAGE_BITS, slot.size)
}

/** First page of the file that the extents make up completely, and the one behind the last. */
export function firstComplete(slot: Slot): u64 {
  return pagesFor(slot.coverStart)
}
export function endOfComplete(slot: Slot): u64 {
  return slot.coverEnd == slot.size ? pagesFor(slot.size) : slot.coverEnd >> PAGE_BITS
}
