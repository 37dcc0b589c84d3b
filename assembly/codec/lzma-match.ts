// SPDX-License-Identifier: MIT

const VECTOR: u32 = 16

/** For distance d at 16 * (d - 1): how sixteen bytes repeat with period d. */
const PATTERNS = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 2, 0,
  1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 0, 1, 2,
  3, 4, 0, 1, 2, 3, 4, 0, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4,
  5, 6, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 2, 3, 4, 0, 1, 2, 3,
  4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 1, 2, 0, 1, 2, 3, 4, 5,
  6, 7, 8, 9, 10, 11, 12, 13, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0,
])
/** For distance d at d - 1: the largest multiple of d up to sixteen. */
const STRIDES = memory.data<u8>([16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15])

/**
 * Copies `length` > 0 bytes from `distance` > 0 bytes before `to`; `distance` bytes before and `length` bytes
 * from `to` are in the target. Up to 15 bytes behind the match are overwritten too, but none from `roomEnd` on.
 */
export function copyMatch(to: usize, distance: u32, length: u32, roomEnd: usize): void {
  const end = to + length
  let from = to - distance
  if (length + VECTOR > ((roomEnd - to) as u32)) {
    do store<u8>(to++, load<u8>(from++))
    while (to < end)
  } else if (distance < VECTOR) {
    // The same sixteen bytes over and over: runs decode several times faster than byte by byte.
    const row: usize = (distance - 1) * VECTOR
    const pattern = i8x16.swizzle(v128.load(from), v128.load(PATTERNS + row))
    const stride: usize = load<u8>(STRIDES + (distance - 1))
    do {
      v128.store(to, pattern)
      to += stride
    } while (to < end)
  } else {
    do {
      v128.store(to, v128.load(from))
      to += VECTOR
      from += VECTOR
    } while (to < end)
  }
}
