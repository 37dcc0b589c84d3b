// SPDX-License-Identifier: MIT
/** Reading pages that are in the pool: pin a run of them, or copy a few bytes out. */
import { PAGE_BITS, PAGE_MASK, PAGE_SIZE } from "../bits"
import { control, frameAddress, WorkerRecord } from "../layout"
import { frameAt, holdsPage, pinFrame, unpinFrame } from "./frames"
import { nameOf } from "./names"
import { findPage, pinPage } from "./pages"

/**
 * Pins page `page` and those that follow it in memory as in the file, at most `count`. Answers the address
 * of the first one's bytes and leaves their number in worker.runLength; 0 if the first is not there.
 */
export function acquirePages(worker: WorkerRecord, space: u32, page: u64, count: u32, isUse: bool): usize {
  const found = pinPage(worker, space, page, isUse)
  if (found < 0) return 0
  const first = found as u32
  const limit = min(count, control().frameCount - first)
  const name = nameOf(space, page)
  let run: u32 = 1
  while (run < limit) {
    if (!holdsPage(first + run, name + run)) break
    if (!pinFrame(worker, first + run, isUse)) break
    if (!holdsPage(first + run, name + run)) {
      unpinFrame(worker, first + run)
      break
    }
    run++
  }
  worker.runLength = run
  worker.hits += run
  return frameAddress(first)
}

/** The first page from `from` to before `to` that is not in the pool, nor on its way; `to` if there is none. */
export function firstMissing(space: u32, from: u64, to: u64): u64 {
  let page = from
  while (page < to && findPage(space, page) >= 0) page++
  return page
}

/** Unpins `count` pages from the one at `address` on. Only valid for what acquirePages() pinned. */
export function releasePages(worker: WorkerRecord, address: usize, count: u32): void {
  const first = frameAt(address)
  for (let i: u32 = 0; i < count; i++) unpinFrame(worker, first + i)
}

/**
 * Copies bytes of a space to `target`. Answers false, with worker.missingPage, if one of their pages is
 * not in the pool.
 */
export function copyPages(worker: WorkerRecord, space: u32, position: u64, length: u32, target: usize): bool {
  let done: u32 = 0
  while (done < length) {
    const at = position + done
    const page = at >> PAGE_BITS
    const within = (at & PAGE_MASK) as u32
    const piece = min(length - done, PAGE_SIZE - within)
    const found = pinPage(worker, space, page, true)
    if (found < 0) {
      worker.missingPage = page
      return false
    }
    memory.copy(target + done, frameAddress(found as u32) + within, piece)
    unpinFrame(worker, found as u32)
    worker.hits += 1
    done += piece
  }
  return true
}
