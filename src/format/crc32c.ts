// SPDX-License-Identifier: MIT

const POLYNOMIAL = 0x82f63b78

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let state = byte
  for (let bit = 0; bit < 8; bit++) state = (state >>> 1) ^ (state & 1 ? POLYNOMIAL : 0)
  return state
})

/**
 * CRC-32C in the convention of the superblock checksum (format section 2.2): reflected polynomial, no final
 * inversion, so the bitwise complement of what most libraries return.
 *
 * `seed` is the state to go on from; the result of one call continues in the next.
 */
export function crc32c(bytes: Uint8Array, seed = 0xffffffff): number {
  let state = seed
  for (let at = 0; at < bytes.length; at++) {
    state = (state >>> 8) ^ (TABLE[(state ^ (bytes[at] as number)) & 0xff] as number)
  }
  return state >>> 0
}
