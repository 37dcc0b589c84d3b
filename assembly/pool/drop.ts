// SPDX-License-Identifier: MIT
/** Throwing pages out on request. Pinned and busy pages stay. */
import { control, guarded } from "../layout"
import { aliasRecord } from "./aliases"
import { dropAlias } from "./content"
import { frameRecord } from "./frames"
import { lock, unlock } from "./lock"
import { dropPage, emptyFrame } from "./reclaim"
import { spaceRecord, TAG_DEVICE, TAG_INODE } from "./spaces"

/** Drops all pages of all spaces. Answers how many frames that emptied. */
export function dropAll(worker: usize): u32 {
  lock(worker)
  const frameCount = control().frameCount
  let dropped: u32 = 0
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    if (frameRecord(frame).space && emptyFrame(frame)) dropped++
  }
  unlock(worker)
  return dropped
}

/**
 * Drops the pages of a space from page `from` to before `to`: all, or only those that `reader` brought in if that is
 * not 0. Answers how many went.
 */
export function dropRange(worker: usize, space: u32, from: u64, to: u64, reader: u32): u32 {
  lock(worker)
  const frameCount = control().frameCount
  let dropped: u32 = 0
  // Aliases first: one of them may become a frame's own page when that one goes.
  for (let number: u32 = 1; number <= guarded().aliasTop; number++) {
    const alias = aliasRecord(number)
    if (alias.space != space) continue
    if (alias.page < from || alias.page >= to) continue
    if (reader && alias.reader != reader) continue
    dropAlias(number)
    dropped++
  }
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    const record = frameRecord(frame)
    if (record.space != space) continue
    if (record.page < from || record.page >= to) continue
    if (reader && record.reader != reader) continue
    if (dropPage(frame)) dropped++
  }
  unlock(worker)
  return dropped
}

/**
 * Drops the pages that only one mount can use. Does nothing while others use the mount too, that is, refer to the
 * space of its device beside the caller. Answers how many went.
 */
export function dropMount(worker: usize, mount: u32, device: u32): u32 {
  lock(worker)
  let dropped: u32 = 0
  if (spaceRecord(device).references <= 1) {
    const frameCount = control().frameCount
    for (let number: u32 = 1; number <= guarded().aliasTop; number++) {
      if (!isOfMount(aliasRecord(number).space, mount)) continue
      dropAlias(number)
      dropped++
    }
    for (let frame: u32 = 0; frame < frameCount; frame++) {
      if (isOfMount(frameRecord(frame).space, mount) && dropPage(frame)) dropped++
    }
  }
  unlock(worker)
  return dropped
}

/** Whether a space, if there is one, belongs to one mount and to that one. */
function isOfMount(space: u32, mount: u32): bool {
  if (!space) return false
  const record = spaceRecord(space)
  return record.owner == mount && (record.tag == TAG_INODE || record.tag == TAG_DEVICE)
}
