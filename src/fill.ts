// SPDX-License-Identifier: MIT
/** Bringing pages into the pool: plans that are made again until they can be carried out; at once or later. */
import type { Content } from "./content.js"
import type { Need } from "./drive.js"
import { type Engine, SEIZE_AFTER } from "./engine.js"
import { type ErrorCode, isErofsError } from "./errors.js"
import { failure } from "./failure.js"
import { carryOut, carryOutSync, type Use } from "./fetch.js"
import { PAGE_BITS, PAGE_SIZE } from "./page.js"
import type { Slot } from "./slot.js"
import * as status from "./status.js"

/** Plans in a row that may come to nothing (pages reclaimed before their use) before the pool counts as too small. */
export const ATTEMPTS = 64
/** Bytes of metadata worth reading at once, unless the source says otherwise. */
const METADATA_WINDOW = 32 << 10
/**
 * Fills of no more pages, and the first of a content, are taken for no part of a row of reads: from afar nothing is read that
 * only helps those behind them.
 */
const FEW_PAGES = 4
const FEW_FILLS = 4
/** Part of what costs as much as a request that is read of the packed inode where a directory lies in it. */
const DIRECTORY_SHARE = 3 / 4
/** Errors that say what a source or its image is like: another image with the same content may do better. */
const SOURCE_FAILURES: readonly ErrorCode[] = ["EIO", "EUCLEAN", "ENOTSUP", "ESTALE"]

/**
 * Needs page `page` in the pool, and with it up to `want` pages from it on if that pays. Once it is met the page is in
 * the pool, though another worker may reclaim it at once. Throws EUCLEAN, EIO, ENOTSUP or ENOMEM if it cannot be had.
 */
export function fill(engine: Engine, content: Content, page: number, want: number): Need {
  return filling(engine, content, page, want, undefined)
}

/**
 * Like {@link fill}, past the pool: decodes up to `want` pages from `page` on and shows them to `use`, at least one, in
 * memory that is theirs only during the call. Behind the end of the file the last page is zero. No page of the
 * content enters the pool, none leaves it; metadata goes through it as ever.
 */
export function usePages(
  engine: Engine,
  content: Content,
  page: number,
  want: number,
  use: (pages: Uint8Array) => void,
): Need {
  return filling(engine, content, page, want, use)
}

function filling(engine: Engine, content: Content, page: number, want: number, use: Use): Need {
  return {
    now: () => fillSync(engine, content, page, want, use),
    later: (signal) => fillLater(engine, content, page, want, use, signal),
  }
}

/** Meets {@link fill} or {@link usePages} at once. */
export function fillSync(engine: Engine, content: Content, page: number, want: number, use?: Use): void {
  try {
    fillAlone(engine, content, page, want, use)
  } catch (error) {
    for (const other of othersFor(engine, content, use, error)) {
      try {
        fillAlone(engine, other, page, want, use)
        return
      } catch (otherError) {
        if (!mayOthersHave(otherError)) throw otherError
      }
    }
    throw error
  }
}

/** Like {@link fillSync}, from the content's own image alone. */
function fillAlone(engine: Engine, content: Content, page: number, want: number, use: Use): void {
  try {
    fillAtOnce(engine, content, page, want, use)
  } catch (error) {
    if (!mayBeHadAlone(want, error)) throw error
    fillAtOnce(engine, content, page, 1, use)
  }
}

async function fillLater(
  engine: Engine,
  content: Content,
  page: number,
  want: number,
  use: Use,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await fillAloneLater(engine, content, page, want, use, signal)
  } catch (error) {
    for (const other of othersFor(engine, content, use, error)) {
      try {
        await fillAloneLater(engine, other, page, want, use, signal)
        return
      } catch (otherError) {
        if (!mayOthersHave(otherError)) throw otherError
      }
    }
    throw error
  }
}

/** Like {@link fillLater}, from the content's own image alone. */
async function fillAloneLater(
  engine: Engine,
  content: Content,
  page: number,
  want: number,
  use: Use,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await fillInTime(engine, content, page, want, use, signal)
  } catch (error) {
    if (!mayBeHadAlone(want, error)) throw error
    await fillInTime(engine, content, page, 1, use, signal)
  }
}

/** The other files that may supply the pages of a shared content, when its own image could not. */
function othersFor(engine: Engine, content: Content, use: Use, error: unknown): Content[] {
  // Who reads past the pool asks for this image's bytes.
  return use === undefined && mayOthersHave(error) ? engine.othersOf(content) : []
}

/** Whether it is the source or the image that failed, and not the pool. */
function mayOthersHave(error: unknown): boolean {
  return isErofsError(error) && SOURCE_FAILURES.includes(error.code)
}

/** It may be what lies beyond the page that cannot be had: a range cut short, a fragment, an index. */
function mayBeHadAlone(want: number, error: unknown): boolean {
  return want > 1 && isErofsError(error)
}

/** Fills without waiting; fails with anything that the pages from the first on need. */
function fillAtOnce(engine: Engine, content: Content, page: number, want: number, use: Use): void {
  const slot = engine.syncSlot
  // Pages of a table that is gone through from front to back are progress, however many they are.
  let farthest = -1
  let busySince = 0
  // A thread that may not sleep would do nothing but burn its time, and a page of a browser would stand still.
  const isHasty = !engine.core.maySleep
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const planned = plan(slot, content, page, want, use, isTooLong(busySince), isHasty)
    if (planned === status.OK) {
      carryOutSync(engine, content, slot, use)
      return
    }
    if (planned === status.RESIDENT) return
    if (planned === status.BUSY) {
      busySince ||= performance.now()
      attempt--
      engine.settled.now()
      continue
    }
    const { needPage } = slot
    if (planned === status.NEED_METADATA && needPage > farthest) {
      farthest = needPage
      attempt = -1
    }
    const missing = lacking(engine, planned, slot, content)
    fillSync(engine, missing.content, missing.page, missing.want)
  }
  throw failure(status.TOO_SMALL, content, page * PAGE_SIZE)
}

/** Fills as {@link fillAtOnce} does, waiting where it must. */
async function fillInTime(
  engine: Engine,
  content: Content,
  page: number,
  want: number,
  use: Use,
  signal: AbortSignal | undefined,
): Promise<void> {
  let farthest = -1
  let busySince = 0
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    signal?.throwIfAborted()
    const slot = await engine.takeSlot()
    const planned = plan(slot, content, page, want, use, isTooLong(busySince))
    if (planned === status.OK) {
      await carryOut(engine, content, slot, use, signal)
      return
    }
    const { needPage } = slot
    engine.returnSlot(slot)
    if (planned === status.RESIDENT) return
    if (planned === status.BUSY) {
      // Not an attempt: where many wait for one page that cannot be had, each finds that out in its turn.
      busySince ||= performance.now()
      attempt--
      signal?.throwIfAborted()
      await engine.settled.later(signal)
      continue
    }
    if (planned === status.NEED_METADATA && needPage > farthest) {
      farthest = needPage
      attempt = -1
    }
    // Nobody else had the slot meanwhile.
    const missing = lacking(engine, planned, slot, content)
    await fillLater(engine, missing.content, missing.page, missing.want, undefined, signal)
  }
  throw failure(status.TOO_SMALL, content, page * PAGE_SIZE)
}

/**
 * Whether a page has been busy for longer than another worker takes that is still there; 0 = it is not busy. Once it was
 * too long that holds until the fill is done: what a plan lacks to take the page over may take more plans, and the page
 * is busy in all of them. Others may have taken turns at it meanwhile: then it is taken from the last of them early,
 * which costs that one's work and no more.
 */
function isTooLong(busySince: number): boolean {
  return busySince !== 0 && performance.now() - busySince > SEIZE_AFTER
}

/**
 * Plans a fill. Takes the page over from another worker that `isLate` with it, and then whatever that one is filling until
 * something is heard of it; or without having waited, if it `isHasty`. Answers a status.
 */
function plan(
  slot: Slot,
  content: Content,
  page: number,
  want: number,
  use: Use,
  isLate: boolean,
  isHasty = false,
): number {
  // Only of a file that stood in for another: its image may be closed while the other waits.
  if (content.isReleased) return status.CLOSED
  content.useHint(page * PAGE_SIZE)
  const { description } = content
  const planned = use
    ? slot.planDirect(description, page, want)
    : slot.plan(description, page, want, {
        seizes: isLate || isHasty,
        doubts: isLate,
        verifies: content.proof !== undefined,
        isSparing:
          want <= FEW_PAGES && content.fills < FEW_FILLS && content.devices.primary.isRemote === true,
      })
  if (planned === status.OK) content.fills++
  content.saveHint(slot)
  return planned
}

/** The pages of another content that a plan lacks. Throws what the plan failed with, if it is not that. */
function lacking(engine: Engine, planned: number, slot: Slot, content: Content): Missing {
  const { needPage, needCount, errorOffset } = slot
  if (planned === status.NEED_METADATA) {
    const metadata = content.metadata as Content
    return { content: metadata, page: needPage, want: metadataPages(engine, metadata, needPage) }
  }
  if (planned === status.NEED_PACKED) {
    const packed = content.packed as Content
    return { content: packed, page: needPage, want: Math.max(needCount, packedPages(content, packed)) }
  }
  throw failure(planned, content, errorOffset)
}

/** Pages of the packed inode that are worth bringing in together: where a directory lies, those next to it do, too. */
function packedPages(content: Content, packed: Content): number {
  return content.isDirectory ? Math.floor((packed.window?.unit ?? 0) * DIRECTORY_SHARE) : 0
}

/** Pages that must be in the pool before something else can go on. */
interface Missing {
  content: Content
  page: number
  want: number
}

/** Pages of metadata that are worth bringing in together. */
export function metadataPages(engine: Engine, metadata: Content, page: number): number {
  const { window, space } = metadata
  // Where many wait for one page the window is that of the first.
  if (window) return engine.core.firstMissing(space, page, page + 1) > page ? 1 : window.want(page)
  const bytes = metadata.devices.primary.granularity ?? METADATA_WINDOW
  return Math.max(1, bytes >>> PAGE_BITS)
}
