// SPDX-License-Identifier: MIT
/**
 * The page index: from (address space, page number) to the frame that holds the page. Hash chains of links,
 * through the records of frames and of aliases. Reading takes no lock; a chain that changes under the reader
 * can make it miss a page, never see a wrong one, and whoever misses looks again under the lock.
 *
 *   link    31    30                0
 *           +-----+------------------+
 *           |  0  |    frame + 1     |   the page's own frame; 0 = end of the chain
 *           +-----+------------------+
 *           |  1  |      alias       |   the page lies in the frame of an equal one
 *           +-----+------------------+
 */
import { AliasRecord, control, FrameRecord, WorkerRecord } from "../layout"
import { aliasRecord } from "./aliases"
import { loadShared, storeShared, storeShared64 } from "./atomics"
import { frameRecord, holdsPage, pinFrame, unpinFrame } from "./frames"
import { countPage, uncountPage } from "./spaces"

const ALIAS_LINK: u32 = 1 << 31
const FRAME_NEXT_OFFSET: usize = offsetof<FrameRecord>("next")
const SPACE_OFFSET: usize = offsetof<FrameRecord>("space")
const PAGE_OFFSET: usize = offsetof<FrameRecord>("page")
const ALIAS_NEXT_OFFSET: usize = offsetof<AliasRecord>("next")
/** Pages that many bits apart are spread over the buckets. */
const STRIDE_BITS: u64 = 9
/** A chain longer than this is one that is being changed: give up. */
const CHAIN_LIMIT: u32 = 1 << 16

/** Address of the bucket of a page. Neighbours fall into neighbouring buckets; pages a power of two apart do not share one. */
function bucketOf(space: u32, page: u64): usize {
  const c = control()
  const hash = (page as u32) + ((page >> STRIDE_BITS) as u32) * 0x85ebca6b + space * 0x9e3779b1
  return c.buckets + (((hash & c.bucketMask) as usize) << 2)
}

/** The link of a page, ready or busy; 0 = it is not in the index. */
function findLink(space: u32, page: u64): u32 {
  let link = loadShared(bucketOf(space, page))
  let steps: u32 = 0
  while (link) {
    if (link & ALIAS_LINK) {
      const alias = aliasRecord(link & ~ALIAS_LINK)
      if (alias.space == space) {
        if (alias.page == page) return link
      }
    } else if (holdsPage(link - 1, space, page)) return link
    link = loadShared(nextOf(link))
    if (SHARED) {
      if (++steps > CHAIN_LIMIT) return 0
    }
  }
  return 0
}

/** Address of the link that follows another. */
function nextOf(link: u32): usize {
  if (link & ALIAS_LINK) return changetype<usize>(aliasRecord(link & ~ALIAS_LINK)) + ALIAS_NEXT_OFFSET
  return changetype<usize>(frameRecord(link - 1)) + FRAME_NEXT_OFFSET
}

/** The frame in which a page lies or is being filled, or -1. */
export function findPage(space: u32, page: u64): i32 {
  const link = findLink(space, page)
  if (!link) return -1
  return (link & ALIAS_LINK ? aliasRecord(link & ~ALIAS_LINK).frame : link - 1) as i32
}

/** Finds a page, pins its frame and answers it; -1 if the page is not there, complete. Takes no lock. */
export function pinPage(worker: WorkerRecord, space: u32, page: u64, isUse: bool): i32 {
  const link = findLink(space, page)
  if (!link) return -1
  if (link & ALIAS_LINK) return pinAlias(worker, aliasRecord(link & ~ALIAS_LINK), space, page, isUse)
  const frame = link - 1
  if (!pinFrame(worker, frame, isUse)) return -1
  if (holdsPage(frame, space, page)) return frame as i32
  unpinFrame(worker, frame)
  return -1
}

/** Pins the frame that an alias leads to, if it is still the alias of that page. */
function pinAlias(worker: WorkerRecord, alias: AliasRecord, space: u32, page: u64, isUse: bool): i32 {
  const frame = alias.frame
  if (!pinFrame(worker, frame, isUse)) return -1
  if (alias.space == space && alias.page == page && alias.frame == frame) return frame as i32
  unpinFrame(worker, frame)
  return -1
}

/** Enters a frame for a page. Only valid under the lock, for a page that is not in the index. */
export function insertPage(frame: u32, space: u32, page: u64): void {
  if (CHECKED) assert(findPage(space, page) < 0)
  const bucket = bucketOf(space, page)
  const record = frameRecord(frame)
  record.next = load<u32>(bucket)
  record.page = page
  record.space = space
  storeShared(bucket, frame + 1)
  countPage(space)
}

/** Takes a frame out of the index. Only valid under the lock, for a frame that is in it. */
export function removePage(frame: u32): void {
  const record = frameRecord(frame)
  const space = record.space
  unlink(bucketOf(space, record.page), frame + 1)
  record.space = 0
  uncountPage(space)
}

/** Enters an alias, whose frame is set, for a page. Only valid under the lock. */
export function insertAlias(number: u32, space: u32, page: u64): void {
  const bucket = bucketOf(space, page)
  const alias = aliasRecord(number)
  alias.next = load<u32>(bucket)
  alias.page = page
  alias.space = space
  storeShared(bucket, number | ALIAS_LINK)
  countPage(space)
}

/** Takes an alias out of the index. Only valid under the lock, for one that is in it. */
export function removeAlias(number: u32): void {
  const alias = aliasRecord(number)
  const space = alias.space
  unlink(bucketOf(space, alias.page), number | ALIAS_LINK)
  alias.space = 0
  uncountPage(space)
}

/** Takes a link out of its chain. */
function unlink(bucket: usize, link: u32): void {
  let at = bucket
  let next = load<u32>(at)
  while (next != link) {
    if (CHECKED) assert(next != 0)
    at = nextOf(next)
    next = load<u32>(at)
  }
  storeShared(at, load<u32>(nextOf(link)))
}

/** Takes a frame out of its chain, but leaves its record as it is. */
export function unlinkFrame(frame: u32): void {
  const record = frameRecord(frame)
  unlink(bucketOf(record.space, record.page), frame + 1)
}

/** Gives a frame that is in no chain another page of the same bytes. No loop, no call: it is done whole or not at all. */
export function renameFrame(frame: u32, space: u32, page: u64, reader: u32): void {
  const record = frameRecord(frame)
  storeShared(changetype<usize>(record) + SPACE_OFFSET, 0)
  storeShared64(changetype<usize>(record) + PAGE_OFFSET, page)
  record.reader = reader
  storeShared(changetype<usize>(record) + SPACE_OFFSET, space)
}

/** Empties all chains; relinkFrame() and relinkAlias() fill them again. Only valid under the lock. */
export function clearChains(): void {
  const c = control()
  memory.fill(c.buckets, 0, ((c.bucketMask as usize) + 1) << 2)
}

/** Puts a frame whose page is known back into its chain. */
export function relinkFrame(frame: u32): void {
  const record = frameRecord(frame)
  const bucket = bucketOf(record.space, record.page)
  record.next = load<u32>(bucket)
  storeShared(bucket, frame + 1)
}

/** Puts an alias whose page is known back into its chain. */
export function relinkAlias(number: u32): void {
  const alias = aliasRecord(number)
  const bucket = bucketOf(alias.space, alias.page)
  alias.next = load<u32>(bucket)
  storeShared(bucket, number | ALIAS_LINK)
}
