// SPDX-License-Identifier: MIT
/** Sequence execution: the hot loop that decodes sequences and copies literals and matches. */
import { BAD_STREAM, OK } from "../status"
import { CONTAINER_BITS, loadContainer, topBits } from "./zstdBits"
import { loadFar } from "./zstdStates"
import {
  ENTRY_BITS_MASK,
  ENTRY_BITS_SHIFT,
  ENTRY_EXTRA_SHIFT,
  ENTRY_SHIFT,
  ENTRY_STATE_SHIFT,
  ENTRY_TOTAL_MASK,
  ENTRY_VALUE_SHIFT,
  LITERALS_LENGTH_TABLE,
  MATCH_LENGTH_TABLE,
  OFFSET_TABLE,
  stateOf,
  ZstdState,
} from "./zstdWorkspace"

/** The target is complete and the rest of the block is not needed. Never leaves the decoder. */
export const FINISHED: i32 = -1

/** Bytes of one wild store, and how far behind its end a wild copy may write. */
const COPY_BYTES: u32 = 16
const COPY_OVERRUN: u32 = 2 * COPY_BYTES

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

// Repeated_Offsets after a sequence, as bytes of the three before it and of an offset behind them: for
// Repeated_Offset1, 2 and 3, and for the new offset.
const REPEATS = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15,
  8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
])
const NEW_OFFSET: u32 = 3

/** What code 0 of the offset table, whose Baselines are less 3, stands for: Offset_Value 1. */
const FIRST_REPEAT: i32 = -2

/**
 * Where sequences must end that can be copied with wild stores. In partial decoding the one that completes
 * the target is never among them.
 */
export function wildEndOf(target: usize, targetLength: u32, slack: u32, partial: bool): usize {
  const writable = targetLength + slack
  if (writable < COPY_OVERRUN) return target
  return target + min(targetLength - (partial && targetLength ? 1 : 0), writable - COPY_OVERRUN)
}

/**
 * Decodes and executes the next `count` sequences, at least 1. Returns OK, FINISHED, or BAD_STREAM.
 *
 * The bits of a sequence are, from the top: those of the offset, the match length and the literals length,
 * then those of the states of literals length, match length and offset. They are taken from the
 * bottom, each field as what a shift to the right and back loses.
 *
 * Measured on 64 KiB pclusters of shared libraries, against native libzstd 1.5.4 (1.0): taking the fields from
 * the top with a branch for repeat offsets 0.70; decoding batches of sequences to memory first
 * 0.67; fields from the bottom 0.69; states before the branches 0.72; repeat offsets without a branch,
 * in a vector, 0.79; decoding and execution in one loop again 0.82.
 */
export function executeSequences(count: u32, workspace: usize): i32 {
  const record = stateOf(workspace)
  const start = record.bitstream
  let position = record.position
  let literalsLengthEntry = record.literalsLengthEntry
  let offsetEntry = record.offsetEntry
  let matchLengthEntry = record.matchLengthEntry
  let repeated = v128.load(changetype<usize>(record), offsetof<ZstdState>("repeatedOffset1"))
  let output = record.output
  let literals = record.literals
  do {
    if (position < 0) return BAD_STREAM
    const sum = literalsLengthEntry + matchLengthEntry + offsetEntry
    const total = <u32>sum & ENTRY_TOTAL_MASK
    let literalsLength = <u32>(literalsLengthEntry >> ENTRY_VALUE_SHIFT)
    let matchLength = <u32>(matchLengthEntry >> ENTRY_VALUE_SHIFT)
    let offset = <u32>(offsetEntry >> ENTRY_VALUE_SHIFT)
    const extras = <u32>(literalsLengthEntry | matchLengthEntry)
    let fields: u64
    const container = loadContainer(start, position)
    if (total <= CONTAINER_BITS) {
      fields = (container >> 1) >> ~sum
    } else {
      const offsetBits = (<u32>offsetEntry >> ENTRY_EXTRA_SHIFT) & ENTRY_BITS_MASK
      fields = loadFar(start, position - offsetBits, total - offsetBits)
      offset += topBits(container, offsetBits)
    }
    position -= total

    // Update of the states.
    const offsetBits = offsetEntry >> ENTRY_BITS_SHIFT
    let rest = fields >> offsetBits
    let index = (<u32>offsetEntry >> ENTRY_STATE_SHIFT) + <u32>(fields ^ (rest << offsetBits))
    const isRepeat = <i32>offset <= 0
    offsetEntry = load<u64>(workspace + (index << ENTRY_SHIFT), OFFSET_TABLE)
    const matchLengthBits = matchLengthEntry >> ENTRY_BITS_SHIFT
    fields = rest >> matchLengthBits
    index = (<u32>matchLengthEntry >> ENTRY_STATE_SHIFT) + <u32>(rest ^ (fields << matchLengthBits))
    const matchLengthExtra = matchLengthEntry >> ENTRY_EXTRA_SHIFT
    matchLengthEntry = load<u64>(workspace + (index << ENTRY_SHIFT), MATCH_LENGTH_TABLE)
    const literalsLengthBits = literalsLengthEntry >> ENTRY_BITS_SHIFT
    rest = fields >> literalsLengthBits
    index = (<u32>literalsLengthEntry >> ENTRY_STATE_SHIFT) + <u32>(fields ^ (rest << literalsLengthBits))
    const literalsLengthExtra = literalsLengthEntry >> ENTRY_EXTRA_SHIFT
    literalsLengthEntry = load<u64>(workspace + (index << ENTRY_SHIFT), LITERALS_LENGTH_TABLE)

    // Additional bits; of the lengths they are rare.
    if (extras & (ENTRY_BITS_MASK << ENTRY_EXTRA_SHIFT)) {
      fields = rest >> literalsLengthExtra
      literalsLength += <u32>(rest ^ (fields << literalsLengthExtra))
      rest = fields >> matchLengthExtra
      matchLength += <u32>(fields ^ (rest << matchLengthExtra))
    }
    offset += <u32>rest

    // Repeat offsets.
    const repeat: u32 = offset - FIRST_REPEAT + (literalsLength == 0 ? 1 : 0)
    const which = isRepeat ? repeat : NEW_OFFSET
    repeated = i32x4.replace_lane(repeated, 3, offset)
    if (offset == 0) {
      // Repeated_Offset1 less 1.
      if (literalsLength == 0) repeated = i32x4.replace_lane(repeated, 3, i32x4.extract_lane(repeated, 0) - 1)
    }
    repeated = i8x16.swizzle(repeated, v128.load(REPEATS + (which << 4)))
    offset = i32x4.extract_lane(repeated, 0)

    // Execution.
    if (literalsLength > <u32>(record.literalsEnd - literals)) return BAD_STREAM
    // Both are far below 2^31; behind wildEnd the difference is negative.
    if (<i32>(literalsLength + matchLength) <= <i32>(record.wildEnd - output)) {
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
      if (offset - 1 >= <u32>(output - record.target)) return BAD_STREAM
      let from = output - offset
      const end = output + matchLength
      if (offset >= COPY_BYTES) {
        v128.store(output, v128.load(from))
        v128.store(output, v128.load(from, COPY_BYTES), COPY_BYTES)
        if (matchLength > 2 * COPY_BYTES) {
          do {
            output += 2 * COPY_BYTES
            from += 2 * COPY_BYTES
            v128.store(output, v128.load(from))
            v128.store(output, v128.load(from, COPY_BYTES), COPY_BYTES)
          } while (output + 2 * COPY_BYTES < end)
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
      // Near the end: exact copies, cut at the end of the target in partial decoding, which no check of the bits follows.
      if (position < 0) return BAD_STREAM
      let room = <u32>(record.targetEnd - output)
      if (literalsLength >= room) {
        if (record.partial) {
          memory.copy(output, literals, room)
          record.output = record.targetEnd
          return FINISHED
        }
        return BAD_STREAM
      }
      memory.copy(output, literals, literalsLength)
      literals += literalsLength
      output += literalsLength
      room -= literalsLength
      if (offset - 1 >= <u32>(output - record.target)) return BAD_STREAM
      if (matchLength > room) {
        if (!record.partial) return BAD_STREAM
        matchLength = room
      }
      copyMatch(output, offset, matchLength)
      output += matchLength
      if (output == record.targetEnd) {
        if (record.partial) {
          record.output = record.targetEnd
          return FINISHED
        }
      }
    }
  } while (--count)
  if (position < 0) return BAD_STREAM
  record.position = position
  record.literalsLengthEntry = literalsLengthEntry
  record.offsetEntry = offsetEntry
  record.matchLengthEntry = matchLengthEntry
  record.repeatedOffset1 = i32x4.extract_lane(repeated, 0)
  record.repeatedOffset2 = i32x4.extract_lane(repeated, 1)
  record.repeatedOffset3 = i32x4.extract_lane(repeated, 2)
  record.output = output
  record.literals = literals
  return OK
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
  let length = <u32>(record.literalsEnd - record.literals)
  const room = <u32>(record.targetEnd - record.output)
  if (length > room) {
    if (!record.partial) return BAD_STREAM
    length = room
  }
  memory.copy(record.output, record.literals, length)
  record.output += length
  return OK
}
