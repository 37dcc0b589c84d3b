// SPDX-License-Identifier: MIT
/** XXH64, the 64-bit hash of the xxHash family, after its public specification. */

// In halves: read as a number of JavaScript, as the linter does, a whole one would lose bits.
const PRIME_1: u64 = (0x9e3779b1 << 32) | 0x85ebca87
const PRIME_2: u64 = (0xc2b2ae3d << 32) | 0x27d4eb4f
const PRIME_3: u64 = (0x165667b1 << 32) | 0x9e3779f9
const PRIME_4: u64 = (0x85ebca77 << 32) | 0xc2b2ae63
const PRIME_5: u64 = (0x27d4eb2f << 32) | 0x165667c5

/** Bytes of a lane, and of a stripe of four lanes. */
const LANE_BYTES: u32 = 8
const STRIPE_BYTES: u32 = 4 * LANE_BYTES

/** One lane mixed into its accumulator. */
function round(accumulator: u64, lane: u64): u64 {
  return rotl<u64>(accumulator + lane * PRIME_2, 31) * PRIME_1
}

/** An accumulator folded into the hash. */
function mergeAccumulator(hash: u64, accumulator: u64): u64 {
  return (hash ^ round(0, accumulator)) * PRIME_1 + PRIME_4
}

/** The hash of `length` bytes at `source`. Never reads outside of them. */
export function xxh64(source: usize, length: u32, seed: u64): u64 {
  let at = source
  let left = length
  let hash: u64
  if (left >= STRIPE_BYTES) {
    let first = seed + PRIME_1 + PRIME_2
    let second = seed + PRIME_2
    let third = seed
    let fourth = seed - PRIME_1
    do {
      first = round(first, load<u64>(at))
      second = round(second, load<u64>(at, LANE_BYTES))
      third = round(third, load<u64>(at, 2 * LANE_BYTES))
      fourth = round(fourth, load<u64>(at, 3 * LANE_BYTES))
      at += STRIPE_BYTES
      left -= STRIPE_BYTES
    } while (left >= STRIPE_BYTES)
    hash = rotl<u64>(first, 1) + rotl<u64>(second, 7) + rotl<u64>(third, 12) + rotl<u64>(fourth, 18)
    hash = mergeAccumulator(hash, first)
    hash = mergeAccumulator(hash, second)
    hash = mergeAccumulator(hash, third)
    hash = mergeAccumulator(hash, fourth)
  } else {
    hash = seed + PRIME_5
  }
  hash += length
  while (left >= 8) {
    hash = rotl<u64>(hash ^ round(0, load<u64>(at)), 27) * PRIME_1 + PRIME_4
    at += 8
    left -= 8
  }
  if (left >= 4) {
    hash = rotl<u64>(hash ^ (<u64>load<u32>(at) * PRIME_1), 23) * PRIME_2 + PRIME_3
    at += 4
    left -= 4
  }
  while (left) {
    hash = rotl<u64>(hash ^ (<u64>load<u8>(at) * PRIME_5), 11) * PRIME_1
    at += 1
    left -= 1
  }
  return avalanche(hash)
}

/** Lets every bit of a hash depend on every other. */
function avalanche(hash: u64): u64 {
  let mixed = (hash ^ (hash >> 33)) * PRIME_2
  mixed = (mixed ^ (mixed >> 29)) * PRIME_3
  return mixed ^ (mixed >> 32)
}

/** Bytes of a page, and of a piece of it; there are eight. */
const PAGE: u32 = 4096
const PIECE: u32 = PAGE >> 3

/**
 * The hash of a page of which all eighths have been laid over each other, each turned against the others: loads are cheap,
 * and multiplications are what XXH64 spends its time on. For finding candidates that are compared byte by byte.
 */
export function xxh64Folded(page: usize, seed: u64): u64 {
  let first = seed + PRIME_1 + PRIME_2
  let second = seed + PRIME_2
  let third = seed
  let fourth = seed - PRIME_1
  for (let at = page; at < page + PIECE; at += STRIPE_BYTES) {
    const low = fold(at)
    const high = fold(at + sizeof<v128>())
    first = round(first, v128.extract_lane<u64>(low, 0))
    second = round(second, v128.extract_lane<u64>(low, 1))
    third = round(third, v128.extract_lane<u64>(high, 0))
    fourth = round(fourth, v128.extract_lane<u64>(high, 1))
  }
  let hash = rotl<u64>(first, 1) + rotl<u64>(second, 7) + rotl<u64>(third, 12) + rotl<u64>(fourth, 18)
  hash = mergeAccumulator(hash, first)
  hash = mergeAccumulator(hash, second)
  hash = mergeAccumulator(hash, third)
  hash = mergeAccumulator(hash, fourth)
  return avalanche(hash + PAGE)
}

/** 16 bytes of each piece, laid over each other; added, as bits that are the same in all pieces would vanish otherwise. */
function fold(at: usize): v128 {
  let folded = v128.load(at)
  folded = i64x2.add(turn(folded), v128.load(at, PIECE))
  folded = i64x2.add(turn(folded), v128.load(at, 2 * PIECE))
  folded = i64x2.add(turn(folded), v128.load(at, 3 * PIECE))
  folded = i64x2.add(turn(folded), v128.load(at, 4 * PIECE))
  folded = i64x2.add(turn(folded), v128.load(at, 5 * PIECE))
  folded = i64x2.add(turn(folded), v128.load(at, 6 * PIECE))
  return i64x2.add(turn(folded), v128.load(at, 7 * PIECE))
}

/** Turns 16 bytes by three: after as many turns as there are pieces no byte is where it was. */
function turn(bytes: v128): v128 {
  return i8x16.shuffle(bytes, bytes, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2)
}
