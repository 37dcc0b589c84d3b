// SPDX-License-Identifier: MIT
/**
 * Sharing by content: a page that comes into the pool and equals one that is there, of any file of the same
 * domain, becomes an alias of that one's frame. Frames with a hash are in chains of equal hashes; a hash only
 * finds candidates, the bytes decide. What says that it needs no lock may be wrong by the time it is used, as long
 * as framesEmptied() tells; everything else is only valid under the lock.
 */
import { PAGE_SIZE } from "../bits"
import { xxh64Folded } from "../hash/xxh64"
import { bucketOffset, ContentRecord, control, frameAddress, guarded } from "../layout"
import { aliasRecord, hangOn, returnAliasRecord, takeAliasRecord, takeOff } from "./aliases"
import { loadShared } from "./atomics"
import { contentRecord, frameRecord, frameState, READY, readerOf, spaceIn } from "./frames"
import { spaceOf } from "./names"
import { insertAlias, relinkFrame, removeAlias, removePage, renameFrame, unlinkFrame } from "./pages"
import { countPage, spaceRecord, uncountPage } from "./spaces"

/**
 * Frames of one hash that are compared, and frames of one chain that are looked at, before a page is left alone. Hashes
 * can be forged: whoever makes many pages with one must not make the lock be held for long.
 */
const CANDIDATES: u32 = 4
const CHAIN_LIMIT: u32 = 64

/** What findTwin() answers when there is none: the page may be found by others, or is one too many of its chain. */
const NO_TWIN: i32 = -1
const CHAIN_FULL: i32 = -2

/** The hash by which the bytes of a frame are found; never 0. The domain goes into it. Needs no lock. */
export function hashOfFrame(frame: u32, domain: u32): u32 {
  const hash = xxh64Folded(frameAddress(frame), domain)
  const folded = (hash as u32) ^ ((hash >> 32) as u32)
  return folded ? folded : 1
}

/** The first frame, + 1, that holds a page of that hash; 0 = none. Needs no lock. */
export function candidateOf(hash: u32): u32 {
  let next = loadShared(bucketOf(hash))
  for (let looks = CHAIN_LIMIT; next && looks; looks--) {
    if (holdsHash(next - 1, hash)) return next
    next = loadShared(linkOf(next - 1))
  }
  return 0
}

/** Whether a frame holds a complete page of that hash. Needs no lock. */
function holdsHash(frame: u32, hash: u32): bool {
  if (loadShared(hashAddress(frame)) != hash) return false
  return bool(frameState(frame) & READY)
}

/**
 * The hash of what a frame holds, if pages of that domain may share it; else 0, as for frames that do not exist. Needs no
 * lock.
 */
export function hashToShare(frame: u32, domain: u32): u32 {
  if (frame >= control().frameCount) return 0
  const hash = loadShared(hashAddress(frame))
  return hash && bool(frameState(frame) & READY) && domainOf(frame) == domain ? hash : 0
}

/** Whether two frames hold the same bytes. Needs no lock. */
export function isEqual(frame: u32, other: u32): bool {
  const a = frameAddress(frame)
  const b = frameAddress(other)
  for (let at: usize = 0; at < PAGE_SIZE; at += 64) {
    const first = v128.xor(v128.load(a + at), v128.load(b + at))
    const second = v128.xor(v128.load(a + at, 16), v128.load(b + at, 16))
    const third = v128.xor(v128.load(a + at, 32), v128.load(b + at, 32))
    const fourth = v128.xor(v128.load(a + at, 48), v128.load(b + at, 48))
    if (v128.any_true(v128.or(v128.or(first, second), v128.or(third, fourth)))) return false
  }
  return true
}

/**
 * Makes the page of a busy frame, whose bytes have that hash, an alias of an equal one that is there; `known`: the frame
 * of one, + 1, if it has been compared. Answers whether there was one: then the frame is out of the index and can be
 * given back. Else it is in the hash's chain, unless that is full or holds an equal one already.
 */
export function mergePage(frame: u32, hash: u32, known: u32): bool {
  const twin: i32 = known && isCandidate(known - 1, hash, domainOf(frame)) ? known - 1 : findTwin(frame, hash)
  const alias = twin < 0 ? 0 : takeAlias(twin as u32)
  if (!alias) {
    if (twin == NO_TWIN) enterChain(frame, hash)
    return false
  }
  hangOn(alias, twin as u32)
  aliasRecord(alias).reader = readerOf(frame)
  // First in, then out: the space must not be without a page meanwhile.
  insertAlias(alias, frameRecord(frame).name)
  removePage(frame)
  guarded().merged += 1
  return true
}

/** A frame with the same bytes, complete and of the same domain; or NO_TWIN, or CHAIN_FULL. */
function findTwin(frame: u32, hash: u32): i32 {
  const domain = domainOf(frame)
  let compared: u32 = 0
  let looks: u32 = 0
  for (let next = load<u32>(bucketOf(hash)); next; next = load<u32>(linkOf(next - 1))) {
    if (++looks == CHAIN_LIMIT) return CHAIN_FULL
    const other = next - 1
    if (!isCandidate(other, hash, domain)) continue
    if (isEqual(frame, other)) return other as i32
    if (++compared == CANDIDATES) return CHAIN_FULL
  }
  return NO_TWIN
}

/** Whether a frame holds a complete page of that hash and domain. */
function isCandidate(frame: u32, hash: u32, domain: u32): bool {
  return holdsHash(frame, hash) && domainOf(frame) == domain
}

/** The domain of the page in a frame. */
function domainOf(frame: u32): u32 {
  return spaceRecord(spaceIn(frame)).domain
}

/** A record for a further alias. When all are in use the next one round gives its place up, but not one of `twin`. */
function takeAlias(twin: u32): u32 {
  const free = takeAliasRecord()
  if (free) return free
  const g = guarded()
  const capacity = control().aliasCapacity
  if (!capacity) return 0
  g.aliasHand = g.aliasHand >= capacity ? 1 : g.aliasHand + 1
  if (aliasRecord(g.aliasHand).frame == twin) return 0
  dropAlias(g.aliasHand)
  return takeAliasRecord()
}

/** Takes an alias out of the index and off its frame, and frees its record. */
export function dropAlias(number: u32): void {
  takeOff(number)
  removeAlias(number)
  returnAliasRecord(number)
}

/** Drops all aliases of a frame. */
export function dropAliases(frame: u32): void {
  const record = contentRecord(frame)
  while (record.aliases) dropAlias(record.aliases)
}

/** Replaces the page of a frame that has aliases by one of these: the frame lives on without its own page. */
export function promoteAlias(frame: u32): void {
  const number = contentRecord(frame).aliases
  const name = aliasRecord(number).name
  const left = spaceIn(frame)
  // Whenever this is cut short, the frame's record names a page that it holds (repair.ts).
  unlinkFrame(frame)
  renameFrame(frame, name, aliasRecord(number).reader)
  countPage(spaceOf(name))
  dropAlias(number)
  relinkFrame(frame)
  uncountPage(left)
}

/** Address of the bucket of a hash. */
function bucketOf(hash: u32): usize {
  const c = control()
  return c.contentBuckets + bucketOffset(hash, c.bucketCount)
}

/** Address of a frame's hash. */
function hashAddress(frame: u32): usize {
  return changetype<usize>(contentRecord(frame)) + offsetof<ContentRecord>("hash")
}

/** Address of the link from a frame to the next one of its chain. */
function linkOf(frame: u32): usize {
  return changetype<usize>(contentRecord(frame)) + offsetof<ContentRecord>("next")
}

/** Puts a frame into the chain of its hash. */
function enterChain(frame: u32, hash: u32): void {
  const bucket = bucketOf(hash)
  guarded().usesContent = 1
  contentRecord(frame).hash = hash
  store<u32>(linkOf(frame), load<u32>(bucket))
  store<u32>(bucket, frame + 1)
}

/** Takes a frame out of the chain of its hash, if it is in one. */
export function leaveChain(frame: u32): void {
  const record = contentRecord(frame)
  if (!record.hash) return
  let link = bucketOf(record.hash)
  while (load<u32>(link) != frame + 1) {
    if (CHECKED) assert(load<u32>(link) != 0)
    link = linkOf(load<u32>(link) - 1)
  }
  store<u32>(link, load<u32>(linkOf(frame)))
  record.hash = 0
}

/** Makes the chains anew from what the frames' records say; frames that hold no page leave them. */
export function rebuildContentChains(): void {
  if (!guarded().usesContent) return
  const c = control()
  memory.fill(c.contentBuckets, 0, (c.bucketCount as usize) << 2)
  for (let frame: u32 = 0; frame < c.frameCount; frame++) {
    const hash = contentRecord(frame).hash
    if (!hash) continue
    contentRecord(frame).hash = 0
    if (frameState(frame) & READY) enterChain(frame, hash)
  }
}
