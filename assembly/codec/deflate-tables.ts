// SPDX-License-Identifier: MIT
/**
 * From code lengths to decoding tables (RFC 1951, 3.2.2). Codes are put into a table in canonical order while
 * the table grows: as long as codes of n bits are entered it has 2^n entries, and before the first longer code
 * it is doubled by a copy. So each code is written once, whatever number of entries it ends up with.
 */
import {
  CODE_LENGTHS,
  DISTANCE_BITS,
  DISTANCE_SYMBOLS,
  DISTANCE_TABLE,
  END_OF_BLOCK,
  ENTRY_CODE_BIT,
  ENTRY_CODE_SHIFT,
  ENTRY_DISTANCE_EXTRA_SHIFT,
  ENTRY_END_OF_BLOCK,
  ENTRY_EXCEPTION,
  ENTRY_INVALID,
  ENTRY_LENGTH_EXTRA_SHIFT,
  ENTRY_LINK,
  ENTRY_LITERAL,
  ENTRY_VALUE_SHIFT,
  FIRST_LENGTH_SYMBOL,
  LENGTH_COUNTS,
  LENGTH_STARTS,
  LITERAL_BITS,
  LITERAL_SYMBOLS,
  LITERAL_TABLE,
  MAX_CODE_LENGTH,
  MAX_DISTANCE_CODES,
  MAX_LITERAL_CODES,
  SORTED,
} from "./deflate-state"

const SHORTEST_MATCH: u32 = 3
const LONGEST_MATCH: u32 = 258
/** The last length symbol stands for the longest match alone and has no extra bits. */
const LAST_LENGTH: u32 = MAX_LITERAL_CODES - 1 - FIRST_LENGTH_SYMBOL
/** Length symbols come in fours of the same number of extra bits, distance symbols in twos. */
const LENGTH_GROUP_BITS: u32 = 2
const DISTANCE_GROUP_BITS: u32 = 1
const COUNT_BYTES: u32 = 4
const U32_SHIFT: u32 = 2

const FIXED_LITERALS_8: u32 = 144
const FIXED_LITERALS_9: u32 = 256 - FIXED_LITERALS_8
const FIXED_LENGTHS_7: u32 = 280 - 256
const FIXED_LENGTHS_8: u32 = LITERAL_SYMBOLS - 280

/** Writes the code lengths of the fixed codes (3.2.6). */
export function setFixedLengths(workspace: usize): void {
  let at = workspace + CODE_LENGTHS
  memory.fill(at, 8, FIXED_LITERALS_8)
  at += FIXED_LITERALS_8
  memory.fill(at, 9, FIXED_LITERALS_9)
  at += FIXED_LITERALS_9
  memory.fill(at, 7, FIXED_LENGTHS_7)
  at += FIXED_LENGTHS_7
  memory.fill(at, 8, FIXED_LENGTHS_8)
  at += FIXED_LENGTHS_8
  memory.fill(at, 5, DISTANCE_SYMBOLS)
}

/** Builds the literal/length table of the first `symbols` code lengths; false if they make no valid code. */
export function buildLiteralTable(workspace: usize, symbols: u32): bool {
  const lengths = workspace + CODE_LENGTHS
  const used = prepareOrder(workspace, lengths, symbols)
  if (!isValidCode(workspace, used)) return false
  const literals = min(symbols, END_OF_BLOCK)
  for (let symbol: u32 = 0; symbol < literals; symbol++) {
    const length = <u32>load<u8>(lengths + symbol)
    sortIn<u32>(workspace, length, ENTRY_LITERAL | (symbol << ENTRY_VALUE_SHIFT))
  }
  for (let symbol = END_OF_BLOCK; symbol < symbols; symbol++) {
    const length = <u32>load<u8>(lengths + symbol)
    sortIn<u32>(workspace, length, lengthEntry(symbol))
  }
  fillTable<u32>(workspace, workspace + LITERAL_TABLE, LITERAL_BITS)
  return true
}

/** Builds the table of the `symbols` distance code lengths from `lengths` on; false if they make no valid code. */
export function buildDistanceTable(workspace: usize, lengths: usize, symbols: u32): bool {
  const used = prepareOrder(workspace, lengths, symbols)
  if (!isValidCode(workspace, used)) return false
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const length = <u32>load<u8>(lengths + symbol)
    sortIn<u64>(workspace, length, distanceEntry(symbol))
  }
  fillTable<u64>(workspace, workspace + DISTANCE_TABLE, DISTANCE_BITS)
  return true
}

/** The entry of the end of a block or of a length symbol, without the bits of its code. */
function lengthEntry(symbol: u32): u32 {
  if (symbol === END_OF_BLOCK) return ENTRY_END_OF_BLOCK
  if (symbol >= MAX_LITERAL_CODES) return ENTRY_INVALID
  const index = symbol - FIRST_LENGTH_SYMBOL
  if (index === LAST_LENGTH) return LONGEST_MATCH << ENTRY_VALUE_SHIFT
  const extra = <u32>max(<i32>(index >> LENGTH_GROUP_BITS) - 1, 0)
  const base = extraBase(index, extra, LENGTH_GROUP_BITS) + SHORTEST_MATCH
  return extra | (base << ENTRY_VALUE_SHIFT) | (((1 << extra) - 1) << ENTRY_LENGTH_EXTRA_SHIFT)
}

/** The entry of a distance symbol, without the bits of its code. */
function distanceEntry(symbol: u32): u64 {
  if (symbol >= MAX_DISTANCE_CODES) return ENTRY_INVALID
  const extra = <u32>max(<i32>(symbol >> DISTANCE_GROUP_BITS) - 1, 0)
  const base = extraBase(symbol, extra, DISTANCE_GROUP_BITS) + 1
  return ((<u64>((1 << extra) - 1)) << ENTRY_DISTANCE_EXTRA_SHIFT) | extra | (base << ENTRY_VALUE_SHIFT)
}

/** The value, counted from the smallest, at which a symbol with `extra` extra bits begins (3.2.5). */
function extraBase(index: u32, extra: u32, groupBits: u32): u32 {
  const group: u32 = 1 << groupBits
  return extra === 0 ? index : (group + (index & (group - 1))) << extra
}

/**
 * Counts the symbols of each code length and sets where each length's first symbol is sorted to; those without
 * a code go last. Returns the number of symbols with a code.
 */
function prepareOrder(workspace: usize, lengths: usize, symbols: u32): u32 {
  const counts = workspace + LENGTH_COUNTS
  const starts = workspace + LENGTH_STARTS
  memory.fill(counts, 0, (MAX_CODE_LENGTH + 1) * COUNT_BYTES)
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const count = counts + ((<usize>load<u8>(lengths + symbol)) << U32_SHIFT)
    store<u32>(count, load<u32>(count) + 1)
  }
  let start: u32 = 0
  for (let length: u32 = 1; length <= MAX_CODE_LENGTH; length++) {
    store<u32>(starts + (length << U32_SHIFT), start)
    start += load<u32>(counts + (length << U32_SHIFT))
  }
  store<u32>(starts, start)
  return start
}

/**
 * Whether the counted code lengths make a code: never more codes than there is room for, and all room used,
 * but for a code without any symbol and for a single code of one bit.
 */
function isValidCode(workspace: usize, used: u32): bool {
  const counts = workspace + LENGTH_COUNTS
  let room: u32 = 1
  for (let length: u32 = 1; length <= MAX_CODE_LENGTH; length++) {
    const count = load<u32>(counts + (length << U32_SHIFT))
    room <<= 1
    if (count > room) return false
    room -= count
  }
  if (room === 0) return true
  if (used === 0) return true
  return used === 1 && load<u32>(counts + COUNT_BYTES) === 1
}

/** Puts an entry at the next place of its code length. */
function sortIn<T>(workspace: usize, length: u32, entry: T): void {
  const start = workspace + LENGTH_STARTS + (length << U32_SHIFT)
  const place = load<u32>(start)
  store<u32>(start, place + 1)
  store<T>(workspace + SORTED + place * sizeof<T>(), entry)
}

/** Fills a table, whose first look-up takes `tableBits` bits, from the sorted entries of a valid code. */
function fillTable<T>(workspace: usize, table: usize, tableBits: u32): void {
  const counts = workspace + LENGTH_COUNTS
  let sorted = workspace + SORTED
  // The codes are kept as they appear in the stream, the first bit lowest: counting up goes from the top.
  let code: u32 = 0
  let length: u32 = 1
  let size: u32 = 2
  // Entries that no code reaches exist only if there is no code, or one of one bit.
  store<T>(table, <T>ENTRY_INVALID)
  store<T>(table + sizeof<T>(), <T>ENTRY_INVALID)
  for (; length <= tableBits; length++) {
    const addend = <T>(length * ENTRY_CODE_BIT)
    for (let left = load<u32>(counts + (length << U32_SHIFT)); left > 0; left--) {
      store<T>(table + code * sizeof<T>(), (load<T>(sorted) + addend) as T)
      sorted += sizeof<T>()
      code = nextCode(code, size)
    }
    if (length === tableBits) break
    memory.copy(table + size * sizeof<T>(), table, size * sizeof<T>())
    size <<= 1
  }
  fillSubtables<T>(counts, sorted, code, table, tableBits)
}

/** The code that follows among codes of the length whose number is `size`; after the last one, `size` - 1 again. */
function nextCode(code: u32, size: u32): u32 {
  const free = code ^ (size - 1)
  if (free === 0) return code
  const bit: u32 = 1 << (31 - clz(free))
  return (code & (bit - 1)) | bit
}

/** Enters the codes longer than `tableBits`, `code` being the first one's first `tableBits` bits. */
function fillSubtables<T>(counts: usize, sorted: usize, code: u32, table: usize, tableBits: u32): void {
  const tableMask: u32 = (1 << tableBits) - 1
  let end: u32 = 1 << tableBits
  let prefix: u32 = u32.MAX_VALUE
  let first: u32 = 0
  let subtableBits: u32 = 0
  for (let length = tableBits + 1; length <= MAX_CODE_LENGTH; length++) {
    const rest = length - tableBits
    const addend = <T>(rest + (length << ENTRY_CODE_SHIFT) - (tableBits << ENTRY_CODE_SHIFT))
    for (let left = load<u32>(counts + (length << U32_SHIFT)); left > 0; left--) {
      if ((code & tableMask) !== prefix) {
        prefix = code & tableMask
        first = end
        subtableBits = subtableWidth(counts, length, left, rest)
        end += 1 << subtableBits
        const link = tableBits | (subtableBits << ENTRY_CODE_SHIFT) | ENTRY_EXCEPTION | ENTRY_LINK
        store<T>(table + prefix * sizeof<T>(), <T>(link | (first << ENTRY_VALUE_SHIFT)))
      }
      const entry = (load<T>(sorted) + addend) as T
      sorted += sizeof<T>()
      const step: u32 = 1 << rest
      for (let at = code >> tableBits; at < 1 << subtableBits; at += step) {
        store<T>(table + (first + at) * sizeof<T>(), entry)
      }
      code = nextCode(code, 1 << length)
    }
  }
}

/** Bits of the subtable that begins with one of the last `left` codes of `length`, `rest` bits of them its own. */
function subtableWidth(counts: usize, length: u32, left: u32, rest: u32): u32 {
  let width = rest
  // Room that the codes so far leave among those of `width` bits; the subtable ends where none is left.
  let room: i32 = (1 << width) - <i32>left
  while (room > 0) {
    width++
    length++
    room = (room << 1) - <i32>load<u32>(counts + (length << U32_SHIFT))
  }
  return width
}
