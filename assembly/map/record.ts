// SPDX-License-Identifier: MIT
/** Types of lcluster records and the bits of the map header's h_advise. */

export const TYPE_PLAIN: u32 = 0
export const TYPE_HEAD1: u32 = 1
export const TYPE_NONHEAD: u32 = 2
export const TYPE_HEAD2: u32 = 3
export const TYPE_MASK: u32 = 3

/** Bit of a distance back that says: the rest counts the blocks of the pcluster, the distance is 1. */
export const BLOCK_COUNT_FLAG: u32 = 1 << 11

export const ADVISE_COMPACT_2B: u32 = 1 << 0
export const ADVISE_BIG_PCLUSTER_1: u32 = 1 << 1
export const ADVISE_BIG_PCLUSTER_2: u32 = 1 << 2
export const ADVISE_INLINE: u32 = 1 << 3
export const ADVISE_INTERLACED: u32 = 1 << 4
export const ADVISE_FRAGMENT: u32 = 1 << 5
export const ADVISE_BIG_PCLUSTER: u32 = ADVISE_BIG_PCLUSTER_1 | ADVISE_BIG_PCLUSTER_2
