// SPDX-License-Identifier: MIT
/**
 * Constants of the LZ4 block format and copies of exact length. A block is a row of sequences:
 *
 *   ┌───────┬──────────────────┬──────────┬────────────┬────────────────┐
 *   │ token │ literal length + │ literals │ offset u16 │ match length + │
 *   └───────┴──────────────────┴──────────┴────────────┴────────────────┘
 *
 *     7      4 3      0
 *   ┌─────────┬────────┐  A nibble of 15 is continued by bytes that are added to it, up to and with
 *   │ literal │ match  │  the first below 255. A match is 4 longer than its length says. The last
 *   │ length  │ length │  sequence ends after its literals.
 *   └─────────┴────────┘
 */

export const TOKEN_BYTES: u32 = 1
export const OFFSET_BYTES: u32 = 2
const NIBBLE_BITS: u32 = 4
export const LITERAL_SHIFT: u32 = NIBBLE_BITS
/** A nibble of this value is continued by further bytes. */
export const NIBBLE_MAX: u32 = (1 << NIBBLE_BITS) - 1
/** A further byte of this value is followed by one more. */
export const BYTE_MAX: u32 = (1 << 8) - 1
export const MIN_MATCH: u32 = 4

/** End-of-block rules: the last bytes are literals, and the last match starts this far from the end. */
export const LAST_LITERALS: u32 = 5
export const LAST_MATCH_START: u32 = 12

/** The longest literals and the longest match whose lengths are in the token alone. */
export const SHORT_LITERALS: u32 = NIBBLE_MAX - 1
export const SHORT_MATCH: u32 = NIBBLE_MAX - 1 + MIN_MATCH
/** From this offset on a short match can be copied in words of 8 bytes. */
export const WORD: u32 = 8

/** Bytes of a v128. */
export const VECTOR: u32 = 16

/** Row `offset - 1`: for each byte of a run with that period, the byte of its first period. */
// biome-ignore format: one row per offset
const PERIOD_LANES = memory.data<u8>([
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
], VECTOR)

/** Entry `offset`: the largest multiple of it that a vector holds. */
const PERIOD_STRIDE = memory.data<u8>([0, 16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15])

/** The vector that a run at `op` repeats every `periodStride(offset)` bytes; offset 1 .. 15, inside the target. */
export function period(op: usize, offset: u32): v128 {
  return i8x16.swizzle(v128.load(op - offset), v128.load(PERIOD_LANES + (offset - 1) * VECTOR))
}

/** The largest multiple of `offset` (1 .. 15) that a vector holds; at least 9. */
export function periodStride(offset: u32): u32 {
  return load<u8>(PERIOD_STRIDE + offset)
}

/** Copies a short match in words and perhaps some bytes more; writes 18 bytes. `offset` is at least 8. */
export function copyShortMatch(op: usize, match: usize): void {
  store<u64>(op, load<u64>(match))
  store<u64>(op, load<u64>(match, WORD), WORD)
  store<u16>(op, load<u16>(match, 2 * WORD), 2 * WORD)
}

/** Copies exactly `length` literals; up to a vector behind them is read. */
export function copyLiterals(op: usize, ip: usize, length: u32): void {
  while (length >= VECTOR) {
    v128.store(op, v128.load(ip))
    op += VECTOR
    ip += VECTOR
    length -= VECTOR
  }
  storePart(op, v128.load(ip), length)
}

/** Copies exactly `length` bytes of a match; `offset` is at least 1 and reaches into the target. */
export function copyMatch(op: usize, offset: u32, length: u32): void {
  if (CHECKED) assert(offset !== 0)
  if (offset >= VECTOR) {
    while (length >= VECTOR) {
      v128.store(op, v128.load(op - offset))
      op += VECTOR
      length -= VECTOR
    }
    storePart(op, v128.load(op - offset), length)
    return
  }
  const run = period(op, offset)
  const stride = periodStride(offset)
  while (length >= VECTOR) {
    v128.store(op, run)
    op += stride
    length -= stride
  }
  storePart(op, run, length)
}

/** Stores the first `length` (0 .. 15) bytes of a vector. */
function storePart(at: usize, value: v128, length: u32): void {
  let low = i64x2.extract_lane(value, 0)
  if (length & 8) {
    store<u64>(at, low)
    at += 8
    low = i64x2.extract_lane(value, 1)
  }
  if (length & 4) {
    store<u32>(at, low)
    at += 4
    low >>>= 32
  }
  if (length & 2) {
    store<u16>(at, low)
    at += 2
    low >>>= 16
  }
  if (length & 1) store<u8>(at, low)
}
