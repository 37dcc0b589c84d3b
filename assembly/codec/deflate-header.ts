// SPDX-License-Identifier: MIT
/** The header of a block with dynamic Huffman codes (RFC 1951, 3.2.7). */
import { BAD_STREAM, OK } from "../status"
import {
  CODE_LENGTHS,
  END_OF_BLOCK,
  HEADER_BITS,
  HEADER_LENGTHS,
  HEADER_SYMBOLS,
  HEADER_TABLE,
  InflateState,
  MAX_CODE_LENGTH,
  MAX_DISTANCE_CODES,
  MAX_LITERAL_CODES,
  VECTOR_BYTES,
} from "./deflate-state"
import { buildDistanceTable, buildLiteralTable } from "./deflate-tables"

const LITERAL_COUNT_BITS: u32 = 5
const DISTANCE_COUNT_BITS: u32 = 5
const HEADER_COUNT_BITS: u32 = 4
const COUNTS_BITS: u32 = LITERAL_COUNT_BITS + DISTANCE_COUNT_BITS + HEADER_COUNT_BITS
const FEWEST_LITERAL_CODES: u32 = END_OF_BLOCK + 1
const FEWEST_HEADER_CODES: u32 = 4
const HEADER_LENGTH_BITS: u32 = 3
const HEADER_LENGTH_MASK: u32 = (1 << HEADER_LENGTH_BITS) - 1

/** Symbols above the code lengths themselves: repeat the last one, or zero, or zero many times. */
const REPEAT_LAST: u32 = MAX_CODE_LENGTH + 1
const REPEAT_ZERO: u32 = REPEAT_LAST + 1
const REPEAT_LAST_BITS: u32 = 2
const REPEAT_ZERO_BITS: u32 = 3
const REPEAT_MANY_BITS: u32 = 7
const FEWEST_REPEATS: u32 = 3
const FEWEST_MANY: u32 = FEWEST_REPEATS + (1 << REPEAT_ZERO_BITS)
/** The most bits that one symbol of the header and what belongs to it take. */
const HEADER_STEP_BITS: u32 = HEADER_BITS + REPEAT_MANY_BITS

/** An entry of the header's table: the symbol, and the bits of its code below it. */
const HEADER_ENTRY_BITS: u32 = 3
const HEADER_ENTRY_MASK: u32 = (1 << HEADER_ENTRY_BITS) - 1
const HEADER_TABLE_MASK: u32 = (1 << HEADER_BITS) - 1

/** Reads the header behind the block type and builds both tables. */
export function readDynamicHeader(workspace: usize): i32 {
  const state = InflateState.of(workspace)
  state.refill()
  if (state.bitCount < COUNTS_BITS) return BAD_STREAM
  let fields = <u32>state.bits
  const literalCodes: u32 = FEWEST_LITERAL_CODES + (fields & ((1 << LITERAL_COUNT_BITS) - 1))
  fields >>= LITERAL_COUNT_BITS
  const distanceCodes: u32 = 1 + (fields & ((1 << DISTANCE_COUNT_BITS) - 1))
  fields >>= DISTANCE_COUNT_BITS
  const headerCodes: u32 = FEWEST_HEADER_CODES + (fields & ((1 << HEADER_COUNT_BITS) - 1))
  state.drop(COUNTS_BITS)
  if (literalCodes > MAX_LITERAL_CODES) return BAD_STREAM
  if (distanceCodes > MAX_DISTANCE_CODES) return BAD_STREAM

  if (!readHeaderCode(state, headerCodes)) return BAD_STREAM
  if (!readCodeLengths(state, literalCodes + distanceCodes)) return BAD_STREAM
  const lengths = workspace + CODE_LENGTHS
  if (load<u8>(lengths + END_OF_BLOCK) === 0) return BAD_STREAM
  if (!buildLiteralTable(workspace, literalCodes)) return BAD_STREAM
  if (!buildDistanceTable(workspace, lengths + literalCodes, distanceCodes)) return BAD_STREAM
  return OK
}

/** Reads the code that code lengths are written in, and makes its table; false if it is none. */
function readHeaderCode(state: InflateState, codes: u32): bool {
  const lengths = changetype<usize>(state) + HEADER_LENGTHS
  const table = changetype<usize>(state) + HEADER_TABLE
  // The order in which the lengths come.
  const order = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])
  memory.fill(lengths, 0, HEADER_SYMBOLS)
  for (let i: u32 = 0; i < codes; i++) {
    if (state.bitCount < HEADER_LENGTH_BITS) {
      state.refill()
      if (state.bitCount < HEADER_LENGTH_BITS) return false
    }
    store<u8>(lengths + load<u8>(order + i), <u32>state.bits & HEADER_LENGTH_MASK)
    state.drop(HEADER_LENGTH_BITS)
  }
  // Canonical order, by length and then by symbol. The table is indexed by the code with its first bit lowest.
  let code: u32 = 0
  for (let length: u32 = 1; length <= HEADER_BITS; length++) {
    const step: u32 = 1 << length
    for (let symbol: u32 = 0; symbol < HEADER_SYMBOLS; symbol++) {
      if (load<u8>(lengths + symbol) !== length) continue
      // `code` counts up from the top bit of HEADER_BITS; only a code that is complete ends at exactly 1 << 7.
      if (code > HEADER_TABLE_MASK) return false
      for (let at = reverse(code); at <= HEADER_TABLE_MASK; at += step) {
        store<u8>(table + at, (symbol << HEADER_ENTRY_BITS) | length)
      }
      code += 1 << (HEADER_BITS - length)
    }
  }
  return code === 1 << HEADER_BITS
}

/** The lowest HEADER_BITS bits of a code in reverse. */
function reverse(code: u32): u32 {
  let reversed: u32 = 0
  for (let bit: u32 = 0; bit < HEADER_BITS; bit++) reversed |= ((code >> bit) & 1) << (HEADER_BITS - 1 - bit)
  return reversed
}

/** Reads `count` code lengths; false if they end early, repeat too far, or repeat nothing. */
function readCodeLengths(state: InflateState, count: u32): bool {
  const table = changetype<usize>(state) + HEADER_TABLE
  const first = changetype<usize>(state) + CODE_LENGTHS
  const end = first + count
  let at = first
  // In locals what single code lengths need: they are many, repeats are few.
  let bits = state.bits
  let bitCount = state.bitCount
  while (at < end) {
    if (bitCount < HEADER_STEP_BITS) {
      state.bits = bits
      state.bitCount = bitCount
      state.refill()
      bits = state.bits
      bitCount = state.bitCount
    }
    const entry = <u32>load<u8>(table + (<u32>bits & HEADER_TABLE_MASK))
    const length = entry & HEADER_ENTRY_MASK
    const symbol = entry >> HEADER_ENTRY_BITS
    if (length > bitCount) return false
    bits >>= length
    bitCount -= length
    if (symbol < REPEAT_LAST) {
      store<u8>(at, symbol)
      at++
      continue
    }
    let extra = REPEAT_MANY_BITS
    let repeats = FEWEST_MANY
    let value: u32 = 0
    if (symbol <= REPEAT_ZERO) {
      extra = REPEAT_ZERO_BITS
      repeats = FEWEST_REPEATS
      if (symbol === REPEAT_LAST) {
        extra = REPEAT_LAST_BITS
        if (at === first) return false
        value = load<u8>(at - 1)
      }
    }
    if (extra > bitCount) return false
    repeats += <u32>bits & ((1 << extra) - 1)
    bits >>= extra
    bitCount -= extra
    if (repeats > <u32>(end - at)) return false
    const until = at + repeats
    // Whole vectors: what they write too much is written again, or lies behind the last length.
    const values = i8x16.splat(<i8>value)
    do {
      v128.store(at, values)
      at += VECTOR_BYTES
    } while (at < until)
    at = until
  }
  state.bits = bits
  state.bitCount = bitCount
  return true
}
