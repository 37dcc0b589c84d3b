// SPDX-License-Identifier: MIT
/**
 * Address space records: one per file identity that has pages or that somebody refers to. Interning by
 * key is in intern.ts. Everything here is only valid under the lock.
 */
import { control, frameAddress, guarded, SPACE_KEY_OFFSET, SPACE_RECORD_BITS, SpaceRecord } from "../layout"
import { frameState, freeFrame, KEPT_FRAME } from "./frames"

/** Kinds of keys; see intern.ts. */
export const TAG_INODE: u32 = 1
export const TAG_DEVICE: u32 = 2
export const TAG_FINGERPRINT: u32 = 3
export const TAG_DOMAIN: u32 = 4
export const TAG_VERIFIED: u32 = 5

const NEXT_OFFSET: usize = offsetof<SpaceRecord>("next")

/** The record of an address space; spaces count from 1. */
export function spaceRecord(space: u32): SpaceRecord {
  return changetype<SpaceRecord>(control().spaces + ((space as usize) << SPACE_RECORD_BITS))
}

/** Where a space's key lies: in its record, or in frames of its own. */
export function keyAddress(space: u32): usize {
  const record = spaceRecord(space)
  if (record.keyFrameCount) return frameAddress(record.keyFrame)
  return changetype<usize>(record) + SPACE_KEY_OFFSET
}

/** The bucket of spaces whose key has that hash. */
export function spaceBucket(hash: u32): usize {
  return control().spaceBuckets + (((hash & control().spaceBucketMask) as usize) << 2)
}

/** Takes a record that is not in use; 0 = all are. */
export function takeSpace(): u32 {
  const g = guarded()
  let space = g.freeSpace
  if (space) g.freeSpace = spaceRecord(space).next
  else if (g.spaceTop < control().spaceCapacity) {
    g.spaceTop += 1
    space = g.spaceTop
  } else return 0
  g.usedSpaces += 1
  const record = spaceRecord(space)
  record.references = 0
  record.pages = 0
  record.keyFrameCount = 0
  record.members = 0
  return space
}

/** Puts a record back on the free list. */
export function returnSpace(space: u32): void {
  const g = guarded()
  const record = spaceRecord(space)
  for (let i: u32 = 0; i < record.keyFrameCount; i++) {
    // Where a worker ended in this loop, some are free already.
    if (frameState(record.keyFrame + i) & KEPT_FRAME) freeFrame(record.keyFrame + i)
  }
  g.keyFrames -= record.keyFrameCount
  record.keyFrameCount = 0
  record.tag = 0
  record.next = g.freeSpace
  g.freeSpace = space
  g.usedSpaces -= 1
}

/** Counts a page that came into the space. */
export function countPage(space: u32): void {
  spaceRecord(space).pages += 1
}

/** Counts a page that left the space; the space goes with its last page if nobody refers to it. */
export function uncountPage(space: u32): void {
  const record = spaceRecord(space)
  if (CHECKED) assert(record.pages > 0)
  record.pages -= 1
  releaseIfIdle(space)
}

/** Counts references given back; the space goes with the last one if no page is in it. */
export function unrefer(space: u32, count: u32): void {
  const record = spaceRecord(space)
  if (CHECKED) assert(record.references >= count)
  record.references -= count
  releaseIfIdle(space)
}

/** Unlinks and frees a space that nobody refers to and that has no pages. */
export function releaseIfIdle(space: u32): void {
  const record = spaceRecord(space)
  if (record.references) return
  if (record.pages) return
  let link = spaceBucket(record.hash)
  while (load<u32>(link) != space) {
    if (CHECKED) assert(load<u32>(link) != 0)
    link = changetype<usize>(spaceRecord(load<u32>(link))) + NEXT_OFFSET
  }
  store<u32>(link, record.next)
  returnSpace(space)
}

/** Puts a space into the chain of its key's hash. */
export function linkSpace(space: u32): void {
  const record = spaceRecord(space)
  const bucket = spaceBucket(record.hash)
  record.next = load<u32>(bucket)
  store<u32>(bucket, space)
}

/** Empties all chains of spaces; linkSpace() fills them again. */
export function clearSpaceChains(): void {
  const c = control()
  memory.fill(c.spaceBuckets, 0, ((c.spaceBucketMask as usize) + 1) << 2)
}
