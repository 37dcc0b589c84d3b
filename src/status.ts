// SPDX-License-Identifier: MIT
import type { ErrorCode } from "./errors.js"

/** Result codes of the core, the same numbers as in assembly/status.ts. */
export const OK = 0
export const RESIDENT = 10
export const BUSY = 11
export const NEED_METADATA = 12
export const NEED_PACKED = 13
export const NO_FRAME = 14
export const NO_SPACE = 15
export const SIZE_DIFFERS = 16
export const FETCH_FAILED = 30

/** No status of the core: pages were reclaimed again and again before they could be used. */
export const TOO_SMALL = -1

/** No status of the core: the content has been given up, its image may be closed. */
export const CLOSED = -2

/** What a status that ends an operation means: an error code and the broken rule in words. */
export const FAILURES: Readonly<Record<number, readonly [code: ErrorCode, reason: string]>> = {
  1: ["EUCLEAN", "compressed data is damaged"],
  2: ["ENOTSUP", "compressed data is of a kind that EROFS does not use"],
  [NO_FRAME]: ["ENOMEM", "every frame of the pool is pinned or being filled"],
  [NO_SPACE]: ["ENOMEM", "every address space of the pool is in use"],
  [TOO_SMALL]: ["ENOMEM", "the pool is too small for what is read at the same time"],
  31: ["EIO", "the bytes are not those that were verified"],
  [CLOSED]: ["EIO", "the image was closed"],
  40: ["EUCLEAN", "index, record or inline data outside the metadata"],
  41: ["EUCLEAN", "cluster offset beyond its lcluster"],
  42: ["EUCLEAN", "distance back to the head lcluster leads nowhere"],
  43: ["EUCLEAN", "block count of a pcluster is missing, zero or misplaced"],
  44: ["EUCLEAN", "uncompressed pcluster is shorter than its data"],
  45: ["EUCLEAN", "compression algorithm that the superblock does not announce"],
  46: ["EUCLEAN", "encoded extents are out of order"],
  47: ["EUCLEAN", "block address at or above 2^48"],
  48: ["EUCLEAN", "fragment outside the packed inode"],
  49: ["EUCLEAN", "fragment inside the packed inode"],
  50: ["EUCLEAN", "inline data crosses the end of its block"],
  51: ["EUCLEAN", "pcluster holds nothing but padding"],
  52: ["EUCLEAN", "empty extent"],
  60: ["ENOTSUP", "extent of more than 12 MiB"],
  61: ["ENOTSUP", "pcluster of more than 1 MiB"],
  62: ["ENOTSUP", "unknown compression algorithm"],
  63: ["ENOTSUP", "page made of too many extents"],
  64: ["ENOTSUP", "table of more than 2^26 encoded extents of 4 bytes"],
}
