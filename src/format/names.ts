// SPDX-License-Identifier: MIT
import { ErofsError } from "../errors.js"

// Names in EROFS are bytes. As text each byte 0xNN that is no part of valid UTF-8 becomes the lone surrogate
// U+DCNN, so that every name has a string and every such string leads back to its bytes (PEP 383). Overlong
// forms, encoded surrogates and code points above U+10FFFF are not valid UTF-8.

const ESCAPE_BASE = 0xdc00

/** The name as text, reversibly: invalid bytes 0xNN become U+DCNN. Takes shared memory, too. */
export function decodeName(bytes: Uint8Array): string {
  return decodeNameAt(bytes, 0, bytes.length)
}

/** Like {@link decodeName}, of the name in bytes `start` to before `end`. */
export function decodeNameAt(bytes: Uint8Array, start: number, end: number): string {
  let text = ""
  let at = start
  // Most names are ASCII: eight bytes a step as long as that lasts.
  for (; at + 8 <= end; at += 8) {
    const a = bytes[at] as number
    const b = bytes[at + 1] as number
    const c = bytes[at + 2] as number
    const d = bytes[at + 3] as number
    const e = bytes[at + 4] as number
    const f = bytes[at + 5] as number
    const g = bytes[at + 6] as number
    const h = bytes[at + 7] as number
    if ((a | b | c | d | e | f | g | h) >= 0x80) break
    text += String.fromCharCode(a, b, c, d, e, f, g, h)
  }
  while (at < end) {
    const first = bytes[at] as number
    if (first < 0x80) {
      text += String.fromCharCode(first)
      at++
      continue
    }
    const length = sequenceLength(bytes, at, end)
    text += length === 0 ? String.fromCharCode(ESCAPE_BASE + first) : sequenceText(bytes, at, length)
    at += length || 1
  }
  return text
}

/** Bytes of the valid UTF-8 sequence of two to four bytes that begins at `at`; 0 if there is none before `end`. */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] as number
  const second = bytes[at + 1] ?? 0
  if (first < 0xc2 || first > 0xf4) return 0
  // The second byte alone tells overlong forms (E0, F0), surrogates (ED) and too large values (F4).
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < lowest || second > highest) return 0
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  if (at + length > end) return 0
  for (let k = 2; k < length; k++) if (((bytes[at + k] ?? 0) & 0xc0) !== 0x80) return 0
  return length
}

/** The code point of a sequence that {@link sequenceLength} found valid, as text. */
function sequenceText(bytes: Uint8Array, at: number, length: number): string {
  let codePoint = (bytes[at] as number) & (0x7f >> length)
  for (let k = 1; k < length; k++) codePoint = (codePoint << 6) | ((bytes[at + k] as number) & 0x3f)
  return String.fromCodePoint(codePoint)
}

/**
 * The bytes of a name given as text, the inverse of {@link decodeName}.
 *
 * Throws EINVAL for a lone surrogate outside U+DC80 to U+DCFF, which stands for no byte, and for what is no text.
 */
export function encodeName(text: string): Uint8Array {
  if (typeof text !== "string") throw new ErofsError("EINVAL", "not a path")
  const bytes = new Uint8Array(text.length * 3)
  let length = 0
  for (let at = 0; at < text.length; at++) {
    const codePoint = text.codePointAt(at) as number
    if (codePoint < 0x80) {
      bytes[length++] = codePoint
    } else if (codePoint >= 0xd800 && codePoint <= 0xdfff) {
      if (codePoint < ESCAPE_BASE + 0x80 || codePoint > ESCAPE_BASE + 0xff) {
        throw new ErofsError(
          "EINVAL",
          `name has the lone surrogate U+${codePoint.toString(16).toUpperCase()}`,
        )
      }
      bytes[length++] = codePoint - ESCAPE_BASE
    } else {
      length = writeSequence(bytes, length, codePoint)
      if (codePoint > 0xffff) at++
    }
  }
  return bytes.slice(0, length)
}

/** Writes a code point above U+007F as UTF-8 and returns the position behind it. */
function writeSequence(bytes: Uint8Array, at: number, codePoint: number): number {
  const length = codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4
  let rest = codePoint
  for (let k = length - 1; k > 0; k--) {
    bytes[at + k] = 0x80 | (rest & 0x3f)
    rest >>= 6
  }
  bytes[at] = ((0xf00 >> length) & 0xff) | rest
  return at + length
}

/** Compares by unsigned bytes, a prefix before what it begins: negative, zero or positive (section 6). */
export function compareNames(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const difference = (a[at] as number) - (b[at] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
