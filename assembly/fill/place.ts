// SPDX-License-Identifier: MIT
/** Bringing one extent's bytes into the run: decode, copy or clear. */
import { PAGE_BITS, PAGE_SIZE } from "../bits"
import { decode } from "../codec/decode"
import { CODEC_OFFSET, WORKSPACE_OFFSET, WorkerRecord } from "../layout"
import {
  CONTENT_ZERO_PADDED,
  EXTENT_INTERLACED,
  EXTENT_PARTIAL,
  Extent,
  KIND_DECODE,
  KIND_HOLE,
  KIND_RAW,
  Slot,
} from "../slot"
import { ALL_PADDING, OK } from "../status"
import { addressInRun, clearInRun, contiguousBytes, copyToRun, runEnd } from "./run"

/** Puts the wanted bytes of an extent into the run, as far as the run reaches. */
export function placeExtent(slot: Slot, extent: Extent): i32 {
  const from = max<u64>(extent.logical, slot.runPage << PAGE_BITS)
  const until = min<u64>(extent.logical + extent.wanted, runEnd(slot))
  if (from >= until) return OK
  if (extent.kind == KIND_DECODE) return placeDecoded(slot, extent, from, until)
  if (extent.kind == KIND_HOLE) clearInRun(slot, from, until - from)
  else if (extent.kind != KIND_RAW) placeStored(slot, extent, from, until)
  return OK
}

/** Decodes straight into the frames if the extent lies in them in one piece, else by way of the workspace. */
function placeDecoded(slot: Slot, extent: Extent, from: u64, until: u64): i32 {
  const worker = changetype<WorkerRecord>(slot.worker as usize)
  if (from == extent.logical && until == from + extent.wanted) {
    if (contiguousBytes(slot, from, extent.wanted) == extent.wanted) {
      // What an overshooting copy destroys behind this extent is written later, by those that follow.
      const slack = slot.isContiguous ? runEnd(slot) - until : 0
      worker.bytesDecoded += extent.wanted
      return decodeExtent(slot, extent, addressInRun(slot, from), extent.wanted, slack as u32)
    }
  }
  const workspace = (slot.worker as usize) + WORKSPACE_OFFSET
  if (!isInWorkspace(slot, extent, worker)) {
    worker.workspaceMount = 0
    worker.bytesDecoded += extent.wanted
    const status = decodeExtent(slot, extent, workspace, extent.wanted, PAGE_SIZE)
    if (status) return status
    rememberWorkspace(slot, extent, worker)
  }
  copyToRun(slot, from, workspace + ((from - extent.logical) as usize), until - from)
  return OK
}

/**
 * Whether the workspace still holds the decoded bytes of this very pcluster: without it, reading a long
 * extent in windows would decode it from its beginning for every window.
 */
function isInWorkspace(slot: Slot, extent: Extent, worker: WorkerRecord): bool {
  return (
    worker.workspaceMount == slot.mount &&
    worker.workspaceSpace == slot.space &&
    worker.workspaceLogical == extent.logical &&
    worker.workspaceAddress == extent.physical &&
    worker.workspaceLength == extent.encodedLength &&
    worker.workspaceAlgorithm == extent.algorithm &&
    worker.workspaceDevice == extent.device &&
    worker.workspaceFlags == extent.flags &&
    worker.workspaceExtent == (extent.length as u32) &&
    worker.workspaceDecoded >= extent.wanted
  )
}

/** Notes whose bytes the workspace holds. */
function rememberWorkspace(slot: Slot, extent: Extent, worker: WorkerRecord): void {
  worker.workspaceMount = slot.mount
  worker.workspaceSpace = slot.space
  worker.workspaceLogical = extent.logical
  worker.workspaceAddress = extent.physical
  worker.workspaceLength = extent.encodedLength
  worker.workspaceAlgorithm = extent.algorithm
  worker.workspaceDevice = extent.device
  worker.workspaceDecoded = extent.wanted
  worker.workspaceFlags = extent.flags
  worker.workspaceExtent = extent.length as u32
}

/**
 * Decodes the first `length` bytes of an extent. Streams are right-aligned in their pcluster: leading
 * zeros are padding, always less than a block; no stream begins with a zero byte.
 */
function decodeExtent(slot: Slot, extent: Extent, target: usize, length: u32, slack: u32): i32 {
  let source = extent.staging as usize
  let sourceLength = extent.encodedLength
  let isPartial = bool(extent.flags & EXTENT_PARTIAL) || length < extent.length
  if (slot.flags & CONTENT_ZERO_PADDED) {
    const limit = min<u32>(sourceLength, (1 as u32) << slot.blockBits)
    let padding: u32 = 0
    // What is loaded behind the limit lies in the staging's margin, and cannot take padding beyond it.
    while (padding < limit && !load<u64>(source + padding)) padding += sizeof<u64>()
    padding = min(padding, limit)
    while (padding < limit) {
      if (load<u8>(source + padding)) break
      padding++
    }
    if (padding == limit) return ALL_PADDING
    source += padding
    sourceLength -= padding
  } else {
    // Before zero padding the stream began at the cluster's start and its end is not told.
    isPartial = true
  }
  const workspace = (slot.worker as usize) + CODEC_OFFSET
  return decode(extent.algorithm, source, sourceLength, target, length, slack, workspace, isPartial)
}

/** Copies staged bytes that are stored as they are: linear, or rotated so that they keep their offset in the block. */
function placeStored(slot: Slot, extent: Extent, from: u64, until: u64): void {
  const staging = extent.staging as usize
  if (!(extent.flags & EXTENT_INTERLACED)) {
    copyToRun(slot, from, staging + ((from - extent.logical) as usize), until - from)
    return
  }
  const blockSize = (1 as u64) << slot.blockBits
  const shift = extent.logical & (blockSize - 1)
  // Bytes up to the end of the block they begin in lie at the end of the pcluster, the others at its start.
  const turn = extent.logical + min<u64>(blockSize - shift, extent.length)
  if (from < turn) {
    const end = min(until, turn)
    const at = extent.encodedLength - blockSize + shift + (from - extent.logical)
    copyToRun(slot, from, staging + (at as usize), end - from)
  }
  if (until > turn) {
    const begin = max(from, turn)
    copyToRun(slot, begin, staging + ((begin - turn) as usize), until - begin)
  }
}
