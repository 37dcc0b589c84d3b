// SPDX-License-Identifier: MIT
/**
 * The LZ4 decoder: a fast loop here, which never asks where the input ends for short sequences and
 * writes whole vectors, and a careful one (lz4-careful.ts) for what is left and for very small blocks.
 *
 *                                              fastEnd      matchEnd   end
 *   ├── the fast loop's sequences start here ─────┤─────────────┤───────┤── slack ──┤
 *   target
 *
 * The exact form stops so early that no write passes `end`; the slack form writes up to 26 bytes
 * behind it and stops where a short match could reach into the last literals.
 */
import { BAD_STREAM, OK, UNSUPPORTED } from "../status"
import { AFTER_LENGTH, decodeCarefully, matchLength } from "./lz4-careful"
import {
  BYTE_MAX,
  copyMatch,
  copyShortMatch,
  LAST_LITERALS,
  LITERAL_SHIFT,
  MIN_MATCH,
  NIBBLE_MAX,
  OFFSET_BYTES,
  period,
  periodStride,
  SHORT_LITERALS,
  SHORT_MATCH,
  TOKEN_BYTES,
  VECTOR,
  WORD,
} from "./lz4-format"

/** What one round of a copy loop writes. */
const STEP: u32 = 2 * VECTOR
/** What a match with continued length writes before its length is looked at. */
const LONG_MATCH_HEAD: u32 = 3 * VECTOR

/** Slack from which on the slack form is taken. */
const SLACK_NEEDED: u32 = 128
/** Exact form: a sequence that starts before `end - EXACT_MARGIN` writes nothing past the end. */
const EXACT_MARGIN: u32 = SHORT_LITERALS + LONG_MATCH_HEAD
/** Slack form: a short sequence that starts before `end - SLACK_MARGIN` leaves the last literals free. */
const SLACK_MARGIN: u32 = SHORT_LITERALS + SHORT_MATCH + LAST_LITERALS - 1
/** From `fastEnd` to `matchEnd`, where a long match copied in whole steps may end; right for both forms. */
const MATCH_MARGIN: u32 = EXACT_MARGIN - STEP

/** Below this source length no sum of length bytes leaves 31 bits; EROFS pclusters end at 1 MiB. */
const SOURCE_LIMIT: u32 = 1 << 23

/** Decodes one LZ4 stream; see codec.ts for the contract. */
export function decodeLz4(
  source: usize,
  sourceLength: u32,
  target: usize,
  targetLength: u32,
  slack: u32,
  _workspace: usize,
  partial: bool,
): i32 {
  if (sourceLength >= SOURCE_LIMIT) return UNSUPPORTED
  if (targetLength === 0) {
    // Nothing is one token of no literals and no match.
    if (partial) return OK
    if (sourceLength !== TOKEN_BYTES) return BAD_STREAM
    return load<u8>(source) === 0 ? OK : BAD_STREAM
  }
  const inputEnd = source + sourceLength
  const end = target + targetLength
  let ip = source
  let op = target
  // A match that the fast loop must not copy; length 0 = none.
  let pendingLength: u32 = 0
  let pendingOffset: u32 = 0

  /*
   * The fast loop. Ratios to liblz4, geometric means over three corpora and two pcluster sizes, forms
   * interleaved in one run (x86-64, V8 11.3). Gained: copy and length loops behind an `if` of their own,
   * so that V8's stack check at each loop's head is rarely met, 0.92 to 0.94; a test at each path's end
   * instead of one condition at the bottom, 0.94 to 0.97. Lost: a vector for short matches from offset 16
   * instead of two words from offset 8, -0.02; two vectors instead of three before a long match's length
   * is looked at, -0.01. No difference: literals with continued length first, one check fewer behind
   * a match length. Each `if` stands alone because Binaryen turns `a && b` into arithmetic on both.
   */
  const margin = slack >= SLACK_NEEDED ? SLACK_MARGIN : EXACT_MARGIN
  if (targetLength > margin) {
    const fastEnd = end - margin
    while (true) {
      const token: u32 = load<u8>(ip)
      ip += TOKEN_BYTES
      let literals = token >> LITERAL_SHIFT
      if (literals !== NIBBLE_MAX) {
        v128.store(op, v128.load(ip))
      } else {
        let more: u32 = load<u8>(ip)
        ip++
        literals += more
        if (more === BYTE_MAX) {
          do {
            if (ip >= inputEnd) return BAD_STREAM
            more = load<u8>(ip)
            ip++
            literals += more
          } while (more === BYTE_MAX)
        }
        // Near either end the careful loop takes the whole sequence again.
        // Signed, because `ip` can be past the end.
        if (<i32>literals > <i32>(inputEnd - ip)) {
          ip -= TOKEN_BYTES + lengthBytes(literals)
          break
        }
        if (literals > <u32>(fastEnd - op)) {
          ip -= TOKEN_BYTES + lengthBytes(literals)
          break
        }
        v128.store(op, v128.load(ip))
        v128.store(op, v128.load(ip, VECTOR), VECTOR)
        if (literals > STEP) {
          const stop = op + literals
          let from = ip + STEP
          let to = op + STEP
          do {
            v128.store(to, v128.load(from))
            v128.store(to, v128.load(from, VECTOR), VECTOR)
            from += STEP
            to += STEP
          } while (to < stop)
        }
      }
      ip += literals
      op += literals

      const offset: u32 = load<u16>(ip)
      ip += OFFSET_BYTES
      const match = op - offset
      if (match < target) return BAD_STREAM
      let length = (token & NIBBLE_MAX) + MIN_MATCH
      if (length !== NIBBLE_MAX + MIN_MATCH) {
        if (offset >= WORD) {
          copyShortMatch(op, match)
          op += length
          if (op >= fastEnd) break
          continue
        }
      } else {
        let more: u32 = load<u8>(ip)
        ip++
        length += more
        if (more === BYTE_MAX) {
          do {
            if (ip >= inputEnd) return BAD_STREAM
            more = load<u8>(ip)
            ip++
            length += more
          } while (more === BYTE_MAX)
        }
        if (ip > inputEnd - AFTER_LENGTH) return BAD_STREAM
        if (length > <u32>(fastEnd + MATCH_MARGIN - op)) {
          pendingLength = length
          pendingOffset = offset
          break
        }
        if (offset >= VECTOR) {
          const stop = op + length
          v128.store(op, v128.load(match))
          v128.store(op, v128.load(match, VECTOR), VECTOR)
          v128.store(op, v128.load(match, 2 * VECTOR), 2 * VECTOR)
          if (length > LONG_MATCH_HEAD) {
            op += LONG_MATCH_HEAD
            do {
              v128.store(op, v128.load(op - offset))
              v128.store(op, v128.load(op - offset, VECTOR), VECTOR)
              op += STEP
            } while (op < stop)
          }
          op = stop
          if (op >= fastEnd) break
          continue
        }
      }

      // A run with a period below a vector, or below a word. Two strides hold a short match.
      if (offset === 0) return BAD_STREAM
      const run = period(op, offset)
      const stride = periodStride(offset)
      const stop = op + length
      v128.store(op, run)
      op += stride
      v128.store(op, run)
      op += stride
      if (op < stop) {
        do {
          v128.store(op, run)
          op += stride
          v128.store(op, run)
          op += stride
        } while (op < stop)
      }
      op = stop
      if (op >= fastEnd) break
    }
    // One check for all sequences so far: behind each there is at least a token.
    if (ip >= inputEnd) return BAD_STREAM
    // The margins see to it: no sequence of the fast loop ends behind the target.
    if (CHECKED) assert(op <= end)
  }

  if (pendingLength !== 0) {
    if (pendingOffset === 0) return BAD_STREAM
    const length = matchLength(pendingLength, <u32>(end - op), partial)
    if (length === 0) return BAD_STREAM
    copyMatch(op, pendingOffset, length)
    op += length
    if (op === end) return OK
  }
  return decodeCarefully(ip, inputEnd, op, target, end, partial)
}

/** How many bytes behind the token gave a length (without what a match adds) of at least NIBBLE_MAX. */
function lengthBytes(length: u32): u32 {
  return (length - NIBBLE_MAX) / BYTE_MAX + 1
}
