// SPDX-License-Identifier: MIT
/**
 * Address space records: one per file identity that has pages or that somebody refers to. Interning by
 * key is in intern.ts. Everything here is only valid under the lock.
 */
import { pagesFor } from "../bits"
import { xxh32 } from "../hash/xxh32"
import {
  bucketOffset,
  control,
  frameAddress,
  guarded,
  SPACE_KEY_INLINE,
  SPACE_KEY_OFFSET,
  SPACE_RECORD_SIZE,
  SpaceRecord,
} from "../layout"
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
  return changetype<SpaceRecord>(control().spaces + (space as usize) * SPACE_RECORD_SIZE)
}

/** Where a space's key lies: in its record, or in frames of its own. */
export function keyAddress(space: u32): usize {
  const record = spaceRecord(space)
  if (keyFrames(record.keyLength)) return frameAddress(record.keyFrame)
  return changetype<usize>(record) + SPACE_KEY_OFFSET
}

/** Frames that a key of that length takes for itself. */
export function keyFrames(keyLength: u32): u32 {
  return keyLength > SPACE_KEY_INLINE ? (pagesFor(keyLength) as u32) : 0
}

/** The hash of a key; the space of a domain is in none (0). */
export function hashOfKey(tag: u32, owner: u32, domain: u32, key: usize, keyLength: u32): u32 {
  return xxh32(key, keyLength, owner + domain * 0x9e3779b1 + (tag << 28))
}

/** The domain by which a space is looked up. */
function domainInKey(record: SpaceRecord): u32 {
  return record.tag == TAG_DOMAIN ? 0 : record.domain
}

/** The bucket of a space. */
function bucketOf(space: u32): usize {
  const record = spaceRecord(space)
  const domain = domainInKey(record)
  return spaceBucket(hashOfKey(record.tag, record.owner, domain, keyAddress(space), record.keyLength))
}

/** The bucket of spaces whose key has that hash. */
export function spaceBucket(hash: u32): usize {
  const c = control()
  return c.spaceBuckets + bucketOffset(hash, c.spaceBucketCount)
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
  record.pages = 0
  record.keyLength = 0
  record.members = 0
  return space
}

/** Puts a record back on the free list. */
export function returnSpace(space: u32): void {
  const g = guarded()
  const record = spaceRecord(space)
  const frames = keyFrames(record.keyLength)
  for (let i: u32 = 0; i < frames; i++) {
    // Where a worker ended in this loop, some are free already.
    if (frameState(record.keyFrame + i) & KEPT_FRAME) freeFrame(record.keyFrame + i)
  }
  g.keyFrames -= frames
  record.keyLength = 0
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

/** Unlinks and frees a space that nobody refers to and that has no pages. It may have been the last of its domain. */
export function releaseIfIdle(space: u32): void {
  const record = spaceRecord(space)
  if (record.members) return
  if (record.pages) return
  const domain = domainInKey(record)
  let link = bucketOf(space)
  while (load<u32>(link) != space) {
    if (CHECKED) assert(load<u32>(link) != 0)
    link = changetype<usize>(spaceRecord(load<u32>(link))) + NEXT_OFFSET
  }
  store<u32>(link, record.next)
  returnSpace(space)
  if (domain) uncountPage(domain)
}

/** Counts a space in its domain, as the pages of a file are counted: the domain lasts as long as any space of it does. */
export function countInDomain(space: u32): void {
  const domain = domainInKey(spaceRecord(space))
  if (domain) countPage(domain)
}

/** Puts a space into the chain of its key's hash. */
export function linkSpace(space: u32): void {
  const record = spaceRecord(space)
  const bucket = bucketOf(space)
  record.next = load<u32>(bucket)
  store<u32>(bucket, space)
}

/** Empties all chains of spaces; linkSpace() fills them again. */
export function clearSpaceChains(): void {
  const c = control()
  memory.fill(c.spaceBuckets, 0, (c.spaceBucketCount as usize) << 2)
}
