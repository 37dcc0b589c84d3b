// SPDX-License-Identifier: MIT
import { corrupted } from "../errors.js"
import { readU16, readU32, untilNul } from "./bytes.js"
import { decodeName } from "./names.js"

/** Bytes of one record of the device table. */
export const DEVICE_SLOT_SIZE = 128

const TAG_SIZE = 64

/** One further device of an image: record of the device table (format section 3). */
export interface DeviceSlot {
  /** Free text or digest naming the device, up to the first NUL. */
  tag: string
  /** All 64 bytes of the tag; private memory. */
  tagBytes: Uint8Array
  /** Size of the device in blocks. */
  blocks: number
  /** First block of the device in the unified address space; 0 = not mapped there. */
  unifiedBlock: number
}

/**
 * One record of the device table. The high parts of its numbers count only in 48-bit images.
 *
 * Throws EUCLEAN if there are less than {@link DEVICE_SLOT_SIZE} bytes.
 */
export function parseDeviceSlot(bytes: Uint8Array, is48Bit: boolean): DeviceSlot {
  if (bytes.length < DEVICE_SLOT_SIZE) throw corrupted("device table ends early")
  const tagBytes = bytes.slice(0, TAG_SIZE)
  return {
    tag: decodeName(untilNul(tagBytes)),
    tagBytes,
    blocks: readU32(bytes, 64) + (is48Bit ? readU16(bytes, 72) * 2 ** 32 : 0),
    unifiedBlock: readU32(bytes, 68) + (is48Bit ? readU16(bytes, 74) * 2 ** 32 : 0),
  }
}

/** The mask for device ids in chunk indexes: the smallest power of two above `extraDevices`, minus one. */
export function deviceIdMask(extraDevices: number): number {
  return 2 ** (32 - Math.clz32(extraDevices)) - 1
}
