// SPDX-License-Identifier: MIT
/** The bitstream of sequences: its starting states, its end, and sequences of very many bits. */
import { firstPosition, loadContainer, topBits } from "./zstdBits"
import {
  ENTRY_BITS_MASK,
  ENTRY_BITS_SHIFT,
  ENTRY_SHIFT,
  LITERALS_LENGTH_TABLE,
  MATCH_LENGTH_TABLE,
  OFFSET_TABLE,
  stateOf,
} from "./zstdWorkspace"

/**
 * Reads the starting states from a bitstream of `length` bytes, at least 1, whose tables are in place.
 * Returns false if it is too short.
 */
export function startStates(start: usize, length: u32, workspace: usize): bool {
  const record = stateOf(workspace)
  const position = firstPosition(start, length)
  const literalsLengthLog = record.literalsLengthLog
  const offsetLog = record.offsetLog
  const matchLengthLog = record.matchLengthLog
  const log = literalsLengthLog + offsetLog + matchLengthLog
  if (position < <i32>log) return false
  let container = loadContainer(start, position)
  let index = topBits(container, literalsLengthLog)
  record.literalsLengthEntry = load<u64>(workspace + (index << ENTRY_SHIFT), LITERALS_LENGTH_TABLE)
  container <<= <u64>literalsLengthLog
  index = topBits(container, offsetLog)
  record.offsetEntry = load<u64>(workspace + (index << ENTRY_SHIFT), OFFSET_TABLE)
  container <<= <u64>offsetLog
  index = topBits(container, matchLengthLog)
  record.matchLengthEntry = load<u64>(workspace + (index << ENTRY_SHIFT), MATCH_LENGTH_TABLE)
  record.bitstream = start
  record.position = position - log
  return true
}

/** The `bits` bits below `position`, at most 63, of which there may be less. Used for huge sequences only. */
export function loadFar(start: usize, position: i32, bits: u32): u64 {
  const high = bits >> 1
  const low = bits - high
  return (loadBits(start, position, high) << (<u64>low)) | loadBits(start, position - high, low)
}

/** The `bits` bits below `position`, at most 32. A negative position gives anything. */
function loadBits(start: usize, position: i32, bits: u32): u64 {
  return position < 0 ? 0 : topBits(loadContainer(start, position), bits)
}

/** Makes the entries in the state those of the last sequence, behind which no states are updated. */
export function endStates(workspace: usize): void {
  const record = stateOf(workspace)
  record.literalsLengthEntry = withoutStateBits(record.literalsLengthEntry)
  record.offsetEntry = withoutStateBits(record.offsetEntry)
  record.matchLengthEntry = withoutStateBits(record.matchLengthEntry)
}

/** The entry with no bits to add to the state. */
function withoutStateBits(entry: u64): u64 {
  const bits = (entry >> ENTRY_BITS_SHIFT) & ENTRY_BITS_MASK
  return entry - (bits << ENTRY_BITS_SHIFT) - bits
}
