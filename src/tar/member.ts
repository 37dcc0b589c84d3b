// SPDX-License-Identifier: MIT
/** One member of an archive: its header, with pax records in front where the header cannot hold all. */
import { decodeName } from "../format/names.js"
import {
  encodeHeader,
  fitsOctal,
  LONG_DIGITS,
  MAX_NAME,
  SHORT_DIGITS,
  splitPath,
  TAR_BLOCK,
  TYPE_PAX,
} from "./header.js"
import { decimalSeconds, paxRecord, xattrKey } from "./pax.js"

/** What an archive says of a member. */
export interface TarMember {
  /** One of the TYPE constants of header.ts. */
  type: number
  /** Name in the archive; of a directory with a slash at its end. */
  path: Uint8Array
  /** Permissions with setuid, setgid and sticky bits. */
  mode: number
  uid: number
  gid: number
  /** Bytes of content that follow. */
  size: number
  /** Nanoseconds since 1970. */
  mtime: bigint
  /** Target of a symlink, or the name of the member that a hard link is another name of; otherwise empty. */
  link: Uint8Array
  major: number
  minor: number
  xattrs: readonly { readonly name: Uint8Array; readonly value: Uint8Array }[]
}

const NANOSECONDS = 1_000_000_000n
const EMPTY = new Uint8Array(0)
const SLASH = 0x2f
const LONE_SURROGATE = /[\ud800-\udfff]/u
/** Name of the records themselves, which only programs that do not know them show. */
const PAX_NAME = Uint8Array.from("PaxHeader", (letter) => letter.charCodeAt(0))
const PAX_MODE = 0o644

/** Everything of a member that stands in front of its content: whole blocks. */
export function encodeMember(member: TarMember): Uint8Array {
  const records: Uint8Array[] = []
  const { uid, gid, size, mtime } = member
  const path = fieldsOfPath(member.path, records)
  const link = fieldOfLink(member.link, records)
  const seconds = mtime / NANOSECONDS
  const isPlainTime = mtime === seconds * NANOSECONDS && fitsOctal(seconds, LONG_DIGITS)
  if (!isPlainTime) records.push(paxRecord("mtime", decimalSeconds(mtime)))
  const isOctalTime = mtime >= 0n && fitsOctal(seconds, LONG_DIGITS)
  const header = encodeHeader({
    ...path,
    link,
    type: member.type,
    mode: member.mode,
    uid: octalField("uid", uid, SHORT_DIGITS, records),
    gid: octalField("gid", gid, SHORT_DIGITS, records),
    size: octalField("size", size, LONG_DIGITS, records),
    mtime: isOctalTime ? Number(seconds) : 0,
    major: member.major,
    minor: member.minor,
  })
  for (const { name, value } of member.xattrs) records.push(paxRecord(xattrKey(name), value))
  return records.length === 0 ? header : withRecords(header, records)
}

/** The records, as if they were a file, and the header that they are about. */
function withRecords(header: Uint8Array, records: readonly Uint8Array[]): Uint8Array {
  const size = records.reduce((sum, record) => sum + record.length, 0)
  const padded = Math.ceil(size / TAR_BLOCK) * TAR_BLOCK
  const whole = new Uint8Array(TAR_BLOCK + padded + TAR_BLOCK)
  const none = { uid: 0, gid: 0, mtime: 0, major: 0, minor: 0, link: EMPTY, prefix: EMPTY }
  whole.set(encodeHeader({ ...none, type: TYPE_PAX, name: PAX_NAME, mode: PAX_MODE, size }))
  let at = TAR_BLOCK
  for (const record of records) {
    whole.set(record, at)
    at += record.length
  }
  whole.set(header, TAR_BLOCK + padded)
  return whole
}

/** A number for its field; in a record instead, and 0, if it is too large. */
function octalField(key: string, value: number, digits: number, records: Uint8Array[]): number {
  if (fitsOctal(value, digits)) return value
  records.push(paxRecord(key, String(value)))
  return 0
}

/** A path for its two fields; in a record too, and cut short there, if it does not fit or is not ASCII. */
function fieldsOfPath(path: Uint8Array, records: Uint8Array[]): { name: Uint8Array; prefix: Uint8Array } {
  const split = splitPath(path)
  if (needsRecord(path, split !== undefined)) addText("path", path, records)
  return split ?? { name: lastName(path).subarray(0, MAX_NAME), prefix: EMPTY }
}

function fieldOfLink(link: Uint8Array, records: Uint8Array[]): Uint8Array {
  const fits = link.length <= MAX_NAME
  if (needsRecord(link, fits)) addText("linkpath", link, records)
  return fits ? link : link.subarray(0, MAX_NAME)
}

/**
 * Fields have no character set: what is not ASCII goes into a record, which is UTF-8. What is not UTF-8 either stays
 * in its field alone if it fits: all readers take the bytes as they are there.
 */
function needsRecord(text: Uint8Array, fits: boolean): boolean {
  return !fits || (!text.every((byte) => byte < 0x80) && isUtf8(text))
}

/** Adds the record of a name; one that is not UTF-8 needs another in front of all, saying so. */
function addText(key: string, text: Uint8Array, records: Uint8Array[]): void {
  if (!isUtf8(text) && !records.some((record) => record === BINARY)) records.unshift(BINARY)
  records.push(paxRecord(key, text))
}

const BINARY = paxRecord("hdrcharset", "BINARY")

function isUtf8(text: Uint8Array): boolean {
  return !LONE_SURROGATE.test(decodeName(text))
}

/** The last name of a path, without the slash behind it. */
function lastName(path: Uint8Array): Uint8Array {
  const end = path[path.length - 1] === SLASH ? path.length - 1 : path.length
  return path.subarray(path.lastIndexOf(SLASH, end - 1) + 1, end)
}

/** Zeros that follow a content of so many bytes, up to the next block. */
export function paddingOf(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK
}
