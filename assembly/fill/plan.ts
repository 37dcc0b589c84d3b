// SPDX-License-Identifier: MIT
/**
 * Planning a fill: from a range of pages to the extents that make them up, the frames they go to, and
 * the device ranges that must be read. A plan has no effect on the pool until all metadata it needs is
 * there; then it takes the frames and marks their pages busy, so that nobody else fills them too.
 */
import { PAGE_BITS, pagesFor } from "../bits"
import { guarded, workerRecord } from "../layout"
import { releaseMetadata } from "../map/metadata"
import { announceFill } from "../pool/atomics"
import { BUSY_FRAME, fillerOf, frameState, freeFrame, isBusyFor, setReader, spaceIn } from "../pool/frames"
import { lock, unlock } from "../pool/lock"
import { findPage, insertPage, removePage } from "../pool/pages"
import { takeRun } from "../pool/reclaim"
import { isSilent, letCountAsGone } from "../pool/silence"
import { spaceRecord } from "../pool/spaces"
import {
  DIRECT_PAGES,
  REQUEST_DIRECT,
  REQUEST_DOUBT,
  REQUEST_SEIZE,
  REQUEST_STEAL,
  RUN_LIMIT,
  Slot,
  WINDOW_LIMIT,
} from "../slot"
import { BUSY, NO_FRAME, OK, RESIDENT } from "../status"
import { endOfComplete, firstComplete, gatherExtents } from "./gather"
import { planRanges } from "./ranges"
import { runFrame, setRunFrame } from "./run"

/** A run is at most this share (a power of two) of the pool. */
const RUN_SHARE_SHIFT: u32 = 2
/** A fill brings in at most this share (a power of two) of it. */
const WINDOW_SHARE_SHIFT: u32 = 3

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
    const found = findPage(slot.space, slot.page + pages)
    if (found >= 0 && !isAbandoned(frameState(found as u32))) break
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
  if (!mayTakeOver(slot, state, slot.page)) return BUSY
  if (slot.request & REQUEST_DOUBT) letCountAsGone(fillerOf(state))
  return OK
}

/**
 * Whether this fill may take a page over from the one that is bringing it in. A synchronous fill cannot wait for a
 * suspended one of its own worker. A fill of another worker is waited for, but not for ever: that worker may be gone.
 * Only the page that was waited for is taken from it, all of them once it has been found silent.
 */
function mayTakeOver(slot: Slot, state: u32, page: u64): bool {
  if (isBusyFor(state, workerRecord(slot.worker).place)) return bool(slot.request & REQUEST_STEAL)
  return (page == slot.page && bool(slot.request & REQUEST_SEIZE)) || isAbandoned(state)
}

/** Whether a frame of that state is being filled by a worker of which nothing is heard. */
function isAbandoned(state: u32): bool {
  return bool(state & BUSY_FRAME) && isSilent(fillerOf(state))
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
