// SPDX-License-Identifier: MIT
/** Rounding and sizes that every part of the core uses. */

/** log2 of the pool's page size. */
export const PAGE_BITS: u32 = 12
/** Bytes of a page and of a frame, whatever an image's block size. */
export const PAGE_SIZE: u32 = 1 << PAGE_BITS
export const PAGE_MASK: u32 = PAGE_SIZE - 1

/** The next multiple of `to`, a power of two. */
export function alignUp(value: u64, to: u64): u64 {
  return (value + to - 1) & ~(to - 1)
}

/** How many pages hold `bytes` bytes. */
export function pagesFor(bytes: u64): u64 {
  return (bytes >> PAGE_BITS) + u64((bytes & PAGE_MASK) != 0)
}
