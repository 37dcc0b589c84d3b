// SPDX-License-Identifier: MIT
/** Counting what the pool holds, and telling who holds it. */
import { PAGE_SIZE } from "../bits"
import {
  ALIAS_RECORD_SIZE,
  CONTENT_RECORD_SIZE,
  control,
  FRAME_RECORD_SIZE,
  guarded,
  MEMBER_RECORD_SIZE,
  PIN_BYTES,
  PLACES,
  SPACE_RECORD_SIZE,
  WorkerRecord,
  workerAddress,
} from "../layout"
import { aliasRecord } from "./aliases"
import { loadShared } from "./atomics"
import {
  BUSY_FRAME,
  contentRecord,
  frameState,
  KEPT_FRAME,
  OFFLINE_FRAME,
  PIN_MASK,
  READY,
  spaceIn,
} from "./frames"
import { lock, unlock } from "./lock"
import { memberRecord, referencesOf } from "./members"
import { spaceOf } from "./names"
import { spaceRecord, TAG_DEVICE } from "./spaces"

/**
 * What statistics() writes: u64 each, so that TypeScript can read them in one go.
 */
@unmanaged
export class Statistics {
  frames: u64
  framesUsed: u64
  framesPinned: u64
  framesBusy: u64
  spaces: u64
  /** Pages that more than one inode uses, and what they would take unshared beyond that. */
  pagesShared: u64
  pagesSaved: u64
  /** Pages that lie in the frame of an equal one, now and in all. */
  pagesAliased: u64
  pagesMerged: u64
  hits: u64
  misses: u64
  bytesDecoded: u64
  pagesFilled: u64
  pagesReclaimed: u64
  /** Bytes of all tables, as far as they are in use. */
  bookkeepingBytes: u64
  /** How often the pool was put in order after a worker that ended in the middle of a change. */
  repairs: u64
}

/** Adds everything up into the record at `target`. */
export function collectStatistics(worker: usize, target: usize): void {
  const c = control()
  const g = guarded()
  const out = changetype<Statistics>(target)
  memory.fill(target, 0, offsetof<Statistics>())
  lock(worker)
  out.frames = g.onlineFrames
  out.framesUsed = g.onlineFrames - g.freeFrames
  out.spaces = g.usedSpaces
  out.pagesReclaimed = g.reclaimed
  out.pagesAliased = g.usedAliases
  out.pagesMerged = g.merged
  out.bookkeepingBytes = bookkeepingBytes()
  out.repairs = g.repairs
  countFrames(out)
  unlock(worker)
  const places = loadShared(PLACES)
  for (let i: u32 = 0; i < c.workerCount; i++) {
    const record = changetype<WorkerRecord>(workerAddress(i))
    // Of the table of its pins the first part, and the other where any of them ran over.
    if ((places >> i) & 1) out.bookkeepingBytes += out.frames * (record.carries ? PIN_BYTES : 1)
    out.hits += record.hits
    out.misses += record.misses
    out.bytesDecoded += record.bytesDecoded
    out.pagesFilled += record.pagesFilled
  }
}

/** Counts what frames hold. */
function countFrames(out: Statistics): void {
  const frameCount = control().frameCount
  const hasContent = guarded().usesContent
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    const state = frameState(frame)
    if (state & BUSY_FRAME) out.framesBusy += 1
    if (!(state & READY)) continue
    if (state & PIN_MASK) out.framesPinned += 1
    let users = usersOf(spaceIn(frame))
    let alias = hasContent ? contentRecord(frame).aliases : 0
    for (; alias; alias = aliasRecord(alias).sibling) users += usersOf(spaceOf(aliasRecord(alias).name))
    if (users > 1) {
      out.pagesShared += 1
      out.pagesSaved += users - 1
    }
  }
}

/** Who uses a page of a space: those who refer to it, or whoever brought it in. */
function usersOf(space: u32): u32 {
  return max<u32>(1, referencesOf(space))
}

/** Bytes of all tables but those of pins: what has been used of those that fill up from their beginning. */
function bookkeepingBytes(): u64 {
  const c = control()
  const g = guarded()
  const content = g.usesContent
    ? (c.bucketCount << 2) + g.onlineFrames * CONTENT_RECORD_SIZE + g.aliasTop * ALIAS_RECORD_SIZE
    : 0
  return (
    <u64>g.onlineFrames * FRAME_RECORD_SIZE +
    (g.onlineFrames << 2) +
    (g.onlineFrames >> 3) +
    (c.bucketCount << 2) +
    (c.spaceBucketCount << 2) +
    <u64>g.spaceTop * SPACE_RECORD_SIZE +
    <u64>g.memberTop * MEMBER_RECORD_SIZE +
    <u64>g.keyFrames * PAGE_SIZE +
    content
  )
}

/** What describeFrames() says of a frame that holds no page. */
const FREE: u32 = 0
const KEPT: u32 = 0xffffffff

/**
 * Writes for each of the frames from `first` on, at most `count`, the address space of its page: 0 = free, all ones =
 * bookkeeping. Frames that are set aside are left out. Answers how many frames were looked at.
 */
export function describeFrames(worker: usize, first: u32, count: u32, target: usize): u32 {
  const end = min(control().frameCount, first + count)
  let out = target
  lock(worker)
  for (let frame = first; frame < end; frame++) {
    const state = frameState(frame)
    let space = state & (READY | BUSY_FRAME) ? spaceIn(frame) : FREE
    if (state & (KEPT_FRAME | OFFLINE_FRAME)) space = KEPT
    store<u32>(out, space)
    out += 4
  }
  unlock(worker)
  return end - first
}

/**
 * Writes for each of the aliases from number `first` on, at most `count`, two words: its frame and the address space of
 * its page, 0 = not in use. Answers how many were looked at; 0 behind the last.
 */
export function describeAliases(worker: usize, first: u32, count: u32, target: usize): u32 {
  let out = target
  lock(worker)
  const end = min(guarded().aliasTop + 1, first + count)
  for (let number = first; number < end; number++) {
    const alias = aliasRecord(number)
    store<u32>(out, alias.frame)
    store<u32>(out, spaceOf(alias.name), 4)
    out += 8
  }
  unlock(worker)
  return end > first ? end - first : 0
}

/**
 * Describes an address space in words at `target`: pages, whether it is a device, mounts that refer to it or own it (at
 * most `limit`, one of them perhaps twice). Answers how many words; 0 if there is no such space.
 */
export function describeSpace(worker: usize, space: u32, target: usize, limit: u32): u32 {
  let words: u32 = 0
  lock(worker)
  const record = spaceRecord(space)
  if (space && space <= guarded().spaceTop && record.tag) {
    store<u32>(target, record.pages)
    store<u32>(target, u32(record.tag == TAG_DEVICE), 4)
    words = 2
    // What belongs to one mount is its own even while no file of it is open.
    if (record.owner && limit) {
      store<u32>(target, record.owner, 8)
      words++
    }
    for (let number = record.members; number && words < limit + 2; number = memberRecord(number).next) {
      store<u32>(target + ((words as usize) << 2), memberRecord(number).mount)
      words++
    }
  }
  unlock(worker)
  return words
}
