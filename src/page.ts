// SPDX-License-Identifier: MIT
/** log2 of the pool's page size. */
export const PAGE_BITS = 12
/** Bytes of a page of the pool, whatever an image's block size. */
export const PAGE_SIZE = 1 << PAGE_BITS
