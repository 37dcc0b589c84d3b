// SPDX-License-Identifier: MIT
import { corrupted, unsupported } from "../errors.js"
import { readU16, readU32, roundUp } from "./bytes.js"
import { encodeName } from "./names.js"

/** Bytes of the header of an xattr body, before the ids of shared xattrs. */
export const XATTR_HEADER_SIZE = 12

/** Bytes of an xattr entry before its name. */
export const XATTR_ENTRY_HEADER_SIZE = 4

/** Seed of the name filter's hash; the base index is added to it. */
export const FILTER_SEED = 0x25bbe08f

/** Name prefixes by index (format section 7.3). 0 is no namespace; 2 and 3 are whole names. */
export const NAME_PREFIXES = [
  "",
  "user.",
  "system.posix_acl_access",
  "system.posix_acl_default",
  "trusted.",
  "lustre.",
  "security.",
] as const

const PREFIX_BYTES = NAME_PREFIXES.map(encodeName)
const WHOLE_NAMES = [2, 3]
/** The bit of a name's index that says that its prefix is one of the long ones. */
export const LONG_PREFIX_FLAG = 0x80
const MAX_LONG_PREFIX_SIZE = 256

/** The head of an inode's xattr body (format section 7.1). */
export interface XattrBody {
  /** h_name_filter: a set bit says that names which hash to it are absent. */
  nameFilter: number
  /** Ids of shared xattrs, in units of 4 bytes from the shared area's start. */
  sharedIds: number[]
  /** Where the inline entries begin in the body. */
  inlineStart: number
}

/**
 * Header and shared ids of an xattr body.
 *
 * Throws ENOTSUP for a body of exactly the header (reserved), EUCLEAN when it is too short for its ids.
 */
export function parseXattrHeader(body: Uint8Array): XattrBody {
  if (body.length === XATTR_HEADER_SIZE) throw unsupported("xattr body of only a header")
  if (body.length < XATTR_HEADER_SIZE) throw corrupted("xattr body is too short")
  const count = body[4] as number
  const inlineStart = XATTR_HEADER_SIZE + 4 * count
  if (inlineStart > body.length)
    throw corrupted(`xattr body is too short for ${count} shared ids`, { offset: 4 })
  const sharedIds = Array.from({ length: count }, (_, k) => readU32(body, XATTR_HEADER_SIZE + 4 * k))
  return { nameFilter: readU32(body, 0), sharedIds, inlineStart }
}

/** One xattr entry, inline or shared (format section 7.2). */
export interface XattrEntry {
  /** Index of the prefix; with bit 7, number of a long prefix in the other bits. */
  nameIndex: number
  /** The name behind the prefix; private memory. */
  nameSuffix: Uint8Array
  /** Private memory. */
  value: Uint8Array
  /** Bytes of the whole entry, rounded up to 4. */
  size: number
}

/** Bytes of the entry, rounded up to 4, that begins with these four bytes; at most 65796. */
export function entrySize(firstFourBytes: Uint8Array): number {
  return roundUp(unroundedSize(firstFourBytes, 0), 4)
}

function unroundedSize(bytes: Uint8Array, at: number): number {
  return XATTR_ENTRY_HEADER_SIZE + (bytes[at] as number) + readU16(bytes, at + 2)
}

/** The entry at byte `at`. Throws EUCLEAN when it does not end within `bytes` (but for its padding). */
export function parseXattrEntry(bytes: Uint8Array, at: number): XattrEntry {
  if (at + XATTR_ENTRY_HEADER_SIZE > bytes.length) throw corrupted("xattr entry is cut short", { offset: at })
  const length = unroundedSize(bytes, at)
  if (at + length > bytes.length) throw corrupted("xattr entry is cut short", { offset: at })
  const nameStart = at + XATTR_ENTRY_HEADER_SIZE
  const valueStart = nameStart + (bytes[at] as number)
  return {
    nameIndex: bytes[at + 1] as number,
    nameSuffix: bytes.slice(nameStart, valueStart),
    value: bytes.slice(valueStart, at + length),
    size: roundUp(length, 4),
  }
}

/**
 * The inline entries of an xattr body from byte `start` to its end. Padding (four zero bytes, an entry without a
 * name) is left out.
 *
 * Throws EUCLEAN when the last entry exceeds the body.
 */
export function parseInlineXattrs(body: Uint8Array, start: number): XattrEntry[] {
  const entries: XattrEntry[] = []
  for (let at = start; at < body.length; ) {
    const entry = parseXattrEntry(body, at)
    if (entry.nameIndex !== 0 || entry.nameSuffix.length > 0) entries.push(entry)
    at += entry.size
  }
  return entries
}

/** One record of the table of long name prefixes (format section 7.4). */
export interface LongPrefix {
  /** Index of the short prefix that the name begins with. */
  baseIndex: number
  /** What follows it; private memory. */
  infix: Uint8Array
}

/** The payload of one long prefix record, without its u16 length. Throws EUCLEAN unless it has 1..256 bytes. */
export function parseLongPrefix(payload: Uint8Array): LongPrefix {
  if (payload.length < 1 || payload.length > MAX_LONG_PREFIX_SIZE) {
    throw corrupted(`long xattr prefix of ${payload.length} bytes is out of range`)
  }
  return { baseIndex: payload[0] as number, infix: payload.slice(1) }
}

/**
 * The whole name of an entry, and whether it is hidden: without a namespace, so that Linux does not list it
 * (format section 7.5). Undefined when the prefix is unknown or the name empty: such entries are skipped.
 */
export function fullName(
  entry: Pick<XattrEntry, "nameIndex" | "nameSuffix">,
  prefixes: readonly LongPrefix[],
): { name: Uint8Array; isHidden: boolean } | undefined {
  const isLong = (entry.nameIndex & LONG_PREFIX_FLAG) !== 0
  const long = isLong ? prefixes[entry.nameIndex & ~LONG_PREFIX_FLAG] : undefined
  if (isLong && long === undefined) return undefined
  const baseIndex = long === undefined ? entry.nameIndex : long.baseIndex
  const base = PREFIX_BYTES[baseIndex]
  if (base === undefined) return undefined
  const name = concatenate(base, long === undefined ? new Uint8Array(0) : long.infix, entry.nameSuffix)
  return name.length === 0 ? undefined : { name, isHidden: baseIndex === 0 }
}

function concatenate(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/**
 * A whole name as short prefix and rest, as the name filter hashes it (format section 7.6). ACL names have an
 * empty rest; a name in no known namespace is all rest with base 0.
 */
export function splitName(name: Uint8Array): { baseIndex: number; rest: Uint8Array } {
  for (let baseIndex = 1; baseIndex < PREFIX_BYTES.length; baseIndex++) {
    const prefix = PREFIX_BYTES[baseIndex] as Uint8Array
    const isWhole = WHOLE_NAMES.includes(baseIndex)
    if (isWhole ? name.length !== prefix.length : name.length < prefix.length) continue
    if (prefix.every((byte, at) => name[at] === byte)) return { baseIndex, rest: name.slice(prefix.length) }
  }
  return { baseIndex: 0, rest: name.slice() }
}

/**
 * The bit (0 to 31) of an inode's name filter that a name hashes to (format section 7.6). Set there: the xattr is
 * certainly absent; clear: it may be present.
 */
export function filterBit(
  baseIndex: number,
  rest: Uint8Array,
  xxh32: (bytes: Uint8Array, seed: number) => number,
): number {
  return xxh32(rest, FILTER_SEED + baseIndex) & 31
}
