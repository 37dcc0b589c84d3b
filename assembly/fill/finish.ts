// SPDX-License-Identifier: MIT
/** Finishing a fill: extents into the run, complete pages out to everybody. A page is seen whole or not at all. */
import { PAGE_BITS, PAGE_MASK, PAGE_SIZE, pagesFor } from "../bits"
import { WorkerRecord } from "../layout"
import { announceFill } from "../pool/atomics"
import {
  BUSY_FRAME,
  FRESH,
  frameState,
  READY,
  reuseFrame,
  setFrameState,
  setReader,
  spaceIn,
} from "../pool/frames"
import { lock, unlock } from "../pool/lock"
import { findPage, insertPage, removePage } from "../pool/pages"
import { CONTENT_MERGE, Extent, extentOf, REQUEST_DIRECT, REQUEST_VERIFY, rangeOf, Slot } from "../slot"
import { FETCH_FAILED, OK } from "../status"
import { endOfComplete, firstComplete } from "./gather"
import { beginMerging, confirmTwins, mergeInRun, recognizePages } from "./merge"
import { placeExtent } from "./place"
import { returnFrame } from "./plan"
import { clearInRun, runEnd, runFrame } from "./run"
import { isForged, verifyPages } from "./verify"

/**
 * Decodes and copies what the plan asked for, publishes every page that came out right and gives the
 * other frames back. A fill past the pool only says in slot.want how many pages from the one asked for on came
 * out right. Answers OK if the page asked for is among them; else what was wrong with the first extent of it
 * that failed, with slot.errorOffset.
 */
export function finishFill(slot: Slot): i32 {
  const answer = placeExtents(slot)
  clearBehindFile(slot)
  if (slot.request & REQUEST_DIRECT) {
    slot.want = goodPages(slot)
    return answer
  }
  const forged = slot.request & REQUEST_VERIFY ? verifyRun(slot) : OK
  if (forged && !answer) slot.errorOffset = slot.page << PAGE_BITS
  if (slot.flags & CONTENT_MERGE) {
    recognizePages(slot, endOfComplete(slot))
    confirmTwins(slot)
  }
  lock(slot.worker)
  publishPages(slot)
  unlock(slot.worker)
  slot.runLength = 0
  announceFill()
  return answer ? answer : forged
}

/** Places all extents; answers the status of the first bad one within the page asked for. */
function placeExtents(slot: Slot): i32 {
  const from = slot.page << PAGE_BITS
  const until = from + PAGE_SIZE
  const merges = bool(slot.flags & CONTENT_MERGE) && !(slot.request & REQUEST_DIRECT)
  if (merges) beginMerging(slot)
  let answer: i32 = OK
  for (let i: u32 = 0; i < slot.extentUsed; i++) {
    const extent = extentOf(slot, i)
    extent.status = rangeStatus(slot, extent)
    if (!extent.status) extent.status = placeExtent(slot, extent)
    // While they are in the processor's cache; what follows writes behind them only.
    if (merges) recognizePages(slot, endOf(extent) >> PAGE_BITS)
    if (extent.status && !answer) {
      if (extent.logical < until && extent.logical + extent.wanted > from) {
        answer = extent.status
        slot.errorOffset = extent.logical
        if (answer == FETCH_FAILED) slot.failedRange = failedRange(slot, extent)
      }
    }
  }
  return answer
}

/** FETCH_FAILED if one of the ranges that an extent needs could not be read. */
function rangeStatus(slot: Slot, extent: Extent): i32 {
  for (let i = extent.firstRange; i <= extent.lastRange; i++) {
    if (rangeOf(slot, i).status) return FETCH_FAILED
  }
  return OK
}

/** Number of the first range of an extent that could not be read. */
function failedRange(slot: Slot, extent: Extent): u32 {
  let i = extent.firstRange
  while (i < extent.lastRange) {
    if (rangeOf(slot, i).status) break
    i++
  }
  return i
}

/** Compares the run's complete pages with what was verified, before anybody else can see them. */
function verifyRun(slot: Slot): i32 {
  const first = max(firstComplete(slot), slot.runPage)
  const end = min<u64>(endOfComplete(slot), slot.runPage + slot.runLength)
  return verifyPages(slot, first, end)
}

/** Fills the rest of the file's last page with zeros, as far as it is in the run. */
function clearBehindFile(slot: Slot): void {
  if (!(slot.size & PAGE_MASK)) return
  const end = pagesFor(slot.size) << PAGE_BITS
  if (runEnd(slot) < end) return
  if (slot.size < slot.runPage << PAGE_BITS) return
  clearInRun(slot, slot.size, end - slot.size)
}

/** Publishes the pages that this fill entered and completed, gives back all other frames. Under the lock. */
function publishPages(slot: Slot): void {
  const worker = changetype<WorkerRecord>(slot.worker as usize)
  const merges = bool(slot.flags & CONTENT_MERGE)
  const first = firstComplete(slot)
  const end = endOfComplete(slot)
  let index: u32 = 0
  for (let i: u32 = 0; i < slot.runLength; i++) {
    const page = slot.runPage + i
    const frame = runFrame(slot, i)
    if (page >= first && page < end) {
      while (index < slot.extentUsed && endOf(extentOf(slot, index)) <= page << PAGE_BITS) index++
      const isWhole = isGood(slot, index, page) && !(slot.request & REQUEST_VERIFY && isForged(slot, i))
      if (isWhole && isEntered(slot, frame, page)) {
        worker.pagesFilled += 1
        if (!merges || !mergeInRun(slot, i, frame)) {
          setFrameState(frame, READY | FRESH)
          continue
        }
        reuseFrame(frame)
      }
    }
    returnFrame(frame)
  }
}

/**
 * Whether the frame of a page that came out right is in the index. One that another fill took the page over from enters
 * it again, unless that one was faster: of two fills the first to end counts, however long both take.
 */
function isEntered(slot: Slot, frame: u32, page: u64): bool {
  if (spaceIn(frame) == slot.space) return true
  const there = findPage(slot.space, page)
  if (there >= 0) {
    if (!(frameState(there as u32) & BUSY_FRAME)) return false
    removePage(there as u32)
  }
  insertPage(frame, slot.space, page)
  setReader(frame, slot.reader)
  return true
}

/** How many pages from the one asked for on came out right. */
function goodPages(slot: Slot): u32 {
  const end = min<u64>(endOfComplete(slot), slot.runPage + slot.runLength)
  let page = slot.page
  let index: u32 = 0
  while (page < end) {
    while (index < slot.extentUsed && endOf(extentOf(slot, index)) <= page << PAGE_BITS) index++
    if (!isGood(slot, index, page)) break
    page++
  }
  return (page - slot.page) as u32
}

/** First byte behind what is wanted of an extent. */
function endOf(extent: Extent): u64 {
  return extent.logical + extent.wanted
}

/** Whether all extents of a page, from number `index` on, came out right. */
function isGood(slot: Slot, index: u32, page: u64): bool {
  const until = (page + 1) << PAGE_BITS
  for (let i = index; i < slot.extentUsed; i++) {
    const extent = extentOf(slot, i)
    if (extent.logical >= until) break
    if (extent.status) return false
  }
  return true
}
