// SPDX-License-Identifier: MIT
/**
 * Metadata under the mapper's eyes: indexes and records in the pages of the metadata space (the
 * primary device, or the metabox). The slot keeps the page it looks at pinned, as the next record is
 * mostly on the same one.
 */
import { PAGE_BITS, PAGE_MASK, PAGE_SIZE } from "../bits"
import { frameAddress, workerRecord } from "../layout"
import { unpinFrame } from "../pool/frames"
import { pinPage } from "../pool/pages"
import { Slot } from "../slot"
import { METADATA_OUTSIDE, NEED_METADATA } from "../status"

/**
 * The address of `length` bytes at a position of the metadata space, which must not cross a page; or 0,
 * and slot.answer says why: NEED_METADATA with slot.needPage, or METADATA_OUTSIDE. The address is valid
 * until the next call or releaseMetadata().
 */
export function metadataAt(slot: Slot, position: u64, length: u32): usize {
  if (position + length > slot.metaSize || position + length < position) {
    slot.answer = METADATA_OUTSIDE
    return 0
  }
  if (CHECKED) assert((position & PAGE_MASK) + length <= PAGE_SIZE)
  const page = position >> PAGE_BITS
  if (slot.cursorFrame) {
    if (slot.cursorPage == page) {
      return frameAddress(slot.cursorFrame - 1) + ((position & PAGE_MASK) as usize)
    }
    releaseMetadata(slot)
  }
  const frame = pinPage(workerRecord(slot.worker), slot.metaSpace, page, true)
  if (frame >= 0) {
    slot.cursorFrame = (frame as u32) + 1
    slot.cursorPage = page
    return frameAddress(frame as u32) + ((position & PAGE_MASK) as usize)
  }
  slot.needPage = page
  slot.needCount = 1
  slot.answer = NEED_METADATA
  return 0
}

/** Lets go of the metadata page that the slot holds. */
export function releaseMetadata(slot: Slot): void {
  if (!slot.cursorFrame) return
  unpinFrame(workerRecord(slot.worker), slot.cursorFrame - 1)
  slot.cursorFrame = 0
}

/** Copies bytes that may cross pages to `target`; answers false, with slot.answer, when some are missing. */
export function copyMetadata(slot: Slot, position: u64, length: u32, target: usize): bool {
  let done: u32 = 0
  while (done < length) {
    const at = position + done
    const piece = min<u32>(length - done, PAGE_SIZE - ((at & PAGE_MASK) as u32))
    const source = metadataAt(slot, at, piece)
    if (!source) return false
    memory.copy(target + done, source, piece)
    done += piece
  }
  return true
}
