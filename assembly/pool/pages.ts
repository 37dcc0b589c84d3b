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
import { AliasRecord, bucketOffset, control, FrameRecord, WorkerRecord } from "../layout"
import { aliasRecord } from "./aliases"
import { loadShared, loadShared64, storeShared, storeShared64 } from "./atomics"
import { frameRecord, holdsPage, pinFrame, setName, setReader, unpinFrame } from "./frames"
import { nameOf, spaceOf } from "./names"
import { countPage, uncountPage } from "./spaces"

const ALIAS_LINK: u32 = 1 << 31
const FRAME_NEXT_OFFSET: usize = offsetof<FrameRecord>("next")
const ALIAS_NEXT_OFFSET: usize = offsetof<AliasRecord>("next")
const ALIAS_NAME_OFFSET: usize = offsetof<AliasRecord>("name")
/** Pages that many bits apart are spread over the buckets. */
const STRIDE_BITS: u64 = 9
/** A chain longer than this is one that is being changed: give up. */
const CHAIN_LIMIT: u32 = 1 << 16

/** Address of the bucket of a page. Neighbours fall into neighbouring buckets; pages a power of two apart do not share one. */
function bucketOf(name: u64): usize {
  const c = control()
  const hash = (name as u32) + ((name >> STRIDE_BITS) as u32) * 0x85ebca6b + spaceOf(name) * 0x9e3779b1
  return c.buckets + bucketOffset(hash, c.bucketCount)
}

/** The link of a page, ready or busy; 0 = it is not in the index. */
function findLink(name: u64): u32 {
  let link = loadShared(bucketOf(name))
  let steps: u32 = 0
  while (link) {
    if (link & ALIAS_LINK) {
      if (isAliasOf(aliasRecord(link & ~ALIAS_LINK), name)) return link
    } else if (holdsPage(link - 1, name)) return link
    link = loadShared(nextOf(link))
    if (SHARED) {
      if (++steps > CHAIN_LIMIT) return 0
    }
  }
  return 0
}

/** Whether an alias is that of the page of that name. */
function isAliasOf(alias: AliasRecord, name: u64): bool {
  return loadShared64(changetype<usize>(alias) + ALIAS_NAME_OFFSET) == name
}

/** Address of the link that follows another. */
function nextOf(link: u32): usize {
  if (link & ALIAS_LINK) return changetype<usize>(aliasRecord(link & ~ALIAS_LINK)) + ALIAS_NEXT_OFFSET
  return changetype<usize>(frameRecord(link - 1)) + FRAME_NEXT_OFFSET
}

/** The frame in which a page lies or is being filled, or -1. */
export function findPage(space: u32, page: u64): i32 {
  const link = findLink(nameOf(space, page))
  if (!link) return -1
  return (link & ALIAS_LINK ? aliasRecord(link & ~ALIAS_LINK).frame : link - 1) as i32
}

/** Finds a page, pins its frame and answers it; -1 if the page is not there, complete. Takes no lock. */
export function pinPage(worker: WorkerRecord, space: u32, page: u64, isUse: bool): i32 {
  const name = nameOf(space, page)
  const link = findLink(name)
  if (!link) return -1
  if (link & ALIAS_LINK) return pinAlias(worker, aliasRecord(link & ~ALIAS_LINK), name, isUse)
  const frame = link - 1
  if (!pinFrame(worker, frame, isUse)) return -1
  if (holdsPage(frame, name)) return frame as i32
  unpinFrame(worker, frame)
  return -1
}

/** Pins the frame that an alias leads to, if it is still the alias of that page. */
function pinAlias(worker: WorkerRecord, alias: AliasRecord, name: u64, isUse: bool): i32 {
  const frame = alias.frame
  if (!pinFrame(worker, frame, isUse)) return -1
  if (isAliasOf(alias, name) && alias.frame == frame) return frame as i32
  unpinFrame(worker, frame)
  return -1
}

/** Enters a frame for a page. Only valid under the lock, for a page that is not in the index. */
export function insertPage(frame: u32, space: u32, page: u64): void {
  if (CHECKED) assert(findPage(space, page) < 0)
  setName(frame, nameOf(space, page))
  relinkFrame(frame)
  countPage(space)
}

/** Takes a frame out of the index. Only valid under the lock, for a frame that is in it. */
export function removePage(frame: u32): void {
  const name = frameRecord(frame).name
  unlinkFrame(frame)
  setName(frame, 0)
  uncountPage(spaceOf(name))
}

/** Enters an alias, whose frame is set, for the page of a name. Only valid under the lock. */
export function insertAlias(number: u32, name: u64): void {
  setAliasName(number, name)
  relinkAlias(number)
  countPage(spaceOf(name))
}

/** Gives an alias the name of its page, 0 = none. */
function setAliasName(number: u32, name: u64): void {
  storeShared64(changetype<usize>(aliasRecord(number)) + ALIAS_NAME_OFFSET, name)
}

/** Takes an alias out of the index. Only valid under the lock, for one that is in it. */
export function removeAlias(number: u32): void {
  const name = aliasRecord(number).name
  leaveChain(number | ALIAS_LINK, name)
  setAliasName(number, 0)
  uncountPage(spaceOf(name))
}

/** Puts a link into the chain of a name. */
function enterChain(link: u32, name: u64): void {
  const bucket = bucketOf(name)
  store<u32>(nextOf(link), load<u32>(bucket))
  storeShared(bucket, link)
}

/** Takes a link out of the chain of its name. */
function leaveChain(link: u32, name: u64): void {
  let at = bucketOf(name)
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
  leaveChain(frame + 1, frameRecord(frame).name)
}

/** Gives a frame that is in no chain another page of the same bytes. */
export function renameFrame(frame: u32, name: u64, reader: u32): void {
  setReader(frame, reader)
  setName(frame, name)
}

/** Empties all chains; relinkFrame() and relinkAlias() fill them again. Only valid under the lock. */
export function clearChains(): void {
  const c = control()
  memory.fill(c.buckets, 0, (c.bucketCount as usize) << 2)
}

/** Puts a frame whose page is known back into its chain. */
export function relinkFrame(frame: u32): void {
  enterChain(frame + 1, frameRecord(frame).name)
}

/** Puts an alias whose page is known back into its chain. */
export function relinkAlias(number: u32): void {
  enterChain(number | ALIAS_LINK, aliasRecord(number).name)
}
