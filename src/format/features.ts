// SPDX-License-Identifier: MIT

// Format sections 2.3 and 2.4. Some incompat bits announce two features at once; what an inode really uses
// only the inode tells.

/** The checksum field is valid. */
export const COMPAT_CHECKSUM = 0x01
/** Inode times are modification times. */
export const COMPAT_MTIME = 0x02
/** The name filter of xattr bodies is meaningful. */
export const COMPAT_XATTR_FILTER = 0x04
/** The shared xattr area lies in the metabox, not on the device. */
export const COMPAT_SHARED_XATTRS_IN_METABOX = 0x08
/** The long prefix table lies directly on the device even if there is a packed inode or a metabox. */
export const COMPAT_PLAIN_XATTR_PREFIXES = 0x10
/** The superblock names the xattr that holds content fingerprints. */
export const COMPAT_ISHARE_XATTRS = 0x20

/** Compressed streams are right-aligned in their pclusters. */
export const INCOMPAT_ZERO_PADDING = 0x001
/** Compression configuration records follow the superblock; pclusters may be bigger than a block. */
export const INCOMPAT_COMPRESSION_CONFIGS = 0x002
/** There are chunk-based files. */
export const INCOMPAT_CHUNKED_FILE = 0x004
/** There is a device table, or a second algorithm per inode. */
export const INCOMPAT_DEVICE_TABLE = 0x008
/** There are inline compressed tails. */
export const INCOMPAT_ZTAILPACKING = 0x010
/** There is a packed inode, or partially referenced pclusters. */
export const INCOMPAT_FRAGMENTS = 0x020
/** There are long xattr name prefixes. */
export const INCOMPAT_XATTR_PREFIXES = 0x040
/** 48-bit addresses, encoded extents, NLINK_1 and DOT_OMITTED. */
export const INCOMPAT_48BIT = 0x080
/** There is a metabox inode. */
export const INCOMPAT_METABOX = 0x100

const COMPAT_NAMES = [
  "sb_chksum",
  "mtime",
  "xattr_filter",
  "shared_ea_in_metabox",
  "plain_xattr_pfx",
  "ishare_xattrs",
]

const INCOMPAT_NAMES = [
  "lz4_0padding",
  "compr_cfgs/big_pcluster",
  "chunked_file",
  "device_table/compr_head2",
  "ztailpacking",
  "fragments/dedupe",
  "xattr_prefixes",
  "48bit",
  "metabox",
]

/** Names of the compression algorithms; the index is the id on disk (format section 2.5). */
export const ALGORITHM_NAMES = ["lz4", "lzma", "deflate", "zstd"] as const

/** Name of a compression algorithm. */
export type AlgorithmName = (typeof ALGORITHM_NAMES)[number]

/** Names of the known bits of feature_compat that are set; unknown ones are of no concern to a reader. */
export function compatNames(bits: number): string[] {
  return COMPAT_NAMES.filter((_, bit) => (bits >>> bit) & 1)
}

/** Names of the known bits of feature_incompat that are set. */
export function incompatNames(bits: number): string[] {
  return INCOMPAT_NAMES.filter((_, bit) => (bits >>> bit) & 1)
}

/** The bits of feature_incompat that this reader does not know, each as `0x...`. */
export function unknownIncompatNames(bits: number): string[] {
  const names: string[] = []
  for (let bit = INCOMPAT_NAMES.length; bit < 32; bit++) {
    if ((bits >>> bit) & 1) names.push(`0x${((1 << bit) >>> 0).toString(16)}`)
  }
  return names
}
