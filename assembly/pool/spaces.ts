// SPDX-License-Identifier: MIT
/**
 * Address space records: one per file identity that has pages or that somebody refers to. Interning by
 * key is in intern.ts. Everything here is only valid under the lock.
 */
import { control, frameAddress, guarded, SPACE_KEY_OFFSET, SPACE_RECORD_BITS, SpaceRecord } from "../layout"
import { freeFrame } from "./frames"

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

/** Puts all records on the free list, at the pool's birth. */
export function freeAllSpaces(): void {
  const c = control()
  const g = guarded()
  memory.fill(c.spaces, 0, ((c.spaceCapacity as usize) + 1) << SPACE_RECORD_BITS)
  memory.fill(c.spaceBuckets, 0, ((c.spaceBucketMask as usize) + 1) << 2)
  g.freeSpace = 0
  for (let space = c.spaceCapacity; space > 0; space--) {
    spaceRecord(space).next = g.freeSpace
    g.freeSpace = space
  }
  g.usedSpaces = 0
}

/** Takes a record off the free list; 0 = none left. */
export function takeSpace(): u32 {
  const g = guarded()
  const space = g.freeSpace
  if (!space) return 0
  const record = spaceRecord(space)
  g.freeSpace = record.next
  g.usedSpaces += 1
  record.references = 0
  record.pages = 0
  record.keyFrameCount = 0
  return space
}

/** Puts a record back on the free list. */
export function returnSpace(space: u32): void {
  const g = guarded()
  const record = spaceRecord(space)
  for (let i: u32 = 0; i < record.keyFrameCount; i++) freeFrame(record.keyFrame + i)
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

/** Counts a reference given back; the space goes with the last one if no page is in it. */
export function unrefer(space: u32): void {
  const record = spaceRecord(space)
  if (CHECKED) assert(record.references > 0)
  record.references -= 1
  releaseIfIdle(space)
}

/** Unlinks and frees a space that nobody refers to and that has no pages. */
function releaseIfIdle(space: u32): void {
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
