// SPDX-License-Identifier: MIT
/**
 * The page index: from (address space, page number) to the frame that holds the page. Hash chains
 * through the frame records. Reading takes no lock; a chain that changes under the reader can make it
 * miss a page, never see a wrong one, and whoever misses looks again under the lock.
 */
import { control, FrameRecord } from "../layout"
import { frameRecord } from "./frames"
import { loadShared, storeShared } from "./lock"
import { countPage, uncountPage } from "./spaces"

const NEXT_OFFSET: usize = offsetof<FrameRecord>("next")
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

/** The frame in the index for a page, ready or busy, or -1. */
export function findPage(space: u32, page: u64): i32 {
  let next = loadShared(bucketOf(space, page))
  let steps: u32 = 0
  while (next) {
    const record = frameRecord(next - 1)
    if (record.space == space) {
      if (record.page == page) return (next - 1) as i32
    }
    next = loadShared(changetype<usize>(record) + NEXT_OFFSET)
    if (SHARED) {
      if (++steps > CHAIN_LIMIT) return -1
    }
  }
  return -1
}

/** Enters a frame for a page. Only valid under the lock, for a page that is not in the index. */
export function insertPage(frame: u32, space: u32, page: u64): void {
  if (CHECKED) assert(findPage(space, page) < 0)
  const bucket = bucketOf(space, page)
  const record = frameRecord(frame)
  record.page = page
  record.space = space
  record.next = load<u32>(bucket)
  storeShared(bucket, frame + 1)
  countPage(space)
}

/** Takes a frame out of the index. Only valid under the lock, for a frame that is in it. */
export function removePage(frame: u32): void {
  const record = frameRecord(frame)
  const space = record.space
  let link = bucketOf(space, record.page)
  let next = load<u32>(link)
  while (next != frame + 1) {
    if (CHECKED) assert(next != 0)
    link = changetype<usize>(frameRecord(next - 1)) + NEXT_OFFSET
    next = load<u32>(link)
  }
  storeShared(link, record.next)
  record.space = 0
  uncountPage(space)
}
