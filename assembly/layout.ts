// SPDX-License-Identifier: MIT
/**
 * Where everything lies in memory. Every region starts where the one before it ends; nothing of the
 * pool is kept anywhere else, so that any number of instances can work on one memory.
 *
 *   0          constant tables (data segments; the only ones)
 *   CONTROL    control block: sizes, addresses of the regions below, lock, hand, counters
 *              frame bitmap     one bit a frame, set = free
 *              frame table      FRAME_RECORD_SIZE a frame: state, address space, page, chain
 *              page buckets     u32 each: first frame of a hash chain, + 1
 *              space table      SPACE_RECORD_SIZE an address space
 *              space buckets    u32 each: first space of a hash chain
 *              workers          WORKER_SIZE each: counters, exchange area, scratch, fill slots
 *              frames           PAGE_SIZE each, to the end of memory
 *
 * A worker's region:
 *
 *   +0                   WorkerRecord: result words and counters
 *   +EXCHANGE_OFFSET     exchange area: keys and small pieces of metadata between core and TypeScript
 *   +CODEC_OFFSET        scratch memory of the decoders
 *   +SLOTS_OFFSET        SLOT_COUNT fill slots, each: Slot record, tables, staging
 *   +WORKSPACE_OFFSET    one decoded extent that does not fit its place in the frames
 */
import { alignUp, PAGE_BITS, PAGE_SIZE } from "./bits"
import { CODEC_WORKSPACE_BYTES } from "./codec/codec"
import { EXTENT_LIMIT, READ_MARGIN, SLOT_SIZE, WINDOW_LIMIT } from "./slot"

/** Constant tables end before this. */
export const CONTROL: usize = 0x10000
const CONTROL_SIZE: u32 = PAGE_SIZE

/**
 * The control block, at CONTROL. What the lock guards, and the words that others poll, have cache lines of
 * their own (LINE_SIZE).
 *
 *   0    frameCount | bucketMask | spaceCapacity | spaceBucketMask
 *   16   workerCount | windowLimit | bitmap | frameTable
 *   32   buckets | spaces | spaceBuckets | workers               addresses of the regions
 *   48   frames | end | magic | -
 *
 *   128  lock                                                    LOCK
 *
 *   256  hand | freeFrames | bitmapHint | freeSpace              GUARDED: under the lock
 *   272  usedSpaces | nextMount | nextWorker | -
 *   288  reclaimed (u64)
 *
 *   384  fillEpoch: counts finished fills; waiters wait on it    FILL_EPOCH
 */
@unmanaged
export class Control {
  frameCount: u32
  bucketMask: u32
  spaceCapacity: u32
  spaceBucketMask: u32
  workerCount: u32
  /** Pages that one fill brings in at the most: WINDOW_LIMIT, less in a small pool. */
  windowLimit: u32
  bitmap: usize
  frameTable: usize
  buckets: usize
  spaces: usize
  spaceBuckets: usize
  workers: usize
  frames: usize
  end: usize
  magic: u32
}

/** The part of the control block that the lock guards. */
@unmanaged
export class Guarded {
  /** Where reclaim goes on. */
  hand: u32
  freeFrames: u32
  /** Where the search for free frames goes on. */
  bitmapHint: u32
  /** First record of the list of free address spaces, 0 = none. */
  freeSpace: u32
  usedSpaces: u32
  nextMount: u32
  nextWorker: u32
  reserved: u32
  /** Pages thrown out of their frames so far. */
  reclaimed: u64
}

const LINE_SIZE: usize = 128
export const LOCK: usize = CONTROL + LINE_SIZE
const GUARDED: usize = LOCK + LINE_SIZE
export const FILL_EPOCH: usize = GUARDED + LINE_SIZE

/** Says that a control block has been set up ("EROF"). */
export const CONTROL_MAGIC: u32 = 0x464f5245

/**
 * What a frame holds. One per frame, in the order of the frames.
 *
 *   0    state | space       state: see pool/frames.ts; space: whose page is in it, 0 = none
 *   8    page (u64)          number of that page
 *   16   next | reader       next frame of the same hash chain, + 1; 0 = end. reader: the file that brought the page in
 *   24   -
 */
@unmanaged
export class FrameRecord {
  state: u32
  space: u32
  page: u64
  next: u32
  reader: u32
}

export const FRAME_RECORD_BITS: u32 = 5
export const FRAME_RECORD_SIZE: u32 = 1 << FRAME_RECORD_BITS

/**
 * An address space: the pages of one file identity.
 *
 *   0    tag | owner | hash | next        kind of key, whose it is (intern.ts); hash chain, 0 = end
 *   16   references | pages | keyLength | keyFrame
 *   32   size (u64)                       of the file, in bytes
 *   40   keyFrameCount | -
 *   48   key, when it is not longer than SPACE_KEY_INLINE; else it lies in frames of its own
 */
@unmanaged
export class SpaceRecord {
  tag: u32
  owner: u32
  hash: u32
  next: u32
  references: u32
  pages: u32
  keyLength: u32
  keyFrame: u32
  size: u64
  keyFrameCount: u32
  reserved: u32
}

export const SPACE_RECORD_BITS: u32 = 7
export const SPACE_RECORD_SIZE: u32 = 1 << SPACE_RECORD_BITS
export const SPACE_KEY_OFFSET: u32 = offsetof<SpaceRecord>()
export const SPACE_KEY_INLINE: u32 = SPACE_RECORD_SIZE - SPACE_KEY_OFFSET

/**
 * The head of a worker's region. Counters are plain: only this worker writes them.
 *
 *   0    runLength | -                            pages of the run that acquirePages() found
 *   8    hits (u64) | misses (u64)
 *   24   bytesDecoded (u64) | pagesFilled (u64)
 *   40   missingPage (u64)                        first page that copyPages() missed
 *   48   workspace: mount | space                 which extent the workspace holds decoded; mount 0 = none
 *   56   workspace: logical (u64) | address (u64)
 *   72   workspace: length | algorithm | device | decoded
 *   88   workspace: flags | extent                bytes of the whole extent
 */
@unmanaged
export class WorkerRecord {
  runLength: u32
  reserved: u32
  hits: u64
  misses: u64
  bytesDecoded: u64
  pagesFilled: u64
  missingPage: u64
  workspaceMount: u32
  workspaceSpace: u32
  workspaceLogical: u64
  workspaceAddress: u64
  workspaceLength: u32
  workspaceAlgorithm: u32
  workspaceDevice: u32
  workspaceDecoded: u32
  workspaceFlags: u32
  workspaceExtent: u32
}

export const EXCHANGE_OFFSET: u32 = PAGE_SIZE
export const EXCHANGE_SIZE: u32 = 128 << 10
export const CODEC_OFFSET: u32 = EXCHANGE_OFFSET + EXCHANGE_SIZE
export const SLOTS_OFFSET: u32 = CODEC_OFFSET + CODEC_WORKSPACE_BYTES

/** Fills that one worker can have under way; slot 0 is for synchronous ones, which never overlap. */
export const SLOT_COUNT: u32 = 8
export const WORKSPACE_OFFSET: u32 = SLOTS_OFFSET + SLOT_COUNT * SLOT_SIZE
export const WORKSPACE_SIZE: u32 = EXTENT_LIMIT + READ_MARGIN
export const WORKER_SIZE: u32 = WORKSPACE_OFFSET + WORKSPACE_SIZE

/** The sizes and addresses of the pool; they never change after its birth. */
export function control(): Control {
  return changetype<Control>(CONTROL)
}

/** What the lock guards. Only valid while holding it. */
export function guarded(): Guarded {
  return changetype<Guarded>(GUARDED)
}

/** The address of a frame's bytes. */
export function frameAddress(frame: u32): usize {
  return control().frames + ((frame as usize) << PAGE_BITS)
}

/** The worker region with that number. */
export function workerAddress(worker: u32): usize {
  return control().workers + (worker as usize) * WORKER_SIZE
}

/** The slot with that number of a worker region. */
export function slotAddress(worker: usize, slot: u32): usize {
  return worker + SLOTS_OFFSET + (slot as usize) * SLOT_SIZE
}

/** More frames or address spaces than that exceed any memory. */
const ENTRY_LIMIT: u32 = 1 << 25

/** Buckets for so many entries: the power of two at or above it. */
function bucketsFor(entries: u32): u32 {
  let buckets: u32 = 64
  while (buckets < entries) buckets <<= 1
  return buckets
}

/**
 * Lays the regions out for the given sizes, into the control block if `write`, and answers the bytes
 * of memory that they need (0 = more than a memory can hold).
 */
export function layOut(frameCount: u32, spaceCapacity: u32, workerCount: u32, write: bool): u64 {
  // More could not fit, and the sums below cannot wrap.
  if (frameCount > ENTRY_LIMIT || spaceCapacity > ENTRY_LIMIT) return 0
  const buckets = bucketsFor(frameCount)
  const spaceBuckets = bucketsFor(spaceCapacity)
  const bitmap = (CONTROL as u64) + CONTROL_SIZE
  const frameTable = alignUp(bitmap + (frameCount >> 3) + 8, 64)
  const bucketTable = frameTable + ((frameCount as u64) << FRAME_RECORD_BITS)
  const spaces = alignUp(bucketTable + ((buckets as u64) << 2), SPACE_RECORD_SIZE)
  const spaceTable = spaces + (((spaceCapacity as u64) + 1) << SPACE_RECORD_BITS)
  const workers = alignUp(spaceTable + ((spaceBuckets as u64) << 2), PAGE_SIZE)
  const frames = alignUp(workers + (workerCount as u64) * WORKER_SIZE, PAGE_SIZE)
  const end = frames + ((frameCount as u64) << PAGE_BITS)
  if (end > 0xffff0000) return 0
  if (write) {
    const c = control()
    c.frameCount = frameCount
    c.bucketMask = buckets - 1
    c.spaceCapacity = spaceCapacity
    c.spaceBucketMask = spaceBuckets - 1
    c.workerCount = workerCount
    c.windowLimit = max<u32>(1, min<u32>(WINDOW_LIMIT, frameCount >> 3))
    c.bitmap = bitmap as usize
    c.frameTable = frameTable as usize
    c.buckets = bucketTable as usize
    c.spaces = spaces as usize
    c.spaceBuckets = spaceTable as usize
    c.workers = workers as usize
    c.frames = frames as usize
    c.end = end as usize
  }
  return end
}
