// SPDX-License-Identifier: MIT
/** Huffman: tree descriptions and decoding tables. */
import { firstPosition, loadContainer, topBits } from "./zstdBits"
import { buildTable, readDistribution } from "./zstdFse"
import {
  ENTRY_SHIFT,
  ENTRY_STATE_SHIFT,
  ENTRY_TOTAL_MASK,
  ENTRY_VALUE_SHIFT,
  HUFFMAN_BITS,
  HUFFMAN_TABLE,
  RANKS,
  SORTED,
  stateOf,
  WEIGHT_CODES,
  WEIGHT_LOG_MAX,
  WEIGHT_TABLE,
  WEIGHTS,
} from "./zstdWorkspace"

/** Tree header bytes from here on announce weights of 4 bits each; this less one is a count of 0. */
const DIRECT_WEIGHTS: u32 = 128

/** The last weight is never stored, so at most this many are. */
const STORED_WEIGHTS_MAX: u32 = 255

/** Codes of weights have no bits to add. */
const WEIGHT_EXTRA_BITS = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])

/** Entries of the Huffman table that one v128 store fills. */
const ENTRIES_PER_STORE: u32 = 8

/**
 * Reads a Huffman tree description of at most `available` bytes and builds its decoding table.
 * Returns false if it is damaged; the bytes used are left in `tableBytes`.
 */
export function readHuffmanTree(source: usize, available: u32, workspace: usize): bool {
  if (available == 0) return false
  const header: u32 = load<u8>(source)
  let bytes: u32
  let count: i32
  if (header >= DIRECT_WEIGHTS) {
    count = header - DIRECT_WEIGHTS + 1
    bytes = (count + 1) >> 1
    if (bytes >= available) return false
    for (let i: u32 = 0; i < bytes; i++) {
      const pair: u32 = load<u8>(source + 1 + i)
      store<u8>(workspace + WEIGHTS + 2 * i, <u8>(pair >> 4))
      store<u8>(workspace + WEIGHTS + 2 * i, <u8>(pair & 15), 1)
    }
  } else {
    bytes = header
    if (bytes >= available) return false
    count = readCompressedWeights(source + 1, bytes, workspace)
    if (count < 0) return false
  }
  if (!buildHuffmanTable(count, workspace)) return false
  const state = stateOf(workspace)
  state.tableBytes = 1 + bytes
  state.hasHuffmanTable = 1
  return true
}

/** Decodes FSE-compressed weights of exactly `length` bytes into WEIGHTS. Returns their number, or -1. */
function readCompressedWeights(source: usize, length: u32, workspace: usize): i32 {
  const log = readDistribution(source, length, WEIGHT_CODES, WEIGHT_LOG_MAX, workspace)
  if (log < 0) return -1
  const table = workspace + WEIGHT_TABLE
  const weights = workspace + WEIGHTS
  buildTable(table, log, WEIGHT_CODES, WEIGHT_EXTRA_BITS, 0, workspace)
  const used = stateOf(workspace).tableBytes
  if (used >= length) return -1
  const start = source + used
  let position = firstPosition(start, length - used)
  // Two states take turns.
  if (position < 2 * log) return -1
  const container = loadContainer(start, position)
  let entry = load<u64>(table + (topBits(container, log) << ENTRY_SHIFT))
  let other = load<u64>(table + (topBits(container << (<u64>log), log) << ENTRY_SHIFT))
  position -= 2 * log
  let count: u32 = 0
  for (;;) {
    store<u8>(weights + count++, <u8>(entry >> ENTRY_VALUE_SHIFT))
    if (count == STORED_WEIGHTS_MAX) return -1
    const bits = <u32>entry & ENTRY_TOTAL_MASK
    if (position < <i32>bits) break
    const state = (<u32>entry >> ENTRY_STATE_SHIFT) + topBits(loadContainer(start, position), bits)
    position -= bits
    entry = other
    other = load<u64>(table + (state << ENTRY_SHIFT))
  }
  store<u8>(weights + count++, <u8>(other >> ENTRY_VALUE_SHIFT))
  return count
}

// Entry of the Huffman table, for each value of the next HUFFMAN_BITS bits:
//
//   15       8 7        0
//   ┌──────────┬──────────┐
//   │ literal  │ bits     │
//   └──────────┴──────────┘

/** Adds the weight that is not stored and builds the table. Returns false if the code is not complete. */
function buildHuffmanTable(stored: u32, workspace: usize): bool {
  const weights = workspace + WEIGHTS
  const ranks = workspace + RANKS
  const sorted = workspace + SORTED
  memory.fill(ranks, 0, (WEIGHT_CODES + 1) << 2)
  let sum: u32 = 0
  for (let i: u32 = 0; i < stored; i++) {
    const weight: u32 = load<u8>(weights + i)
    if (weight >= WEIGHT_CODES) return false
    store<u32>(ranks + (weight << 2), load<u32>(ranks + (weight << 2)) + 1)
    sum += (1 << weight) >> 1
  }
  if (sum == 0) return false
  const depth: u32 = 32 - clz<u32>(sum)
  if (depth > HUFFMAN_BITS) return false
  const missing: u32 = (1 << depth) - sum
  if (missing & (missing - 1)) return false
  const lastWeight: u32 = ctz<u32>(missing) + 1
  store<u8>(weights + stored, <u8>lastWeight)
  store<u32>(ranks + (lastWeight << 2), load<u32>(ranks + (lastWeight << 2)) + 1)
  if (load<u32>(ranks + 4) < 2) return false

  // Literals in the order of their codes: by weight, then by value.
  let before: u32 = 0
  for (let weight: u32 = 0; weight < WEIGHT_CODES; weight++) {
    const count = load<u32>(ranks + (weight << 2))
    store<u32>(ranks + (weight << 2), before)
    before += count
  }
  for (let literal: u32 = 0; literal <= stored; literal++) {
    const rank = ranks + ((<u32>load<u8>(weights + literal)) << 2)
    const place = load<u32>(rank)
    store<u32>(rank, place + 1)
    store<u8>(sorted + place, <u8>literal)
  }

  // Each rank now says where the next weight starts. Stores run over what later codes overwrite.
  let entry = workspace + HUFFMAN_TABLE
  let place = load<u32>(ranks)
  for (let weight: u32 = 1; weight <= depth; weight++) {
    const end = load<u32>(ranks + (weight << 2))
    const bits = depth + 1 - weight
    const entries: u32 = 1 << (HUFFMAN_BITS - bits)
    for (; place < end; place++) {
      const value = i16x8.splat(<i16>(((<u32>load<u8>(sorted + place)) << 8) | bits))
      let filled: u32 = 0
      do {
        v128.store(entry + (filled << 1), value)
        filled += ENTRIES_PER_STORE
      } while (filled < entries)
      entry += entries << 1
    }
  }
  if (CHECKED) assert(entry == workspace + HUFFMAN_TABLE + (2 << HUFFMAN_BITS))
  return true
}
