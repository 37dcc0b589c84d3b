// SPDX-License-Identifier: MIT
import { corrupted, ErofsError, unsupported } from "../errors.js"
import { readS64, readU16, readU32, readU64, untilNul } from "./bytes.js"
import { crc32c } from "./crc32c.js"
import {
  ALGORITHM_NAMES,
  COMPAT_CHECKSUM,
  COMPAT_ISHARE_XATTRS,
  COMPAT_PLAIN_XATTR_PREFIXES,
  COMPAT_SHARED_XATTRS_IN_METABOX,
  COMPAT_XATTR_FILTER,
  INCOMPAT_48BIT,
  INCOMPAT_COMPRESSION_CONFIGS,
  INCOMPAT_DEVICE_TABLE,
  INCOMPAT_FRAGMENTS,
  INCOMPAT_METABOX,
  INCOMPAT_XATTR_PREFIXES,
  INCOMPAT_ZERO_PADDING,
  unknownIncompatNames,
} from "./features.js"
import { EROFS_MAGIC, SUPERBLOCK_OFFSET } from "./magic.js"
import { decodeName } from "./names.js"
import { isInMetabox, type Nid, nidFromWords, nidToBigInt } from "./nid.js"

export { describeForeign } from "./foreign.js"
export { EROFS_MAGIC, SUPERBLOCK_OFFSET } from "./magic.js"

/** Bytes of the superblock without extension slots. */
export const SUPERBLOCK_SIZE = 128

const EXTENSION_SLOT_SIZE = 16
const CHECKSUM_FIELD = 4
const MIN_BLOCK_BITS = 9
const MAX_BLOCK_BITS = 16
const MIN_SUPERBLOCK_AREA = 4096
const DEVICE_TABLE_UNIT = 128
const PREFIX_UNIT = 4
const MAX_LZ4_DISTANCE = 0xffff

/** What has to be known to verify the checksum, before anything else of the superblock is believed. */
export interface SuperblockHeader {
  blockBits: number
  blockSize: number
  compat: number
  /** As stored; valid only if `hasChecksum`. */
  checksum: number
  hasChecksum: boolean
  /** Bytes of the whole superblock with its extension slots. */
  size: number
}

/** The superblock (format section 2), derived values included. */
export interface Superblock extends SuperblockHeader {
  /** sb_extslots. */
  slotCount: number
  rootNid: Nid
  /** Number of inodes, for statfs. */
  inodes: bigint
  /** Base of the times of compact inodes, in seconds since 1970. */
  epoch: bigint
  /** Nanoseconds of the times of compact inodes. */
  fixedNanoseconds: number
  /** As stored: seconds to add to the epoch for `mkfsTime`, in 48-bit images. */
  buildTime: number
  /** When the image was made, in seconds since 1970. */
  mkfsTime: bigint
  /** Blocks of the primary device. */
  blocks: number
  /** Block that slot 0 of inodes is counted from. */
  metaBlock: number
  /** Block that ids of shared xattrs are counted from. */
  xattrBlock: number
  /** In the usual form with dashes. */
  uuid: string
  volumeName: string
  incompat: number
  /** Bitmap of the algorithms that files may use; bit 0 also for LZ4 images without configuration records. */
  algorithms: number
  /** Bytes that LZ4 matches reach back at most; with configuration records see theirs. */
  lz4MaxDistance: number
  /** Compression configuration records follow the superblock at `SUPERBLOCK_OFFSET + size`. */
  hasCompressionConfigs: boolean
  /** Compressed streams are right-aligned in their pclusters. */
  isZeroPadded: boolean
  hasDeviceTable: boolean
  /** Further devices; 0 without a device table. */
  extraDevices: number
  /** Byte offset of the device table on the primary device. */
  deviceTableOffset: number
  hasFragments: boolean
  /** Inode that holds fragments, maybe the prefix table; 0 = none. */
  packedNid: Nid
  /** Long xattr name prefixes; 0 unless the feature is set. */
  prefixCount: number
  /** Byte position of the prefix table, in the space that format section 7.4 says. */
  prefixStart: number
  /** The prefix table lies on the primary device whatever else there is. */
  hasPlainPrefixes: boolean
  /** The name filters of xattr bodies may be used. */
  hasXattrFilter: boolean
  hasSharedXattrsInMetabox: boolean
  /** Number of the long prefix that is the name of the fingerprint xattr; undefined = none named. */
  fingerprintPrefix: number | undefined
  is48Bit: boolean
  hasMetabox: boolean
  metaboxNid: Nid | undefined
}

/**
 * The first look at a superblock: checks 1 and 2 of format section 2.1. `bytes` begin at device byte 1024.
 *
 * Throws EINVAL when this is no EROFS image, ENOTSUP for block sizes other than 512 to 65536 bytes.
 */
export function peekSuperblock(bytes: Uint8Array): SuperblockHeader {
  if (bytes.length < SUPERBLOCK_SIZE) {
    throw new ErofsError("EINVAL", "not an EROFS image: too short for a superblock", {
      offset: SUPERBLOCK_OFFSET,
    })
  }
  if (readU32(bytes, 0) !== EROFS_MAGIC) {
    throw new ErofsError("EINVAL", "not an EROFS image: no superblock", { offset: SUPERBLOCK_OFFSET })
  }
  const blockBits = bytes[12] as number
  if (blockBits < MIN_BLOCK_BITS || blockBits > MAX_BLOCK_BITS) {
    throw unsupported(`block size of 2^${blockBits} bytes`, at(12))
  }
  if (bytes[90] !== 0) throw unsupported("directory blocks that are not one block", at(90))
  const compat = readU32(bytes, 8)
  return {
    blockBits,
    blockSize: 1 << blockBits,
    compat,
    checksum: readU32(bytes, CHECKSUM_FIELD),
    hasChecksum: (compat & COMPAT_CHECKSUM) !== 0,
    size: SUPERBLOCK_SIZE + EXTENSION_SLOT_SIZE * (bytes[13] as number),
  }
}

/** Error details for a field of the superblock. */
function at(field: number): { offset: number } {
  return { offset: SUPERBLOCK_OFFSET + field }
}

/** Bytes from device byte 1024 on that the checksum covers (format section 2.2). */
export function checksumLength(blockSize: number): number {
  return blockSize > SUPERBLOCK_OFFSET ? blockSize - SUPERBLOCK_OFFSET : blockSize
}

/**
 * Compares the checksum, if the image has one. `bytes` are the {@link checksumLength} bytes from device byte 1024.
 *
 * Throws EUCLEAN when it is wrong or bytes are missing.
 */
export function verifyChecksum(
  bytes: Uint8Array,
  header: Pick<SuperblockHeader, "blockSize" | "checksum" | "hasChecksum">,
): void {
  if (!header.hasChecksum) return
  const length = checksumLength(header.blockSize)
  if (bytes.length < length) throw corrupted("first block is cut short", at(0))
  // The field itself counts as zero.
  const head = crc32c(new Uint8Array(4), crc32c(bytes.subarray(0, CHECKSUM_FIELD)))
  const sum = crc32c(bytes.subarray(CHECKSUM_FIELD + 4, length), head)
  if (sum !== header.checksum) {
    throw corrupted(
      `superblock checksum is ${hex(header.checksum)}, expected ${hex(sum)}`,
      at(CHECKSUM_FIELD),
    )
  }
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`
}

/**
 * The superblock. `bytes` begin at device byte 1024 and hold at least 128 bytes, and the extension slots if any
 * are announced. All checks of format section 2.1 that need no other bytes, but for the checksum, which belongs
 * between {@link peekSuperblock} and this.
 *
 * Throws as peekSuperblock does, ENOTSUP naming unknown features or algorithms, EUCLEAN for what cannot be true.
 */
export function parseSuperblock(bytes: Uint8Array): Superblock {
  const header = peekSuperblock(bytes)
  const incompat = readU32(bytes, 80)
  const unknown = unknownIncompatNames(incompat)
  if (unknown.length > 0) throw unsupported(`unknown incompatible features ${unknown.join(", ")}`, at(80))
  checkSize(bytes, header)

  const { compat } = header
  const is48Bit = (incompat & INCOMPAT_48BIT) !== 0
  const epoch = readS64(bytes, 24)
  const buildTime = readU32(bytes, 108)
  const hasDeviceTable = (incompat & INCOMPAT_DEVICE_TABLE) !== 0
  const superblock: Superblock = {
    ...header,
    slotCount: bytes[13] as number,
    inodes: readU64(bytes, 16),
    epoch,
    fixedNanoseconds: readU32(bytes, 32),
    buildTime,
    mkfsTime: is48Bit ? epoch + BigInt(buildTime) : epoch,
    ...parseRoot(bytes, is48Bit),
    metaBlock: readU32(bytes, 40),
    xattrBlock: readU32(bytes, 44),
    uuid: formatUuid(bytes.subarray(48, 64)),
    volumeName: decodeName(untilNul(bytes.subarray(64, 80))),
    incompat,
    ...parseAlgorithms(bytes, incompat),
    hasDeviceTable,
    extraDevices: hasDeviceTable ? readU16(bytes, 86) : 0,
    deviceTableOffset: readU16(bytes, 88) * DEVICE_TABLE_UNIT,
    hasFragments: (incompat & INCOMPAT_FRAGMENTS) !== 0,
    packedNid: nidFromWords(readU32(bytes, 96), readU32(bytes, 100)),
    prefixCount: (incompat & INCOMPAT_XATTR_PREFIXES) !== 0 ? (bytes[91] as number) : 0,
    prefixStart: readU32(bytes, 92) * PREFIX_UNIT,
    hasPlainPrefixes: (compat & COMPAT_PLAIN_XATTR_PREFIXES) !== 0,
    hasXattrFilter: (compat & COMPAT_XATTR_FILTER) !== 0 && bytes[104] === 0,
    hasSharedXattrsInMetabox: (compat & COMPAT_SHARED_XATTRS_IN_METABOX) !== 0,
    fingerprintPrefix: (compat & COMPAT_ISHARE_XATTRS) !== 0 ? (bytes[105] as number) : undefined,
    is48Bit,
    ...parseMetabox(bytes, header, incompat),
  }
  checkReferences(superblock)
  return superblock
}

/** Check 5: the superblock has to be there, and to end within the first block or 4096 bytes. */
function checkSize(bytes: Uint8Array, { size, blockSize }: SuperblockHeader): void {
  const area = Math.max(blockSize, MIN_SUPERBLOCK_AREA)
  if (SUPERBLOCK_OFFSET + size > area || size > bytes.length) {
    throw corrupted(`superblock of ${size} bytes does not fit`, at(13))
  }
}

/** Root and block count share the u16 at 14 (format section 2, derived values). */
function parseRoot(bytes: Uint8Array, is48Bit: boolean): Pick<Superblock, "rootNid" | "blocks"> {
  const low = readU32(bytes, 112)
  const high = readU32(bytes, 116)
  const shared = readU16(bytes, 14)
  const blocks = readU32(bytes, 36)
  if (!is48Bit || (low === 0 && high === 0)) return { rootNid: shared, blocks }
  return { rootNid: nidFromWords(low, high), blocks: blocks + shared * 2 ** 32 }
}

/** Which algorithms there are (format sections 2.1 check 7 and 2.5). */
function parseAlgorithms(
  bytes: Uint8Array,
  incompat: number,
): Pick<Superblock, "algorithms" | "lz4MaxDistance" | "hasCompressionConfigs" | "isZeroPadded"> {
  const hasCompressionConfigs = (incompat & INCOMPAT_COMPRESSION_CONFIGS) !== 0
  const isZeroPadded = (incompat & INCOMPAT_ZERO_PADDING) !== 0
  const field = readU16(bytes, 84)
  if (!hasCompressionConfigs) {
    const algorithms = isZeroPadded || field !== 0 ? 1 : 0
    return { algorithms, lz4MaxDistance: field || MAX_LZ4_DISTANCE, hasCompressionConfigs, isZeroPadded }
  }
  if (field >>> ALGORITHM_NAMES.length !== 0) {
    throw unsupported(`unknown compression algorithms in bitmap 0x${field.toString(16)}`, at(84))
  }
  return { algorithms: field, lz4MaxDistance: MAX_LZ4_DISTANCE, hasCompressionConfigs, isZeroPadded }
}

/** Check 6 for the metabox. */
function parseMetabox(
  bytes: Uint8Array,
  { size }: SuperblockHeader,
  incompat: number,
): Pick<Superblock, "hasMetabox" | "metaboxNid"> {
  if ((incompat & INCOMPAT_METABOX) === 0) return { hasMetabox: false, metaboxNid: undefined }
  if (size === SUPERBLOCK_SIZE) throw corrupted("superblock is too short for a metabox", at(13))
  const metaboxNid = nidFromWords(readU32(bytes, 128), readU32(bytes, 132))
  if (isInMetabox(metaboxNid)) throw corrupted("metabox lies within itself", { nid: nidToBigInt(metaboxNid) })
  return { hasMetabox: true, metaboxNid }
}

/** Checks 6 and 8 where fields refer to each other. */
function checkReferences({
  packedNid,
  rootNid,
  hasMetabox,
  fingerprintPrefix,
  prefixCount,
}: Superblock): void {
  if (isInMetabox(packedNid)) {
    throw corrupted("packed inode lies in the metabox", { nid: nidToBigInt(packedNid) })
  }
  if (isInMetabox(rootNid) && !hasMetabox) {
    throw corrupted("root lies in a metabox that the image does not have", { nid: nidToBigInt(rootNid) })
  }
  if (fingerprintPrefix !== undefined && fingerprintPrefix >= prefixCount) {
    throw corrupted(`fingerprint prefix ${fingerprintPrefix} is none of ${prefixCount}`, at(105))
  }
}

function formatUuid(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
}
