// SPDX-License-Identifier: MIT
import { corrupted } from "../errors.js"

/**
 * Number of an inode as a JS number (format section 1).
 *
 * On disk a nid has 64 bits: bit 63 says that the inode lives in the metabox, the rest counts 32-byte slots.
 * Here bit 63 is moved to bit 52 so that the whole fits a number: any slot from 2^52 on would lie beyond
 * every possible source.
 */
export type Nid = number

/** What is added to the slot of an inode that lives in the metabox. */
export const METABOX_NID_BASE = 2 ** 52

const MAX_SLOT = BigInt(METABOX_NID_BASE) - 1n
const METABOX_BIT_IN_HIGH_WORD = 0x80000000
const UNUSED_BITS_IN_HIGH_WORD = 0x7ff00000

/** The nid of the low and high 32 bits as on disk. Throws EUCLEAN when bits 52 to 62 are set. */
export function nidFromWords(low: number, high: number): Nid {
  if ((high & UNUSED_BITS_IN_HIGH_WORD) !== 0) {
    throw corrupted("nid lies beyond every possible device", {
      nid: (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0),
    })
  }
  const slot = (high & 0xfffff) * 2 ** 32 + (low >>> 0)
  return (high & METABOX_BIT_IN_HIGH_WORD) !== 0 ? METABOX_NID_BASE + slot : slot
}

/** The 64-bit form as on disk, with bit 63 for the metabox. */
export function nidToBigInt(nid: Nid): bigint {
  return isInMetabox(nid) ? (1n << 63n) | BigInt(nid - METABOX_NID_BASE) : BigInt(nid)
}

/** The nid of its 64-bit form as on disk. Throws EUCLEAN when bits 52 to 62 are set. */
export function nidFromBigInt(nid: bigint): Nid {
  if (nid >= 0n && nid <= MAX_SLOT) return Number(nid)
  return nidFromWords(Number(nid & 0xffffffffn), Number((nid >> 32n) & 0xffffffffn))
}

/** Whether the inode lives in the content of the metabox inode instead of on the device. */
export function isInMetabox(nid: Nid): boolean {
  return nid >= METABOX_NID_BASE
}

/** The 32-byte slot of the inode in its metadata space. */
export function slotOf(nid: Nid): number {
  return isInMetabox(nid) ? nid - METABOX_NID_BASE : nid
}
