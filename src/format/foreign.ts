// SPDX-License-Identifier: MIT
import { readU32 } from "./bytes.js"
import { EROFS_MAGIC, SUPERBLOCK_OFFSET } from "./magic.js"

const SECTOR_SIZE = 512

interface Signature {
  offset: number
  bytes: number[]
  description: string
}

function signature(offset: number, bytes: string | number[], description: string): Signature {
  return {
    offset,
    bytes: typeof bytes === "string" ? Array.from(bytes, (c) => c.charCodeAt(0)) : bytes,
    description,
  }
}

const SIGNATURES = [
  signature(0, [0x3a, 0xff, 0x26, 0xed], "an Android sparse image; convert it with simg2img first"),
  signature(0, "hsqs", "a squashfs image"),
  signature(1024 + 56, [0x53, 0xef], "an ext2, ext3 or ext4 image"),
  signature(0, [0x1f, 0x8b], "gzip data; decompress it first"),
  signature(0, [0x28, 0xb5, 0x2f, 0xfd], "zstd data; decompress it first"),
  signature(0, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "xz data; decompress it first"),
  signature(0, [0x04, 0x22, 0x4d, 0x18], "lz4 data; decompress it first"),
  signature(0, [0x50, 0x4b, 0x03, 0x04], "a zip archive"),
  signature(257, "ustar", "a tar archive"),
  signature(0, "ANDROID!", "an Android boot image"),
  signature(0, "VNDRBOOT", "an Android vendor boot image"),
  signature(0, "AVB0", "an Android vbmeta image"),
  signature(0, [0x51, 0x46, 0x49, 0xfb], "a qcow2 disk image"),
]

/**
 * What a device that is not an EROFS image seems to be, for the text of an error: a well-known other format, or
 * an EROFS image further in (a partition, a header in front). Undefined if nothing is recognised.
 *
 * `firstBytes` begin at byte 0 of the device; the more there are, the further the search goes.
 */
export function describeForeign(firstBytes: Uint8Array): string | undefined {
  const known = SIGNATURES.find(({ offset, bytes }) =>
    bytes.every((byte, at) => firstBytes[offset + at] === byte),
  )
  if (known !== undefined) return known.description
  const found = findSuperblock(firstBytes)
  if (found === undefined) return undefined
  return `erofs superblock found at offset ${found}: the image begins at offset ${found - SUPERBLOCK_OFFSET}`
}

/** Offset of the first thing in steps of 512 bytes that looks like a superblock with an image around it. */
function findSuperblock(bytes: Uint8Array): number | undefined {
  for (let at = SUPERBLOCK_OFFSET; at + 16 <= bytes.length; at += SECTOR_SIZE) {
    const blockBits = bytes[at + 12] as number
    if (readU32(bytes, at) === EROFS_MAGIC && blockBits >= 9 && blockBits <= 16) return at
  }
  return undefined
}
