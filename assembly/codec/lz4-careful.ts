// SPDX-License-Identifier: MIT
import { BAD_STREAM, OK } from "../status"
import {
  BYTE_MAX,
  copyLiterals,
  copyMatch,
  copyShortMatch,
  LAST_LITERALS,
  LAST_MATCH_START,
  LITERAL_SHIFT,
  MIN_MATCH,
  NIBBLE_MAX,
  OFFSET_BYTES,
  SHORT_LITERALS,
  SHORT_MATCH,
  TOKEN_BYTES,
  WORD,
} from "./lz4-format"

/** What follows the literals of every sequence but the last: an offset, and at least the next token. */
const AFTER_LITERALS: u32 = OFFSET_BYTES + TOKEN_BYTES
/** The same where the block's end is near: the last literals too. */
const AFTER_LITERALS_WHOLE: u32 = AFTER_LITERALS + LAST_LITERALS
/** What follows the length of a match; liblz4 does not ask for the token. */
export const AFTER_LENGTH: u32 = LAST_LITERALS - 1

/** How much of a match to copy into `room` bytes; 0 if it reaches into the last literals. */
export function matchLength(length: u32, room: u32, partial: bool): u32 {
  if (partial) return min(length, room)
  return length <= room - LAST_LITERALS ? length : 0
}

/**
 * Decodes the sequences from `ip` to the end, with every rule of the block's end and exact copies.
 * What it accepts is what liblz4 accepts, its leniency included: a short sequence that has room for all
 * that it may be is not asked whether it keeps the last literals free. `op` is `end` only in whole mode.
 */
export function decodeCarefully(
  ip: usize,
  inputEnd: usize,
  op: usize,
  target: usize,
  end: usize,
  partial: bool,
): i32 {
  while (ip < inputEnd) {
    const token: u32 = load<u8>(ip)
    ip += TOKEN_BYTES
    let literals = token >> LITERAL_SHIFT
    let length = token & NIBBLE_MAX
    const room = <u32>(end - op)

    if (literals === NIBBLE_MAX) {
      let more: u32
      do {
        more = load<u8>(ip)
        ip++
        // So many literals follow at least.
        if (ip + NIBBLE_MAX > inputEnd) return BAD_STREAM
        literals += more
      } while (more === BYTE_MAX)
    } else if (room >= SHORT_LITERALS + SHORT_MATCH && inputEnd - ip > SHORT_LITERALS + OFFSET_BYTES) {
      const offset: u32 = load<u16>(ip + literals)
      if (length !== NIBBLE_MAX && offset >= WORD && offset <= <u32>(op - target) + literals) {
        v128.store(op, v128.load(ip))
        ip += literals + OFFSET_BYTES
        op += literals
        copyShortMatch(op, op - offset)
        op += length + MIN_MATCH
        if (partial && op === end) return OK
        continue
      }
    }

    const left = <u32>(inputEnd - ip)
    if (partial) {
      literals = min(literals, room)
      if (literals > left) return BAD_STREAM
      copyLiterals(op, ip, literals)
      if (literals === room) return OK
      if (left - literals < AFTER_LITERALS) return BAD_STREAM
    } else {
      if (literals > room || literals > left) return BAD_STREAM
      if (room - literals < LAST_MATCH_START || left - literals < AFTER_LITERALS_WHOLE) {
        // Only the last sequence may come this near to an end, and it must reach both.
        if (literals !== room || literals !== left) return BAD_STREAM
        copyLiterals(op, ip, literals)
        return OK
      }
      copyLiterals(op, ip, literals)
    }
    ip += literals
    op += literals

    const offset: u32 = load<u16>(ip)
    ip += OFFSET_BYTES
    if (offset === 0 || offset > <u32>(op - target)) return BAD_STREAM
    if (length === NIBBLE_MAX) {
      let more: u32
      do {
        more = load<u8>(ip)
        ip++
        if (ip + AFTER_LENGTH > inputEnd) return BAD_STREAM
        length += more
      } while (more === BYTE_MAX)
    }
    length = matchLength(length + MIN_MATCH, <u32>(end - op), partial)
    if (length === 0) return BAD_STREAM
    copyMatch(op, offset, length)
    op += length
    if (partial && op === end) return OK
  }
  return BAD_STREAM
}
