// SPDX-License-Identifier: MIT
/**
 * Interning of address spaces by key. A key is a tag (spaces.ts), an owner, a domain and some bytes:
 *
 *   TAG_INODE        owner = mount    bytes = nid          a file that shares with nobody
 *   TAG_DEVICE       owner = mount    bytes = device       the metadata of an image
 *   TAG_FINGERPRINT  owner = digits   bytes = fingerprint  so many digits at its end are packed (src/fingerprint-key.ts)
 *   TAG_VERIFIED     owner = digits   bytes = fingerprint  of files whose content was hashed and found to be what they claim
 *   TAG_DOMAIN       owner = 0        bytes = its name     no pages
 *
 * A domain goes by the number of its own space, which lasts as long as any space of the domain; metadata is in none (0).
 * So a fingerprint space belongs to files that claim the same content in the same domain, and as the name of the domain
 * lies apart, value and domain can never run into each other.
 */
import { control, guarded, workerRecord } from "../layout"
import { NO_FRAME, NO_SPACE, SIZE_DIFFERS } from "../status"
import { aliasRecord } from "./aliases"
import { dropAlias } from "./content"
import { KEPT_FRAME, setFrameState, spaceIn } from "./frames"
import { lock, unlock } from "./lock"
import { addMember, dropMember } from "./members"
import { spaceOf } from "./names"
import { dropPage, takeRun } from "./reclaim"
import {
  countInDomain,
  hashOfKey,
  keyAddress,
  keyFrames,
  linkSpace,
  releaseIfIdle,
  returnSpace,
  spaceBucket,
  spaceRecord,
  TAG_DOMAIN,
  takeSpace,
} from "./spaces"

/** Longest key, in bytes: as long as any value of an attribute. */
const KEY_LIMIT: u32 = u16.MAX_VALUE

/**
 * Finds or makes the space with a key and refers to it, as a member for `mount`. Answers its number, or minus a
 * status: SIZE_DIFFERS (the key is there with another size, nothing was done), NO_SPACE, NO_FRAME.
 */
export function internSpace(
  worker: usize,
  tag: u32,
  owner: u32,
  key: usize,
  keyLength: u32,
  size: u64,
  mount: u32,
  domain: u32,
): i32 {
  if (keyLength > KEY_LIMIT) return -NO_SPACE
  const place = workerRecord(worker).place
  lock(worker)
  const found = lookUpSpace(tag, owner, domain, key, keyLength)
  let answer: i32
  if (!found) answer = makeSpace(place, tag, owner, domain, key, keyLength, size)
  else if (spaceRecord(found).size != size) answer = -SIZE_DIFFERS
  else answer = found as i32
  if (answer > 0) {
    const space = answer as u32
    if (!addMember(space, mount, place)) {
      releaseIfIdle(space)
      answer = -NO_SPACE
    }
  }
  unlock(worker)
  return answer
}

/** Gives a reference of a mount back. */
export function releaseSpace(worker: usize, space: u32, mount: u32): void {
  const place = workerRecord(worker).place
  lock(worker)
  if (dropMember(space, mount, place)) releaseIfIdle(space)
  unlock(worker)
}

/** The space with a key, 0 = none. The hash only finds candidates; the key is compared whole. */
function lookUpSpace(tag: u32, owner: u32, domain: u32, key: usize, keyLength: u32): u32 {
  let space = load<u32>(spaceBucket(hashOfKey(tag, owner, domain, key, keyLength)))
  for (; space; space = spaceRecord(space).next) {
    const record = spaceRecord(space)
    if (record.tag != tag || record.owner != owner || record.keyLength != keyLength) continue
    if (tag != TAG_DOMAIN && record.domain != domain) continue
    if (memory.compare(keyAddress(space), key, keyLength) == 0) break
  }
  return space
}

/** A new space for a key, without references; or minus a status. */
function makeSpace(
  place: u32,
  tag: u32,
  owner: u32,
  domain: u32,
  key: usize,
  keyLength: u32,
  size: u64,
): i32 {
  const g = guarded()
  if (!g.freeSpace && g.spaceTop == control().spaceCapacity) dropUnreferenced()
  const space = takeSpace()
  if (!space) return -NO_SPACE
  const record = spaceRecord(space)
  const frames = keyFrames(keyLength)
  if (frames) {
    const first = takeRun(place, frames)
    if (first < 0) {
      returnSpace(space)
      return -NO_FRAME
    }
    record.keyFrame = first as u32
    record.keyLength = keyLength as u16
    g.keyFrames += frames
    for (let i: u32 = 0; i < frames; i++) setFrameState((first as u32) + i, KEPT_FRAME)
  }
  record.owner = owner
  record.domain = tag == TAG_DOMAIN ? space : domain
  record.keyLength = keyLength as u16
  record.size = size
  memory.copy(keyAddress(space), key, keyLength)
  record.tag = tag as u16
  linkSpace(space)
  countInDomain(space)
  return space as i32
}

/** Drops the pages of spaces that nobody refers to, and so the spaces, when records run out. */
function dropUnreferenced(): void {
  for (let number: u32 = 1; number <= guarded().aliasTop; number++) {
    if (isUnreferenced(spaceOf(aliasRecord(number).name))) dropAlias(number)
  }
  const frameCount = control().frameCount
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    if (isUnreferenced(spaceIn(frame))) dropPage(frame)
  }
}

/** Whether there is a space of that number and nobody refers to it. */
function isUnreferenced(space: u32): bool {
  return space != 0 && spaceRecord(space).members == 0
}
