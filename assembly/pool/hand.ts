// SPDX-License-Identifier: MIT
/**
 * How the hand of reclaim goes round. It goes stretch by stretch, and there are two ways:
 *
 *   moving    once over each stretch: new pages push out the oldest. Right while pages are used again before
 *             the hand has been round.
 *   staying   several times over each stretch: new pages push out new ones, and the rest of the pool keeps what
 *             it has. Right for loops over more than fits: what stays is there when the loop comes round, while
 *             a hand that moves would throw out each page just before its use.
 *
 * Whatever the way, a hand that finds that hardly any page it comes to was used again takes the other one. Pages
 * cool down only when the hand comes into their stretch, not when it goes over it again.
 */
import { control, guarded } from "../layout"

/** Share of the frames (a power of two) that a stretch has. */
const STRETCH_SHIFT: u32 = 4
/** How often a hand that stays goes over a stretch. */
const PASSES: u32 = 8
/** The way is right if at least this share (a power of two) of the pages was used again. */
const WARM_SHIFT: u32 = 3

/** Whether the hand is in a stretch for the first time in this round. */
export function isFirstPass(): bool {
  return guarded().pass == 0
}

/**
 * Notes a page of a file that the hand came to for the first time in a round; `isWarm`: it was used again since. After
 * as many as there are frames the way is thought over. (Metadata is used again whatever is done with files.)
 */
export function notePassed(isWarm: bool): void {
  const g = guarded()
  g.passed += 1
  if (isWarm) g.warm += 1
  if (g.passed < g.onlineFrames) return
  if (g.warm < g.passed >> WARM_SHIFT) g.isStaying ^= 1
  g.passed = 0
  g.warm = 0
}

/** Whether a stretch ends before `hand`; runs of `length` frames must fit. */
export function isStretchEnd(hand: u32, length: u32): bool {
  const g = guarded()
  if (hand >= control().frameCount) return true
  return hand - g.stretchStart >= max(length, g.onlineFrames >> STRETCH_SHIFT)
}

/** Where the hand goes from the end of a stretch: to the next one, or over the same again. */
export function nextStretch(hand: u32): u32 {
  const g = guarded()
  const goesAgain = g.isStaying && g.taken && g.pass + 1 < PASSES
  g.taken = 0
  if (goesAgain) {
    g.pass += 1
    return g.stretchStart
  }
  g.pass = 0
  g.stretchStart = hand >= control().frameCount ? 0 : hand
  return g.stretchStart
}

/** Notes frames that were taken. */
export function noteTaken(length: u32): void {
  guarded().taken += length
}
