// SPDX-License-Identifier: MIT
/**
 * Where the DEFLATE decoder keeps what it knows: the layout of the workspace, the record that the stages
 * hand to each other, and the entries of the decoding tables.
 *
 *   workspace
 *   ┌──────────────────┬─────────────────────────────────────────────────────────────┐
 *   │ InflateState     │ the reader's and the writer's positions between the stages  │
 *   ├──────────────────┼─────────────────────────────────────────────────────────────┤
 *   │ CODE_LENGTHS     │ u8 per symbol: literal/length code, then distance code, and │
 *   │                  │ a vector that writes of whole vectors may reach into        │
 *   │ LENGTH_COUNTS    │ u32 per code length: symbols that have it                   │
 *   │ LENGTH_STARTS    │ u32 per code length: where its next symbol is sorted to     │
 *   │ HEADER_LENGTHS   │ u8 per symbol of the code length code                       │
 *   │ HEADER_TABLE     │ u8 per HEADER_BITS next bits of the stream                  │
 *   │ SORTED           │ u64 per symbol: entries in canonical order                  │
 *   │ LITERAL_TABLE    │ u32 per LITERAL_BITS next bits, then its subtables          │
 *   │ DISTANCE_TABLE   │ u64 per DISTANCE_BITS next bits, then its subtables         │
 *   └──────────────────┴─────────────────────────────────────────────────────────────┘
 */
import { CODEC_WORKSPACE_BYTES } from "./codec"

/** Longest code of the literal/length and distance alphabets (RFC 1951, 3.2.7). */
export const MAX_CODE_LENGTH: u32 = 15
/** Symbols of the literal/length code; the last two never occur in valid data (3.2.5, 3.2.6). */
export const LITERAL_SYMBOLS: u32 = 288
export const MAX_LITERAL_CODES: u32 = LITERAL_SYMBOLS - 2
/** Symbols of the distance code; the last two never occur in valid data. */
export const DISTANCE_SYMBOLS: u32 = 32
export const MAX_DISTANCE_CODES: u32 = DISTANCE_SYMBOLS - 2
export const END_OF_BLOCK: u32 = 256
export const FIRST_LENGTH_SYMBOL: u32 = END_OF_BLOCK + 1
/** Symbols of the code that code lengths are written in, and its longest code (3.2.7). */
export const HEADER_SYMBOLS: u32 = 19
export const HEADER_BITS: u32 = 7

/** Bits that the first look-up of each table resolves. */
export const LITERAL_BITS: u32 = 11
export const DISTANCE_BITS: u32 = 8
export const LITERAL_MASK: u32 = (1 << LITERAL_BITS) - 1
export const DISTANCE_MASK: u32 = (1 << DISTANCE_BITS) - 1
export const LITERAL_ENTRY_SHIFT: u32 = 2
export const DISTANCE_ENTRY_SHIFT: u32 = 3

/**
 * A subtable of s bits holds a code of its full length and is complete, so at least s + 1 symbols share its
 * 2^s entries; 2^s / (s + 1) grows with s, so the largest s bounds the entries per symbol.
 */
const LITERAL_SUBTABLE_BITS: u32 = MAX_CODE_LENGTH - LITERAL_BITS
const DISTANCE_SUBTABLE_BITS: u32 = MAX_CODE_LENGTH - DISTANCE_BITS
export const LITERAL_ENTRIES: u32 =
  (1 << LITERAL_BITS) + (LITERAL_SYMBOLS * (1 << LITERAL_SUBTABLE_BITS)) / (LITERAL_SUBTABLE_BITS + 1)
export const DISTANCE_ENTRIES: u32 =
  (1 << DISTANCE_BITS) + (DISTANCE_SYMBOLS * (1 << DISTANCE_SUBTABLE_BITS)) / (DISTANCE_SUBTABLE_BITS + 1)

/**
 * Entries of both decoding tables. A literal/length entry is the low half only.
 *
 *    63       45 44      32 31        16 15 14 13    8 7 6 5     0
 *   ┌───────────┬──────────┬────────────┬──┬──┬───────┬─┬─┬───────┐
 *   │     0     │  X (d)   │   value    │ K│ E│   C   │0│L│   D   │
 *   └───────────┴──────────┴────────────┴──┴──┴───────┴─┴─┴───────┘
 *
 * D: bits to drop from the stream: the code and its extra bits.
 * L: a literal, `value` being its byte.
 * C: bits of the code, that is, where the extra bits begin; in a link, the bits that the subtable resolves.
 * E: exception: neither literal nor length nor distance, but
 *    a link to a subtable if K is set, `value` being the subtable's first entry,
 *    the end of the block if K is clear and `value` is 1, and else invalid.
 * K: link.
 * X: mask of the extra bits of a distance, whose base is `value`. A length has both within `value`:
 *
 *    31      27 26 25 24            16
 *   ┌──────────┬─────┬────────────────┐
 *   │ mask of  │  0  │  base length   │
 *   │ extra    │     │                │
 *   └──────────┴─────┴────────────────┘
 */
export const ENTRY_DROP_MASK: u32 = 63
export const ENTRY_LITERAL: u32 = 1 << 6
export const ENTRY_CODE_SHIFT: u32 = 8
export const ENTRY_CODE_MASK: u32 = 63
export const ENTRY_EXCEPTION: u32 = 1 << 14
export const ENTRY_LINK: u32 = 1 << 15
export const ENTRY_VALUE_SHIFT: u32 = 16
export const ENTRY_LENGTH_MASK: u32 = 511
export const ENTRY_LENGTH_EXTRA_SHIFT: u32 = 27
export const ENTRY_DISTANCE_EXTRA_SHIFT: u32 = 32
export const ENTRY_VALUE_MASK: u32 = 0xffff
export const ENTRY_END_OF_BLOCK: u32 = ENTRY_EXCEPTION | (1 << ENTRY_VALUE_SHIFT)
export const ENTRY_INVALID: u32 = ENTRY_EXCEPTION
/** Adds one bit of code to D and to C. */
export const ENTRY_CODE_BIT: u32 = 1 | (1 << ENTRY_CODE_SHIFT)

/**
 * What the stages of one call hand to each other, at the start of the workspace.
 *
 *   ┌─────────────┬──── 0 ┐
 *   │ bits        │       │  the next `bitCount` bits of the stream, the first one lowest; what lies above
 *   │             │       │  is zero or the bits that follow in the stream
 *   ├─────────────┼──── 8 ┤
 *   │ bitCount    │       │  0..MAX_BITS
 *   │ input       │       │  first byte of the source that is not among these bits
 *   │ inputEnd    │       │  end of the source
 *   │ target      │       │  first byte of the target
 *   │ output      │       │  next byte to write
 *   │ targetEnd   │       │  where the output must end
 *   │ writableEnd │       │  end of the slack behind it
 *   │ fixedTables │       │  1 if the tables are those of the fixed codes
 *   └─────────────┴─── 40 ┘
 */
@unmanaged
export class InflateState {
  bits: u64
  bitCount: u32
  input: usize
  inputEnd: usize
  target: usize
  output: usize
  targetEnd: usize
  writableEnd: usize
  fixedTables: u32

  /** The state at the start of a workspace. */
  static of(workspace: usize): InflateState {
    if (CHECKED) {
      assert(WORKSPACE_END <= CODEC_WORKSPACE_BYTES)
      assert(offsetof<InflateState>() <= STATE_BYTES)
    }
    return changetype<InflateState>(workspace)
  }

  /** Takes whole bytes of the source in until at least FULL_BITS bits are there or the source ends. */
  refill(): void {
    const bitCount = this.bitCount
    if (this.inputEnd - this.input >= sizeof<u64>()) {
      this.bits |= load<u64>(this.input) << bitCount
      this.input += (MAX_BITS - bitCount) >> BYTE_SHIFT
      this.bitCount = bitCount | FULL_BITS
      return
    }
    while (this.bitCount < FULL_BITS) {
      if (this.input === this.inputEnd) return
      this.bits |= (<u64>load<u8>(this.input)) << this.bitCount
      this.bitCount += BYTE_BITS
      this.input++
    }
  }

  /** Drops bits, of which there must be so many. */
  drop(count: u32): void {
    if (CHECKED) assert(count <= this.bitCount)
    this.bits >>= count
    this.bitCount -= count
  }
}

const STATE_BYTES: u32 = 64
export const BYTE_SHIFT: u32 = 3
export const BYTE_BITS: u32 = 1 << BYTE_SHIFT
/** The most bits that are kept, and how many of them a refill makes sure of: all but one byte's. */
export const MAX_BITS: u32 = 63
export const FULL_BITS: u32 = MAX_BITS + 1 - BYTE_BITS
export const VECTOR_BYTES: u32 = 16

/** Offsets from the state, which is the workspace's start. */
export const CODE_LENGTHS: u32 = STATE_BYTES
export const LENGTH_COUNTS: u32 = CODE_LENGTHS + LITERAL_SYMBOLS + DISTANCE_SYMBOLS + VECTOR_BYTES
export const LENGTH_STARTS: u32 = LENGTH_COUNTS + (MAX_CODE_LENGTH + 1) * 4
export const HEADER_LENGTHS: u32 = LENGTH_STARTS + (MAX_CODE_LENGTH + 1) * 4
export const HEADER_TABLE: u32 = HEADER_LENGTHS + VECTOR_BYTES * 2
export const SORTED: u32 = HEADER_TABLE + (1 << HEADER_BITS)
export const LITERAL_TABLE: u32 = SORTED + LITERAL_SYMBOLS * 8
export const DISTANCE_TABLE: u32 = (LITERAL_TABLE + (LITERAL_ENTRIES << LITERAL_ENTRY_SHIFT) + 63) & ~63
export const WORKSPACE_END: u32 = DISTANCE_TABLE + (DISTANCE_ENTRIES << DISTANCE_ENTRY_SHIFT)
