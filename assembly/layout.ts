// SPDX-License-Identifier: MIT
/**
 * Where everything lies in memory. Every region starts where the one before it ends; nothing of the
 * pool is kept anywhere else, so that any number of instances can work on one memory.
 *
 *   0          constant tables (data segments; the only ones)
 *   CONTROL    control block: sizes, addresses of the regions below, lock, hand, counters
 *              frame bitmap     one bit a frame, set = free
 *              frame table      FRAME_RECORD_SIZE a frame: state, page, hash chain: what finding a page touches
 *              readers          u32 a frame: the file that brought the page in
 *              page buckets     u32 each: first link of a hash chain (pool/pages.ts)
 *              content buckets  u32 each: first frame of a chain of equal hashes, + 1 (pool/content.ts)
 *              content table    CONTENT_RECORD_SIZE a frame: what sharing by content knows of it
 *              space table      SPACE_RECORD_SIZE an address space
 *              space buckets    u32 each: first space of a hash chain
 *              alias table      ALIAS_RECORD_SIZE a page that lies in another page's frame
 *              member table     MEMBER_RECORD_SIZE a mount that uses an address space
 *              pin tables       one a worker place: pins that this worker holds, u8 a frame, and behind those how often
 *                               each of these ran over, u16 a frame
 *              workers          WORKER_SIZE each: counters, exchange area, scratch, fill slots
 *              frames           PAGE_SIZE each; behind them at least GUARD_BYTES
 *
 * The tables of spaces, aliases and members are sized for the worst case and used from their beginning, those for sharing by
 * content and of carries only where there is such: what was never used was never touched, and costs address space only.
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
import { EXTENT_LIMIT, EXTENTS_OFFSET, READ_MARGIN, SLOT_SIZE } from "./slot"

/** Bits of the number of an address space in the name of a page: pool/names.ts. */
export const SPACE_NUMBER_BITS: u32 = 22

/** Constant tables end before this. */
export const CONTROL: usize = 0x10000
const CONTROL_SIZE: u32 = PAGE_SIZE

/**
 * The control block, at CONTROL. What the lock guards, and the words that others poll, have cache lines of
 * their own (LINE_SIZE).
 *
 *   0    frameCount | bucketCount | spaceCapacity | spaceBucketCount
 *   16   workerCount | - | bitmap | frameTable
 *   32   buckets | spaces | spaceBuckets | workers               addresses of the regions
 *   48   frames | end | magic | contentBuckets
 *   64   aliases | aliasCapacity | members | memberCapacity
 *   80   pinTables | contentTable | readers | -
 *
 *   128  lock | serial                                           LOCK, LOCK_SERIAL
 *   256  hand | freeFrames | ...                                 GUARDED: under the lock
 *   384  fillEpoch: counts finished fills; waiters wait on it    FILL_EPOCH
 *   512  places | mounts                                         PLACES, MOUNTS
 */
@unmanaged
export class Control {
  frameCount: u32
  bucketCount: u32
  spaceCapacity: u32
  spaceBucketCount: u32
  workerCount: u32
  reserved: u32
  bitmap: usize
  frameTable: usize
  buckets: usize
  spaces: usize
  spaceBuckets: usize
  workers: usize
  frames: usize
  end: usize
  magic: u32
  contentBuckets: usize
  aliases: usize
  aliasCapacity: u32
  members: usize
  memberCapacity: u32
  pinTables: usize
  contentTable: usize
  readers: usize
}

/**
 * The part of the control block that the lock guards.
 *
 *   0    hand | freeFrames | bitmapHint | onlineFrames
 *   16   freeSpace | spaceTop | usedSpaces | usesContent
 *   32   freeAlias | aliasTop | usedAliases | aliasHand
 *   48   freeMember | memberTop | keyFrames | repairs
 *   64   reclaimed (u64) | merged (u64)
 *   80   stretchStart | pass | taken | isStaying             pool/hand.ts
 *   96   passed | warm
 */
@unmanaged
export class Guarded {
  /** Where reclaim goes on. */
  hand: u32
  freeFrames: u32
  /** Where the search for free frames goes on. */
  bitmapHint: u32
  /** Frames that may be used: all but those that a smaller pool set aside. */
  onlineFrames: u32
  /** First record of the list of free address spaces, 0 = none; and how many were ever used. */
  freeSpace: u32
  spaceTop: u32
  usedSpaces: u32
  /** Whether pages are entered into the content chains. */
  usesContent: u32
  /** The same for aliases; aliasHand: which one goes next when all are in use. */
  freeAlias: u32
  aliasTop: u32
  usedAliases: u32
  aliasHand: u32
  /** The same for members. */
  freeMember: u32
  memberTop: u32
  /** Frames that hold long keys. */
  keyFrames: u32
  /** How often the pool was put in order after a worker that ended in the middle of a change. */
  repairs: u32
  /** Pages thrown out of their frames so far, and pages that found an equal one in the pool. */
  reclaimed: u64
  merged: u64
  /** The stretch of frames that the hand is in, how often it went over it before, and whether that gave anything. */
  stretchStart: u32
  pass: u32
  taken: u32
  /** Whether the hand goes over a stretch several times. */
  isStaying: u32
  /** Pages that the hand came to since it last asked itself how it should go on, and those that had been used again. */
  passed: u32
  warm: u32
}

const LINE_SIZE: usize = 128
/** The lock's word, see pool/lock.ts, and how often it has been taken. */
export const LOCK: usize = CONTROL + LINE_SIZE
export const LOCK_SERIAL: usize = LOCK + 4
const GUARDED: usize = LOCK + LINE_SIZE
export const FILL_EPOCH: usize = GUARDED + LINE_SIZE
/** One bit a worker place, set = taken; and how many mounts there have been. */
export const PLACES: usize = FILL_EPOCH + LINE_SIZE
export const MOUNTS: usize = PLACES + 4

/** As many places as bits in the word at PLACES. */
export const WORKER_LIMIT: u32 = 32

/** Says that a control block has been set up ("EROF"). */
export const CONTROL_MAGIC: u32 = 0x464f5245

/**
 * What a frame holds. One per frame, in the order of the frames.
 *
 *   0    state | next        state: see pool/frames.ts; next link of the same hash chain
 *   8    name (u64)          of the page in it, see pool/names.ts; 0 = none
 */
@unmanaged
export class FrameRecord {
  state: u32
  next: u32
  name: u64
}

export const FRAME_RECORD_BITS: u32 = 4
export const FRAME_RECORD_SIZE: u32 = 1 << FRAME_RECORD_BITS

/**
 * What sharing by content knows of a frame. One per frame, in their order.
 *
 *   0    next | aliases       next frame of its chain of equal hashes, + 1; first alias of the frame, 0 = none
 *   8    hash                 by which its bytes are found, 0 = they are not
 */
@unmanaged
export class ContentRecord {
  next: u32
  aliases: u32
  hash: u32
}

export const CONTENT_RECORD_SIZE: u32 = offsetof<ContentRecord>()

/**
 * A page whose bytes lie in the frame of another, equal page. Aliases count from 1.
 *
 *   0    name (u64)             of the page; 0 = free
 *   8    frame | next           next link of the hash chain (of the free list)
 *   16   sibling | elder        next alias of the same frame; the one before it on the frame's list; 0 = none
 *   24   reader | -             the file that brought the page in
 */
@unmanaged
export class AliasRecord {
  name: u64
  frame: u32
  next: u32
  sibling: u32
  elder: u32
  reader: u32
  reserved: u32
}

export const ALIAS_RECORD_SIZE: u32 = offsetof<AliasRecord>()

/**
 * A mount that uses an address space, in one worker. Members count from 1.
 *
 *   0    next | mount           next member of the same space (of the free list)
 *   8    holding                whose references and how many: pool/members.ts; no references = free
 */
@unmanaged
export class MemberRecord {
  next: u32
  mount: u32
  holding: u32
}

export const MEMBER_RECORD_SIZE: u32 = offsetof<MemberRecord>()

/**
 * An address space: the pages of one file identity.
 *
 *   0    tag (u16) | keyLength (u16) | next    kind of key, 0 = free; hash chain (free list), 0 = end
 *   8    pages | members                       how many are in the pool; first member
 *   16   owner | domain                        whose it is; only pages of the same domain may share a frame (intern.ts)
 *   24   size (u64)                            of the file, in bytes
 *   32   key, when it is not longer than SPACE_KEY_INLINE; else the first of the frames that it lies in (u32)
 */
@unmanaged
export class SpaceRecord {
  tag: u16
  keyLength: u16
  next: u32
  pages: u32
  members: u32
  owner: u32
  domain: u32
  size: u64
  keyFrame: u32
}

export const SPACE_KEY_OFFSET: u32 = offsetof<SpaceRecord>("keyFrame")
/** mkfs.erofs writes fingerprints of 39 bytes. */
export const SPACE_KEY_INLINE: u32 = 40
export const SPACE_RECORD_SIZE: u32 = SPACE_KEY_OFFSET + SPACE_KEY_INLINE

/**
 * The head of a worker's region. Counters are plain: only this worker writes them.
 *
 *   0    runLength | place                        pages of the run that acquirePages() found; number of the place
 *   8    hits (u64) | misses (u64)
 *   24   bytesDecoded (u64) | pagesFilled (u64)
 *   40   missingPage (u64)                        first page that copyPages() missed
 *   48   workspace: mount | space                 which extent the workspace holds decoded; mount 0 = none
 *   56   workspace: logical (u64) | address (u64)
 *   72   workspace: length | algorithm | device | decoded
 *   88   workspace: flags | extent                bytes of the whole extent
 *   96   guess | carries      frame, + 1, expected to hold the same as the next page to come, 0 = none; whether any
 *                             pins were too many for the first part of the pin table
 *   104  silentAt (u64)         what it had done when another worker found it silent: pool/silence.ts
 */
@unmanaged
export class WorkerRecord {
  runLength: u32
  place: u32
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
  guess: u32
  carries: u32
  silentAt: u64
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

/** Makes the slots of a worker region as they were before any fill. */
export function clearSlots(worker: usize): void {
  for (let slot: u32 = 0; slot < SLOT_COUNT; slot++) memory.fill(slotAddress(worker, slot), 0, EXTENTS_OFFSET)
}

/** A worker's table of the pins it holds: one u8 a frame, then one u16 a frame. */
export function pinTable(place: u32): usize {
  const c = control()
  return c.pinTables + ((place * c.frameCount) as usize) * PIN_BYTES
}

/** The record of a worker region. */
export function workerRecord(worker: usize): WorkerRecord {
  return changetype<WorkerRecord>(worker)
}

/** Bytes of a worker's table of pins for each frame. */
export const PIN_BYTES: u32 = 3
/** More frames exceed any memory, more address spaces the names of pages (pool/names.ts). */
const FRAME_LIMIT: u32 = 1 << 20
const SPACE_LIMIT: u32 = (1 << SPACE_NUMBER_BITS) - 1
/** Bytes behind the last frame, for decoders look that far past the end of what they fill (codec/codec.ts). */
const GUARD_BYTES: u32 = 64
/** Aliases there may be for every frame, and frames for every bucket of address spaces (a power of two). */
const ALIASES_PER_FRAME: u32 = 2
const SPACE_BUCKET_SHARE: u32 = 2

const MIN_BUCKETS: u32 = 64

/**
 * Where the bucket of a hash lies in a table of so many: by as many bits of the hash as the last bucket's number has, or
 * one less where these lead beyond it. So no table need be a power of two.
 */
export function bucketOffset(hash: u32, count: u32): usize {
  const mask = u32.MAX_VALUE >> clz(count - 1)
  const bucket = hash & mask
  return ((bucket < count ? bucket : bucket & (mask >> 1)) as usize) << 2
}

/**
 * Lays the regions out for the given sizes, into the control block if `write`, and answers the bytes
 * of memory that they need (0 = more than a memory can hold).
 */
export function layOut(frameCount: u32, spaceCapacity: u32, workerCount: u32, write: bool): u64 {
  // More could not fit, and the sums below cannot wrap.
  if (frameCount > FRAME_LIMIT || spaceCapacity > SPACE_LIMIT || workerCount > WORKER_LIMIT) return 0
  const buckets = max(frameCount, MIN_BUCKETS)
  const spaceBuckets = max(frameCount >> SPACE_BUCKET_SHARE, MIN_BUCKETS)
  const aliasCapacity = frameCount * ALIASES_PER_FRAME
  const memberCapacity = spaceCapacity + frameCount
  const bitmap = (CONTROL as u64) + CONTROL_SIZE
  const frameTable = alignUp(bitmap + (frameCount >> 3) + 8, 64)
  const readers = frameTable + ((frameCount as u64) << FRAME_RECORD_BITS)
  const bucketTable = readers + ((frameCount as u64) << 2)
  const contentBuckets = bucketTable + ((buckets as u64) << 2)
  const contentTable = contentBuckets + ((buckets as u64) << 2)
  const spaces = alignUp(contentTable + (frameCount as u64) * CONTENT_RECORD_SIZE, 64)
  const spaceTable = spaces + ((spaceCapacity as u64) + 1) * SPACE_RECORD_SIZE
  const aliases = alignUp(spaceTable + ((spaceBuckets as u64) << 2), PAGE_SIZE)
  const members = alignUp(aliases + ((aliasCapacity as u64) + 1) * ALIAS_RECORD_SIZE, PAGE_SIZE)
  const pinTables = alignUp(members + ((memberCapacity as u64) + 1) * MEMBER_RECORD_SIZE, PAGE_SIZE)
  const workers = alignUp(pinTables + (workerCount as u64) * frameCount * PIN_BYTES, PAGE_SIZE)
  const frames = alignUp(workers + (workerCount as u64) * WORKER_SIZE, PAGE_SIZE)
  const end = frames + ((frameCount as u64) << PAGE_BITS)
  if (end + GUARD_BYTES > 0xffff0000) return 0
  if (write) {
    const c = control()
    c.frameCount = frameCount
    c.bucketCount = buckets
    c.spaceCapacity = spaceCapacity
    c.spaceBucketCount = spaceBuckets
    c.workerCount = workerCount
    c.bitmap = bitmap as usize
    c.frameTable = frameTable as usize
    c.readers = readers as usize
    c.buckets = bucketTable as usize
    c.contentBuckets = contentBuckets as usize
    c.contentTable = contentTable as usize
    c.spaces = spaces as usize
    c.spaceBuckets = spaceTable as usize
    c.aliases = aliases as usize
    c.aliasCapacity = aliasCapacity
    c.members = members as usize
    c.memberCapacity = memberCapacity
    c.pinTables = pinTables as usize
    c.workers = workers as usize
    c.frames = frames as usize
    c.end = end as usize
  }
  return end + GUARD_BYTES
}
