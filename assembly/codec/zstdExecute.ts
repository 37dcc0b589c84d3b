// SPDX-License-Identifier: MIT
/** Sequence execution: the hot loop of the matches. */
import { BAD_STREAM, OK } from "../status"
import { CONTAINER_BITS, firstPosition, loadContainer, topBits } from "./zstdBits"
import {
  ENTRY_EXTRA_SHIFT,
  ENTRY_SHIFT,
  ENTRY_STATE_SHIFT,
  ENTRY_VALUE_SHIFT,
  LITERALS_LENGTH_TABLE,
  MATCH_LENGTH_TABLE,
  OFFSET_TABLE,
  stateOf,
  ZstdState,
} from "./zstdWorkspace"

/** Bytes of one wild store, and how far behind its end a wild copy may write. */
const COPY_BYTES: u32 = 16
const COPY_OVERRUN: u32 = 2 * COPY_BYTES

/** Mask of an entry's numbers of bits, and the highest code of an offset that repeats. */
const BITS_MASK: u64 = (1 << ENTRY_EXTRA_SHIFT) - 1
const REPEAT_CODE_MAX: u32 = 1

// Byte i of a match of offset o is byte i mod o of its source: shuffles for offsets 0 to 15, and the
// largest multiple of each offset that is not above COPY_BYTES.
const PATTERNS = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1,
  0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 0, 1, 2, 3, 0, 1, 2, 3,
  0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5,
  0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3,
  4, 5, 6, 7, 8, 9, 10, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6,
  7, 8, 9, 10, 11, 12, 0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8,
  9, 10, 11, 12, 13, 14, 0,
])
const STRIDES = memory.data<u8>([16, 16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15])

/**
 * Decodes `count` sequences, at least 1, from the bitstream of `length` bytes, at least 1, and executes
 * them; then adds the literals left. In partial decoding it may stop with the output complete.
 */
export function executeSequences(start: usize, length: u32, count: u32, workspace: usize): i32 {
  const record = stateOf(workspace)
  let position = firstPosition(start, length)
  const literalsLengthLog = record.literalsLengthLog
  const offsetLog = record.offsetLog
  const matchLengthLog = record.matchLengthLog
  if (position < <i32>(literalsLengthLog + offsetLog + matchLengthLog)) return BAD_STREAM

  // Starting states.
  let container = loadContainer(start, position)
  let index = topBits(container, literalsLengthLog)
  let literalsLengthEntry = load<u64>(workspace + (index << ENTRY_SHIFT), LITERALS_LENGTH_TABLE)
  container <<= <u64>literalsLengthLog
  index = topBits(container, offsetLog)
  let offsetEntry = load<u64>(workspace + (index << ENTRY_SHIFT), OFFSET_TABLE)
  container <<= <u64>offsetLog
  index = topBits(container, matchLengthLog)
  let matchLengthEntry = load<u64>(workspace + (index << ENTRY_SHIFT), MATCH_LENGTH_TABLE)
  position -= literalsLengthLog + offsetLog + matchLengthLog

  const target = record.target
  const targetEnd = record.targetEnd
  // Sequences that end here or before can be copied with wild stores. In partial decoding the one that
  // completes the target is not among them.
  const wildEnd = min(targetEnd - record.partial, max(record.slackEnd - COPY_OVERRUN, target))
  let output = record.output
  let literals = record.literals
  const literalsEnd = literals + record.literalsLength
  let repeated1 = record.repeatedOffset1
  let repeated2 = record.repeatedOffset2
  let repeated3 = record.repeatedOffset3

  for (;;) {
    const sum = literalsLengthEntry + matchLengthEntry + offsetEntry
    const extra = <u32>((sum >> ENTRY_EXTRA_SHIFT) & BITS_MASK)
    const stateBits = <u32>(sum & BITS_MASK)
    container = loadContainer(start, position)

    // Additional bits: of the offset, then of the match length, then of the literals length.
    let offset = <u32>(offsetEntry >> ENTRY_VALUE_SHIFT)
    let matchLength = <u32>(matchLengthEntry >> ENTRY_VALUE_SHIFT)
    let literalsLength = <u32>(literalsLengthEntry >> ENTRY_VALUE_SHIFT)
    const offsetBits = <u32>((offsetEntry >> ENTRY_EXTRA_SHIFT) & BITS_MASK)
    const matchLengthBits = <u32>((matchLengthEntry >> ENTRY_EXTRA_SHIFT) & BITS_MASK)
    const literalsLengthBits = <u32>((literalsLengthEntry >> ENTRY_EXTRA_SHIFT) & BITS_MASK)
    offset += topBits(container, offsetBits)
    if (extra + stateBits <= CONTAINER_BITS) {
      container <<= <u64>offsetBits
      if (extra != offsetBits) {
        matchLength += topBits(container, matchLengthBits)
        container <<= <u64>matchLengthBits
        literalsLength += topBits(container, literalsLengthBits)
        container <<= <u64>literalsLengthBits
      }
      position -= extra
    } else {
      position -= offsetBits
      if (position < 0) return BAD_STREAM
      container = loadContainer(start, position)
      matchLength += topBits(container, matchLengthBits)
      container <<= <u64>matchLengthBits
      literalsLength += topBits(container, literalsLengthBits)
      position -= matchLengthBits + literalsLengthBits
      if (position < 0) return BAD_STREAM
      container = loadContainer(start, position)
    }

    // Repeat offsets.
    if (offsetBits > REPEAT_CODE_MAX) {
      repeated3 = repeated2
      repeated2 = repeated1
      repeated1 = offset
    } else {
      const which = offset + 2 + (literalsLength == 0 ? 1 : 0)
      if (which == 0) {
        offset = repeated1
      } else {
        offset = which == 1 ? repeated2 : which == 2 ? repeated3 : repeated1 - 1
        if (which != 1) repeated3 = repeated2
        repeated2 = repeated1
        repeated1 = offset
      }
    }

    // Update of the states, of literals length, then of match length, then of offset.
    if (--count) {
      let bits = literalsLengthEntry & BITS_MASK
      index = (<u32>literalsLengthEntry >> ENTRY_STATE_SHIFT) + topBits(container, <u32>bits)
      literalsLengthEntry = load<u64>(workspace + (index << ENTRY_SHIFT), LITERALS_LENGTH_TABLE)
      container <<= bits
      bits = matchLengthEntry & BITS_MASK
      index = (<u32>matchLengthEntry >> ENTRY_STATE_SHIFT) + topBits(container, <u32>bits)
      matchLengthEntry = load<u64>(workspace + (index << ENTRY_SHIFT), MATCH_LENGTH_TABLE)
      container <<= bits
      bits = offsetEntry & BITS_MASK
      index = (<u32>offsetEntry >> ENTRY_STATE_SHIFT) + topBits(container, <u32>bits)
      offsetEntry = load<u64>(workspace + (index << ENTRY_SHIFT), OFFSET_TABLE)
      position -= stateBits
    }
    if (position < 0) return BAD_STREAM

    // Execution.
    if (literalsLength > <u32>(literalsEnd - literals)) return BAD_STREAM
    const length = literalsLength + matchLength
    // Both are far below 2^31; behind wildEnd the difference is negative.
    if (<i32>length <= <i32>(wildEnd - output)) {
      v128.store(output, v128.load(literals))
      if (literalsLength > COPY_BYTES) {
        let from = literals + COPY_BYTES
        let to = output + COPY_BYTES
        const end = output + literalsLength
        do {
          v128.store(to, v128.load(from))
          v128.store(to, v128.load(from, COPY_BYTES), COPY_BYTES)
          from += 2 * COPY_BYTES
          to += 2 * COPY_BYTES
        } while (to < end)
      }
      literals += literalsLength
      output += literalsLength
      if (offset - 1 >= <u32>(output - target)) return BAD_STREAM
      let from = output - offset
      const end = output + matchLength
      if (offset >= COPY_BYTES) {
        v128.store(output, v128.load(from))
        if (matchLength > COPY_BYTES) {
          do {
            output += COPY_BYTES
            from += COPY_BYTES
            v128.store(output, v128.load(from))
          } while (output + COPY_BYTES < end)
        }
      } else {
        const pattern = i8x16.swizzle(v128.load(from), v128.load(PATTERNS + (offset << 4)))
        const stride: usize = load<u8>(STRIDES + offset)
        do {
          v128.store(output, pattern)
          output += stride
        } while (output < end)
      }
      output = end
    } else {
      // Near the end: exact copies, cut at the end of the target in partial decoding.
      let room = <u32>(targetEnd - output)
      if (literalsLength >= room) {
        if (record.partial) {
          memory.copy(output, literals, room)
          record.output = targetEnd
          return OK
        }
        return BAD_STREAM
      }
      memory.copy(output, literals, literalsLength)
      literals += literalsLength
      output += literalsLength
      room -= literalsLength
      if (offset - 1 >= <u32>(output - target)) return BAD_STREAM
      if (matchLength > room) {
        if (!record.partial) return BAD_STREAM
        matchLength = room
      }
      copyMatch(output, offset, matchLength)
      output += matchLength
      if (output == targetEnd) {
        if (record.partial) {
          record.output = targetEnd
          return OK
        }
      }
    }
    if (count == 0) break
  }
  if (position) return BAD_STREAM
  record.output = output
  record.literals = literals
  record.literalsLength = <u32>(literalsEnd - literals)
  record.repeatedOffset1 = repeated1
  record.repeatedOffset2 = repeated2
  record.repeatedOffset3 = repeated3
  return finishLiterals(record)
}

/** Copies a match exactly. `offset` is not 0; source and target may overlap. */
function copyMatch(output: usize, offset: usize, length: usize): void {
  const from = output - offset
  let distance = offset
  while (length > distance) {
    memory.copy(output, from, distance)
    output += distance
    length -= distance
    distance <<= 1
  }
  memory.copy(output, from, length)
}

/** Adds the literals behind the last sequence. */
export function finishLiterals(record: ZstdState): i32 {
  let length = record.literalsLength
  const room = <u32>(record.targetEnd - record.output)
  if (length > room) {
    if (!record.partial) return BAD_STREAM
    length = room
  }
  memory.copy(record.output, record.literals, length)
  record.output += length
  return OK
}
