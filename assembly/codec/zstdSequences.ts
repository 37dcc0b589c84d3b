// SPDX-License-Identifier: MIT
/** The sequences section of a compressed block: its header and tables. */
import { BAD_STREAM, OK } from "../status"
import { executeSequences, FINISHED, finishLiterals } from "./zstdExecute"
import { buildTable, fillPredefinedDistribution, fillRleDistribution, readDistribution } from "./zstdFse"
import { endStates, startStates } from "./zstdStates"
import {
  LITERALS_LENGTH_CODES,
  LITERALS_LENGTH_LOG_MAX,
  LITERALS_LENGTH_TABLE,
  MATCH_LENGTH_CODES,
  MATCH_LENGTH_LOG_MAX,
  MATCH_LENGTH_TABLE,
  NO_TABLE,
  OFFSET_CODES,
  OFFSET_LOG_MAX,
  OFFSET_TABLE,
  stateOf,
} from "./zstdWorkspace"

/** Compression_Mode of a kind of symbols. */
const PREDEFINED_MODE: u32 = 0
const RLE_MODE: u32 = 1
const FSE_COMPRESSED_MODE: u32 = 2
const MODE_MASK: u32 = 3

/** Where each mode lies in its byte. */
const LITERALS_LENGTHS_SHIFT: u32 = 6
const OFFSETS_SHIFT: u32 = 4
const MATCH_LENGTHS_SHIFT: u32 = 2
const RESERVED_MASK: u32 = 3

/** First bytes of Number_of_Sequences from which on it takes two bytes, and three. */
const TWO_BYTES: u32 = 128
const THREE_BYTES: u32 = 255
const THREE_BYTES_BASE: u32 = 0x7f00

/** Number_of_Bits of each code. */
const LITERALS_LENGTH_BITS = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14,
  15, 16,
])
const MATCH_LENGTH_BITS = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1,
  2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
])
const OFFSET_BITS = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
  29, 30,
])

/** First Baseline of each kind: offsets are 3 less than Offset_Value, so repeat codes are -2, -1 and 0. */
const LITERALS_LENGTH_BASE: u32 = 0
const MATCH_LENGTH_BASE: u32 = 3
const OFFSET_BASE: u32 = -2

/** Default distributions. */
const LITERALS_LENGTH_DEFAULT = memory.data<i8>([
  4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1,
  -1,
])
const LITERALS_LENGTH_DEFAULT_LOG: u32 = 6
const MATCH_LENGTH_DEFAULT = memory.data<i8>([
  1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
])
const MATCH_LENGTH_DEFAULT_LOG: u32 = 6
const OFFSET_DEFAULT = memory.data<i8>([
  1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, 0, 0,
])
const OFFSET_DEFAULT_LOG: u32 = 5

/**
 * Decodes and executes the sequences of a block, whose literals are decoded, from the section at
 * `source` of exactly `length` bytes. Returns OK or BAD_STREAM.
 */
export function decodeSequences(source: usize, length: u32, workspace: usize): i32 {
  if (length == 0) return BAD_STREAM
  const end = source + length
  let at = source + 1
  let count: u32 = load<u8>(source)
  if (count >= TWO_BYTES) {
    if (count < THREE_BYTES) {
      if (length < 2) return BAD_STREAM
      count = ((count - TWO_BYTES) << 8) + load<u8>(source, 1)
      at += 1
    } else {
      if (length < 3) return BAD_STREAM
      count = load<u16>(source, 1) + THREE_BYTES_BASE
      at += 2
    }
  }
  const state = stateOf(workspace)
  if (count == 0) return at == end ? finishLiterals(state) : BAD_STREAM

  if (at == end) return BAD_STREAM
  const modes: u32 = load<u8>(at++)
  if (modes & RESERVED_MASK) return BAD_STREAM
  let log = prepareTable(
    modes >> LITERALS_LENGTHS_SHIFT,
    at,
    end,
    workspace + LITERALS_LENGTH_TABLE,
    LITERALS_LENGTH_CODES,
    LITERALS_LENGTH_LOG_MAX,
    LITERALS_LENGTH_BITS,
    LITERALS_LENGTH_BASE,
    LITERALS_LENGTH_DEFAULT,
    LITERALS_LENGTH_DEFAULT_LOG,
    state.literalsLengthLog,
    workspace,
  )
  if (log == NO_TABLE) return BAD_STREAM
  state.literalsLengthLog = log
  at += state.tableBytes
  log = prepareTable(
    modes >> OFFSETS_SHIFT,
    at,
    end,
    workspace + OFFSET_TABLE,
    OFFSET_CODES,
    OFFSET_LOG_MAX,
    OFFSET_BITS,
    OFFSET_BASE,
    OFFSET_DEFAULT,
    OFFSET_DEFAULT_LOG,
    state.offsetLog,
    workspace,
  )
  if (log == NO_TABLE) return BAD_STREAM
  state.offsetLog = log
  at += state.tableBytes
  log = prepareTable(
    modes >> MATCH_LENGTHS_SHIFT,
    at,
    end,
    workspace + MATCH_LENGTH_TABLE,
    MATCH_LENGTH_CODES,
    MATCH_LENGTH_LOG_MAX,
    MATCH_LENGTH_BITS,
    MATCH_LENGTH_BASE,
    MATCH_LENGTH_DEFAULT,
    MATCH_LENGTH_DEFAULT_LOG,
    state.matchLengthLog,
    workspace,
  )
  if (log == NO_TABLE) return BAD_STREAM
  state.matchLengthLog = log
  at += state.tableBytes
  if (at >= end) return BAD_STREAM
  if (!startStates(at, <u32>(end - at), workspace)) return BAD_STREAM
  // Behind the last sequence no states are updated.
  let status = OK
  if (count > 1) status = executeSequences(count - 1, workspace)
  if (status == OK) {
    endStates(workspace)
    status = executeSequences(1, workspace)
  }
  if (status == FINISHED) return OK
  if (status != OK) return BAD_STREAM
  if (state.position) return BAD_STREAM
  return finishLiterals(state)
}

/**
 * Puts the table of one kind of symbols in place. Returns its accuracy log, or NO_TABLE if it is
 * damaged or not there to be repeated; the source bytes used are left in `tableBytes`.
 */
function prepareTable(
  modes: u32,
  source: usize,
  end: usize,
  table: usize,
  codes: u32,
  logMaximum: u32,
  extraBits: usize,
  base: u32,
  defaults: usize,
  defaultLog: u32,
  presentLog: u32,
  workspace: usize,
): u32 {
  const state = stateOf(workspace)
  state.tableBytes = 0
  let log: u32
  const mode = modes & MODE_MASK
  if (mode == PREDEFINED_MODE) {
    log = defaultLog
    fillPredefinedDistribution(defaults, codes, workspace)
  } else if (mode == RLE_MODE) {
    if (source == end) return NO_TABLE
    const symbol: u32 = load<u8>(source)
    if (symbol >= codes) return NO_TABLE
    log = 0
    state.tableBytes = 1
    fillRleDistribution(symbol, codes, workspace)
  } else if (mode == FSE_COMPRESSED_MODE) {
    const read = readDistribution(source, <u32>(end - source), codes, logMaximum, workspace)
    if (read < 0) return NO_TABLE
    log = read
  } else {
    return presentLog
  }
  buildTable(table, log, codes, extraBits, base, workspace)
  return log
}
