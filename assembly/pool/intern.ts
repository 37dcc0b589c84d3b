// SPDX-License-Identifier: MIT
/**
 * Interning of address spaces by key. A key is a tag (spaces.ts), an owner and some bytes:
 *
 *   TAG_INODE        owner = mount    bytes = nid          a file that shares with nobody
 *   TAG_DEVICE       owner = mount    bytes = device       the metadata of an image
 *   TAG_FINGERPRINT  owner = 0        bytes = length of domain (u32), domain, fingerprint
 *   TAG_DOMAIN       owner = 0        bytes = domain       no pages; its record has the domain's number
 *   TAG_VERIFIED     owner = 0        the same, of files whose content was hashed and found to be what they claim
 *
 * A fingerprint space belongs to files that claim the same content in the same domain; as the key tells
 * where the domain ends, value and domain can never run into each other.
 */
import { PAGE_BITS, PAGE_MASK } from "../bits"
import { xxh32 } from "../hash/xxh32"
import { control, guarded, MOUNTS, SPACE_KEY_INLINE, workerRecord } from "../layout"
import { NO_FRAME, NO_SPACE, SIZE_DIFFERS } from "../status"
import { aliasRecord } from "./aliases"
import { addShared } from "./atomics"
import { dropAlias } from "./content"
import { frameRecord, KEPT_FRAME, setFrameState } from "./frames"
import { lock, unlock } from "./lock"
import { addMember, dropMember } from "./members"
import { dropPage, takeRun } from "./reclaim"
import {
  keyAddress,
  linkSpace,
  returnSpace,
  spaceBucket,
  spaceRecord,
  TAG_DOMAIN,
  takeSpace,
  unrefer,
} from "./spaces"

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
  const place = workerRecord(worker).place
  lock(worker)
  const hash = xxh32(key, keyLength, owner + (tag << 28))
  const found = lookUpSpace(hash, tag, owner, key, keyLength)
  let answer: i32
  if (!found) answer = makeSpace(place, hash, tag, owner, key, keyLength, size)
  else if (spaceRecord(found).size != size) answer = -SIZE_DIFFERS
  else answer = found as i32
  if (answer > 0) {
    const space = answer as u32
    // Numbers of domains never come again: pages may outlive the mounts that brought them in.
    if (!found) spaceRecord(space).domain = tag == TAG_DOMAIN ? addShared(MOUNTS, 1) + 1 : domain
    if (addMember(space, mount, place)) spaceRecord(space).references += 1
    else {
      unrefer(space, 0)
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
  if (dropMember(space, mount, place)) unrefer(space, 1)
  unlock(worker)
}

/** The space with a key, 0 = none. The hash only finds candidates; the key is compared whole. */
function lookUpSpace(hash: u32, tag: u32, owner: u32, key: usize, keyLength: u32): u32 {
  let space = load<u32>(spaceBucket(hash))
  for (; space; space = spaceRecord(space).next) {
    const record = spaceRecord(space)
    if (record.hash != hash || record.tag != tag || record.owner != owner) continue
    if (record.keyLength != keyLength) continue
    if (memory.compare(keyAddress(space), key, keyLength) == 0) break
  }
  return space
}

/** A new space for a key, without references; or minus a status. */
function makeSpace(place: u32, hash: u32, tag: u32, owner: u32, key: usize, keyLength: u32, size: u64): i32 {
  const g = guarded()
  if (!g.freeSpace && g.spaceTop == control().spaceCapacity) dropUnreferenced()
  const space = takeSpace()
  if (!space) return -NO_SPACE
  const record = spaceRecord(space)
  if (keyLength > SPACE_KEY_INLINE) {
    const frames = (keyLength + PAGE_MASK) >> PAGE_BITS
    const first = takeRun(place, frames)
    if (first < 0) {
      returnSpace(space)
      return -NO_FRAME
    }
    record.keyFrame = first as u32
    record.keyFrameCount = frames
    g.keyFrames += frames
    for (let i: u32 = 0; i < frames; i++) setFrameState((first as u32) + i, KEPT_FRAME)
  }
  record.owner = owner
  record.hash = hash
  record.keyLength = keyLength
  record.size = size
  memory.copy(keyAddress(space), key, keyLength)
  record.tag = tag
  linkSpace(space)
  return space as i32
}

/** Drops the pages of spaces that nobody refers to, and so the spaces, when records run out. */
function dropUnreferenced(): void {
  for (let number: u32 = 1; number <= guarded().aliasTop; number++) {
    if (isUnreferenced(aliasRecord(number).space)) dropAlias(number)
  }
  const frameCount = control().frameCount
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    if (isUnreferenced(frameRecord(frame).space)) dropPage(frame)
  }
}

/** Whether there is a space of that number and nobody refers to it. */
function isUnreferenced(space: u32): bool {
  return space != 0 && spaceRecord(space).references == 0
}
