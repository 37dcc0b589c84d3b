// SPDX-License-Identifier: MIT
/**
 * Result codes of the core. The core has no strings: `src/status.ts` holds the same numbers and turns
 * them into error codes and words; one test compares the two files.
 */

/** Done. */
export const OK: i32 = 0
/** A compressed stream is damaged, ends early, or decodes to another length than it must. */
export const BAD_STREAM: i32 = 1
/** Well formed, but a variant that the decoder does not know. */
export const UNSUPPORTED: i32 = 2

// What a plan answers when it cannot go on by itself.

/** The page asked for is in the pool already. */
export const RESIDENT: i32 = 10
/** Somebody else is filling the page asked for. */
export const BUSY: i32 = 11
/** Pages of the metadata space must be brought in first: see the slot's need fields. */
export const NEED_METADATA: i32 = 12
/** Pages of the packed inode must be brought in first: see the slot's need fields. */
export const NEED_PACKED: i32 = 13
/** Every frame is pinned or being filled. */
export const NO_FRAME: i32 = 14
/** Every address space record is in use. */
export const NO_SPACE: i32 = 15
/** An address space with this key exists and has another size. */
export const SIZE_DIFFERS: i32 = 16

// What the source of a device could not give.

/** A page is not what it was when the file was verified. */
export const PAGE_FORGED: i32 = 31

/** A range of a device could not be read; the reader of the source knows why. */
export const FETCH_FAILED: i32 = 30

// Damage found while mapping. Each names one broken rule of the format.

/** An index, a record or inline data lies outside the metadata space. */
export const METADATA_OUTSIDE: i32 = 40
/** An lcluster's cluster offset is not smaller than the lcluster. */
export const CLUSTER_OFFSET: i32 = 41
/** A distance back to the head lcluster is zero or leads before the file. */
export const LOOKBACK: i32 = 42
/** A block count record where none may be, or none where one must be, or one of zero blocks. */
export const BLOCK_COUNT: i32 = 43
/** An uncompressed pcluster is shorter than its data. */
export const PLAIN_TOO_SHORT: i32 = 44
/** An algorithm that the superblock does not announce. */
export const ALGORITHM_UNANNOUNCED: i32 = 45
/** An encoded extent's start is not ascending or lies beyond the file. */
export const EXTENT_ORDER: i32 = 46
/** An address at or above 2^48 blocks. */
export const ADDRESS_TOO_HIGH: i32 = 47
/** A fragment lies outside the packed inode. */
export const FRAGMENT_OUTSIDE: i32 = 48
/** A fragment inside the packed inode itself. */
export const FRAGMENT_NESTED: i32 = 49
/** Inline data crosses the end of its block. */
export const INLINE_CROSSES_BLOCK: i32 = 50
/** A pcluster holds nothing but padding. */
export const ALL_PADDING: i32 = 51
/** An extent that decodes to nothing where bytes must be. */
export const EMPTY_EXTENT: i32 = 52

// Well formed, but beyond the format's limits.

/** An extent that decodes to more than 12 MiB. */
export const EXTENT_TOO_LONG: i32 = 60
/** A pcluster of more than 1 MiB. */
export const PCLUSTER_TOO_LONG: i32 = 61
/** An algorithm id above 3. */
export const ALGORITHM_UNKNOWN: i32 = 62
/** One page is made of more extents than a fill can hold. */
export const PAGE_TOO_SCATTERED: i32 = 63
/** A table of encoded extents of 4 bytes that would take too long to add up. */
export const TABLE_TOO_LONG: i32 = 64
