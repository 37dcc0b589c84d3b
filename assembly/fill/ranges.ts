// SPDX-License-Identifier: MIT
/** The device ranges that a plan's extents need, neighbours merged. */
import { isWhole } from "../map/map"
import { EXTENT_IN_METADATA, Extent, extentOf, KIND_RAW, RANGE_TABLE_LENGTH, rangeOf, Slot } from "../slot"
import { OK } from "../status"
import { addressInRun, contiguousBytes, runEnd } from "./run"

/** Lists the device ranges that the extents need, neighbours merged. */
export function planRanges(slot: Slot): void {
  slot.rangeCount = 0
  const end = runEnd(slot)
  for (let i: u32 = 0; i < slot.extentUsed; i++) {
    const extent = extentOf(slot, i)
    extent.firstRange = 1
    extent.lastRange = 0
    if (isWhole(extent)) {
      if (extent.flags & EXTENT_IN_METADATA) continue
      if (extent.logical >= end) continue
      addRange(slot, extent, extent.physical, extent.encodedLength, extent.staging)
    } else if (extent.kind == KIND_RAW) {
      const length = min<u64>(extent.length, end > extent.logical ? end - extent.logical : 0)
      for (let done: u64 = 0; done < length; ) {
        const at = extent.logical + done
        const piece = contiguousBytes(slot, at, length - done) as u32
        addRange(slot, extent, extent.physical + done, piece, addressInRun(slot, at) as u32)
        done += piece
      }
    }
  }
}

/** Adds a range for an extent, or makes the last one longer. */
function addRange(slot: Slot, extent: Extent, offset: u64, length: u32, address: u32): void {
  if (slot.rangeCount) {
    const last = rangeOf(slot, slot.rangeCount - 1)
    if (last.device == extent.device && last.offset + last.length == offset) {
      if (last.address + last.length == address) {
        last.length += length
        noteRange(extent, slot.rangeCount - 1)
        return
      }
    }
  }
  if (CHECKED) assert(slot.rangeCount < RANGE_TABLE_LENGTH)
  const range = rangeOf(slot, slot.rangeCount)
  range.offset = offset
  range.length = length
  range.address = address
  range.device = extent.device
  range.status = OK
  noteRange(extent, slot.rangeCount)
  slot.rangeCount += 1
}

/** Remembers that a range brings bytes of an extent. */
function noteRange(extent: Extent, range: u32): void {
  if (extent.firstRange > extent.lastRange) extent.firstRange = range
  extent.lastRange = range
}
