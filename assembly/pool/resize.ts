// SPDX-License-Identifier: MIT
/**
 * The pool's size: how many of the frames that it was laid out for may be used. The others are set aside, wherever
 * they lie; those at the end go first.
 */
import { control, guarded } from "../layout"
import { frameState, freeFrame, isFree, OFFLINE_FRAME, setFrameState, takeFrame } from "./frames"
import { lock, unlock } from "./lock"
import { emptyFrame } from "./reclaim"

/** Sets how many frames are in use. Answers how many are then: more than wanted if the others are pinned or busy. */
export function resizePool(worker: usize, wanted: u32): u32 {
  lock(worker)
  const g = guarded()
  const target = min(wanted, control().frameCount)
  if (target < g.onlineFrames) setAside(target)
  else bringBack(target)
  const online = g.onlineFrames
  unlock(worker)
  return online
}

/** Takes free and unpinned frames out of use, from the end on, until `target` are left or no more can be had. */
function setAside(target: u32): void {
  const g = guarded()
  for (let frame = control().frameCount; frame > 0 && g.onlineFrames > target; frame--) {
    const at = frame - 1
    if (frameState(at) & OFFLINE_FRAME) continue
    if (!isFree(at) && !emptyFrame(at)) continue
    takeFrame(at, 0)
    setFrameState(at, OFFLINE_FRAME)
    g.onlineFrames -= 1
  }
}

/** Puts frames that were set aside back into use, from the beginning on. */
function bringBack(target: u32): void {
  const g = guarded()
  const frameCount = control().frameCount
  for (let frame: u32 = 0; frame < frameCount && g.onlineFrames < target; frame++) {
    if (!(frameState(frame) & OFFLINE_FRAME)) continue
    freeFrame(frame)
    g.onlineFrames += 1
  }
}
