// SPDX-License-Identifier: MIT
/** Throwing pages out on request. Pinned and busy pages stay. */
import { control, guarded } from "../layout"
import { aliasRecord } from "./aliases"
import { dropAlias } from "./content"
import { frameRecord, readerOf, spaceIn } from "./frames"
import { lock, unlock } from "./lock"
import { referencesOf } from "./members"
import { pageOf, spaceOf } from "./names"
import { dropPage, emptyFrame } from "./reclaim"
import { spaceRecord, TAG_DEVICE, TAG_INODE } from "./spaces"

/** Drops all pages of all spaces. Answers how many frames that emptied. */
export function dropAll(worker: usize): u32 {
  lock(worker)
  const frameCount = control().frameCount
  let dropped: u32 = 0
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    if (spaceIn(frame) && emptyFrame(frame)) dropped++
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
    if (!isWithin(alias.name, space, from, to)) continue
    if (reader && alias.reader != reader) continue
    dropAlias(number)
    dropped++
  }
  for (let frame: u32 = 0; frame < frameCount; frame++) {
    if (!isWithin(frameRecord(frame).name, space, from, to)) continue
    if (reader && readerOf(frame) != reader) continue
    if (dropPage(frame)) dropped++
  }
  unlock(worker)
  return dropped
}

/** Whether a name is that of a page of the space, from page `from` to before `to`. */
function isWithin(name: u64, space: u32, from: u64, to: u64): bool {
  const page = pageOf(name)
  return spaceOf(name) == space && page >= from && page < to
}

/**
 * Drops the pages that only one mount can use. Does nothing while others use the mount too, that is, refer to the
 * space of its device beside the caller. Answers how many went.
 */
export function dropMount(worker: usize, mount: u32, device: u32): u32 {
  lock(worker)
  let dropped: u32 = 0
  if (referencesOf(device) <= 1) {
    const frameCount = control().frameCount
    for (let number: u32 = 1; number <= guarded().aliasTop; number++) {
      if (!isOfMount(spaceOf(aliasRecord(number).name), mount)) continue
      dropAlias(number)
      dropped++
    }
    for (let frame: u32 = 0; frame < frameCount; frame++) {
      if (isOfMount(spaceIn(frame), mount) && dropPage(frame)) dropped++
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
