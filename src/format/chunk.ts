// SPDX-License-Identifier: MIT
import { unsupported } from "../errors.js"
import { roundUp } from "./bytes.js"
import type { Inode } from "./inode.js"
import { nidToBigInt } from "./nid.js"
import type { Superblock } from "./superblock.js"

const CHUNK_BITS_MASK = 0x1f
const CHUNK_INDEXES = 0x20
const CHUNK_48BIT = 0x40
const KNOWN_BITS = CHUNK_BITS_MASK | CHUNK_INDEXES | CHUNK_48BIT

/** How a chunk-based file is laid out (format section 8). */
export interface ChunkFormat {
  /** log2 of the chunk size in bytes, up to 47: no 32-bit shifts. */
  chunkBits: number
  /** Index records of 8 bytes with device ids, instead of block addresses of 4 bytes. */
  hasIndexes: boolean
  /** Index records carry 48-bit addresses; otherwise their high part is to be ignored. */
  is48Bit: boolean
  recordSize: 4 | 8
  /** Where the table begins in the inode's metadata space: behind the xattrs, aligned to its records. */
  tablePosition: number
}

/** The chunk format of an inode of layout 4. Throws ENOTSUP for unknown bits. */
export function parseChunkFormat(
  inode: Pick<Inode, "nid" | "chunkFormat" | "bodyEnd">,
  superblock: Pick<Superblock, "blockBits">,
): ChunkFormat {
  const { chunkFormat } = inode
  if ((chunkFormat & ~KNOWN_BITS) !== 0) {
    throw unsupported(`chunk format 0x${chunkFormat.toString(16)}`, { nid: nidToBigInt(inode.nid) })
  }
  const hasIndexes = (chunkFormat & CHUNK_INDEXES) !== 0
  const recordSize = hasIndexes ? 8 : 4
  return {
    chunkBits: superblock.blockBits + (chunkFormat & CHUNK_BITS_MASK),
    hasIndexes,
    is48Bit: hasIndexes && (chunkFormat & CHUNK_48BIT) !== 0,
    recordSize,
    tablePosition: roundUp(inode.bodyEnd, recordSize),
  }
}
