// SPDX-License-Identifier: MIT

// Little-endian loads. They do not check bounds: callers compare the length first, once per record.

/** The u16 at byte `at`. */
export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
}

/** The u32 at byte `at`, as a number from 0 to 2^32 - 1. */
export function readU32(bytes: Uint8Array, at: number): number {
  return (readU16(bytes, at) | (readU16(bytes, at + 2) << 16)) >>> 0
}

/** The u64 at byte `at`. */
export function readU64(bytes: Uint8Array, at: number): bigint {
  return (BigInt(readU32(bytes, at + 4)) << 32n) | BigInt(readU32(bytes, at))
}

/** The signed 64-bit number at byte `at`. */
export function readS64(bytes: Uint8Array, at: number): bigint {
  return BigInt.asIntN(64, readU64(bytes, at))
}

/** `value` rounded up to a multiple of `step`; exact up to 2^53. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step
}

/** The bytes before the first NUL, or all of them; a view, not a copy. */
export function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0)
  return end < 0 ? bytes : bytes.subarray(0, end)
}
