// SPDX-License-Identifier: MIT
/** Huffman-coded streams: the hot loops of the literals. */
import { firstPosition, loadContainer } from "./zstdBits"
import { HUFFMAN_BITS, HUFFMAN_TABLE } from "./zstdWorkspace"

/** From a container to the index of its next HUFFMAN_BITS bits. */
const INDEX_SHIFT: u64 = 64 - HUFFMAN_BITS

/** Literals that a full container surely has, and the most bytes a stream moves while reading them. */
const LITERALS_PER_ROUND: u32 = 5
const BYTES_PER_ROUND: u32 = 7

const WORD_BYTES: usize = 8

/** The entry for the next bits of `container`. */
function entryOf(container: u64, workspace: usize): u64 {
  return <u64>load<u16>(workspace + ((<usize>(container >> INDEX_SHIFT)) << 1), HUFFMAN_TABLE)
}

/**
 * Decodes `size` literals from one stream of `length` bytes, at least 1. Returns false if the
 * stream is damaged or not used up.
 */
export function decodeStream(start: usize, length: u32, output: usize, size: u32, workspace: usize): bool {
  const position = firstPosition(start, length)
  if (position < 0) return false
  return finishStream(start, position, output, size, workspace)
}

/** Decodes the last `size` literals of a stream, which must end with them. */
function finishStream(start: usize, position: i32, output: usize, size: u32, workspace: usize): bool {
  const end = output + size
  while (output + LITERALS_PER_ROUND <= end) {
    if (position < 0) return false
    let container = loadContainer(start, position)
    let used: u64 = 0
    for (let i: usize = 0; i < LITERALS_PER_ROUND; i++) {
      const entry = entryOf(container, workspace)
      store<u8>(output + i, <u8>(entry >> 8))
      container <<= entry
      used += entry & 0xff
    }
    position -= <i32>used
    output += LITERALS_PER_ROUND
  }
  if (position < 0) return false
  let container = loadContainer(start, position)
  for (; output < end; output++) {
    const entry = entryOf(container, workspace)
    store<u8>(output, <u8>(entry >> 8))
    container <<= entry
    position -= <i32>(entry & 0xff)
  }
  return position == 0
}

/**
 * Decodes `size` literals, at least 6, from four streams that lie from `start` on: three of the lengths
 * given, the fourth up to `total` bytes. No length is 0. Returns false if a stream is damaged.
 *
 * Each stream is a word of bits, topmost next, and the address it was loaded from. The lowest bit
 * of a word is set when it is loaded, so that its trailing zeros count the bits used.
 */
export function decodeStreams(
  start: usize,
  first: u32,
  second: u32,
  third: u32,
  total: u32,
  output: usize,
  size: u32,
  workspace: usize,
): bool {
  const start1 = start
  const start2 = start1 + first
  const start3 = start2 + second
  const start4 = start3 + third
  const end = start + total
  let position1 = firstPosition(start1, first)
  let position2 = firstPosition(start2, second)
  let position3 = firstPosition(start3, third)
  let position4 = firstPosition(start4, <u32>(end - start4))
  if ((position1 | position2 | position3 | position4) < 0) return false

  const segment = (size + 3) / 4
  const last = size - 3 * segment
  let output1 = output
  let output2 = output + segment
  let output3 = output2 + segment
  let output4 = output3 + segment

  let from1 = start2 - WORD_BYTES
  let from2 = start3 - WORD_BYTES
  let from3 = start4 - WORD_BYTES
  let from4 = end - WORD_BYTES
  let bits1 = (load<u64>(from1) | 1) << ((first << 3) - position1)
  let bits2 = (load<u64>(from2) | 1) << ((second << 3) - position2)
  let bits3 = (load<u64>(from3) | 1) << ((third << 3) - position3)
  let bits4 = (load<u64>(from4) | 1) << (((end - start4) << 3) - position4)

  let left = last
  for (;;) {
    // Rounds that surely neither pass the start of a stream nor the end of the last output.
    let room = min(from1 - (start1 - WORD_BYTES), from2 - (start2 - WORD_BYTES))
    room = min(room, min(from3 - (start3 - WORD_BYTES), from4 - (start4 - WORD_BYTES)))
    let rounds = min<u32>(<u32>room / BYTES_PER_ROUND, left / LITERALS_PER_ROUND)
    if (rounds == 0) break
    left -= rounds * LITERALS_PER_ROUND
    do {
      let entry1 = entryOf(bits1, workspace)
      let entry2 = entryOf(bits2, workspace)
      let entry3 = entryOf(bits3, workspace)
      let entry4 = entryOf(bits4, workspace)
      bits1 <<= entry1
      bits2 <<= entry2
      bits3 <<= entry3
      bits4 <<= entry4
      store<u8>(output1, <u8>(entry1 >> 8))
      store<u8>(output2, <u8>(entry2 >> 8))
      store<u8>(output3, <u8>(entry3 >> 8))
      store<u8>(output4, <u8>(entry4 >> 8))
      entry1 = entryOf(bits1, workspace)
      entry2 = entryOf(bits2, workspace)
      entry3 = entryOf(bits3, workspace)
      entry4 = entryOf(bits4, workspace)
      bits1 <<= entry1
      bits2 <<= entry2
      bits3 <<= entry3
      bits4 <<= entry4
      store<u8>(output1, <u8>(entry1 >> 8), 1)
      store<u8>(output2, <u8>(entry2 >> 8), 1)
      store<u8>(output3, <u8>(entry3 >> 8), 1)
      store<u8>(output4, <u8>(entry4 >> 8), 1)
      entry1 = entryOf(bits1, workspace)
      entry2 = entryOf(bits2, workspace)
      entry3 = entryOf(bits3, workspace)
      entry4 = entryOf(bits4, workspace)
      bits1 <<= entry1
      bits2 <<= entry2
      bits3 <<= entry3
      bits4 <<= entry4
      store<u8>(output1, <u8>(entry1 >> 8), 2)
      store<u8>(output2, <u8>(entry2 >> 8), 2)
      store<u8>(output3, <u8>(entry3 >> 8), 2)
      store<u8>(output4, <u8>(entry4 >> 8), 2)
      entry1 = entryOf(bits1, workspace)
      entry2 = entryOf(bits2, workspace)
      entry3 = entryOf(bits3, workspace)
      entry4 = entryOf(bits4, workspace)
      bits1 <<= entry1
      bits2 <<= entry2
      bits3 <<= entry3
      bits4 <<= entry4
      store<u8>(output1, <u8>(entry1 >> 8), 3)
      store<u8>(output2, <u8>(entry2 >> 8), 3)
      store<u8>(output3, <u8>(entry3 >> 8), 3)
      store<u8>(output4, <u8>(entry4 >> 8), 3)
      entry1 = entryOf(bits1, workspace)
      entry2 = entryOf(bits2, workspace)
      entry3 = entryOf(bits3, workspace)
      entry4 = entryOf(bits4, workspace)
      bits1 <<= entry1
      bits2 <<= entry2
      bits3 <<= entry3
      bits4 <<= entry4
      store<u8>(output1, <u8>(entry1 >> 8), 4)
      store<u8>(output2, <u8>(entry2 >> 8), 4)
      store<u8>(output3, <u8>(entry3 >> 8), 4)
      store<u8>(output4, <u8>(entry4 >> 8), 4)
      output1 += LITERALS_PER_ROUND
      output2 += LITERALS_PER_ROUND
      output3 += LITERALS_PER_ROUND
      output4 += LITERALS_PER_ROUND
      const used1 = ctz<u64>(bits1)
      const used2 = ctz<u64>(bits2)
      const used3 = ctz<u64>(bits3)
      const used4 = ctz<u64>(bits4)
      from1 -= <usize>(used1 >> 3)
      from2 -= <usize>(used2 >> 3)
      from3 -= <usize>(used3 >> 3)
      from4 -= <usize>(used4 >> 3)
      bits1 = (load<u64>(from1) | 1) << (used1 & 7)
      bits2 = (load<u64>(from2) | 1) << (used2 & 7)
      bits3 = (load<u64>(from3) | 1) << (used3 & 7)
      bits4 = (load<u64>(from4) | 1) << (used4 & 7)
    } while (--rounds)
  }

  position1 = positionOf(start1, from1, bits1)
  position2 = positionOf(start2, from2, bits2)
  position3 = positionOf(start3, from3, bits3)
  position4 = positionOf(start4, from4, bits4)
  left += segment - last
  if (!finishStream(start1, position1, output1, left, workspace)) return false
  if (!finishStream(start2, position2, output2, left, workspace)) return false
  if (!finishStream(start3, position3, output3, left, workspace)) return false
  return finishStream(start4, position4, output4, left - (segment - last), workspace)
}

/** The number of bits left in a stream whose word was loaded at `from`. */
function positionOf(start: usize, from: usize, bits: u64): i32 {
  return <i32>((from + WORD_BYTES - start) << 3) - <i32>ctz<u64>(bits)
}
