// SPDX-License-Identifier: MIT
/**
 * Interning of address spaces by key. A key is a tag, an owner and some bytes:
 *
 *   TAG_INODE        owner = mount    bytes = nid          a file that shares with nobody
 *   TAG_DEVICE       owner = mount    bytes = device       the metadata of an image
 *   TAG_FINGERPRINT  owner = 0        bytes = length of domain (u32), domain, fingerprint
 *
 * A fingerprint space belongs to files that claim the same content in the same domain; as the key tells
 * where the domain ends, value and domain can never run into each other.
 */
import { PAGE_BITS, PAGE_MASK } from "../bits"
import { xxh32 } from "../hash/xxh32"
import { control, guarded, SPACE_KEY_INLINE } from "../layout"
import { NO_FRAME, NO_SPACE, SIZE_DIFFERS } from "../status"
import { frameRecord } from "./frames"
import { lock, unlock } from "./lock"
import { emptyFrame, takeRun } from "./reclaim"
import { keyAddress, returnSpace, spaceBucket, spaceRecord, takeSpace, unrefer } from "./spaces"

export const TAG_INODE: u32 = 1
export const TAG_DEVICE: u32 = 2
export const TAG_FINGERPRINT: u32 = 3

/**
 * Finds or makes the space with a key and refers to it. Answers its number, or minus a status:
 * SIZE_DIFFERS (the key is there with another size, nothing was done), NO_SPACE, NO_FRAME.
 */
export function internSpace(tag: u32, owner: u32, key: usize, keyLength: u32, size: u64): i32 {
  lock()
  const hash = xxh32(key, keyLength, owner + (tag << 28))
  const found = lookUpSpace(hash, tag, owner, key, keyLength)
  let answer: i32
  if (!found) answer = makeSpace(hash, tag, owner, key, keyLength, size)
  else if (spaceRecord(found).size != size) answer = -SIZE_DIFFERS
  else answer = found as i32
  if (answer > 0) spaceRecord(answer as u32).references += 1
  unlock()
  return answer
}

/** Gives a reference back. */
export function releaseSpace(space: u32): void {
  lock()
  unrefer(space)
  unlock()
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
function makeSpace(hash: u32, tag: u32, owner: u32, key: usize, keyLength: u32, size: u64): i32 {
  if (!guarded().freeSpace) dropUnreferenced()
  const space = takeSpace()
  if (!space) return -NO_SPACE
  const record = spaceRecord(space)
  if (keyLength > SPACE_KEY_INLINE) {
    const frames = (keyLength + PAGE_MASK) >> PAGE_BITS
    const first = takeRun(frames)
    if (first < 0) {
      returnSpace(space)
      return -NO_FRAME
    }
    record.keyFrame = first as u32
    record.keyFrameCount = frames
  }
  record.tag = tag
  record.owner = owner
  record.hash = hash
  record.keyLength = keyLength
  record.size = size
  memory.copy(keyAddress(space), key, keyLength)
  const bucket = spaceBucket(hash)
  record.next = load<u32>(bucket)
  store<u32>(bucket, space)
  return space as i32
}

/** Drops the pages of spaces that nobody refers to, and so the spaces, when records run out. */
function dropUnreferenced(): void {
  const frameCount = control().frameCount
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    const space = frameRecord(frame).space
    if (space && !spaceRecord(space).references) emptyFrame(frame)
  }
}
