// SPDX-License-Identifier: MIT
/** Copies of matches, whose source may overlap what they write. */
import { VECTOR_BYTES } from "./deflate-state"

/** What a wide copy may write beyond its end. */
export const WIDE_COPY_MARGIN: u32 = 2 * VECTOR_BYTES

/**
 * Repeats the `distance` (1..15) bytes before `output` for `length` bytes in whole vectors; writes up to
 * VECTOR_BYTES more.
 */
export function repeatPattern(output: usize, distance: u32, length: u32): void {
  // For each distance d, where the bytes of one vector come from (byte i from i mod d), and after how many
  // bytes the pattern begins anew (the largest multiple of d that fits into a vector).
  // biome-ignore format: one row for each distance
  const patterns = memory.data<u8>([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1,
    0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0,
    0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
    0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0,
    0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3,
    0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1,
    0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 2, 3, 4,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 1, 2,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 1,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0,
  ])
  const strides = memory.data<u8>([16, 16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15])
  const pattern = v128.swizzle(v128.load(output - distance), v128.load(patterns + (distance << 4)))
  const stride = <usize>load<u8>(strides + distance)
  const end = output + length
  do {
    v128.store(output, pattern)
    output += stride
  } while (output < end)
}

/** Copies a match of any length and distance, the bytes before `output` being there; writes no byte more. */
export function copyExact(output: usize, distance: u32, length: u32): void {
  const end = output + length
  if (distance >= VECTOR_BYTES) {
    while (end - output >= VECTOR_BYTES) {
      v128.store(output, v128.load(output - distance))
      output += VECTOR_BYTES
    }
  }
  while (output < end) {
    store<u8>(output, load<u8>(output - distance))
    output++
  }
}
