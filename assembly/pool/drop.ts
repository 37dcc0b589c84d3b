// SPDX-License-Identifier: MIT
/** Throwing pages out on request. Pinned and busy pages stay. */
import { control } from "../layout"
import { frameRecord } from "./frames"
import { TAG_DEVICE, TAG_INODE } from "./intern"
import { lock, unlock } from "./lock"
import { emptyFrame } from "./reclaim"
import { spaceRecord } from "./spaces"

/** Drops the pages of one space, or of all when `space` is 0. Answers how many went. */
export function dropPages(space: u32): u32 {
  lock()
  const frameCount = control().frameCount
  let dropped: u32 = 0
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    const owner = frameRecord(frame).space
    if (!owner) continue
    if (space && owner != space) continue
    if (emptyFrame(frame)) dropped++
  }
  unlock()
  return dropped
}

/**
 * Drops the pages of a space from page `from` to before `to`: all, or only those that `reader` brought in if that is
 * not 0. Answers how many went.
 */
export function dropRange(space: u32, from: u64, to: u64, reader: u32): u32 {
  lock()
  const frameCount = control().frameCount
  let dropped: u32 = 0
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    const record = frameRecord(frame)
    if (record.space != space) continue
    if (record.page < from || record.page >= to) continue
    if (reader && record.reader != reader) continue
    if (emptyFrame(frame)) dropped++
  }
  unlock()
  return dropped
}

/** Drops the pages that only one mount can use, when it is closed. Answers how many went. */
export function dropMount(mount: u32): u32 {
  lock()
  const frameCount = control().frameCount
  let dropped: u32 = 0
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    const space = frameRecord(frame).space
    if (!space) continue
    const record = spaceRecord(space)
    if (record.owner != mount) continue
    if (record.tag != TAG_INODE && record.tag != TAG_DEVICE) continue
    if (emptyFrame(frame)) dropped++
  }
  unlock()
  return dropped
}
