// SPDX-License-Identifier: MIT
import { BAD_STREAM, OK } from "../status"
import { CODEC_WORKSPACE_BYTES } from "./codec"
import { copyMatch } from "./lzma-match"
import {
  ALIGN,
  ALIGN_BITS,
  CELL,
  CELL_BITS,
  LENGTH_CHOICE,
  LENGTH_CHOICE2,
  LENGTH_HIGH,
  LENGTH_HIGH_TREE,
  LENGTH_LOW,
  LENGTH_MIDDLE,
  LENGTH_MIN,
  LENGTH_TREE,
  LENGTH_TREE_BITS,
  LENGTH_TREE_SYMBOLS,
  LITERAL_CODER_FACTOR,
  LITERAL_CONTEXT_BITS_MAX,
  LITERAL_PLANE,
  LITERALS,
  MATCH_LENGTHS,
  MODEL_BYTES_MAX,
  PROBABILITY_BITS,
  PROPERTIES_END,
  PROPERTIES_LC,
  PROPERTIES_LP,
  REPEAT_LENGTHS,
  ROW_REP,
  ROW_REP_G0,
  ROW_REP_G1,
  ROW_REP_G2,
  ROW_REP0_LONG,
  resetModel,
  SLOT_FIRST_DIRECT,
  SLOT_FIRST_SPECIAL,
  SLOT_TREE,
  SLOT_TREES,
  SLOTS,
  SPECIAL,
  STATE_AFTER_MATCH,
  STATE_ROW_BITS,
  setAfterBit,
  setAfterOne,
  setAfterZero,
} from "./lzma-model"

/** The range is kept at or above this: below it the next byte of the source is taken in. */
const RANGE_TOP: u32 = 1 << 24
/** The first byte of the source (0 in plain LZMA, the properties in MicroLZMA) and four bytes of code. */
const CODE_AT: usize = 1
const CODE_END: u32 = (CODE_AT as u32) + 4
const WORKSPACE_ALIGNMENT: usize = 64
/** A symbol has less than 32 bits coded with a probability, and each of them takes in one byte at most. */
const OVERRUN_MAX: usize = 32

/**
 * Decodes one MicroLZMA stream; see codec.ts for the contract.
 *
 * Bits that decide the way (kind of symbol, repeated distance, which length tree) are decoded with branches. Bits of
 * trees carry too much information to be predicted, so they are decoded without: both children are
 * loaded before the bit is known and chosen by a condition, which leaves shift, multiplication,
 * comparison and selection as the chain from bit to bit.
 *
 * The source is read without checks: a symbol can run at most OVERRUN_MAX bytes past its end, which can
 * be read, and the next turn of the loop (or the end) refuses whatever came of it.
 *
 * Measured on 64 KiB pclusters of libraries in one run (processor time), this form = 1: branches for all
 * bits 0.78; only plain literals without 0.84; both kinds of literals without 0.95. All three selections on
 * one condition 0.92 (only a condition with a single use becomes a conditional move, hence three spellings
 * of it); masks instead of selections 0.90; selecting between both moved probabilities 0.92; both children in one
 * load 0.97; literals unrolled 1.00.
 */
export function decodeLzma(
  source: usize,
  sourceLength: u32,
  target: usize,
  targetLength: u32,
  slack: u32,
  workspace: usize,
  partial: bool,
): i32 {
  if (CHECKED) assert((workspace & (WORKSPACE_ALIGNMENT - 1)) === 0)
  if (CHECKED) assert(MODEL_BYTES_MAX <= CODEC_WORKSPACE_BYTES)
  if (!sourceLength) return BAD_STREAM
  const properties = ~(load<u8>(source) as u32) & 0xff
  if (properties >= PROPERTIES_END) return BAD_STREAM
  const lc = properties % PROPERTIES_LC
  const lp = (properties / PROPERTIES_LC) % PROPERTIES_LP
  const pb = properties / (PROPERTIES_LC * PROPERTIES_LP)
  if (lc + lp > LITERAL_CONTEXT_BITS_MAX) return BAD_STREAM
  if (!targetLength) if (partial) return OK
  if (sourceLength < CODE_END) return BAD_STREAM
  resetModel(workspace, lc + lp)

  const sourceEnd = source + sourceLength
  const targetEnd = target + targetLength
  const roomEnd = targetEnd + slack
  const positionMask: u32 = (CELL << pb) - CELL
  // Selects lp bits of the position and the upper lc bits of the byte before from (position << 8 | byte).
  const literalMask: u32 = (0x100 << lp) - (0x100 >>> lc)
  const literalShift = lc + CELL_BITS
  const literals = workspace + LITERALS

  let range: u32 = 0xffffffff
  let code = bswap<u32>(load<u32>(source, CODE_AT))
  let next = source + CODE_END
  let to = target
  let previous: u32 = 0
  let state: u32 = 0
  let rep0: u32 = 0
  let rep1: u32 = 0
  let rep2: u32 = 0
  let rep3: u32 = 0

  while (to < targetEnd) {
    if (next > sourceEnd) return BAD_STREAM
    let probability: u32
    let bound: u32
    const position = (to - target) as u32
    const positionCell = (position << CELL_BITS) & positionMask
    const row = workspace + ((state as usize) << STATE_ROW_BITS)

    // isMatch
    const isMatch = row + positionCell
    if (range < RANGE_TOP) {
      range <<= 8
      code = (code << 8) | load<u8>(next++)
    }
    probability = load<u16>(isMatch)
    bound = (range >>> PROBABILITY_BITS) * probability
    if (code < bound) {
      range = bound
      setAfterZero(isMatch, probability)
      const context = (((position << 8) | previous) & literalMask) << literalShift
      const tree = literals + LITERAL_CODER_FACTOR * context
      if (state < STATE_AFTER_MATCH) {
        // A literal after a literal.
        state = state < 4 ? 0 : state - 3
        const leaves = tree + LITERAL_PLANE
        let node = tree + CELL
        probability = load<u16>(node)
        do {
          const children = node + node - tree
          const zero: u32 = load<u16>(children)
          const one: u32 = load<u16>(children, CELL)
          if (range < RANGE_TOP) {
            range <<= 8
            code = (code << 8) | load<u8>(next++)
          }
          bound = (range >>> PROBABILITY_BITS) * probability
          const difference = (code as i64) - (bound as i64)
          const isZero = (difference >> 63) as u32
          setAfterBit(node, probability, isZero)
          range = select<u32>(bound, range - bound, code < bound)
          code = select<u32>(difference as u32, code, code >= bound)
          probability = select<u32>(zero, one, difference < 0)
          node = children + CELL + (isZero << CELL_BITS)
        } while (node < leaves)
        previous = ((node - leaves) as u32) >>> CELL_BITS
      } else {
        // A literal after a match: while its bits are those of the byte at distance rep0, the cells of
        // one of two further planes are used, then those of the first.
        state = state < 10 ? state - 3 : state - 6
        let matched = (load<u8>(to - rep0 - 1) as u32) << (CELL_BITS + 1)
        let plane: u32 = LITERAL_PLANE
        let planeBit = matched & plane
        let symbol: u32 = CELL
        let node = tree + plane + planeBit + symbol
        probability = load<u16>(node)
        do {
          matched <<= 1
          symbol <<= 1
          // After a 0 the planes stay in use if the matched bit was 0, after a 1 if it was 1.
          const zeroPlane = plane ^ planeBit
          const zeroBit = matched & zeroPlane
          const oneBit = matched & planeBit
          const zeroNode = tree + symbol + zeroPlane + zeroBit
          const oneNode = tree + symbol + CELL + planeBit + oneBit
          const zero: u32 = load<u16>(zeroNode)
          const one: u32 = load<u16>(oneNode)
          if (range < RANGE_TOP) {
            range <<= 8
            code = (code << 8) | load<u8>(next++)
          }
          bound = (range >>> PROBABILITY_BITS) * probability
          const difference = (code as i64) - (bound as i64)
          const isZero = (difference >> 63) as u32
          setAfterBit(node, probability, isZero)
          range = select<u32>(bound, range - bound, code < bound)
          code = select<u32>(difference as u32, code, code >= bound)
          probability = select<u32>(zero, one, difference < 0)
          node = oneNode + ((isZero as usize) & (zeroNode - oneNode))
          symbol += CELL + (isZero << CELL_BITS)
          plane = planeBit ^ (isZero & plane)
          planeBit = oneBit ^ (isZero & (oneBit ^ zeroBit))
        } while (symbol < LITERAL_PLANE)
        previous = (symbol - LITERAL_PLANE) >>> CELL_BITS
      }
      store<u8>(to++, previous)
      continue
    }
    range -= bound
    code -= bound
    setAfterOne(isMatch, probability)

    // isRep
    let lengths = workspace + MATCH_LENGTHS
    const isRep = row + ROW_REP
    if (range < RANGE_TOP) {
      range <<= 8
      code = (code << 8) | load<u8>(next++)
    }
    probability = load<u16>(isRep)
    bound = (range >>> PROBABILITY_BITS) * probability
    const isRepeat = code >= bound
    if (!isRepeat) {
      range = bound
      setAfterZero(isRep, probability)
      rep3 = rep2
      rep2 = rep1
      rep1 = rep0
      state = state < STATE_AFTER_MATCH ? 7 : 10
    } else {
      range -= bound
      code -= bound
      setAfterOne(isRep, probability)
      // Repeated distances were checked when they were new, or are 0: only the very start can be wrong.
      if (!position) return BAD_STREAM
      const isRepG0 = row + ROW_REP_G0
      if (range < RANGE_TOP) {
        range <<= 8
        code = (code << 8) | load<u8>(next++)
      }
      probability = load<u16>(isRepG0)
      bound = (range >>> PROBABILITY_BITS) * probability
      if (code < bound) {
        range = bound
        setAfterZero(isRepG0, probability)
        const isRep0Long = isMatch + ROW_REP0_LONG
        if (range < RANGE_TOP) {
          range <<= 8
          code = (code << 8) | load<u8>(next++)
        }
        probability = load<u16>(isRep0Long)
        bound = (range >>> PROBABILITY_BITS) * probability
        if (code < bound) {
          // A short repeat: one byte.
          range = bound
          setAfterZero(isRep0Long, probability)
          state = state < STATE_AFTER_MATCH ? 9 : 11
          previous = load<u8>(to - rep0 - 1)
          store<u8>(to++, previous)
          continue
        }
        range -= bound
        code -= bound
        setAfterOne(isRep0Long, probability)
      } else {
        range -= bound
        code -= bound
        setAfterOne(isRepG0, probability)
        const isRepG1 = row + ROW_REP_G1
        let distance = rep1
        if (range < RANGE_TOP) {
          range <<= 8
          code = (code << 8) | load<u8>(next++)
        }
        probability = load<u16>(isRepG1)
        bound = (range >>> PROBABILITY_BITS) * probability
        if (code < bound) {
          range = bound
          setAfterZero(isRepG1, probability)
        } else {
          range -= bound
          code -= bound
          setAfterOne(isRepG1, probability)
          const isRepG2 = row + ROW_REP_G2
          distance = rep2
          if (range < RANGE_TOP) {
            range <<= 8
            code = (code << 8) | load<u8>(next++)
          }
          probability = load<u16>(isRepG2)
          bound = (range >>> PROBABILITY_BITS) * probability
          if (code < bound) {
            range = bound
            setAfterZero(isRepG2, probability)
          } else {
            range -= bound
            code -= bound
            setAfterOne(isRepG2, probability)
            distance = rep3
            rep3 = rep2
          }
          rep2 = rep1
        }
        rep1 = rep0
        rep0 = distance
      }
      state = state < STATE_AFTER_MATCH ? 8 : 11
      lengths = workspace + REPEAT_LENGTHS
    }

    // The length: one of three trees.
    let tree = lengths + LENGTH_LOW + (positionCell << LENGTH_TREE_BITS)
    let leaves = tree + LENGTH_TREE
    let length: u32 = LENGTH_MIN
    const choice = lengths + LENGTH_CHOICE
    if (range < RANGE_TOP) {
      range <<= 8
      code = (code << 8) | load<u8>(next++)
    }
    probability = load<u16>(choice)
    bound = (range >>> PROBABILITY_BITS) * probability
    if (code < bound) {
      range = bound
      setAfterZero(choice, probability)
    } else {
      range -= bound
      code -= bound
      setAfterOne(choice, probability)
      const choice2 = lengths + LENGTH_CHOICE2
      if (range < RANGE_TOP) {
        range <<= 8
        code = (code << 8) | load<u8>(next++)
      }
      probability = load<u16>(choice2)
      bound = (range >>> PROBABILITY_BITS) * probability
      if (code < bound) {
        range = bound
        setAfterZero(choice2, probability)
        tree += LENGTH_MIDDLE - LENGTH_LOW
        leaves = tree + LENGTH_TREE
        length = LENGTH_MIN + LENGTH_TREE_SYMBOLS
      } else {
        range -= bound
        code -= bound
        setAfterOne(choice2, probability)
        tree = lengths + LENGTH_HIGH
        leaves = tree + LENGTH_HIGH_TREE
        length = LENGTH_MIN + 2 * LENGTH_TREE_SYMBOLS
      }
    }
    let node = tree + CELL
    probability = load<u16>(node)
    do {
      const children = node + node - tree
      const zero: u32 = load<u16>(children)
      const one: u32 = load<u16>(children, CELL)
      if (range < RANGE_TOP) {
        range <<= 8
        code = (code << 8) | load<u8>(next++)
      }
      bound = (range >>> PROBABILITY_BITS) * probability
      const difference = (code as i64) - (bound as i64)
      const isZero = (difference >> 63) as u32
      setAfterBit(node, probability, isZero)
      range = select<u32>(bound, range - bound, code < bound)
      code = select<u32>(difference as u32, code, code >= bound)
      probability = select<u32>(zero, one, difference < 0)
      node = children + CELL + (isZero << CELL_BITS)
    } while (node < leaves)
    length += ((node - leaves) as u32) >>> CELL_BITS

    if (!isRepeat) {
      // A new distance: its slot (highest two bits and their place), then the bits below.
      tree = workspace + SLOTS + min<u32>(length - LENGTH_MIN, SLOT_TREES - 1) * SLOT_TREE
      leaves = tree + SLOT_TREE
      node = tree + CELL
      probability = load<u16>(node)
      do {
        const children = node + node - tree
        const zero: u32 = load<u16>(children)
        const one: u32 = load<u16>(children, CELL)
        if (range < RANGE_TOP) {
          range <<= 8
          code = (code << 8) | load<u8>(next++)
        }
        bound = (range >>> PROBABILITY_BITS) * probability
        const difference = (code as i64) - (bound as i64)
        const isZero = (difference >> 63) as u32
        setAfterBit(node, probability, isZero)
        range = select<u32>(bound, range - bound, code < bound)
        code = select<u32>(difference as u32, code, code >= bound)
        probability = select<u32>(zero, one, difference < 0)
        node = children + CELL + (isZero << CELL_BITS)
      } while (node < leaves)
      const slot = ((node - leaves) as u32) >>> CELL_BITS
      rep0 = slot
      if (slot >= SLOT_FIRST_SPECIAL) {
        let bits = (slot >>> 1) - 1
        rep0 = (2 | (slot & 1)) << bits
        tree = workspace + SPECIAL + ((rep0 - slot) << CELL_BITS)
        if (slot >= SLOT_FIRST_DIRECT) {
          // Direct bits halve the range; the sign tells whether the code was below it.
          let direct: u32 = 0
          bits -= ALIGN_BITS
          do {
            if (range < RANGE_TOP) {
              range <<= 8
              code = (code << 8) | load<u8>(next++)
            }
            range >>>= 1
            code -= range
            const isZero = ((code as i32) >> 31) as u32
            code += range & isZero
            direct = (direct << 1) + 1 + isZero
          } while (--bits)
          rep0 += direct << ALIGN_BITS
          bits = ALIGN_BITS
          tree = workspace + ALIGN
        }
        // A reverse tree: the lowest bit comes first.
        let value: u32 = 1
        node = tree + CELL
        probability = load<u16>(node)
        do {
          const children = node + node - tree
          const zero: u32 = load<u16>(children)
          const one: u32 = load<u16>(children, CELL)
          if (range < RANGE_TOP) {
            range <<= 8
            code = (code << 8) | load<u8>(next++)
          }
          bound = (range >>> PROBABILITY_BITS) * probability
          const difference = (code as i64) - (bound as i64)
          const isZero = (difference >> 63) as u32
          setAfterBit(node, probability, isZero)
          range = select<u32>(bound, range - bound, code < bound)
          code = select<u32>(difference as u32, code, code >= bound)
          probability = select<u32>(zero, one, difference < 0)
          node = children + CELL + (isZero << CELL_BITS)
          rep0 += value & ~isZero
          value <<= 1
        } while (--bits)
      }
      // Also refuses the end marker, whose distance is the largest number.
      if (rep0 >= position) return BAD_STREAM
    }
    if (CHECKED) assert(next <= sourceEnd + OVERRUN_MAX)
    if (CHECKED) assert(rep0 < position)

    const left = (targetEnd - to) as u32
    if (length > left) {
      if (!partial) return BAD_STREAM
      length = left
    }
    copyMatch(to, rep0 + 1, length, roomEnd)
    to += length
    previous = load<u8>(to - 1)
  }

  if (partial) return next > sourceEnd ? BAD_STREAM : OK
  // The encoder's last bytes bring the code to 0 once the last symbol is normalised.
  if (range < RANGE_TOP) code = (code << 8) | load<u8>(next++)
  if (next !== sourceEnd) return BAD_STREAM
  return code ? BAD_STREAM : OK
}
