// SPDX-License-Identifier: MIT
/** What commands say about an inode: type, mode, times, numbers, as text and as JSON. */
import { deviceParts } from "../format/inode.js"
import type { BigIntStats } from "../stats.js"
import type { Json } from "./print.js"

/** Types of inodes, in the words of manifests. */
export type InodeType = "file" | "dir" | "symlink" | "char" | "block" | "fifo" | "socket"

const NANOSECONDS = 1_000_000_000n
/** Seconds that a `Date` can hold, on both sides of 1970. */
const MAX_DATE_SECONDS = 8_640_000_000_000n
const TYPE_LETTERS = { file: "-", dir: "d", symlink: "l", char: "c", block: "b", fifo: "p", socket: "s" }

/** The type of an inode, or of an entry. */
export function typeOf(
  entry: Pick<
    BigIntStats,
    "isFile" | "isDirectory" | "isSymbolicLink" | "isCharacterDevice" | "isBlockDevice" | "isFIFO"
  >,
): InodeType {
  if (entry.isFile()) return "file"
  if (entry.isDirectory()) return "dir"
  if (entry.isSymbolicLink()) return "symlink"
  if (entry.isCharacterDevice()) return "char"
  if (entry.isBlockDevice()) return "block"
  return entry.isFIFO() ? "fifo" : "socket"
}

/** Permissions with setuid, setgid and sticky bits, without the file type. */
export function permissionsOf(stats: BigIntStats): number {
  return Number(stats.mode & 0o7777n)
}

/** Type and permissions as `ls -l` shows them: `-rwsr-xr-x`. */
export function modeText(stats: BigIntStats): string {
  const mode = permissionsOf(stats)
  const triple = (shift: number, special: boolean, letter: string): string => {
    const bits = mode >> shift
    const execute = (bits & 1) !== 0
    const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? "x" : "-"
    return `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${last}`
  }
  const owner = triple(6, (mode & 0o4000) !== 0, "s")
  const group = triple(3, (mode & 0o2000) !== 0, "s")
  return `${TYPE_LETTERS[typeOf(stats)]}${owner}${group}${triple(0, (mode & 0o1000) !== 0, "t")}`
}

/** A time as seconds, possibly negative, and nanoseconds from 0 to 999999999. */
export function secondsAndNanoseconds(time: bigint): [seconds: bigint, nanoseconds: number] {
  const rest = ((time % NANOSECONDS) + NANOSECONDS) % NANOSECONDS
  return [(time - rest) / NANOSECONDS, Number(rest)]
}

/** A time, in nanoseconds since 1970, in UTC as ISO 8601 writes it; beyond what dates can hold `@SECONDS`. */
export function timeText(time: bigint, withNanoseconds = false): string {
  const [seconds, nanoseconds] = secondsAndNanoseconds(time)
  const fraction = withNanoseconds ? `.${String(nanoseconds).padStart(9, "0")}` : ""
  if (seconds > MAX_DATE_SECONDS || seconds < -MAX_DATE_SECONDS) return `@${seconds}${fraction}`
  return new Date(Number(seconds) * 1000).toISOString().replace(/\.\d+Z$/, `${fraction}Z`)
}

/** Major and minor number of a device node; undefined for anything else. */
export function deviceOf(stats: BigIntStats): [major: number, minor: number] | undefined {
  return stats.isCharacterDevice() || stats.isBlockDevice() ? deviceParts(stats.rdev) : undefined
}

/** The numbers of an inode, under the keys of a manifest where it has them. */
export function statsJson(stats: BigIntStats): Record<string, Json> {
  return {
    type: typeOf(stats),
    nid: stats.nid,
    mode: permissionsOf(stats),
    uid: stats.uid,
    gid: stats.gid,
    nlink: stats.nlink,
    size: stats.size,
    mtime: secondsAndNanoseconds(stats.mtimeNs),
    rdev: deviceOf(stats),
  }
}

/** Bytes in hex. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")
}

const SHA256_PREFIX = Buffer.from("sha256:")
const SHA256_SIZE = 32

/** The digest in a fingerprint of the form `sha256:` and 32 raw bytes, in hex; undefined for any other form. */
export function sha256OfFingerprint(fingerprint: Uint8Array): string | undefined {
  const isSha256 =
    fingerprint.length === SHA256_PREFIX.length + SHA256_SIZE &&
    SHA256_PREFIX.every((byte, at) => fingerprint[at] === byte)
  return isSha256 ? hex(fingerprint.subarray(SHA256_PREFIX.length)) : undefined
}

/** A fingerprint as text: `sha256:` and hex, or all in hex. */
export function fingerprintText(fingerprint: Uint8Array): string {
  const digest = sha256OfFingerprint(fingerprint)
  return digest === undefined ? hex(fingerprint) : `sha256:${digest}`
}
