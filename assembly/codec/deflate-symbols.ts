// SPDX-License-Identifier: MIT
/** The symbols of a block, in two loops: a fast one amid the stream and a careful one for its ends. */
import { BAD_STREAM, OK } from "../status"
import { copyExact, repeatPattern, WIDE_COPY_MARGIN } from "./deflate-copy"
import {
  BYTE_BITS,
  BYTE_SHIFT,
  DISTANCE_ENTRY_SHIFT,
  DISTANCE_MASK,
  DISTANCE_TABLE,
  ENTRY_CODE_MASK,
  ENTRY_CODE_SHIFT,
  ENTRY_DISTANCE_EXTRA_SHIFT,
  ENTRY_DROP_MASK,
  ENTRY_END_OF_BLOCK,
  ENTRY_EXCEPTION,
  ENTRY_LENGTH_EXTRA_SHIFT,
  ENTRY_LENGTH_MASK,
  ENTRY_LINK,
  ENTRY_LITERAL,
  ENTRY_VALUE_MASK,
  ENTRY_VALUE_SHIFT,
  FULL_BITS,
  InflateState,
  LITERAL_ENTRY_SHIFT,
  LITERAL_MASK,
  LITERAL_TABLE,
  MAX_BITS,
  MAX_CODE_LENGTH,
  VECTOR_BYTES,
} from "./deflate-state"

/** Verdict of the loops beside the statuses: symbols remain. */
export const MORE: i32 = -1

/** The most bits that a distance and its extra bits take. */
const MAX_DISTANCE_BITS: u32 = MAX_CODE_LENGTH + 13
/** Literals that one round may write before a match. */
const ROUND_LITERALS: u32 = 4
/** Bytes of input that the refills of one round may take, and what a load of the last one reads. */
const FAST_INPUT_MARGIN: u32 = BYTE_BITS + BYTE_BITS + sizeof<u64>()
/** What a round may write: literals, and a match of the length up to which nothing is checked. */
const FAST_OUTPUT_MARGIN: u32 = ROUND_LITERALS + WIDE_COPY_MARGIN

/**
 * Decodes symbols while both input and target have room for a round without checks. Returns OK at the end of
 * the block, BAD_STREAM, or MORE. Any byte it reads is the source's, any it writes below the writable end;
 * the output may pass the target's end.
 *
 * A round begins with an entry looked up and enough bits for all of it: up to three literals from the first
 * table take 3 * LITERAL_BITS, a length after them at most 15 + 5, which a full refill covers; a fourth literal
 * ends the round. A distance may need a refill of its own.
 *
 * Measured and lost, libraries in pclusters of 64 KiB and 4 KiB, each against the loop of its day: a refill
 * before every distance -3 % and -2 %; three literals a round -1 % and -4 %, two another -5 %; entries of two
 * literals, which take time to make, -4 % and -25 %; 10 bits instead of 11 for the first table -1 % and -4 %;
 * 16 bytes of a match before its length is asked, instead of 32, -1 % (text -8 %).
 */
export function decodeFast(workspace: usize): i32 {
  const state = InflateState.of(workspace)
  const target = state.target
  let input = state.input
  let output = state.output
  if (state.inputEnd - input < FAST_INPUT_MARGIN) return MORE
  if (state.writableEnd - output < FAST_OUTPUT_MARGIN) return MORE
  const inputLimit = state.inputEnd - FAST_INPUT_MARGIN
  const outputLimit = min(state.writableEnd - FAST_OUTPUT_MARGIN, state.targetEnd)
  const copyLimit = state.writableEnd - WIDE_COPY_MARGIN
  let bits = state.bits
  // Only its lowest six bits count.
  let bitCount = state.bitCount
  let status = MORE

  bits |= load<u64>(input) << bitCount
  input += (~bitCount >> BYTE_SHIFT) & (BYTE_BITS - 1)
  bitCount |= FULL_BITS
  let entry = literalEntry(workspace, bits)
  while (true) {
    if (input > inputLimit) break
    if (output >= outputLimit) break
    if (entry & ENTRY_LITERAL) {
      bits >>= entry
      bitCount -= entry
      store<u8>(output, entry >> ENTRY_VALUE_SHIFT)
      output++
      entry = literalEntry(workspace, bits)
      if (entry & ENTRY_LITERAL) {
        bits >>= entry
        bitCount -= entry
        store<u8>(output, entry >> ENTRY_VALUE_SHIFT)
        output++
        entry = literalEntry(workspace, bits)
        if (entry & ENTRY_LITERAL) {
          bits >>= entry
          bitCount -= entry
          store<u8>(output, entry >> ENTRY_VALUE_SHIFT)
          output++
          entry = literalEntry(workspace, bits)
          if (entry & ENTRY_LITERAL) {
            bits >>= entry
            bitCount -= entry
            store<u8>(output, entry >> ENTRY_VALUE_SHIFT)
            output++
            bits |= load<u64>(input) << bitCount
            input += (~bitCount >> BYTE_SHIFT) & (BYTE_BITS - 1)
            bitCount |= FULL_BITS
            entry = literalEntry(workspace, bits)
            continue
          }
        }
      }
    }
    if (entry & ENTRY_EXCEPTION) {
      if (entry & ENTRY_LINK) {
        bits >>= entry
        bitCount -= entry
        entry = subtableEntry(workspace, entry, bits)
        if (entry & ENTRY_LITERAL) {
          bits >>= entry
          bitCount -= entry
          store<u8>(output, entry >> ENTRY_VALUE_SHIFT)
          output++
          bits |= load<u64>(input) << bitCount
          input += (~bitCount >> BYTE_SHIFT) & (BYTE_BITS - 1)
          bitCount |= FULL_BITS
          entry = literalEntry(workspace, bits)
          continue
        }
      }
      if (entry & ENTRY_EXCEPTION) {
        bits >>= entry
        bitCount -= entry
        status = endOrBad(entry)
        break
      }
    }
    let saved = bits
    bits >>= entry
    bitCount -= entry
    const length =
      ((entry >> ENTRY_VALUE_SHIFT) & ENTRY_LENGTH_MASK) +
      (<u32>(saved >> (entry >> ENTRY_CODE_SHIFT)) & (entry >> ENTRY_LENGTH_EXTRA_SHIFT))

    if ((bitCount & MAX_BITS) < MAX_DISTANCE_BITS) {
      bits |= load<u64>(input) << bitCount
      input += (~bitCount >> BYTE_SHIFT) & (BYTE_BITS - 1)
      bitCount |= FULL_BITS
    }
    let far = distanceEntry(workspace, bits)
    if (<u32>far & ENTRY_EXCEPTION) {
      if (!(<u32>far & ENTRY_LINK)) {
        status = BAD_STREAM
        break
      }
      bits >>= far
      bitCount -= <u32>far
      far = subtableDistance(workspace, <u32>far, bits)
      if (<u32>far & ENTRY_EXCEPTION) {
        status = BAD_STREAM
        break
      }
    }
    saved = bits
    bits >>= far
    bitCount -= <u32>far
    const distance =
      ((<u32>far >> ENTRY_VALUE_SHIFT) & ENTRY_VALUE_MASK) +
      (<u32>(saved >> (far >> ENTRY_CODE_SHIFT)) & <u32>(far >> ENTRY_DISTANCE_EXTRA_SHIFT))
    if (distance > <u32>(output - target)) {
      status = BAD_STREAM
      break
    }

    bits |= load<u64>(input) << bitCount
    input += (~bitCount >> BYTE_SHIFT) & (BYTE_BITS - 1)
    bitCount |= FULL_BITS
    entry = literalEntry(workspace, bits)

    let to = output
    output += length
    if (distance >= VECTOR_BYTES) {
      let from = to - distance
      v128.store(to, v128.load(from))
      v128.store(to, v128.load(from, VECTOR_BYTES), VECTOR_BYTES)
      if (length > 2 * VECTOR_BYTES) {
        if (output > copyLimit) {
          copyClipped(state, to, distance, length)
          continue
        }
        do {
          from += 2 * VECTOR_BYTES
          to += 2 * VECTOR_BYTES
          v128.store(to, v128.load(from))
          v128.store(to, v128.load(from, VECTOR_BYTES), VECTOR_BYTES)
        } while (to + 2 * VECTOR_BYTES < output)
      }
    } else {
      if (output > copyLimit) {
        copyClipped(state, to, distance, length)
        continue
      }
      repeatPattern(to, distance, length)
    }
  }
  state.bits = bits
  state.bitCount = bitCount & ENTRY_DROP_MASK
  state.input = input
  state.output = output
  return status
}

/**
 * Decodes symbols one by one to the end of the block. Returns OK there, BAD_STREAM, or MORE as soon as the
 * target is full; the output then passes the target's end if the stream goes beyond it.
 */
export function decodeCareful(workspace: usize, partial: bool): i32 {
  const state = InflateState.of(workspace)
  while (true) {
    if (state.output >= state.targetEnd) {
      if (partial) return MORE
    }
    state.refill()
    let entry = literalEntry(workspace, state.bits)
    if ((entry & (ENTRY_EXCEPTION | ENTRY_LINK)) === (ENTRY_EXCEPTION | ENTRY_LINK)) {
      if (!take(state, entry)) return BAD_STREAM
      entry = subtableEntry(workspace, entry, state.bits)
    }
    if (entry & ENTRY_LITERAL) {
      if (!take(state, entry)) return BAD_STREAM
      if (state.output >= state.targetEnd) return BAD_STREAM
      store<u8>(state.output, entry >> ENTRY_VALUE_SHIFT)
      state.output++
      continue
    }
    let bits = state.bits
    if (!take(state, entry)) return BAD_STREAM
    if (entry & ENTRY_EXCEPTION) return endOrBad(entry)
    const length =
      ((entry >> ENTRY_VALUE_SHIFT) & ENTRY_LENGTH_MASK) +
      (<u32>(bits >> (entry >> ENTRY_CODE_SHIFT)) & (entry >> ENTRY_LENGTH_EXTRA_SHIFT))

    state.refill()
    let far = distanceEntry(workspace, state.bits)
    if (<u32>far & ENTRY_LINK) {
      if (!take(state, <u32>far)) return BAD_STREAM
      far = subtableDistance(workspace, <u32>far, state.bits)
    }
    if (<u32>far & ENTRY_EXCEPTION) return BAD_STREAM
    bits = state.bits
    if (!take(state, <u32>far)) return BAD_STREAM
    const distance =
      ((<u32>far >> ENTRY_VALUE_SHIFT) & ENTRY_VALUE_MASK) +
      (<u32>(bits >> (far >> ENTRY_CODE_SHIFT)) & <u32>(far >> ENTRY_DISTANCE_EXTRA_SHIFT))
    const output = state.output
    if (distance > <u32>(output - state.target)) return BAD_STREAM
    state.output = output + length
    copyClipped(state, output, distance, length)
    if (state.output > state.targetEnd) return MORE
  }
}

/** The entry for the next bits of the stream in the literal/length table. */
function literalEntry(workspace: usize, bits: u64): u32 {
  return load<u32>(workspace + ((<u32>bits & LITERAL_MASK) << LITERAL_ENTRY_SHIFT), LITERAL_TABLE)
}

/** The entry for the next bits of the stream in the distance table. */
function distanceEntry(workspace: usize, bits: u64): u64 {
  return load<u64>(workspace + ((<u32>bits & DISTANCE_MASK) << DISTANCE_ENTRY_SHIFT), DISTANCE_TABLE)
}

/** The index that a link, whose bits have been dropped, and the next bits make. */
function linked(link: u32, bits: u64): u32 {
  const width = (link >> ENTRY_CODE_SHIFT) & ENTRY_CODE_MASK
  return (link >> ENTRY_VALUE_SHIFT) + (<u32>bits & ((1 << width) - 1))
}

/** The literal/length entry that a link leads to. */
function subtableEntry(workspace: usize, link: u32, bits: u64): u32 {
  return load<u32>(workspace + (linked(link, bits) << LITERAL_ENTRY_SHIFT), LITERAL_TABLE)
}

/** The distance entry that a link leads to. */
function subtableDistance(workspace: usize, link: u32, bits: u64): u64 {
  return load<u64>(workspace + (linked(link, bits) << DISTANCE_ENTRY_SHIFT), DISTANCE_TABLE)
}

/** What an exception that is no link means. */
function endOrBad(entry: u32): i32 {
  return entry >> ENTRY_VALUE_SHIFT === ENTRY_END_OF_BLOCK >> ENTRY_VALUE_SHIFT ? OK : BAD_STREAM
}

/** Drops the bits of an entry; false if the stream has not so many. */
function take(state: InflateState, entry: u32): bool {
  const count = entry & ENTRY_DROP_MASK
  if (count > state.bitCount) return false
  state.drop(count)
  return true
}

/** Copies a match, but no byte of it that would lie behind the target's end. */
function copyClipped(state: InflateState, output: usize, distance: u32, length: u32): void {
  if (output >= state.targetEnd) return
  const room = <u32>(state.targetEnd - output)
  if (length > room) length = room
  if (distance < VECTOR_BYTES) {
    if (state.writableEnd - output >= length + VECTOR_BYTES) {
      repeatPattern(output, distance, length)
      return
    }
  }
  copyExact(output, distance, length)
}
