// SPDX-License-Identifier: MIT
/**
 * Where frames for new pages come from. A hand goes round the frames in the order of their addresses
 * (CLOCK, see hand.ts) and takes what is free or cold; what has been used since is passed by, once for every
 * use up to three (so a scan, whose pages are used once, does not push out pages that are used again and
 * again). Because cold neighbours are taken together, reclaim hands out contiguous runs: a file that is
 * read in order lies in order, and one view of it is one array.
 */
import { control, guarded } from "../layout"
import { dropAliases, leaveChain, promoteAlias } from "./content"
import {
  contentRecord,
  exchangeFrameState,
  FRESH,
  findFreeRun,
  frameState,
  freeFrame,
  HEAT_MASK,
  HEAT_ONE,
  isFree,
  PIN_MASK,
  READY,
  spaceIn,
  takeFrame,
} from "./frames"
import { isFirstPass, isStretchEnd, nextStretch, notePassed, noteTaken } from "./hand"
import { removePage } from "./pages"
import { spaceRecord, TAG_DEVICE } from "./spaces"

/** Free frames are searched first while at least this share (a power of two) of the pool is free. */
const PLENTY_SHIFT: u32 = 4
/** A run is given up after so many laps in vain; a single frame needs one lap more than there is heat. */
const RUN_LAPS: u32 = 1
const SINGLE_LAPS: u32 = 5

/**
 * Takes a run of `length` contiguous frames, busy for the worker of a place, and answers the first; or -1 when
 * there is none. Only valid under the lock.
 */
export function takeRun(place: u32, length: u32): i32 {
  const g = guarded()
  if (g.freeFrames >= max(length, g.onlineFrames >> PLENTY_SHIFT)) {
    const first = findFreeRun(length)
    if (first >= 0) {
      takeAll(place, first as u32, length)
      return first
    }
  }
  return sweep(place, length)
}

/** Marks the frames of a run busy. */
function takeAll(place: u32, first: u32, length: u32): void {
  for (let frame = first; frame < first + length; frame++) takeFrame(frame, place)
}

/** Moves the hand until it has passed `length` neighbours that are free or cold, and takes them. */
function sweep(place: u32, length: u32): i32 {
  const g = guarded()
  const count = control().frameCount
  if (length > count) return -1
  let steps = count * (length == 1 ? SINGLE_LAPS : RUN_LAPS) + length
  let hand = g.hand
  let run: u32 = 0
  for (;;) {
    if (isStretchEnd(hand, length)) {
      const next = nextStretch(hand)
      if (next != hand) run = 0
      hand = next
    }
    const isFirst = isFirstPass()
    // A further pass that gives nothing is the last over its stretch: only the first ones need a limit.
    if (isFirst && steps-- == 0) break
    run = isTakeable(hand, isFirst) ? run + 1 : 0
    hand++
    if (run == length) {
      const first = hand - length
      const taken = emptyAll(first, length)
      if (taken == length) {
        g.hand = hand
        noteTaken(length)
        takeAll(place, first, length)
        return first as i32
      }
      // A reader pinned one of them meanwhile: go on behind it.
      run = hand - (first + taken + 1)
    }
  }
  g.hand = hand
  return -1
}

/**
 * Whether a frame may be taken. On the hand's first way over a stretch (`isFirst`) used ones lose some heat instead; on
 * further ones they keep it, and pages that nobody has used yet are left to those who had them brought in.
 */
function isTakeable(frame: u32, isFirst: bool): bool {
  const state = frameState(frame)
  if (state == 0) return isFree(frame)
  if (!(state & READY)) return false
  if (state & PIN_MASK) return false
  const heat = state & HEAT_MASK
  if (!isFirst) return !heat && !(state & FRESH)
  if (spaceRecord(spaceIn(frame)).tag != TAG_DEVICE) notePassed(bool(heat))
  if (!heat) return true
  exchangeFrameState(frame, state, state - HEAT_ONE)
  return false
}

/** Empties the frames of a run; answers how many were emptied before one turned out to be in use. */
function emptyAll(first: u32, length: u32): u32 {
  for (let frame = first; frame < first + length; frame++) {
    if (isFree(frame)) continue
    if (!emptyFrame(frame)) return frame - first
  }
  return length
}

/** Throws a page, and all equal ones that lie there too, out of its frame unless a reader holds it. Only valid under the lock. */
export function emptyFrame(frame: u32): bool {
  for (;;) {
    const state = frameState(frame)
    if (!(state & READY)) return false
    if (state & PIN_MASK) return false
    if (exchangeFrameState(frame, state, 0)) break
  }
  // Before anybody can bring other bytes in: framesEmptied() tells those who looked at them.
  guarded().reclaimed += 1
  if (guarded().usesContent) {
    leaveChain(frame)
    dropAliases(frame)
  }
  removePage(frame)
  freeFrame(frame)
  return true
}

/** Drops a frame's own page; equal pages of others stay where they are. Only valid under the lock. */
export function dropPage(frame: u32): bool {
  if (!(frameState(frame) & READY)) return false
  if (!contentRecord(frame).aliases) return emptyFrame(frame)
  promoteAlias(frame)
  return true
}
