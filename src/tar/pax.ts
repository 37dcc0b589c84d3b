// SPDX-License-Identifier: MIT
/** Records of pax extended headers: what the fields of a header cannot hold. */
import { encodeName } from "../format/names.js"

const NANOSECONDS = 1_000_000_000n
const NANOSECOND_DIGITS = 9
const EQUALS = 0x3d
const PERCENT = 0x25
const LINE_FEED = 0x0a
const XATTR_KEY = encodeName("SCHILY.xattr.")

/** One record, `LENGTH KEY=VALUE` and a line feed, where the length counts all of it. Values may hold any bytes. */
export function paxRecord(key: string | Uint8Array, value: string | Uint8Array): Uint8Array {
  const [keyBytes, valueBytes] = [toBytes(key), toBytes(value)]
  // A space, an equals sign, a line feed.
  const rest = keyBytes.length + valueBytes.length + 3
  let length = rest + String(rest).length
  // Its own digits may make it one digit longer.
  length = rest + String(length).length
  const record = new Uint8Array(length)
  const head = encodeName(`${length} `)
  record.set(head)
  record.set(keyBytes, head.length)
  record[head.length + keyBytes.length] = EQUALS
  record.set(valueBytes, head.length + keyBytes.length + 1)
  record[length - 1] = LINE_FEED
  return record
}

/**
 * The key under which an extended attribute is kept. A key ends at the first equals sign: those in names are written
 * `%3D`, as GNU tar does, and a percent sign `%25` where it would be taken for the beginning of one of the two.
 */
export function xattrKey(name: Uint8Array): Uint8Array {
  const key = [...XATTR_KEY]
  for (let at = 0; at < name.length; at++) {
    const byte = name[at] as number
    if (byte === EQUALS) key.push(PERCENT, 0x33, 0x44)
    else if (byte === PERCENT && isEscape(name, at)) key.push(PERCENT, 0x32, 0x35)
    else key.push(byte)
  }
  return Uint8Array.from(key)
}

/** Whether `%25` or `%3D` stands at a place. */
function isEscape(name: Uint8Array, at: number): boolean {
  const [first, second] = [name[at + 1], name[at + 2]]
  return (first === 0x32 && second === 0x35) || (first === 0x33 && second === 0x44)
}

/** A time in nanoseconds since 1970 as decimal seconds: `1700000000.5`, `-0.000001`. */
export function decimalSeconds(time: bigint): string {
  const size = time < 0n ? -time : time
  const fraction = String(size % NANOSECONDS)
    .padStart(NANOSECOND_DIGITS, "0")
    .replace(/0+$/, "")
  return `${time < 0n ? "-" : ""}${size / NANOSECONDS}${fraction && `.${fraction}`}`
}

function toBytes(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? encodeName(text) : text
}
