// SPDX-License-Identifier: MIT
/**
 * Sharing by content: a page that comes into the pool and equals one that is there, of any file of the same
 * domain, becomes an alias of that one's frame. Frames with a hash are in chains of equal hashes; a hash only
 * finds candidates, the bytes decide. Everything but hashing is only valid under the lock.
 */
import { PAGE_SIZE } from "../bits"
import { xxh64Folded } from "../hash/xxh64"
import { CONTENT_RECORD_BITS, ContentRecord, control, frameAddress, guarded } from "../layout"
import { aliasRecord, hangOn, returnAliasRecord, takeAliasRecord, takeOff } from "./aliases"
import { frameRecord, frameState, READY } from "./frames"
import { insertAlias, relinkFrame, removeAlias, removePage, renameFrame, unlinkFrame } from "./pages"
import { countPage, spaceRecord, uncountPage } from "./spaces"

/** Candidates with one hash that are compared, and frames of one chain that are looked at, before a page counts as new. */
const CANDIDATES: u32 = 4
const CHAIN_LIMIT: u32 = 64

/** The content record of a frame. */
function contentRecord(frame: u32): ContentRecord {
  return changetype<ContentRecord>(control().contentTable + ((frame as usize) << CONTENT_RECORD_BITS))
}

/** The hash by which the bytes of a frame are found; never 0. The domain goes into it. Needs no lock. */
export function hashOfFrame(frame: u32, domain: u32): u32 {
  const hash = xxh64Folded(frameAddress(frame), PAGE_SIZE, domain)
  const folded = (hash as u32) ^ ((hash >> 32) as u32)
  return folded ? folded : 1
}

/**
 * Makes the page of a busy frame, whose bytes have that hash, an alias of an equal one that is there. Answers
 * whether there was one: then the frame is out of the index and can be given back. Else it is in the hash's chain.
 */
export function mergePage(frame: u32, hash: u32): bool {
  const twin = findTwin(frame, hash)
  const alias = twin < 0 ? 0 : takeAlias(twin as u32)
  if (!alias) {
    enterChain(frame, hash)
    return false
  }
  const record = frameRecord(frame)
  hangOn(alias, twin as u32)
  aliasRecord(alias).reader = record.reader
  // First in, then out: the space must not be without a page meanwhile.
  insertAlias(alias, record.space, record.page)
  removePage(frame)
  guarded().merged += 1
  return true
}

/** A frame with the same bytes, complete and of the same domain; or -1. */
function findTwin(frame: u32, hash: u32): i32 {
  const domain = spaceRecord(frameRecord(frame).space).domain
  let compared: u32 = 0
  let looks: u32 = 0
  for (let next = load<u32>(bucketOf(hash)); next; next = contentRecord(next - 1).next) {
    // Hashes can be forged: whoever makes many pages with one must not make the lock be held for long.
    if (++looks > CHAIN_LIMIT) break
    const other = next - 1
    if (contentRecord(other).hash != hash) continue
    if (spaceRecord(frameRecord(other).space).domain != domain) continue
    if (isEqual(frameAddress(frame), frameAddress(other))) return other as i32
    if (++compared == CANDIDATES) break
  }
  return -1
}

/** Whether two pages hold the same bytes. */
function isEqual(a: usize, b: usize): bool {
  for (let at: usize = 0; at < PAGE_SIZE; at += 64) {
    const first = v128.xor(v128.load(a + at), v128.load(b + at))
    const second = v128.xor(v128.load(a + at, 16), v128.load(b + at, 16))
    const third = v128.xor(v128.load(a + at, 32), v128.load(b + at, 32))
    const fourth = v128.xor(v128.load(a + at, 48), v128.load(b + at, 48))
    if (v128.any_true(v128.or(v128.or(first, second), v128.or(third, fourth)))) return false
  }
  return true
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
  const record = frameRecord(frame)
  while (record.aliases) dropAlias(record.aliases)
}

/** Replaces the page of a frame that has aliases by one of these: the frame lives on without its own page. */
export function promoteAlias(frame: u32): void {
  const number = frameRecord(frame).aliases
  const space = aliasRecord(number).space
  const page = aliasRecord(number).page
  const left = frameRecord(frame).space
  // Whenever this is cut short, the frame's record names a page that it holds (repair.ts).
  unlinkFrame(frame)
  renameFrame(frame, space, page, aliasRecord(number).reader)
  countPage(space)
  dropAlias(number)
  relinkFrame(frame)
  uncountPage(left)
}

/** Address of the bucket of a hash. */
function bucketOf(hash: u32): usize {
  const c = control()
  return c.contentBuckets + (((hash & c.bucketMask) as usize) << 2)
}

/** Puts a frame into the chain of its hash. */
function enterChain(frame: u32, hash: u32): void {
  const record = contentRecord(frame)
  const bucket = bucketOf(hash)
  const first = load<u32>(bucket)
  record.hash = hash
  record.previous = 0
  record.next = first
  if (first) contentRecord(first - 1).previous = frame + 1
  store<u32>(bucket, frame + 1)
  guarded().usesContent = 1
}

/** Takes a frame out of the chain of its hash, if it is in one. */
export function leaveChain(frame: u32): void {
  if (!guarded().usesContent) return
  const record = contentRecord(frame)
  if (!record.hash) return
  if (record.previous) contentRecord(record.previous - 1).next = record.next
  else store<u32>(bucketOf(record.hash), record.next)
  if (record.next) contentRecord(record.next - 1).previous = record.previous
  record.hash = 0
}

/** Makes the chains anew from what the frames' records say; frames that hold no page leave them. */
export function rebuildContentChains(): void {
  if (!guarded().usesContent) return
  const c = control()
  memory.fill(c.contentBuckets, 0, ((c.bucketMask as usize) + 1) << 2)
  for (let frame: u32 = 0; frame < c.frameCount; frame++) {
    const hash = contentRecord(frame).hash
    if (!hash) continue
    contentRecord(frame).hash = 0
    if (frameState(frame) & READY) enterChain(frame, hash)
  }
}
