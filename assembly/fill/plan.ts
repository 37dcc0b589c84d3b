// SPDX-License-Identifier: MIT
/**
 * Planning a fill: from a range of pages to the extents that make them up, the frames they go to, and
 * the device ranges that must be read. A plan has no effect on the pool until all metadata it needs is
 * there; then it takes the frames and marks their pages busy, so that nobody else fills them too.
 */
import { alignUp, PAGE_BITS, PAGE_MASK, PAGE_SIZE, pagesFor } from "../bits"
import { frameAddress, guarded, workerRecord } from "../layout"
import { isStaged, isWhole, mapExtent } from "../map/map"
import { copyMetadata, releaseMetadata } from "../map/metadata"
import { announceFill } from "../pool/atomics"
import { BUSY_FRAME, frameState, freeFrame, isBusyFor, setReader, spaceIn, unpinFrame } from "../pool/frames"
import { lock, unlock } from "../pool/lock"
import { findPage, insertPage, pinPage, removePage } from "../pool/pages"
import { takeRun } from "../pool/reclaim"
import { spaceRecord } from "../pool/spaces"
import {
  DIRECT_PAGES,
  EXTENT_IN_METADATA,
  EXTENT_SIZE,
  EXTENT_TABLE_LENGTH,
  EXTENTS_OFFSET,
  Extent,
  KIND_FRAGMENT,
  KIND_RAW,
  RANGE_SIZE,
  RANGE_TABLE_LENGTH,
  RANGES_OFFSET,
  Range,
  REQUEST_DIRECT,
  REQUEST_SEIZE,
  REQUEST_SPARE,
  REQUEST_STEAL,
  RUN_LIMIT,
  Slot,
  STAGING_GOAL,
  STAGING_OFFSET,
  STAGING_SIZE,
  WINDOW_LIMIT,
} from "../slot"
import {
  BUSY,
  EXTENT_ORDER,
  NEED_METADATA,
  NEED_PACKED,
  NO_FRAME,
  OK,
  PAGE_TOO_SCATTERED,
  RESIDENT,
} from "../status"
import { addressInRun, contiguousBytes, runEnd, runFrame, setRunFrame } from "./run"

/** A run is at most this share (a power of two) of the pool. */
const RUN_SHARE_SHIFT: u32 = 2
/** A fill brings in at most this share (a power of two) of it. */
const WINDOW_SHARE_SHIFT: u32 = 3

/** Extent number `index` of the plan. */
export function extentOf(slot: Slot, index: u32): Extent {
  return changetype<Extent>(changetype<usize>(slot) + EXTENTS_OFFSET + (index as usize) * EXTENT_SIZE)
}

/** Range number `index` of the plan. */
export function rangeOf(slot: Slot, index: u32): Range {
  return changetype<Range>(changetype<usize>(slot) + RANGES_OFFSET + (index as usize) * RANGE_SIZE)
}

/** First byte behind page `page`, or the end of the file. */
function endOfPage(slot: Slot, page: u64): u64 {
  return min<u64>((page + 1) << PAGE_BITS, slot.size)
}

/**
 * Plans to bring in slot.page and up to slot.want pages from it on. Answers OK: read the ranges, then
 * finish or abort. RESIDENT, BUSY, NEED_METADATA, NEED_PACKED, NO_FRAME or a damage status: nothing was
 * taken, there is nothing to finish.
 */
export function planFill(slot: Slot): i32 {
  const status = planPages(slot)
  releaseMetadata(slot)
  return status
}

/** planFill() but for letting go of metadata. */
function planPages(slot: Slot): i32 {
  if (CHECKED) assert(slot.page << PAGE_BITS < slot.size)
  slot.cursorFrame = 0
  const isDirect = bool(slot.request & REQUEST_DIRECT)
  const wait = isDirect ? cutDirectWindow(slot) : cutWindow(slot)
  if (wait) return wait
  const status = gatherExtents(slot)
  if (status) return status
  if (isDirect) {
    layDirectRun(slot)
    planRanges(slot)
    return OK
  }
  lock(slot.worker)
  // Others may have begun on the page, or have brought it in, meanwhile.
  const late = standingOf(slot)
  if (late) {
    unlock(slot.worker)
    return late
  }
  const taken = takeFrames(slot)
  if (taken == OK) enterPages(slot)
  unlock(slot.worker)
  if (taken) return taken
  planRanges(slot)
  return OK
}

/** Ends the window before the first page that is in the pool or on its way. */
function cutWindow(slot: Slot): i32 {
  const standing = standingOf(slot)
  if (standing) return standing
  const left = pagesFor(slot.size) - slot.page
  const want = min<u64>(min<u32>(slot.want, longestFill()), left) as u32
  // Most files are read as a whole, and nothing of them is there: that saves looking for every page. Another
  // worker may bring one in meanwhile; enterPages() sees it, under the lock.
  let pages: u32 = spaceRecord(slot.space).pages ? 1 : want
  while (pages < want) {
    if (findPage(slot.space, slot.page + pages) >= 0) break
    pages++
  }
  slot.want = pages
  return OK
}

/** Pages that one fill brings in at the most: less in a small pool. */
function longestFill(): u32 {
  return max<u32>(1, min<u32>(WINDOW_LIMIT, guarded().onlineFrames >> WINDOW_SHARE_SHIFT))
}

/** Ends the window of a fill past the pool where its room or the file ends. */
function cutDirectWindow(slot: Slot): i32 {
  slot.want = min<u64>(min<u32>(slot.want, DIRECT_PAGES), pagesFor(slot.size) - slot.page) as u32
  return OK
}

/** OK if the page asked for is to be filled; RESIDENT if it is there, BUSY if somebody else is bringing it in. */
function standingOf(slot: Slot): i32 {
  const found = findPage(slot.space, slot.page)
  if (found < 0) return OK
  const state = frameState(found as u32)
  if (!(state & BUSY_FRAME)) return RESIDENT
  return mayTakeOver(slot, state, slot.page) ? OK : BUSY
}

/**
 * Whether this fill may take a page over from the one that is bringing it in. A synchronous fill cannot wait for a
 * suspended one of its own worker. A fill of another worker is waited for, but not for ever: that worker may be gone.
 * Only the page that was waited for is taken from it.
 */
function mayTakeOver(slot: Slot, state: u32, page: u64): bool {
  if (isBusyFor(state, workerRecord(slot.worker).place)) return bool(slot.request & REQUEST_STEAL)
  return page == slot.page && bool(slot.request & REQUEST_SEIZE)
}

/**
 * Maps the window's extents in order into the slot's table. Extents that must be whole may reach beyond
 * both ends of the window. A page that the last one leaves unfinished is finished with the beginning of
 * the next extents, so that the next window starts with a page of its own.
 */
function gatherExtents(slot: Slot): i32 {
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

/** First page of the file that the extents make up completely, and the one behind the last. */
export function firstComplete(slot: Slot): u64 {
  return pagesFor(slot.coverStart)
}
export function endOfComplete(slot: Slot): u64 {
  return slot.coverEnd == slot.size ? pagesFor(slot.size) : slot.coverEnd >> PAGE_BITS
}

/**
 * Takes frames for the run: one contiguous run for everything the extents touch if there is one, else
 * whatever frames there are for the pages of the window. Only valid under the lock.
 */
function takeFrames(slot: Slot): i32 {
  const place = workerRecord(slot.worker).place
  slot.runPage = slot.coverStart >> PAGE_BITS
  const pages = pagesFor(slot.coverEnd) - slot.runPage
  if (pages <= min<u32>(RUN_LIMIT, max<u32>(1, guarded().onlineFrames >> RUN_SHARE_SHIFT))) {
    const first = takeRun(place, pages as u32)
    if (first >= 0) {
      slot.runLength = pages as u32
      slot.isContiguous = 1
      for (let i: u32 = 0; i < slot.runLength; i++) setRunFrame(slot, i, (first as u32) + i)
      return OK
    }
  }
  slot.runPage = slot.page
  slot.isContiguous = 0
  const want = min<u64>(endOfComplete(slot) - slot.page, slot.want) as u32
  let taken: u32 = 0
  let piece = want
  while (taken < want) {
    if (piece > want - taken) piece = want - taken
    const first = takeRun(place, piece)
    if (first < 0) {
      if (piece == 1) break
      piece >>= 1
      continue
    }
    for (let i: u32 = 0; i < piece; i++) setRunFrame(slot, taken + i, (first as u32) + i)
    taken += piece
  }
  slot.runLength = taken
  return taken ? OK : NO_FRAME
}

/** Lays the run of a fill past the pool: over everything the extents touch if there is room, else over the window. */
function layDirectRun(slot: Slot): void {
  slot.isContiguous = 1
  slot.runPage = slot.coverStart >> PAGE_BITS
  const pages = pagesFor(slot.coverEnd) - slot.runPage
  if (pages <= DIRECT_PAGES) {
    slot.runLength = pages as u32
    return
  }
  slot.runPage = slot.page
  slot.runLength = min<u64>(endOfComplete(slot) - slot.page, slot.want) as u32
}

/** Marks the complete pages of the run busy in the page index, but for those that are there already. Under the lock. */
function enterPages(slot: Slot): void {
  const end = min<u64>(endOfComplete(slot), slot.runPage + slot.runLength)
  const isEmpty = spaceRecord(slot.space).pages == 0
  for (let page = max(firstComplete(slot), slot.runPage); page < end; page++) {
    const there = isEmpty ? -1 : findPage(slot.space, page)
    if (there >= 0) {
      const state = frameState(there as u32)
      if (!(state & BUSY_FRAME)) continue
      if (!mayTakeOver(slot, state, page)) continue
      // The other fill finds its frame out of the index; whichever ends first enters its own.
      removePage(there as u32)
    }
    const frame = runFrame(slot, (page - slot.runPage) as u32)
    insertPage(frame, slot.space, page)
    setReader(frame, slot.reader)
  }
}

/** Lists the device ranges that the extents need, neighbours merged. */
function planRanges(slot: Slot): void {
  slot.rangeCount = 0
  const end = runEnd(slot)
  for (let i: u32 = 0; i < slot.extentUsed; i++) {
    const extent = extentOf(slot, i)
    extent.firstRange = 1
    extent.lastRange = 0
    if (isWhole(extent)) {
      if (extent.flags & EXTENT_IN_METADATA) continue
      if (extent.logical >= end) continue
      addRange(slot, extent, extent.physical, extent.encodedLength, extent.staging)
    } else if (extent.kind == KIND_RAW) {
      const length = min<u64>(extent.length, end > extent.logical ? end - extent.logical : 0)
      for (let done: u64 = 0; done < length; ) {
        const at = extent.logical + done
        const piece = contiguousBytes(slot, at, length - done) as u32
        addRange(slot, extent, extent.physical + done, piece, addressInRun(slot, at) as u32)
        done += piece
      }
    }
  }
}

/** Adds a range for an extent, or makes the last one longer. */
function addRange(slot: Slot, extent: Extent, offset: u64, length: u32, address: u32): void {
  if (slot.rangeCount) {
    const last = rangeOf(slot, slot.rangeCount - 1)
    if (last.device == extent.device && last.offset + last.length == offset) {
      if (last.address + last.length == address) {
        last.length += length
        noteRange(extent, slot.rangeCount - 1)
        return
      }
    }
  }
  if (CHECKED) assert(slot.rangeCount < RANGE_TABLE_LENGTH)
  const range = rangeOf(slot, slot.rangeCount)
  range.offset = offset
  range.length = length
  range.address = address
  range.device = extent.device
  range.status = OK
  noteRange(extent, slot.rangeCount)
  slot.rangeCount += 1
}

/** Remembers that a range brings bytes of an extent. */
function noteRange(extent: Extent, range: u32): void {
  if (extent.firstRange > extent.lastRange) extent.firstRange = range
  extent.lastRange = range
}

/** Gives up a fill whose plan answered OK: its pages leave the index, its frames go back. */
export function abortFill(slot: Slot): void {
  if (slot.request & REQUEST_DIRECT) return
  lock(slot.worker)
  for (let i: u32 = 0; i < slot.runLength; i++) returnFrame(runFrame(slot, i))
  unlock(slot.worker)
  slot.runLength = 0
  announceFill()
}

/** Gives back a frame that this fill holds busy. Only valid under the lock. */
export function returnFrame(frame: u32): void {
  if (CHECKED) assert(bool(frameState(frame) & BUSY_FRAME))
  if (spaceIn(frame)) removePage(frame)
  freeFrame(frame)
}
