// SPDX-License-Identifier: MIT

/** Where the superblock lies in an image. */
export const SUPERBLOCK_OFFSET = 1024

/** The first four bytes of the superblock, as a little-endian u32. */
export const EROFS_MAGIC = 0xe0f5e1e2
