// SPDX-License-Identifier: MIT
/** The header of a member: one block of the ustar format, as POSIX has it. */

/** Bytes of a block: headers have one, contents are padded to whole ones. */
export const TAR_BLOCK = 512

/** What a member is: the values of the header's field `typeflag`. */
export const TYPE_FILE = 0x30
export const TYPE_HARD_LINK = 0x31
export const TYPE_SYMLINK = 0x32
export const TYPE_CHAR = 0x33
export const TYPE_BLOCK = 0x34
export const TYPE_DIRECTORY = 0x35
export const TYPE_FIFO = 0x36
/** No member: pax records about the next one. */
export const TYPE_PAX = 0x78

/** Longest name of a member, and longest target of a link, in their fields. */
export const MAX_NAME = 100
const MAX_PREFIX = 155
/** Digits of the fields for sizes and times, and of the others. */
export const LONG_DIGITS = 11
export const SHORT_DIGITS = 7
const SLASH = 0x2f
const DIGIT_0 = 0x30
const SPACE = 0x20
const CHECKSUM_AT = 148
const CHECKSUM_SIZE = 8
const CHECKSUM_DIGITS = 6
/** `ustar`, NUL and the version 00. */
const MAGIC = Uint8Array.of(0x75, 0x73, 0x74, 0x61, 0x72, 0, DIGIT_0, DIGIT_0)

/** The fields of a header; numbers must fit theirs. */
export interface TarHeader {
  /** One of the TYPE constants. */
  type: number
  /** At most 100 bytes. */
  name: Uint8Array
  /** What goes in front of the name, with a slash between: at most 155 bytes. */
  prefix: Uint8Array
  /** Permissions with setuid, setgid and sticky bits. */
  mode: number
  uid: number
  gid: number
  /** Bytes of content. */
  size: number
  /** Seconds since 1970. */
  mtime: number
  /** Target of a link, at most 100 bytes. */
  link: Uint8Array
  major: number
  minor: number
}

/**
 * A header in its block:
 *
 *     0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 mtime 12 | 148 checksum 8 | 156 type 1
 *     157 link 100 | 257 magic 6, version 2 | 265 user 32 | 297 group 32 | 329 major 8 | 337 minor 8 | 345 prefix 155
 */
export function encodeHeader(header: TarHeader): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK)
  block.set(header.name, 0)
  writeOctal(block, 100, header.mode, SHORT_DIGITS)
  writeOctal(block, 108, header.uid, SHORT_DIGITS)
  writeOctal(block, 116, header.gid, SHORT_DIGITS)
  writeOctal(block, 124, header.size, LONG_DIGITS)
  writeOctal(block, 136, header.mtime, LONG_DIGITS)
  block[156] = header.type
  block.set(header.link, 157)
  block.set(MAGIC, 257)
  writeOctal(block, 329, header.major, SHORT_DIGITS)
  writeOctal(block, 337, header.minor, SHORT_DIGITS)
  block.set(header.prefix, 345)
  writeChecksum(block)
  return block
}

/** Whether a number can be written with so many octal digits. */
export function fitsOctal(value: number | bigint, digits: number): boolean {
  return value >= 0 && value < 8 ** digits
}

/** Digits with leading zeros; what follows stays NUL. */
function writeOctal(block: Uint8Array, at: number, value: number, digits: number): void {
  let rest = value
  for (let i = at + digits - 1; i >= at; i--) {
    block[i] = DIGIT_0 + (rest % 8)
    rest = Math.floor(rest / 8)
  }
}

/** The sum of all bytes, its own field taken as spaces: six digits, NUL, space. */
function writeChecksum(block: Uint8Array): void {
  let sum = SPACE * CHECKSUM_SIZE
  for (let i = 0; i < TAR_BLOCK; i++) sum += block[i] as number
  writeOctal(block, CHECKSUM_AT, sum, CHECKSUM_DIGITS)
  block[CHECKSUM_AT + CHECKSUM_SIZE - 1] = SPACE
}

/** A path as name and prefix, cut at a slash; undefined if it cannot be cut so that both fit. */
export function splitPath(path: Uint8Array): Pick<TarHeader, "name" | "prefix"> | undefined {
  if (path.length <= MAX_NAME) return { name: path, prefix: path.subarray(0, 0) }
  // Where the name begins: as far to the front as it may, so that the prefix is short; it must not be empty.
  for (let at = path.length - MAX_NAME; at < path.length && at <= MAX_PREFIX + 1; at++) {
    if (path[at - 1] === SLASH && at > 1) return { name: path.subarray(at), prefix: path.subarray(0, at - 1) }
  }
  return undefined
}
