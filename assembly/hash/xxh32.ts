// SPDX-License-Identifier: MIT
/** xxHash, 32 bits, as the kernel uses it to find shared address spaces. */

const PRIME_1: u32 = 0x9e3779b1
const PRIME_2: u32 = 0x85ebca77
const PRIME_3: u32 = 0xc2b2ae3d
const PRIME_4: u32 = 0x27d4eb2f
const PRIME_5: u32 = 0x165667b1

/** Takes four bytes into one of the four lanes. */
function round(lane: u32, word: u32): u32 {
  return rotl<u32>(lane + word * PRIME_2, 13) * PRIME_1
}

/** The hash of `length` bytes. */
export function xxh32(address: usize, length: u32, seed: u32): u32 {
  let at = address
  const end = address + length
  let hash: u32
  if (length >= 16) {
    let lane1 = seed + PRIME_1 + PRIME_2
    let lane2 = seed + PRIME_2
    let lane3 = seed
    let lane4 = seed - PRIME_1
    for (; at + 16 <= end; at += 16) {
      lane1 = round(lane1, load<u32>(at))
      lane2 = round(lane2, load<u32>(at, 4))
      lane3 = round(lane3, load<u32>(at, 8))
      lane4 = round(lane4, load<u32>(at, 12))
    }
    hash = rotl<u32>(lane1, 1) + rotl<u32>(lane2, 7) + rotl<u32>(lane3, 12) + rotl<u32>(lane4, 18)
  } else {
    hash = seed + PRIME_5
  }
  hash += length
  for (; at + 4 <= end; at += 4) hash = rotl<u32>(hash + load<u32>(at) * PRIME_3, 17) * PRIME_4
  for (; at < end; at++) hash = rotl<u32>(hash + <u32>load<u8>(at) * PRIME_5, 11) * PRIME_1
  hash = (hash ^ (hash >> 15)) * PRIME_2
  hash = (hash ^ (hash >> 13)) * PRIME_3
  return hash ^ (hash >> 16)
}
