// SPDX-License-Identifier: MIT
/** FSE: reading distributions and building decoding tables. */
import {
  CODES,
  COUNTS,
  ENTRY_BITS_SHIFT,
  ENTRY_EXTRA_SHIFT,
  ENTRY_SHIFT,
  ENTRY_STATE_SHIFT,
  ENTRY_VALUE_SHIFT,
  LISTED,
  NEXT,
  SPREAD,
  stateOf,
} from "./zstdWorkspace"

/** Lowest Accuracy_Log, and the bits of the field that counts from it. */
const ACCURACY_LOG_MINIMUM: u32 = 5
const ACCURACY_LOG_BITS: u32 = 4

/** Cells that one v128 store fills. */
const CELLS_PER_STORE: u32 = 16

/** "Less than 1": the symbol has one cell, at the end of the table. */
const LESS_THAN_ONE: i32 = -1

/** Bits of one repeat flag behind a probability of zero, and its value that announces another. */
const REPEAT_BITS: u32 = 2
const REPEAT_MORE: u32 = (1 << REPEAT_BITS) - 1

/**
 * Reads an FSE table description of at most `available` bytes into COUNTS, for symbols 0 to
 * `symbols - 1`. Returns its accuracy log, or -1 if it is damaged or above `logMaximum`; the bytes
 * used are left in `tableBytes`.
 */
export function readDistribution(
  source: usize,
  available: u32,
  symbols: u32,
  logMaximum: u32,
  workspace: usize,
): i32 {
  const counts = workspace + COUNTS
  if (available == 0) return -1
  const accuracyLog = (<u32>load<u8>(source) & ((1 << ACCURACY_LOG_BITS) - 1)) + ACCURACY_LOG_MINIMUM
  if (accuracyLog > logMaximum) return -1
  const bitsAvailable: u32 = available << 3
  let position: u32 = ACCURACY_LOG_BITS
  let symbol: u32 = 0
  let remaining: u32 = 1 << accuracyLog
  do {
    if (symbol >= symbols) return -1
    if (position >= bitsAvailable) return -1
    const window = load<u32>(source + (position >> 3)) >> (position & 7)
    // Values 0 to remaining + 1; the first `shorter` of them use one bit less.
    const bits: u32 = 32 - clz<u32>(remaining + 1)
    const half: u32 = 1 << (bits - 1)
    const shorter: u32 = 2 * half - 1 - (remaining + 1)
    let value: u32 = window & (half - 1)
    if (value < shorter) {
      position += bits - 1
    } else {
      value = window & (2 * half - 1)
      if (value >= half) value -= shorter
      position += bits
    }
    const probability: i32 = value - 1
    store<i16>(counts + (symbol << 1), <i16>probability)
    symbol++
    if (probability > 0) {
      remaining -= probability
    } else if (probability < 0) {
      remaining -= 1
    } else {
      // Runs of zero probabilities.
      let repeat: u32
      do {
        if (position >= bitsAvailable) return -1
        repeat = (load<u16>(source + (position >> 3)) >> (position & 7)) & REPEAT_MORE
        position += REPEAT_BITS
        if (symbol + repeat > symbols) return -1
        for (let i: u32 = 0; i < repeat; i++) store<i16>(counts + (symbol++ << 1), 0)
      } while (repeat == REPEAT_MORE)
    }
  } while (remaining)
  if (position > bitsAvailable) return -1
  for (; symbol < symbols; symbol++) store<i16>(counts + (symbol << 1), 0)
  stateOf(workspace).tableBytes = (position + 7) >> 3
  return accuracyLog
}

/**
 * Builds the decoding table of the distribution in COUNTS, which sums up to `1 << accuracyLog`.
 * `extraBits` has the Number_of_Bits of each code; Baselines follow from it, the first is `value`.
 */
export function buildTable(
  table: usize,
  accuracyLog: u32,
  symbols: u32,
  extraBits: usize,
  value: u32,
  workspace: usize,
): void {
  const counts = workspace + COUNTS
  const next = workspace + NEXT
  const codes = workspace + CODES
  const spread = workspace + SPREAD
  const listed = workspace + LISTED
  const size: u32 = 1 << accuracyLog
  const mask = size - 1
  // "Less than 1" probabilities take cells from the end of the table; the others are listed, as often as they
  // need cells, by stores that run over what comes next.
  let last: i32 = mask
  let cells: u32 = 0
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const bits: u32 = load<u8>(extraBits + symbol)
    store<u64>(
      codes + (symbol << ENTRY_SHIFT),
      ((<u64>value) << ENTRY_VALUE_SHIFT) | (bits << ENTRY_EXTRA_SHIFT) | bits,
    )
    value += 1 << bits
    const count: i32 = load<i16>(counts + (symbol << 1))
    if (count == LESS_THAN_ONE) {
      store<u8>(spread + last, <u8>symbol)
      last--
      store<u16>(next + (symbol << 1), 1)
    } else {
      const symbolBytes = i8x16.splat(<i8>symbol)
      let filled: i32 = 0
      do {
        v128.store(listed + cells + filled, symbolBytes)
        filled += CELLS_PER_STORE
      } while (filled < count)
      cells += count
      store<u16>(next + (symbol << 1), <u16>count)
    }
  }
  // The list is spread over the rest.
  const step = (size >> 1) + (size >> 3) + 3
  let position: u32 = 0
  for (let cell: u32 = 0; cell < cells; cell++) {
    store<u8>(spread + position, load<u8>(listed + cell))
    do {
      position = (position + step) & mask
    } while (<i32>position > last)
  }
  if (CHECKED) assert(position == 0)
  // A symbol's states, in order, share the state space; the first ones have one bit more.
  for (let state: u32 = 0; state < size; state++) {
    const symbol: u32 = load<u8>(spread + state)
    const share: u32 = load<u16>(next + (symbol << 1))
    store<u16>(next + (symbol << 1), <u16>(share + 1))
    const bits = accuracyLog - (31 - clz<u32>(share))
    const baseline = (share << bits) - size
    store<u64>(
      table + (state << ENTRY_SHIFT),
      load<u64>(codes + (symbol << ENTRY_SHIFT)) +
        ((baseline << ENTRY_STATE_SHIFT) + (bits << ENTRY_BITS_SHIFT) + bits),
    )
  }
}

/** Makes COUNTS the distribution of RLE_Mode: `symbol` alone. Its accuracy log is 0. */
export function fillRleDistribution(symbol: u32, symbols: u32, workspace: usize): void {
  const counts = workspace + COUNTS
  memory.fill(counts, 0, symbols << 1)
  store<i16>(counts + (symbol << 1), 1)
}

/** Copies a predefined distribution of i8 probabilities to COUNTS. */
export function fillPredefinedDistribution(distribution: usize, symbols: u32, workspace: usize): void {
  const counts = workspace + COUNTS
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    store<i16>(counts + (symbol << 1), load<i8>(distribution + symbol))
  }
}
