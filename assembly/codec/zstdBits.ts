// SPDX-License-Identifier: MIT
/**
 * Bitstreams that are read backwards. A stream is the bytes from `start` on and a `position`, the
 * number of bits not yet read; the next bit is bit `position - 1` of the stream. What lies below
 * `start` is loaded too, but a position that has become negative condemns the stream.
 */

/** Bits above the lowest `position` that one load can give: 64 less those of a broken byte. */
export const CONTAINER_BITS: u32 = 57

const WORD_BITS: u64 = 64
const WORD_BYTES: usize = 8

/**
 * The position behind the final-bit-flag of a stream of `length` bytes, or -1 if there is no flag.
 * `length` is at least 1.
 */
export function firstPosition(start: usize, length: u32): i32 {
  const last: u32 = load<u8>(start + length - 1)
  if (last == 0) return -1
  return (length << 3) - (clz<u32>(last) - 23)
}

/** The next bits at the top of a word, at least CONTAINER_BITS of them. `position` is not negative. */
export function loadContainer(start: usize, position: i32): u64 {
  return load<u64>(start - WORD_BYTES + ((position + 7) >>> 3)) << (<u64>(-position & 7))
}

/** The `bits` highest bits of `container`; `bits` is less than 64 and may be 0. */
export function topBits(container: u64, bits: u32): u32 {
  return <u32>((container >> 1) >> (WORD_BITS - 1 - bits))
}
