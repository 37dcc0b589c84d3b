// SPDX-License-Identifier: MIT
/** The records and tables that the Zstandard decoder keeps in its workspace, and their sizes. */
import { CODEC_WORKSPACE_BYTES } from "./codec"

/** Block_Maximum_Size is the smaller of the window and this. */
export const BLOCK_MAXIMUM_BITS: u32 = 17
export const BLOCK_MAXIMUM_SIZE: u32 = 1 << BLOCK_MAXIMUM_BITS

/** Longest Huffman code; the decoding table has always this many index bits. */
export const HUFFMAN_BITS: u32 = 11

/** Highest Accuracy_Log of each kind of FSE table. */
export const LITERALS_LENGTH_LOG_MAX: u32 = 9
export const OFFSET_LOG_MAX: u32 = 8
export const MATCH_LENGTH_LOG_MAX: u32 = 9
export const WEIGHT_LOG_MAX: u32 = 6

/** Number of codes of each kind. */
export const LITERALS_LENGTH_CODES: u32 = 36
export const OFFSET_CODES: u32 = 31
export const MATCH_LENGTH_CODES: u32 = 53
export const WEIGHT_CODES: u32 = 12
const CODES_MAX: u32 = 64

/** Value of an accuracy log in `ZstdState` while the frame has not defined that table. */
export const NO_TABLE: u32 = 0xff

// What outlives one function, laid over the start of the workspace:
//
//      0            4            8            12
//   0  ┌────────────┬────────────┬────────────┬────────────┐
//      │ output     │ target     │ targetEnd  │ wildEnd    │
//  16  ├────────────┼────────────┼────────────┼────────────┤
//      │ literals   │ literalsEnd│ hasHuffman │ tableBytes │
//  32  ├────────────┼────────────┼────────────┼────────────┤
//      │ llLog      │ offsetLog  │ mlLog      │ repeated 1 │
//  48  ├────────────┼────────────┼────────────┼────────────┤
//      │ repeated 2 │ repeated 3 │ partial    │ blockMax   │
//  64  ├────────────┼────────────┼────────────┴────────────┤
//      │ bitstream  │ position   │ literals length entry   │
//  80  ├────────────┴────────────┼─────────────────────────┤
//      │ offset entry            │ match length entry      │
//      └─────────────────────────┴─────────────────────────┘
//
// output: where the next byte of the content goes. wildEnd: what ends here or before can be copied with
// wild stores.
// literals, literalsEnd: the current block's literals not yet used, in the source or the workspace.
// hasHuffmanTable: 1 once the frame has described a Huffman tree.
// tableBytes: how many source bytes the table read last has used.
// ...Log: accuracy log of the tables in place, NO_TABLE at the start of a frame.
// bitstream, position, entries: where the decoding of the current block's sequences stands.

/** State of one frame. */
@unmanaged
export class ZstdState {
  output: usize
  target: usize
  targetEnd: usize
  wildEnd: usize
  literals: usize
  literalsEnd: usize
  hasHuffmanTable: u32
  tableBytes: u32
  literalsLengthLog: u32
  offsetLog: u32
  matchLengthLog: u32
  repeatedOffset1: u32
  repeatedOffset2: u32
  repeatedOffset3: u32
  partial: u32
  blockMaximum: u32
  bitstream: usize
  position: i32
  literalsLengthEntry: u64
  offsetEntry: u64
  matchLengthEntry: u64
}

// The workspace:
//
//   STATE            the record above
//   COUNTS           i16 by symbol: normalized probabilities of the distribution read last
//   NEXT             u16 by symbol: next share while an FSE table is built
//   CODES            u64 by symbol: parts of a table entry that depend on the symbol alone
//   SPREAD           u8 by state: symbols, while an FSE table is built
//   LISTED           u8: symbols as often as they have states, padded for wild stores
//   WEIGHTS          u8 by literal: Huffman weights
//   SORTED           u8 by rank: literals in the order of their codes
//   RANKS            u32 by weight: where the literals of a weight start in SORTED
//   WEIGHT_TABLE     u64 by state: FSE table of the Huffman weights
//   HUFFMAN_TABLE    u16 by the next HUFFMAN_BITS bits, padded for wild stores
//   ..._TABLE        u64 by state: FSE tables of the sequences, kept from block to block
//   LITERALS         decoded literals of the block, padded for wild copies
//
// FSE table entries:
//
//   63              32 31       22 21     16 15 14 13      8 7        0
//   ┌─────────────────┬───────────┬─────────┬─────┬─────────┬──────────┐
//   │ value           │ next state│ extra   │  0  │ bits    │ total    │
//   └─────────────────┴───────────┴─────────┴─────┴─────────┴──────────┘
//
// value: Baseline of the code (of an offset: less 3; of a weight: the weight). next state: Baseline
// of the state. extra: Number_of_Bits to add to the value. bits: Number_of_Bits to add to the state.
// total: both numbers together; the sum of a sequence's three entries has the total of all its bits in
// the low byte. Numbers of bits have six bits because that is what a shift of 64-bit words looks at: as
// shift counts they need no mask.
export const ENTRY_SHIFT: u32 = 3
export const ENTRY_BITS_SHIFT: u32 = 8
export const ENTRY_EXTRA_SHIFT: u32 = 16
export const ENTRY_STATE_SHIFT: u32 = 22
export const ENTRY_VALUE_SHIFT: u32 = 32
export const ENTRY_BITS_MASK: u32 = 63
export const ENTRY_TOTAL_MASK: u32 = 0xff

/** Room behind buffers that wild loads and stores may touch. */
const PADDING: u32 = 64

export const STATE: usize = 0
export const COUNTS: usize = STATE + 128
export const NEXT: usize = COUNTS + 2 * CODES_MAX
export const CODES: usize = NEXT + 2 * CODES_MAX
export const SPREAD: usize = CODES + (CODES_MAX << ENTRY_SHIFT)
export const LISTED: usize = SPREAD + (1 << LITERALS_LENGTH_LOG_MAX)
export const WEIGHTS: usize = LISTED + (1 << LITERALS_LENGTH_LOG_MAX) + PADDING
export const SORTED: usize = WEIGHTS + 256
export const RANKS: usize = SORTED + 256
export const WEIGHT_TABLE: usize = RANKS + 64
export const HUFFMAN_TABLE: usize = WEIGHT_TABLE + (1 << (WEIGHT_LOG_MAX + ENTRY_SHIFT))
export const LITERALS_LENGTH_TABLE: usize = HUFFMAN_TABLE + (2 << HUFFMAN_BITS) + PADDING
export const OFFSET_TABLE: usize = LITERALS_LENGTH_TABLE + (1 << (LITERALS_LENGTH_LOG_MAX + ENTRY_SHIFT))
export const MATCH_LENGTH_TABLE: usize = OFFSET_TABLE + (1 << (OFFSET_LOG_MAX + ENTRY_SHIFT))
export const LITERALS: usize = MATCH_LENGTH_TABLE + (1 << (MATCH_LENGTH_LOG_MAX + ENTRY_SHIFT))
export const WORKSPACE_USED: usize = LITERALS + BLOCK_MAXIMUM_SIZE + PADDING

/** The frame's state at the start of `workspace`. */
export function stateOf(workspace: usize): ZstdState {
  if (CHECKED) {
    assert(STATE + offsetof<ZstdState>() <= COUNTS)
    assert(WORKSPACE_USED <= CODEC_WORKSPACE_BYTES)
  }
  return changetype<ZstdState>(workspace + STATE)
}
