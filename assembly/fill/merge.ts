// SPDX-License-Identifier: MIT
/**
 * Sharing by content in a fill: pages are hashed, and compared with equal ones, before the lock is taken. Its holder only
 * has to see that no frame has been emptied since. Each step is done for all pages before the next, so that the
 * processor waits for the memory of many at once: what was not used for a while is in none of its caches.
 */
import { candidateFrom, firstOfChain, hashOfFrame, isEqual, mergePage } from "../pool/content"
import { framesEmptied } from "../pool/frames"
import { spaceRecord } from "../pool/spaces"
import { HASHES_OFFSET, Slot, TWINS_OFFSET } from "../slot"
import { endOfComplete, firstComplete } from "./plan"
import { runFrame } from "./run"

/** Begins with the hashing of a run: none of its pages is hashed yet. */
export function beginHashing(slot: Slot): void {
  slot.hashPage = firstHashed(slot)
}

/** The first page of the run that is hashed, and the one behind the last. */
function firstHashed(slot: Slot): u64 {
  return max(firstComplete(slot), slot.runPage)
}
function endOfHashed(slot: Slot): u64 {
  return min<u64>(endOfComplete(slot), slot.runPage + slot.runLength)
}

/** Hashes the complete pages of the run before `to` that are not yet hashed. What a bad one hashes to does not matter. */
export function hashPages(slot: Slot, to: u64): void {
  const domain = spaceRecord(slot.space).domain
  const end = min<u64>(to, endOfHashed(slot))
  let page = slot.hashPage
  for (; page < end; page++) {
    const index = (page - slot.runPage) as u32
    store<u32>(hashAddress(slot, index), hashOfFrame(runFrame(slot, index), domain))
  }
  slot.hashPage = page
}

/** Looks for pages in the pool that equal those of the run, all of which are hashed. Takes no lock. */
export function findTwins(slot: Slot): void {
  slot.emptied = framesEmptied()
  const first = (firstHashed(slot) - slot.runPage) as u32
  const end = (endOfHashed(slot) - slot.runPage) as u32
  for (let i = first; i < end; i++) store<u32>(twinAddress(slot, i), firstOfChain(hashOf(slot, i)))
  for (let i = first; i < end; i++) {
    store<u32>(twinAddress(slot, i), candidateFrom(twinOf(slot, i), hashOf(slot, i)))
  }
  for (let i = first; i < end; i++) {
    const twin = twinOf(slot, i)
    if (!twin) continue
    if (!isEqual(runFrame(slot, i), twin - 1)) store<u32>(twinAddress(slot, i), 0)
  }
}

/** Lets a page of the run share the frame of an equal one, see mergePage(). Only valid under the lock. */
export function mergeInRun(slot: Slot, index: u32, frame: u32): bool {
  const known = slot.emptied == framesEmptied() ? twinOf(slot, index) : 0
  return mergePage(frame, hashOf(slot, index), known)
}

/** Where the hash of page number `index` of the run is kept; the hash. */
function hashAddress(slot: Slot, index: u32): usize {
  return changetype<usize>(slot) + HASHES_OFFSET + ((index as usize) << 2)
}
function hashOf(slot: Slot, index: u32): u32 {
  return load<u32>(hashAddress(slot, index))
}

/** Likewise the frame, + 1, of a page that equals it. */
function twinAddress(slot: Slot, index: u32): usize {
  return changetype<usize>(slot) + TWINS_OFFSET + ((index as usize) << 2)
}
function twinOf(slot: Slot, index: u32): u32 {
  return load<u32>(twinAddress(slot, index))
}
