// SPDX-License-Identifier: MIT
/** What the core is told of a content: the head of a fill slot. */

/**
 * What the core must know of a content to map it: the head of the Slot record of assembly/slot.ts. Whoever makes
 * one sets what its layout needs.
 */
export class ContentDescription {
  space = 0
  metaSpace = 0
  packedSpace = 0
  layout = 0
  size = 0
  start = 0
  tail = 0
  index = 0
  fragment = 0
  extentCount = 0
  metaSize = 0
  packedSize = 0
  blockBits = 0
  clusterBits = 0
  advise = 0
  flags = 0
  algorithms = 0
  available = 0
  inlineSize = 0
  recordSize = 0
  deviceMask = 0
  mount = 0
  /** Encoded extents of 4 bytes: up to which extent addresses have been summed up, and its address. */
  hintExtent = 0
  hintAddress = 0
  /** Which of the files that share the address space this is; 0 = the only one. Told by the pages it brings in. */
  reader = 0
}

/** LAYOUT_ and CONTENT_ numbers of assembly/slot.ts. */
export const LAYOUT_FLAT = 0
export const LAYOUT_CHUNK = 1
export const LAYOUT_FULL = 2
export const LAYOUT_COMPACT = 3
export const LAYOUT_EXTENTS = 4
export const LAYOUT_FRAGMENT = 5
export const CONTENT_HOLE = 1
export const CONTENT_INLINE_TAIL = 2
export const CONTENT_ZERO_PADDED = 4
export const CONTENT_CHUNK_INDEXES = 8
export const CONTENT_CHUNK_48BIT = 16
export const CONTENT_IS_PACKED = 32
export const CONTENT_MERGE = 64

/** Words of a description. */
export const CONTENT_WORDS = 35
const HINT_WORD = 30

/** Writes a description into the head of a slot, in 32-bit words; 64-bit fields take two, low part first. */
export function writeDescription(words: Uint32Array, d: ContentDescription): void {
  words[0] = d.space
  words[1] = d.metaSpace
  words[2] = d.packedSpace
  words[3] = d.layout
  writeWide(words, 4, d.size)
  writeWide(words, 6, d.start)
  writeWide(words, 8, d.tail)
  writeWide(words, 10, d.index)
  writeWide(words, 12, d.fragment)
  writeWide(words, 14, d.extentCount)
  writeWide(words, 16, d.metaSize)
  writeWide(words, 18, d.packedSize)
  words[20] = d.blockBits
  words[21] = d.clusterBits
  words[22] = d.advise
  words[23] = d.flags
  words[24] = d.algorithms
  words[25] = d.available
  words[26] = d.inlineSize
  words[27] = d.recordSize
  words[28] = d.deviceMask
  words[29] = d.mount
  writeWide(words, HINT_WORD, d.hintExtent)
  writeWide(words, HINT_WORD + 2, d.hintAddress)
  words[34] = d.reader
}

/** Storing takes a number modulo 2^32 and drops its fraction. */
function writeWide(words: Uint32Array, at: number, value: number): void {
  words[at] = value
  words[at + 1] = value / 2 ** 32
}
