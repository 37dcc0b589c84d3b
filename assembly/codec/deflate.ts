// SPDX-License-Identifier: MIT
/**
 * Raw DEFLATE (RFC 1951). A stream is a row of blocks, its bits counted from the lowest of each byte:
 *
 *   ┌─────────┬────────┬───────────────────────────────────────────────────────────┐
 *   │ final 1 │ type 2 │ stored: to the byte's end, length u16, ~length u16, bytes │
 *   │         │        │ fixed: symbols                                            │
 *   │         │        │ dynamic: code lengths, symbols                            │
 *   └─────────┴────────┴───────────────────────────────────────────────────────────┘
 *
 * What is damaged and what is not is decided as zlib decides it: see deflate-tables.ts for incomplete codes.
 */
import { BAD_STREAM, OK } from "../status"
import { readDynamicHeader } from "./deflate-header"
import { CODE_LENGTHS, DISTANCE_SYMBOLS, InflateState, LITERAL_SYMBOLS } from "./deflate-state"
import { decodeCareful, decodeFast, MORE } from "./deflate-symbols"
import { buildDistanceTable, buildLiteralTable, setFixedLengths } from "./deflate-tables"

const FINAL_BITS: u32 = 1
const FINAL_MASK: u32 = (1 << FINAL_BITS) - 1
const TYPE_BITS: u32 = 2
const TYPE_MASK: u32 = (1 << TYPE_BITS) - 1
const BLOCK_HEADER_BITS: u32 = FINAL_BITS + TYPE_BITS
const STORED: u32 = 0
const FIXED: u32 = 1
const DYNAMIC: u32 = 2
/** Length and its complement in front of stored bytes. */
const STORED_LENGTH_BITS: u32 = 16
const STORED_LENGTH_MASK: u32 = (1 << STORED_LENGTH_BITS) - 1
const STORED_HEADER_BYTES: u32 = (2 * STORED_LENGTH_BITS) >> 3

/** Decodes one DEFLATE stream; see codec.ts for the contract. */
export function decodeDeflate(
  source: usize,
  sourceLength: u32,
  target: usize,
  targetLength: u32,
  slack: u32,
  workspace: usize,
  partial: bool,
): i32 {
  const state = InflateState.of(workspace)
  state.bits = 0
  state.bitCount = 0
  state.input = source
  state.inputEnd = source + sourceLength
  state.target = target
  state.output = target
  state.targetEnd = target + targetLength
  state.writableEnd = target + targetLength + slack
  state.fixedTables = 0
  while (true) {
    if (state.output >= state.targetEnd) {
      if (partial) return OK
    }
    state.refill()
    if (state.bitCount < BLOCK_HEADER_BITS) return BAD_STREAM
    const header = <u32>state.bits
    state.drop(BLOCK_HEADER_BITS)
    const status = decodeBlock(workspace, (header >> FINAL_BITS) & TYPE_MASK, partial)
    // Output beyond the target is none of a partial reader's business, nor are errors that follow it.
    if (state.output >= state.targetEnd) {
      if (partial) return OK
      if (state.output > state.targetEnd) return BAD_STREAM
    }
    if (status !== OK) return BAD_STREAM
    if (header & FINAL_MASK) break
  }
  if (state.output !== state.targetEnd) return BAD_STREAM
  // Whole bytes that were taken in but not used were not needed either.
  if (state.input - (state.bitCount >> 3) !== state.inputEnd) return partial ? OK : BAD_STREAM
  return OK
}

/** Decodes one block behind its header: OK at its end, else BAD_STREAM, or MORE if the target is full. */
function decodeBlock(workspace: usize, type: u32, partial: bool): i32 {
  const state = InflateState.of(workspace)
  if (type === STORED) return copyStored(state)
  if (type === FIXED) {
    if (!state.fixedTables) buildFixedTables(workspace)
    state.fixedTables = 1
  } else if (type === DYNAMIC) {
    state.fixedTables = 0
    const status = readDynamicHeader(workspace)
    if (status !== OK) return status
  } else {
    return BAD_STREAM
  }
  const status = decodeFast(workspace)
  return status === MORE ? decodeCareful(workspace, partial) : status
}

/** Builds the tables of the fixed codes. */
function buildFixedTables(workspace: usize): void {
  setFixedLengths(workspace)
  const literals = buildLiteralTable(workspace, LITERAL_SYMBOLS)
  const distances = buildDistanceTable(
    workspace,
    workspace + CODE_LENGTHS + LITERAL_SYMBOLS,
    DISTANCE_SYMBOLS,
  )
  if (CHECKED) {
    assert(literals)
    assert(distances)
  }
}

/** Copies a stored block, but nothing behind the target's end. */
function copyStored(state: InflateState): i32 {
  const input = state.input - (state.bitCount >> 3)
  state.bits = 0
  state.bitCount = 0
  if (state.inputEnd - input < STORED_HEADER_BYTES) return BAD_STREAM
  const lengths = load<u32>(input)
  const length = lengths & STORED_LENGTH_MASK
  if (lengths >> STORED_LENGTH_BITS !== (length ^ STORED_LENGTH_MASK)) return BAD_STREAM
  const from = input + STORED_HEADER_BYTES
  const there = min(length, <u32>(state.inputEnd - from))
  memory.copy(state.output, from, min(there, <u32>(state.targetEnd - state.output)))
  state.output += there
  state.input = from + there
  return there === length ? OK : BAD_STREAM
}
