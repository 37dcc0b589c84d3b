// SPDX-License-Identifier: MIT
/**
 * Sharing by content in a fill: pages are recognized, and compared with equal ones, before the lock is taken. Its holder
 * only has to see that no frame has been emptied since. What has been read in order lies in order, so behind the frame
 * that held one page the next is expected: comparing the two takes less than a hash. Only where that fails is the page
 * hashed and looked for.
 */
import { WorkerRecord } from "../layout"
import { candidateOf, hashOfFrame, hashToShare, isEqual, mergePage } from "../pool/content"
import { framesEmptied } from "../pool/frames"
import { spaceRecord } from "../pool/spaces"
import { HASHES_OFFSET, Slot, TWINS_OFFSET } from "../slot"
import { endOfComplete, firstComplete } from "./gather"
import { runFrame } from "./run"

/** Says of a twin that its bytes have been compared. No frame has so high a number. */
const CONFIRMED: u32 = 1 << 31

/** Begins with the recognition of a run's pages: none of them is known yet. */
export function beginMerging(slot: Slot): void {
  slot.knownPage = firstKnown(slot)
  slot.emptied = framesEmptied()
  slot.guess = changetype<WorkerRecord>(slot.worker as usize).guess
}

/** The first page of the run that is to be known, and the one behind the last. */
function firstKnown(slot: Slot): u64 {
  return max(firstComplete(slot), slot.runPage)
}
function endOfKnown(slot: Slot): u64 {
  return min<u64>(endOfComplete(slot), slot.runPage + slot.runLength)
}

/**
 * Recognizes the complete pages of the run before `to`, see recognizePage(). What a bad one is taken for does not matter:
 * it is not published.
 */
export function recognizePages(slot: Slot, to: u64): void {
  const domain = spaceRecord(slot.space).domain
  const end = min<u64>(to, endOfKnown(slot))
  let page = slot.knownPage
  for (; page < end; page++) recognizePage(slot, (page - slot.runPage) as u32, domain)
  slot.knownPage = page
}

/** Finds out the hash of page number `index` of the run, and a frame that probably holds the same. */
function recognizePage(slot: Slot, index: u32, domain: u32): void {
  const frame = runFrame(slot, index)
  const guess = slot.guess
  let hash = guess ? hashToShare(guess - 1, domain) : 0
  let twin = guess | CONFIRMED
  if (!hash || !isEqual(frame, guess - 1)) {
    hash = hashOfFrame(frame, domain)
    twin = candidateOf(hash)
  }
  store<u32>(hashAddress(slot, index), hash)
  store<u32>(twinAddress(slot, index), twin)
  slot.guess = twin ? (twin & ~CONFIRMED) + 1 : 0
}

/** Compares the run's pages, all of which have been recognized, with the frames that may hold the same. Takes no lock. */
export function confirmTwins(slot: Slot): void {
  const first = (firstKnown(slot) - slot.runPage) as u32
  const end = (endOfKnown(slot) - slot.runPage) as u32
  for (let i = first; i < end; i++) {
    const twin = twinOf(slot, i)
    if (!twin || twin & CONFIRMED) continue
    if (!isEqual(runFrame(slot, i), twin - 1)) store<u32>(twinAddress(slot, i), 0)
  }
  changetype<WorkerRecord>(slot.worker as usize).guess = slot.guess
}

/** Lets a page of the run share the frame of an equal one, see mergePage(). Only valid under the lock. */
export function mergeInRun(slot: Slot, index: u32, frame: u32): bool {
  const twin = twinOf(slot, index) & ~CONFIRMED
  if (slot.emptied == framesEmptied()) return mergePage(frame, hashOf(slot, index), twin)
  // The twin, from which the hash may have been taken, may hold another page by now.
  const hash = twin ? hashOfFrame(frame, spaceRecord(slot.space).domain) : hashOf(slot, index)
  return mergePage(frame, hash, 0)
}

/** Where the hash of page number `index` of the run is kept; the hash. */
function hashAddress(slot: Slot, index: u32): usize {
  return changetype<usize>(slot) + HASHES_OFFSET + ((index as usize) << 2)
}
function hashOf(slot: Slot, index: u32): u32 {
  return load<u32>(hashAddress(slot, index))
}

/** Likewise the frame, + 1, of a page that equals it, with CONFIRMED; without: that may do so. 0 = there is none. */
function twinAddress(slot: Slot, index: u32): usize {
  return changetype<usize>(slot) + TWINS_OFFSET + ((index as usize) << 2)
}
function twinOf(slot: Slot, index: u32): u32 {
  return load<u32>(twinAddress(slot, index))
}
