// SPDX-License-Identifier: MIT
/** What the core must know of an inode's content to map it (format sections 5, 8 and 9). */
import {
  CONTENT_CHUNK_48BIT,
  CONTENT_CHUNK_INDEXES,
  CONTENT_HOLE,
  CONTENT_INLINE_TAIL,
  CONTENT_ZERO_PADDED,
  ContentDescription,
  LAYOUT_CHUNK,
  LAYOUT_COMPACT,
  LAYOUT_EXTENTS,
  LAYOUT_FLAT,
  LAYOUT_FRAGMENT,
  LAYOUT_FULL,
} from "./content-description.js"
import { corrupted } from "./errors.js"
import { roundUp } from "./format/bytes.js"
import { parseChunkFormat } from "./format/chunk.js"
import { deviceIdMask } from "./format/device.js"
import {
  type Inode,
  LAYOUT_CHUNK_BASED,
  LAYOUT_COMPRESSED_COMPACT,
  LAYOUT_COMPRESSED_FULL,
  LAYOUT_FLAT_INLINE,
} from "./format/inode.js"
import { nidToBigInt } from "./format/nid.js"
import type { Superblock } from "./format/superblock.js"
import { MAP_HEADER_SIZE, type MapHeader, mapHeaderPosition } from "./format/zheader.js"

/** Records begin this far behind the map header. */
const FULL_INDEX_GAP = 16
const COMPACT_INDEX_GAP = 8
const MAX_NARROW_LCLUSTER_BITS = 12

/** Whether the inode has a map header. */
export function isCompressed({ layout }: Inode): boolean {
  return layout === LAYOUT_COMPRESSED_FULL || layout === LAYOUT_COMPRESSED_COMPACT
}

/** How the core maps a file, by its layout; `header` only of compressed ones. */
export function describe(
  inode: Inode,
  header: MapHeader | undefined,
  superblock: Superblock,
): ContentDescription {
  const description = new ContentDescription()
  description.size = inode.size
  description.blockBits = superblock.blockBits
  if (header) describeCompressed(description, inode, header, superblock)
  else if (inode.layout === LAYOUT_CHUNK_BASED) describeChunks(description, inode, superblock)
  else describeFlat(description, inode, superblock)
  return description
}

function describeFlat(d: ContentDescription, inode: Inode, superblock: Superblock): void {
  d.layout = LAYOUT_FLAT
  // What lies beyond 2^53 lies beyond every source, and adding to it must not wrap in the core.
  d.start = Math.min((inode.startBlock ?? 0) * superblock.blockSize, Number.MAX_SAFE_INTEGER)
  d.tail = inode.bodyEnd
  if (inode.startBlock === undefined) d.flags |= CONTENT_HOLE
  if (inode.layout === LAYOUT_FLAT_INLINE) d.flags |= CONTENT_INLINE_TAIL
}

function describeChunks(d: ContentDescription, inode: Inode, superblock: Superblock): void {
  const chunk = parseChunkFormat(inode, superblock)
  d.layout = LAYOUT_CHUNK
  d.clusterBits = chunk.chunkBits
  d.index = chunk.tablePosition
  d.deviceMask = deviceIdMask(superblock.extraDevices)
  if (chunk.hasIndexes) d.flags |= CONTENT_CHUNK_INDEXES
  if (chunk.is48Bit) d.flags |= CONTENT_CHUNK_48BIT
}

/** Format section 9. */
function describeCompressed(
  d: ContentDescription,
  inode: Inode,
  header: MapHeader,
  superblock: Superblock,
): void {
  d.fragment = header.fragmentOffset
  if (header.isWholeFragment) {
    d.layout = LAYOUT_FRAGMENT
    return
  }
  if (header.isCompact2Byte && header.lclusterBits > MAX_NARROW_LCLUSTER_BITS) {
    throw corrupted("compact indexes of 2 bytes with lclusters above 4 KiB", { nid: nidToBigInt(inode.nid) })
  }
  const position = mapHeaderPosition(inode)
  d.clusterBits = header.lclusterBits
  d.advise = header.advise
  d.algorithms = header.algorithmHead1 | (header.algorithmHead2 << 4)
  d.available = superblock.algorithms
  d.inlineSize = header.inlineDataSize
  if (superblock.isZeroPadded) d.flags |= CONTENT_ZERO_PADDED
  if (header.isEncodedExtents) {
    d.layout = LAYOUT_EXTENTS
    d.recordSize = header.extentRecordSize
    d.index = roundUp(position + MAP_HEADER_SIZE, d.recordSize)
    d.extentCount = header.extentCount
  } else if (inode.layout === LAYOUT_COMPRESSED_COMPACT) {
    d.layout = LAYOUT_COMPACT
    d.index = position + COMPACT_INDEX_GAP
  } else {
    d.layout = LAYOUT_FULL
    d.index = position + FULL_INDEX_GAP
  }
}
