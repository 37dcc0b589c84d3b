// SPDX-License-Identifier: MIT
/** A fill slot: what is being filled, the plan of it, and room for the stored bytes that it gathers. */

/** Longest decoded extent, longest pcluster: limits of the format, in bytes. */
export const EXTENT_LIMIT: u32 = 12 << 20
export const PCLUSTER_LIMIT: u32 = 1 << 20

/** Pages that one fill brings in at the most; half a run, as whole extents may reach beyond both ends. */
export const WINDOW_LIMIT: u32 = 256
export const RUN_LIMIT: u32 = 2 * WINDOW_LIMIT

export const EXTENT_TABLE_LENGTH: u32 = 1024
export const RANGE_TABLE_LENGTH: u32 = 2048

/** Compressed bytes that one fill gathers before it stops reading ahead, and at the very most. */
export const STAGING_GOAL: u32 = 1 << 20
export const STAGING_SIZE: u32 = 4 << 20
/** Decoders may read this far before and behind their source. */
export const READ_MARGIN: u32 = 64 << 10

/** Kinds of content that a slot can map; src/content-description.ts has the same. */
export const LAYOUT_FLAT: u32 = 0
export const LAYOUT_CHUNK: u32 = 1
export const LAYOUT_FULL: u32 = 2
export const LAYOUT_COMPACT: u32 = 3
export const LAYOUT_EXTENTS: u32 = 4
export const LAYOUT_FRAGMENT: u32 = 5

/** Flags of a slot's content. */
export const CONTENT_HOLE: u32 = 1 << 0
export const CONTENT_INLINE_TAIL: u32 = 1 << 1
export const CONTENT_ZERO_PADDED: u32 = 1 << 2
export const CONTENT_CHUNK_INDEXES: u32 = 1 << 3
export const CONTENT_CHUNK_48BIT: u32 = 1 << 4
export const CONTENT_IS_PACKED: u32 = 1 << 5
export const CONTENT_MERGE: u32 = 1 << 6

/** Flags of a request. */
export const REQUEST_STEAL: u32 = 1 << 0
/** Past the pool: the run lies in the slot itself, no page enters the pool. */
export const REQUEST_DIRECT: u32 = 1 << 1
/** Takes pages over that another worker has been filling for too long. */
export const REQUEST_SEIZE: u32 = 1 << 2
/** Pages are only published if they are those that were verified before: see fill/verify.ts. */
export const REQUEST_VERIFY: u32 = 1 << 3
/** Bytes cost more than time: no extent is read that holds nothing of the pages wanted. */
export const REQUEST_SPARE: u32 = 1 << 4
/** The worker whose page is taken over counts as gone until it does something. */
export const REQUEST_DOUBT: u32 = 1 << 5

/**
 * One fill. First what the content's inode says, written by src/content-description.ts in one piece; then the request, what
 * the plan answers, its state, and the mapper's.
 *
 *   0     space | metaSpace | packedSpace | layout
 *   16    size (u64) | start (u64)                 bytes of the file; of flat data on device 0
 *   32    tail (u64) | index (u64)                 metadata positions of the inline tail, of the first record
 *   48    fragment (u64) | extentCount (u64)       offset in the packed inode; records of encoded extents
 *   64    metaSize (u64) | packedSize (u64)        bytes of those two spaces
 *   80    blockBits | clusterBits | advise | flags
 *   96    algorithms | available | inlineSize | recordSize
 *   112   deviceMask | mount
 *   120   hintExtent (u64) | hintAddress (u64)     extents of 4 bytes: address of extent hintExtent
 *   136   reader | want                         reader: which of the files that share the space asks, 0 = the only one
 *   144   page (u64) | request | needCount      with want: the request
 *   160   needPage (u64) | rangeCount | failedRange   answers of the plan
 *   176   errorOffset (u64) | worker | extentUsed
 *   192   stagingUsed | runLength | isContiguous | answer
 *   208   runPage (u64) | coverStart (u64) | coverEnd (u64)
 *   232   cursorPage (u64) | cursorFrame        metadata page that the mapper holds, frame + 1
 *   244   recordType | recordOffset | recordBlock | recordBack
 *   260   recordForward | recordBlocks | recordPartial     one lcluster record, see map/lcluster.ts
 *   272   knownPage (u64) | emptied          first page that is not recognized yet; frames emptied before
 *   284   guess                              frame, + 1, that is expected to hold the same as the next page; 0 = none
 *
 *   FORGED_OFFSET    a bit for each page of the run: it is not what was verified
 *   EXTENTS_OFFSET   EXTENT_TABLE_LENGTH Extent records
 *   RANGES_OFFSET    RANGE_TABLE_LENGTH Range records
 *   RUN_OFFSET       RUN_LIMIT u32: the frame of each page of the run
 *   HASHES_OFFSET    RUN_LIMIT u32: the hash of each page of the run, where pages share by content
 *   TWINS_OFFSET     RUN_LIMIT u32: the frame, + 1, with the same bytes, see fill/merge.ts; 0 = none
 *   STAGING_OFFSET   STAGING_SIZE bytes: what the extents are stored as, and a margin
 *   DIRECT_OFFSET    DIRECT_PAGES pages: the run of a fill that goes past the pool
 */
@unmanaged
export class Slot {
  space: u32
  metaSpace: u32
  packedSpace: u32
  layout: u32
  size: u64
  start: u64
  tail: u64
  index: u64
  fragment: u64
  extentCount: u64
  metaSize: u64
  packedSize: u64
  blockBits: u32
  clusterBits: u32
  advise: u32
  flags: u32
  algorithms: u32
  available: u32
  inlineSize: u32
  recordSize: u32
  deviceMask: u32
  mount: u32
  hintExtent: u64
  hintAddress: u64
  reader: u32
  // The request.
  want: u32
  page: u64
  request: u32
  // Answers of the plan, and its state.
  needCount: u32
  needPage: u64
  rangeCount: u32
  failedRange: u32
  errorOffset: u64
  worker: u32
  extentUsed: u32
  stagingUsed: u32
  runLength: u32
  isContiguous: u32
  answer: i32
  runPage: u64
  coverStart: u64
  coverEnd: u64
  // The mapper's state.
  cursorPage: u64
  cursorFrame: u32
  recordType: u32
  recordOffset: u32
  recordBlock: u32
  recordBack: u32
  recordForward: u32
  recordBlocks: u32
  recordPartial: u32
  // Where pages share by content, see fill/merge.ts.
  knownPage: u64
  emptied: u32
  guess: u32
}

/** Bytes of the record that describe the content. */
export const CONTENT_SIZE: u32 = 140
export const FORGED_OFFSET: u32 = 448
export const EXTENTS_OFFSET: u32 = 512
export const EXTENT_SIZE: u32 = offsetof<Extent>()
export const RANGES_OFFSET: u32 = EXTENTS_OFFSET + EXTENT_TABLE_LENGTH * EXTENT_SIZE
export const RANGE_SIZE: u32 = offsetof<Range>()
export const RUN_OFFSET: u32 = RANGES_OFFSET + RANGE_TABLE_LENGTH * RANGE_SIZE
export const HASHES_OFFSET: u32 = RUN_OFFSET + RUN_LIMIT * 4
export const TWINS_OFFSET: u32 = HASHES_OFFSET + RUN_LIMIT * 4
export const STAGING_OFFSET: u32 = 256 << 10
export const DIRECT_OFFSET: u32 = STAGING_OFFSET + STAGING_SIZE + READ_MARGIN
/** Pages that one fill past the pool brings at the most. */
export const DIRECT_PAGES: u32 = 32
export const SLOT_SIZE: u32 = DIRECT_OFFSET + (DIRECT_PAGES << 12)

/** How an extent's bytes get into the frames. */
export const KIND_RAW: u32 = 0
export const KIND_HOLE: u32 = 1
export const KIND_METADATA: u32 = 2
export const KIND_FRAGMENT: u32 = 3
export const KIND_COPY: u32 = 4
export const KIND_DECODE: u32 = 5

/**
 * An extent of the file within a plan.
 *
 *   0    logical (u64) | physical (u64)   bytes; physical: on its device, in the metadata space or packed inode
 *   16   length (u64)                     bytes of the file
 *   24   encodedLength | kind | algorithm | device
 *   40   flags | staging                  staging: address of the stored bytes
 *   48   firstRange | lastRange           the ranges that bring them; first > last = none
 *   56   status | wanted                  wanted: bytes to decode, all or up to the end of a page
 */
@unmanaged
export class Extent {
  logical: u64
  physical: u64
  length: u64
  encodedLength: u32
  kind: u32
  algorithm: u32
  device: u32
  flags: u32
  staging: u32
  firstRange: u32
  lastRange: u32
  status: i32
  wanted: u32
}

export const EXTENT_PARTIAL: u32 = 1 << 0
export const EXTENT_INTERLACED: u32 = 1 << 1
export const EXTENT_IN_METADATA: u32 = 1 << 2

/**
 * Bytes of a device to be read to an address in memory.
 *
 *   0    offset (u64)                     bytes on the device
 *   8    length | address | device | status
 */
@unmanaged
export class Range {
  offset: u64
  length: u32
  address: u32
  device: u32
  status: i32
}

/** Extent number `index` of the plan. */
export function extentOf(slot: Slot, index: u32): Extent {
  return changetype<Extent>(changetype<usize>(slot) + EXTENTS_OFFSET + (index as usize) * EXTENT_SIZE)
}

/** Range number `index` of the plan. */
export function rangeOf(slot: Slot, index: u32): Range {
  return changetype<Range>(changetype<usize>(slot) + RANGES_OFFSET + (index as usize) * RANGE_SIZE)
}

// Numbers by which TypeScript asks for fields of these records.

export const SLOT_NEED_PAGE: u32 = 0
export const SLOT_NEED_COUNT: u32 = 1
export const SLOT_RANGE_COUNT: u32 = 2
export const SLOT_ERROR_OFFSET: u32 = 3
export const SLOT_HINT_EXTENT: u32 = 4
export const SLOT_HINT_ADDRESS: u32 = 5
export const SLOT_FAILED_RANGE: u32 = 6
export const SLOT_WANT: u32 = 7
export const SLOT_RUN_PAGE: u32 = 8
export const SLOT_RUN_LENGTH: u32 = 9

export const RANGE_OFFSET: u32 = 0
export const RANGE_LENGTH: u32 = 1
export const RANGE_ADDRESS: u32 = 2
export const RANGE_DEVICE: u32 = 3

export const EXTENT_LOGICAL: u32 = 0
export const EXTENT_PHYSICAL: u32 = 1
export const EXTENT_LENGTH: u32 = 2
export const EXTENT_ENCODED_LENGTH: u32 = 3
export const EXTENT_KIND: u32 = 4
export const EXTENT_ALGORITHM: u32 = 5
export const EXTENT_DEVICE: u32 = 6
export const EXTENT_FLAGS: u32 = 7
