// SPDX-License-Identifier: MIT
/**
 * Putting the pool in order after a worker that was terminated while it held the lock, in the middle of a change.
 * What the records of frames, aliases and spaces say of themselves is the truth: each is written so that it is
 * right at any moment. Chains, lists and counts are made from them anew.
 */
import { control, guarded } from "../layout"
import { aliasRecord, hangOn, returnAliasRecord } from "./aliases"
import { rebuildContentChains } from "./content"
import {
  BUSY_FRAME,
  contentRecord,
  frameState,
  holdsPage,
  READY,
  rebuildBitmap,
  setName,
  spaceIn,
} from "./frames"
import { spaceOf } from "./names"
import { clearChains, relinkAlias, relinkFrame } from "./pages"
import {
  clearSpaceChains,
  countInDomain,
  countPage,
  keyFrames,
  linkSpace,
  releaseIfIdle,
  returnSpace,
  spaceRecord,
} from "./spaces"

/** Makes everything that can be derived anew. Only valid under the lock. */
export function repairPool(): void {
  relinkSpaces()
  countDomains()
  clearChains()
  relinkFrames()
  relinkAliases()
  rebuildContentChains()
  dropIdleSpaces()
  rebuildBitmap()
}

/** Chains all spaces that are in use, all others into the free list. Pages are counted anew afterwards. */
function relinkSpaces(): void {
  const g = guarded()
  clearSpaceChains()
  g.freeSpace = 0
  g.usedSpaces = 0
  g.keyFrames = 0
  for (let space = g.spaceTop; space > 0; space--) {
    const record = spaceRecord(space)
    record.pages = 0
    g.usedSpaces += 1
    g.keyFrames += keyFrames(record.keyLength)
    if (record.tag) linkSpace(space)
    else returnSpace(space)
  }
}

/** Counts the spaces of each domain. */
function countDomains(): void {
  for (let space = guarded().spaceTop; space > 0; space--) {
    if (spaceRecord(space).tag) countInDomain(space)
  }
}

/** Chains all frames that hold a page or wait for one; what was being emptied is empty. */
function relinkFrames(): void {
  const frameCount = control().frameCount
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    if (guarded().usesContent) contentRecord(frame).aliases = 0
    if (!(frameState(frame) & (READY | BUSY_FRAME))) setName(frame, 0)
    const space = spaceIn(frame)
    if (!space) continue
    relinkFrame(frame)
    countPage(space)
  }
}

/**
 * Chains and hangs up all aliases whose frame holds a page, all others into the free list: those too that were about to
 * become their frame's own page and already are.
 */
function relinkAliases(): void {
  const g = guarded()
  g.freeAlias = 0
  g.usedAliases = g.aliasTop
  for (let number = g.aliasTop; number > 0; number--) {
    const alias = aliasRecord(number)
    const isLeft = bool(frameState(alias.frame) & READY) && !holdsPage(alias.frame, alias.name)
    if (!alias.name || !isLeft) {
      returnAliasRecord(number)
      continue
    }
    hangOn(number, alias.frame)
    relinkAlias(number)
    countPage(spaceOf(alias.name))
  }
}

/** Frees the spaces that nobody refers to and that have no pages. */
function dropIdleSpaces(): void {
  for (let space = guarded().spaceTop; space > 0; space--) {
    if (spaceRecord(space).tag) releaseIfIdle(space)
  }
}
