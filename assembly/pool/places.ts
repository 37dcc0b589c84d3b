// SPDX-License-Identifier: MIT
/**
 * Places of workers: a bit each in the word at PLACES. A place is taken for a worker before it comes, and freed
 * when it is known to be gone, by itself or terminated. What it holds then is given back here.
 */
import { clearSlots, control, guarded, PLACES, WORKER_LIMIT, workerAddress, workerRecord } from "../layout"
import { announceFill, exchangeShared, loadShared } from "./atomics"
import { frameState, freeFrame, isBusyFor, spaceIn, unpinAll } from "./frames"
import { breakLock, lock, unlock } from "./lock"
import { dropMembersOf } from "./members"
import { removePage } from "./pages"
import { releaseIfIdle, spaceRecord } from "./spaces"

/** Takes a free place and answers its number, or -1 if all are taken. */
export function takePlace(): i32 {
  const count = min(control().workerCount, WORKER_LIMIT)
  let taken = loadShared(PLACES)
  let place = <u32>ctz(~taken)
  while (place < count && !exchangeShared(PLACES, taken, taken | ((1 as u32) << place))) {
    taken = loadShared(PLACES)
    place = <u32>ctz(~taken)
  }
  return place < count ? (place as i32) : -1
}

/** Makes a place ready for its worker and answers the address of its region. */
export function enterPlace(place: u32): usize {
  const worker = workerAddress(place)
  const record = workerRecord(worker)
  record.place = place
  record.workspaceMount = 0
  record.carries = 0
  return worker
}

/**
 * Frees a place whose worker has ended, and everything that it held: the lock, fills under way, pins, references to
 * address spaces. `worker` is the caller's region. Only valid once that worker runs no more.
 */
export function freePlace(worker: usize, place: u32): void {
  breakLock(worker, place)
  lock(worker)
  returnFrames(place)
  unpinAll(place)
  for (let space = guarded().spaceTop; space > 0; space--) {
    if (!spaceRecord(space).tag) continue
    if (dropMembersOf(space, place)) releaseIfIdle(space)
  }
  clearSlots(workerAddress(place))
  unlock(worker)
  announceFill()
  let taken = loadShared(PLACES)
  while (!exchangeShared(PLACES, taken, taken & ~((1 as u32) << place))) taken = loadShared(PLACES)
}

/** Gives back the frames that a place was filling. */
function returnFrames(place: u32): void {
  const frameCount = control().frameCount
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    if (!isBusyFor(frameState(frame), place)) continue
    if (spaceIn(frame)) removePage(frame)
    freeFrame(frame)
  }
}
