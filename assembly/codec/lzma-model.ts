// SPDX-License-Identifier: MIT
/**
 * Where the probabilities of LZMA lie in the workspace. Each is 16 bits: the chance of a 0 in 2048ths.
 *
 * A bit tree of n bits has 2^n cells, cell 0 unused: the root is cell 1, the children of cell m are the
 * cells 2m and 2m+1. Offsets below are in bytes from the start of the workspace.
 *
 *          ╒═══════════════════ model ════════════════════════════════╕
 *          │ state rows: 12 rows of STATE_ROW bytes, one per state     │ 0
 *          ├───────────────────────────────────────────────────────────┤
 *          │ match lengths:  choice, choice2, low, middle, high        │ MATCH_LENGTHS
 *          ├───────────────────────────────────────────────────────────┤
 *          │ repeat lengths: the same                                  │ REPEAT_LENGTHS
 *          ├───────────────────────────────────────────────────────────┤
 *          │ distance slots: 4 trees of 6 bits, by match length        │ SLOTS
 *          ├───────────────────────────────────────────────────────────┤
 *          │ low bits of distances 4..127: cell = base - slot + node   │ SPECIAL
 *          ├───────────────────────────────────────────────────────────┤
 *          │ align bits: one tree of 4 bits                            │ ALIGN
 *          ├───────────────────────────────────────────────────────────┤
 *          │ literals: 2^(lc+lp) coders of 0x300 cells                 │ LITERALS
 *          └───────────────────────────────────────────────────────────┘
 *
 *          ╒═ state row ═══════════════════════════════╕
 *          │ isMatch[16], by position state            │ 0
 *          │ isRep0Long[16], by position state         │ ROW_REP0_LONG
 *          │ isRep │ isRepG0 │ isRepG1 │ isRepG2 │ gap │ ROW_REP ..
 *          └───────────────────────────────────────────┘
 */

/** log2 of the size of one probability. */
export const CELL_BITS: u32 = 1
export const CELL: u32 = 1 << CELL_BITS

/** A probability has 11 bits; it starts in the middle and moves by 1/32 of the rest. */
export const PROBABILITY_BITS: u32 = 11
export const MOVE_BITS: u32 = 5
export const PROBABILITY_ONE: u32 = 1 << PROBABILITY_BITS
export const PROBABILITY_START: u32 = PROBABILITY_ONE >> 1

export const POSITION_BITS_MAX: u32 = 4
export const POSITION_STATES: u32 = 1 << POSITION_BITS_MAX

export const STATES: u32 = 12
/** States below this one follow a literal. */
export const STATE_AFTER_MATCH: u32 = 7

export const STATE_ROW_BITS: u32 = 7
export const STATE_ROW: u32 = 1 << STATE_ROW_BITS
export const ROW_REP0_LONG: u32 = POSITION_STATES << CELL_BITS
export const ROW_REP: u32 = ROW_REP0_LONG + (POSITION_STATES << CELL_BITS)
export const ROW_REP_G0: u32 = ROW_REP + CELL
export const ROW_REP_G1: u32 = ROW_REP_G0 + CELL
export const ROW_REP_G2: u32 = ROW_REP_G1 + CELL

/** A length: low and middle have a tree for each position state, high has one tree. */
export const LENGTH_MIN: u32 = 2
export const LENGTH_TREE_BITS: u32 = 3
export const LENGTH_TREE_SYMBOLS: u32 = 1 << LENGTH_TREE_BITS
export const LENGTH_TREE: u32 = CELL << LENGTH_TREE_BITS
export const LENGTH_HIGH_TREE_BITS: u32 = 8
export const LENGTH_HIGH_TREE: u32 = CELL << LENGTH_HIGH_TREE_BITS
export const LENGTH_CHOICE: u32 = 0
export const LENGTH_CHOICE2: u32 = LENGTH_CHOICE + CELL
/** The trees lie at multiples of their size. */
export const LENGTH_LOW: u32 = LENGTH_TREE
export const LENGTH_MIDDLE: u32 = LENGTH_LOW + POSITION_STATES * LENGTH_TREE
export const LENGTH_HIGH: u32 = LENGTH_MIDDLE + POSITION_STATES * LENGTH_TREE
export const LENGTH_CODER: u32 = LENGTH_HIGH + LENGTH_HIGH_TREE

export const SLOT_BITS: u32 = 6
export const SLOT_TREE: u32 = CELL << SLOT_BITS
export const SLOT_TREES: u32 = 4
/** Slots below this are distances themselves. */
export const SLOT_FIRST_SPECIAL: u32 = 4
/** From this slot on the low bits are direct bits and align bits. */
export const SLOT_FIRST_DIRECT: u32 = 14
export const SPECIAL_CELLS: u32 = 128
export const ALIGN_BITS: u32 = 4

export const MATCH_LENGTHS: u32 = STATES * STATE_ROW
export const REPEAT_LENGTHS: u32 = MATCH_LENGTHS + LENGTH_CODER
export const SLOTS: u32 = REPEAT_LENGTHS + LENGTH_CODER
export const SPECIAL: u32 = SLOTS + SLOT_TREES * SLOT_TREE
export const ALIGN: u32 = SPECIAL + (SPECIAL_CELLS << CELL_BITS)
export const LITERALS: u32 = ALIGN + (CELL << ALIGN_BITS)

/** One literal coder: 0x100 cells without, 0x200 with a bit to match; its size is 3 << 9 bytes. */
export const LITERAL_CODER_FACTOR: u32 = 3
export const LITERAL_PLANE_BITS: u32 = 8 + CELL_BITS
export const LITERAL_PLANE: u32 = 1 << LITERAL_PLANE_BITS
export const LITERAL_CODER: u32 = LITERAL_CODER_FACTOR * LITERAL_PLANE

/** lc + lp may not be more than this in EROFS (and in LZMA2). */
export const LITERAL_CONTEXT_BITS_MAX: u32 = 4

const VECTOR: u32 = 16
/** Vectors that resetModel writes at a time. */
const RESET_VECTORS: u32 = 4
export const MODEL_BYTES_MAX: u32 =
  LITERALS + (LITERAL_CODER << LITERAL_CONTEXT_BITS_MAX) + RESET_VECTORS * VECTOR

/** Properties byte = (pb * 5 + lp) * 9 + lc. */
export const PROPERTIES_LC: u32 = 9
export const PROPERTIES_LP: u32 = 5
export const PROPERTIES_PB: u32 = 5
export const PROPERTIES_END: u32 = PROPERTIES_LC * PROPERTIES_LP * PROPERTIES_PB

const START_VECTOR: u64 = (PROBABILITY_START as u64) * 0x0001000100010001
/** What setAfterBit subtracts before its arithmetic shift, so that it rounds as setAfterZero does. */
const ZERO_GOAL: u32 = PROBABILITY_ONE - (1 << MOVE_BITS) + 1

/** Sets all probabilities of a model with `literalBits` = lc + lp to one half; at most MODEL_BYTES_MAX are written. */
export function resetModel(workspace: usize, literalBits: u32): void {
  const start = i64x2.splat(START_VECTOR)
  const end = workspace + LITERALS + (LITERAL_CODER << literalBits)
  for (let at = workspace; at < end; at += RESET_VECTORS * VECTOR) {
    v128.store(at, start)
    v128.store(at, start, VECTOR)
    v128.store(at, start, 2 * VECTOR)
    v128.store(at, start, 3 * VECTOR)
  }
}

/** Moves the probability of a cell up: its bit was 0. */
export function setAfterZero(cell: usize, probability: u32): void {
  store<u16>(cell, probability + ((PROBABILITY_ONE - probability) >>> MOVE_BITS))
}

/** Moves the probability of a cell down: its bit was 1. */
export function setAfterOne(cell: usize, probability: u32): void {
  store<u16>(cell, probability - (probability >>> MOVE_BITS))
}

/** Moves the probability of a cell without a branch; `isZero` is all ones after a 0, zero after a 1. */
export function setAfterBit(cell: usize, probability: u32, isZero: u32): void {
  const above = (probability - (isZero & ZERO_GOAL)) as i32
  store<u16>(cell, probability - (above >> MOVE_BITS))
}
