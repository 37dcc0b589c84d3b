// SPDX-License-Identifier: MIT
/**
 * The run of a fill: the frames it holds for consecutive pages of the file, from slot.runPage on. At
 * best they are contiguous, and extents decode straight into their place; otherwise each page has a
 * frame somewhere. Pages at both ends that the extents touch but do not complete have frames too, so
 * that whole extents can be decoded; those frames are given back afterwards.
 */
import { PAGE_BITS, PAGE_MASK, PAGE_SIZE } from "../bits"
import { frameAddress } from "../layout"
import { DIRECT_OFFSET, REQUEST_DIRECT, RUN_OFFSET, Slot } from "../slot"

/** The frame of page number `index` of the run. */
export function runFrame(slot: Slot, index: u32): u32 {
  return load<u32>(changetype<usize>(slot) + RUN_OFFSET + ((index as usize) << 2))
}

/** Sets the frame of page number `index` of the run. */
export function setRunFrame(slot: Slot, index: u32, frame: u32): void {
  store<u32>(changetype<usize>(slot) + RUN_OFFSET + ((index as usize) << 2), frame)
}

/** Where byte `at` of the file lies in the run's frames. Only valid for bytes of pages that have one. */
export function addressInRun(slot: Slot, at: u64): usize {
  if (slot.request & REQUEST_DIRECT)
    return directAddress(slot, slot.runPage) + ((at - (slot.runPage << PAGE_BITS)) as usize)
  const index = ((at >> PAGE_BITS) - slot.runPage) as u32
  return frameAddress(runFrame(slot, index)) + ((at & PAGE_MASK) as usize)
}

/** Where a page of a run past the pool lies: in the slot itself. */
export function directAddress(slot: Slot, page: u64): usize {
  return changetype<usize>(slot) + DIRECT_OFFSET + (((page - slot.runPage) as usize) << PAGE_BITS)
}

/** First byte of the file behind the run. */
export function runEnd(slot: Slot): u64 {
  return (slot.runPage + slot.runLength) << PAGE_BITS
}

/** How many bytes from `at` on, at most `length`, lie in a row in memory. */
export function contiguousBytes(slot: Slot, at: u64, length: u64): u64 {
  if (slot.isContiguous) return length
  let bytes: u64 = PAGE_SIZE - (at & PAGE_MASK)
  let index = ((at >> PAGE_BITS) - slot.runPage) as u32
  while (bytes < length) {
    if (runFrame(slot, index + 1) != runFrame(slot, index) + 1) break
    index++
    bytes += PAGE_SIZE
  }
  return min(bytes, length)
}

/** Copies `length` bytes to the file's bytes from `at` on. */
export function copyToRun(slot: Slot, at: u64, source: usize, length: u64): void {
  let done: u64 = 0
  while (done < length) {
    const piece = contiguousBytes(slot, at + done, length - done)
    memory.copy(addressInRun(slot, at + done), source + (done as usize), piece as usize)
    done += piece
  }
}

/** Writes zeros to the file's bytes from `at` on. */
export function clearInRun(slot: Slot, at: u64, length: u64): void {
  let done: u64 = 0
  while (done < length) {
    const piece = contiguousBytes(slot, at + done, length - done)
    memory.fill(addressInRun(slot, at + done), 0, piece as usize)
    done += piece
  }
}
