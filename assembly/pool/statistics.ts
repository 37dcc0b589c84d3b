// SPDX-License-Identifier: MIT
/** Counting what the pool holds. */
import { control, guarded, WorkerRecord, workerAddress } from "../layout"
import { frameRecord, frameState, PIN_MASK, READY } from "./frames"
import { lock, unlock } from "./lock"
import { spaceRecord } from "./spaces"

/**
 * What statistics() writes: u64 each, so that TypeScript can read them in one go.
 */
@unmanaged
export class Statistics {
  frames: u64
  framesUsed: u64
  framesPinned: u64
  spaces: u64
  /** Pages in spaces that more than one inode refers to, and what they would take unshared beyond that. */
  pagesShared: u64
  pagesSaved: u64
  hits: u64
  misses: u64
  bytesDecoded: u64
  pagesFilled: u64
  pagesReclaimed: u64
}

/** Adds everything up into the record at `target`. */
export function collectStatistics(target: usize): void {
  const c = control()
  const g = guarded()
  const out = changetype<Statistics>(target)
  memory.fill(target, 0, offsetof<Statistics>())
  lock()
  out.frames = c.frameCount
  out.framesUsed = c.frameCount - g.freeFrames
  out.spaces = g.usedSpaces
  out.pagesReclaimed = g.reclaimed
  for (let frame: u32 = 0; frame < c.frameCount; frame++) {
    const state = frameState(frame)
    if (!(state & READY)) continue
    if (state & PIN_MASK) out.framesPinned += 1
    const references = spaceRecord(frameRecord(frame).space).references
    if (references > 1) {
      out.pagesShared += 1
      out.pagesSaved += references - 1
    }
  }
  unlock()
  for (let i: u32 = 0; i < c.workerCount; i++) {
    const worker = changetype<WorkerRecord>(workerAddress(i))
    out.hits += worker.hits
    out.misses += worker.misses
    out.bytesDecoded += worker.bytesDecoded
    out.pagesFilled += worker.pagesFilled
  }
}
