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
export const OFFSET_CODES: u32 = 32
export const MATCH_LENGTH_CODES: u32 = 53
export const WEIGHT_CODES: u32 = 12
const CODES_MAX: u32 = 64

/** Value of an accuracy log in `ZstdState` while the frame has not defined that table. */
export const NO_TABLE: u32 = 0xff

// What outlives one function, laid over the start of the workspace:
//
//      0            4            8            12
//   0  ┌────────────┬────────────┬────────────┬────────────┐
//      │ output     │ target     │ targetEnd  │ slackEnd   │
//  16  ├────────────┼────────────┼────────────┼────────────┤
//      │ literals   │ literalsLen│ huffman    │ tableUsed  │
//  32  ├────────────┼────────────┼────────────┼────────────┤
//      │ llLog      │ offsetLog  │ mlLog      │ repeat 1   │
//  48  ├────────────┼────────────┼────────────┼────────────┤
//      │ repeat 2   │ repeat 3   │ partial    │ blockMax   │
//      └────────────┴────────────┴────────────┴────────────┘
//
// output: where the next byte of the content goes. slackEnd: end of the writable memory.
// literals, literalsLength: the current block's literals, in the source or in the workspace.
// hasHuffmanTable: 1 once the frame has described a Huffman tree.
// tableBytes: how many source bytes the table read last has used.
// ...Log: accuracy log of the tables in place, NO_TABLE at the start of a frame.

/** State of one frame. */
@unmanaged
export class ZstdState {
  output: usize
  target: usize
  targetEnd: usize
  slackEnd: usize
  literals: usize
  literalsLength: u32
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
}

// The workspace:
//
//   STATE            the record above
//   COUNTS           i16 by symbol: normalized probabilities of the distribution read last
//   NEXT             u16 by symbol: next share while an FSE table is built
//   CODES            u64 by symbol: parts of a table entry that depend on the symbol alone
//   SPREAD           u8 by state: symbols, while an FSE table is built
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
//   63                      32 31              16 15       8 7        0
//   ┌─────────────────────────┬──────────────────┬──────────┬──────────┐
//   │ value                   │ next state       │ extra    │ bits     │
//   └─────────────────────────┴──────────────────┴──────────┴──────────┘
//
// value: Baseline of the code (of an offset: less 3; of a weight: the weight). next state: Baseline
// of the state. extra: Number_of_Bits to add to the value. bits: Number_of_Bits to add to the state.
// The sum of three entries has the sums of both numbers of bits in its low bytes.
export const ENTRY_SHIFT: u32 = 3
export const ENTRY_EXTRA_SHIFT: u32 = 8
export const ENTRY_STATE_SHIFT: u32 = 16
export const ENTRY_VALUE_SHIFT: u32 = 32

/** Room behind buffers that wild loads and stores may touch. */
const PADDING: u32 = 64

export const STATE: usize = 0
export const COUNTS: usize = STATE + 64
export const NEXT: usize = COUNTS + 2 * CODES_MAX
export const CODES: usize = NEXT + 2 * CODES_MAX
export const SPREAD: usize = CODES + (CODES_MAX << ENTRY_SHIFT)
export const WEIGHTS: usize = SPREAD + (1 << LITERALS_LENGTH_LOG_MAX) + PADDING
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
  if (CHECKED) assert(WORKSPACE_USED <= CODEC_WORKSPACE_BYTES)
  return changetype<ZstdState>(workspace + STATE)
}
