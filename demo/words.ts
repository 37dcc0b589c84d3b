// SPDX-License-Identifier: MIT
/** Numbers, names and inodes as people read them. */
import type { BigIntStats, Dirent } from "erofs-wasm"

const NUMBERS = new Intl.NumberFormat("en")

/** Types of inodes. */
export type InodeType = "file" | "dir" | "symlink" | "char" | "block" | "fifo" | "socket"

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
const TYPE_WORDS: Record<InodeType, string> = {
  file: "File",
  dir: "Folder",
  symlink: "Symbolic link",
  char: "Character device",
  block: "Block device",
  fifo: "Named pipe",
  socket: "Socket",
}
const TYPE_LETTERS: Record<InodeType, string> = {
  file: "-",
  dir: "d",
  symlink: "l",
  char: "c",
  block: "b",
  fifo: "p",
  socket: "s",
}
const NANOSECONDS = 1_000_000_000n
const MAX_DATE_SECONDS = 8_640_000_000_000n

/** A size with three digits and its unit: `1.46 MiB`. */
export function sizeText(bytes: number | bigint): string {
  let value = Number(bytes)
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** A count with its digits in groups. */
export function countText(count: number | bigint): string {
  return NUMBERS.format(count)
}

/** `1 file`, `2 files`. */
export function counted(count: number | bigint, noun: string): string {
  return `${countText(count)} ${noun}${Number(count) === 1 ? "" : "s"}`
}

/** A share of a whole: `38 %`. */
export function percentText(part: number, whole: number): string {
  if (whole === 0) return "0 %"
  const percent = (part / whole) * 100
  return percent > 0 && percent < 1 ? "< 1 %" : `${Math.round(percent)} %`
}

/** The type of an inode or of a directory's entry. */
export function typeOf(
  entry: Pick<
    Dirent,
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

/** The type in words. */
export function typeText(type: InodeType): string {
  return TYPE_WORDS[type]
}

/** Type and permissions as `ls -l` shows them. */
export function modeText(stats: BigIntStats): string {
  const mode = Number(stats.mode)
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

/** Permissions in octal digits. */
export function octalText(stats: BigIntStats): string {
  return (Number(stats.mode) & 0o7777).toString(8).padStart(4, "0")
}

/** A time in nanoseconds since 1970, in UTC; beyond what dates can hold `@SECONDS`. */
export function timeText(nanoseconds: bigint, withFraction = false): string {
  const rest = ((nanoseconds % NANOSECONDS) + NANOSECONDS) % NANOSECONDS
  const seconds = (nanoseconds - rest) / NANOSECONDS
  const fraction = withFraction ? `.${String(rest).padStart(9, "0")}` : ""
  if (seconds > MAX_DATE_SECONDS || seconds < -MAX_DATE_SECONDS) return `@${seconds}${fraction}`
  const iso = new Date(Number(seconds) * 1000).toISOString()
  return `${iso.slice(0, -5).replace("T", " ")}${fraction}`
}

/** Characters of names that would mislead or vanish: controls, direction marks, and bytes that are not UTF-8. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** A name for the eye: what cannot be seen or deceives is written out, bytes that are not UTF-8 as `\xNN`. */
export function nameText(name: string): string {
  return name.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) as number
    if (code < 0x100) return `\\x${hex(code, 2)}`
    return code >= 0xdc80 && code <= 0xdcff ? `\\x${hex(code - 0xdc00, 2)}` : `\\u${hex(code, 4)}`
  })
}

/** A number in hexadecimal digits. */
export function hex(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, "0")
}

/** The path of a name below a directory. */
export function pathBelow(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`
}
