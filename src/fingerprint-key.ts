// SPDX-License-Identifier: MIT
/**
 * Fingerprints as keys of address spaces. Long ones are often text, an algorithm and the digits of its digest. Digits are
 * packed, two to a byte, so that the key of a SHA-256 in hexadecimal fits the record of its space, as mkfs.erofs's binary
 * fingerprints do: one that does not takes a page of the pool. How many were packed belongs to the key, so that
 * different fingerprints never become the same.
 */

/** Keys up to this length, in bytes, fit the record: SPACE_KEY_INLINE of assembly/layout.ts. */
const KEY_INLINE = 40

/** A key, and how many digits at the end of the fingerprint lie packed in it. */
export interface FingerprintKey {
  key: Uint8Array
  digits: number
}

/** The key of a fingerprint: itself if it is short or ends in no digits, else with the digits at its end packed. */
export function fingerprintKey(fingerprint: Uint8Array): FingerprintKey {
  const { length } = fingerprint
  let start = length
  if (length > KEY_INLINE) while (start > 0 && digitAt(fingerprint, start - 1) >= 0) start--
  start += (length - start) & 1
  const digits = length - start
  if (digits === 0) return { key: fingerprint, digits }
  const key = new Uint8Array(start + digits / 2)
  key.set(fingerprint.subarray(0, start))
  for (let at = start, to = start; to < key.length; at += 2) {
    key[to++] = (digitAt(fingerprint, at) << 4) | digitAt(fingerprint, at + 1)
  }
  return { key, digits }
}

/** The value of a digit, lower case only; -1 if it is none. */
function digitAt(bytes: Uint8Array, at: number): number {
  const code = bytes[at] as number
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return code >= 0x61 && code <= 0x66 ? code - 0x61 + 10 : -1
}
