// SPDX-License-Identifier: MIT
import { crc32c } from "../../src/format/crc32c.js"

/** Where the superblock lies, and its checksum in it. */
export const SUPERBLOCK = 1024
export const CHECKSUM = SUPERBLOCK + 4

/** Makes the checksum of the superblock right, so that the damage behind it is reached. */
export function fixChecksum(bytes: Uint8Array<ArrayBuffer>): void {
  const bits = bytes[SUPERBLOCK + 12] ?? 0
  if (bytes.length < SUPERBLOCK + 128 || bits < 9 || bits > 16) return
  const view = new DataView(bytes.buffer)
  if ((view.getUint32(SUPERBLOCK + 8, true) & 1) === 0) return
  const blockSize = 2 ** bits
  const end = SUPERBLOCK + (blockSize > SUPERBLOCK ? blockSize - SUPERBLOCK : blockSize)
  if (end > bytes.length) return
  view.setUint32(CHECKSUM, 0, true)
  view.setUint32(CHECKSUM, crc32c(bytes.subarray(SUPERBLOCK, end)), true)
}
