// SPDX-License-Identifier: MIT
/**
 * The core's whole face: exported functions only, wrapped by src/core.ts and src/slot.ts. Positions, sizes and page
 * numbers cross the border as f64, exact up to 2^53, because a JavaScript number becomes one for free.
 */

import { finishFill as finish } from "./fill/finish"
import { abortFill as abort, planFill as plan } from "./fill/plan"
import { directAddress } from "./fill/run"
import { xxh32 as hash32 } from "./hash/xxh32"
import {
  CONTROL_MAGIC,
  control,
  EXCHANGE_OFFSET,
  FILL_EPOCH,
  guarded,
  layOut,
  MOUNTS,
  slotAddress,
  workerRecord,
} from "./layout"
import { mapExtent } from "./map/map"
import { releaseMetadata } from "./map/metadata"
import { acquirePages, copyPages, firstMissing as firstMissingPage, releasePages } from "./pool/access"
import { addShared } from "./pool/atomics"
import { dropRange as drop } from "./pool/drop"
import { rebuildBitmap } from "./pool/frames"
import { internSpace } from "./pool/intern"
import { enterPlace } from "./pool/places"
import { collectStatistics } from "./pool/statistics"
import {
  EXTENT_ALGORITHM,
  EXTENT_DEVICE,
  EXTENT_ENCODED_LENGTH,
  EXTENT_KIND,
  EXTENT_LENGTH,
  EXTENT_LOGICAL,
  EXTENT_PHYSICAL,
  extentOf,
  RANGE_ADDRESS,
  RANGE_LENGTH,
  RANGE_OFFSET,
  REQUEST_DIRECT,
  rangeOf,
  SLOT_ERROR_OFFSET,
  SLOT_HINT_ADDRESS,
  SLOT_HINT_EXTENT,
  SLOT_NEED_COUNT,
  SLOT_NEED_PAGE,
  SLOT_RANGE_COUNT,
  SLOT_RUN_LENGTH,
  SLOT_RUN_PAGE,
  SLOT_WANT,
  Slot,
} from "./slot"
import { FETCH_FAILED } from "./status"

export { decodeDeflate } from "./codec/deflate"
export { decodeLz4 } from "./codec/lz4"
export { decodeLzma } from "./codec/lzma"
export { decodeZstd } from "./codec/zstd"
export { sha256Blocks, sha256Pages } from "./hash/sha256"
export { dropAll, dropMount } from "./pool/drop"
export { releaseSpace } from "./pool/intern"
export { freePlace, takePlace } from "./pool/places"
export { resizePool } from "./pool/resize"
export { describeAliases, describeFrames, describeSpace } from "./pool/statistics"

// The pool's birth.

/** Bytes of memory that a pool of these sizes needs; 0 = more than a memory can hold. */
export function poolBytes(frameCount: u32, spaceCapacity: u32, workerCount: u32): f64 {
  return layOut(frameCount, spaceCapacity, workerCount, false) as f64
}

/**
 * Sets up an empty pool; `usesContent`: equal pages will share frames. Only valid once per memory, all zeros, before any
 * other instance works on it.
 */
export function createPool(frameCount: u32, spaceCapacity: u32, workerCount: u32, usesContent: bool): void {
  layOut(frameCount, spaceCapacity, workerCount, true)
  rebuildBitmap()
  guarded().onlineFrames = frameCount
  guarded().usesContent = u32(usesContent)
  control().magic = CONTROL_MAGIC
}

/**
 * Comes into a place that takePlace() took; answers the address of the worker's region, or 0 if there is no pool.
 */
export function joinPool(place: u32): usize {
  return control().magic == CONTROL_MAGIC ? enterPlace(place) : 0
}

/** A number for a mount, or for a file among those that share a space, that no other on this pool has or had. */
export function nextMount(): u32 {
  return addShared(MOUNTS, 1) + 1
}

/** Address of the word that counts finished fills: whoever waits for one waits on it. */
export function fillEpochAt(): usize {
  return FILL_EPOCH
}

/** Address of a worker's exchange area. */
export function exchangeAt(worker: usize): usize {
  return worker + EXCHANGE_OFFSET
}

/** Address of a worker's fill slot. */
export function slotAt(worker: usize, slot: u32): usize {
  return slotAddress(worker, slot)
}

// Address spaces.

/** See internSpace() of pool/intern.ts; the key lies at the beginning of the worker's exchange area. */
export function openSpace(
  worker: usize,
  tag: u32,
  owner: u32,
  keyLength: u32,
  size: f64,
  mount: u32,
  domain: u32,
): i32 {
  return internSpace(worker, tag, owner, exchangeAt(worker), keyLength, size as u64, mount, domain)
}

// Reading.

/** See acquirePages() of pool/access.ts. */
export function acquire(worker: usize, space: u32, page: f64, count: u32, isUse: bool): usize {
  return acquirePages(workerRecord(worker), space, page as u64, count, isUse)
}

/** See releasePages() of pool/access.ts. */
export function release(worker: usize, address: usize, count: u32): void {
  releasePages(workerRecord(worker), address, count)
}

/** See copyPages() of pool/access.ts. */
export function copy(worker: usize, space: u32, position: f64, length: u32, target: usize): bool {
  return copyPages(workerRecord(worker), space, position as u64, length, target)
}

/** See firstMissing() of pool/access.ts. */
export function firstMissing(space: u32, from: f64, to: f64): f64 {
  return firstMissingPage(space, from as u64, to as u64) as f64
}

/** The page that the last copy() missed. */
export function missingPage(worker: usize): f64 {
  return workerRecord(worker).missingPage as f64
}

/** See dropRange() of pool/drop.ts. */
export function dropRange(worker: usize, space: u32, from: f64, to: f64, reader: u32): u32 {
  return drop(worker, space, from as u64, to as u64, reader)
}

// Filling. The content's description has been written to the head of the slot.

/** See planFill() of fill/plan.ts. */
export function planFill(worker: usize, slot: usize, page: f64, want: u32, request: u32): i32 {
  const s = changetype<Slot>(slot)
  s.worker = worker as u32
  s.page = page as u64
  s.want = want
  s.request = request
  if (!(request & REQUEST_DIRECT)) workerRecord(worker).misses += 1
  return plan(s)
}

/** See finishFill() of fill/finish.ts. */
export function finishFill(slot: usize): i32 {
  return finish(changetype<Slot>(slot))
}

/** Where the pages of a finished fill past the pool lie, from the one asked for on. */
export function directAt(slot: usize): usize {
  const s = changetype<Slot>(slot)
  return directAddress(s, s.page)
}

/** See abortFill() of fill/plan.ts. */
export function abortFill(slot: usize): void {
  abort(changetype<Slot>(slot))
}

/** Maps byte `position` of the slot's content into extent 0 of its table, for whoever only asks where it lies. */
export function mapAt(slot: usize, position: f64): i32 {
  const s = changetype<Slot>(slot)
  const status = mapExtent(s, position as u64, extentOf(s, 0))
  releaseMetadata(s)
  return status
}

/** A number of the plan's answer: see the SLOT_ fields of slot.ts. */
export function slotField(slot: usize, field: u32): f64 {
  const s = changetype<Slot>(slot)
  if (field == SLOT_NEED_PAGE) return s.needPage as f64
  if (field == SLOT_NEED_COUNT) return s.needCount
  if (field == SLOT_RANGE_COUNT) return s.rangeCount
  if (field == SLOT_ERROR_OFFSET) return s.errorOffset as f64
  if (field == SLOT_HINT_EXTENT) return s.hintExtent as f64
  if (field == SLOT_HINT_ADDRESS) return s.hintAddress as f64
  if (field == SLOT_WANT) return s.want
  if (field == SLOT_RUN_PAGE) return s.runPage as f64
  if (field == SLOT_RUN_LENGTH) return s.runLength
  return s.failedRange
}

/** A number of one of the plan's ranges: see the RANGE_ fields of slot.ts. */
export function rangeField(slot: usize, range: u32, field: u32): f64 {
  const r = rangeOf(changetype<Slot>(slot), range)
  if (field == RANGE_OFFSET) return r.offset as f64
  if (field == RANGE_LENGTH) return r.length
  if (field == RANGE_ADDRESS) return r.address
  return r.device
}

/** Notes that a range could not be read: pages that need it will not be published. */
export function failRange(slot: usize, range: u32): void {
  rangeOf(changetype<Slot>(slot), range).status = FETCH_FAILED
}

/** A number of the extent that mapAt() found: see the EXTENT_ fields of slot.ts. */
export function extentField(slot: usize, field: u32): f64 {
  const e = extentOf(changetype<Slot>(slot), 0)
  if (field == EXTENT_LOGICAL) return e.logical as f64
  if (field == EXTENT_PHYSICAL) return e.physical as f64
  if (field == EXTENT_LENGTH) return e.length as f64
  if (field == EXTENT_ENCODED_LENGTH) return e.encodedLength
  if (field == EXTENT_KIND) return e.kind
  if (field == EXTENT_ALGORITHM) return e.algorithm
  if (field == EXTENT_DEVICE) return e.device
  return e.flags
}

// Counting and hashing.

/** Writes the record of pool/statistics.ts to the beginning of the worker's exchange area. */
export function statistics(worker: usize): void {
  collectStatistics(worker, exchangeAt(worker))
}

/** xxHash32 of bytes in memory. */
export function xxh32(address: usize, length: u32, seed: u32): u32 {
  return hash32(address, length, seed)
}
