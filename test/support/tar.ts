// SPDX-License-Identifier: MIT
/** A small reader of archives for tests, independent of the writer, that keeps every byte. */
import { decodeName } from "../../src/format/names.js"

/** One member as it is stored, pax records applied. */
export interface ReadMember {
  type: string
  /** Without the slash at the end of directories; names that are not UTF-8 as everywhere. */
  path: string
  link: string
  mode: number
  uid: number
  gid: number
  size: number
  /** Nanoseconds since 1970. */
  mtime: bigint
  device: [major: number, minor: number]
  pax: Map<string, Buffer>
  content: Buffer
}

/** All members of an archive. Throws for anything that is not as POSIX says. */
export function readTar(archive: Uint8Array): ReadMember[] {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength)
  const members: ReadMember[] = []
  let pax = new Map<string, Buffer>()
  for (let at = 0; ; ) {
    const block = bytes.subarray(at, at + 512)
    if (block.length < 512) throw new Error(`no header at ${at}`)
    if (block.every((byte) => byte === 0)) {
      if (bytes.length !== at + 1024) throw new Error(`the archive goes on behind its end at ${at}`)
      if (bytes.subarray(at).some((byte) => byte !== 0)) throw new Error("the end is no zeros")
      if (pax.size > 0) throw new Error("records without a member")
      return members
    }
    const member = readHeader(block, pax)
    const content = bytes.subarray(at + 512, at + 512 + member.size)
    const padded = Math.ceil(member.size / 512) * 512
    if (bytes.subarray(at + 512 + member.size, at + 512 + padded).some((byte) => byte !== 0)) {
      throw new Error(`padding of '${member.path}' is no zeros`)
    }
    at += 512 + padded
    if (member.type === "x") {
      pax = readRecords(content)
      continue
    }
    members.push({ ...member, content })
    pax = new Map()
  }
}

function readHeader(block: Buffer, pax: Map<string, Buffer>): ReadMember {
  const sum = block.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0)
  if (octal(block, 148, 8) !== sum) throw new Error("the checksum is wrong")
  if (block.toString("latin1", 257, 265) !== "ustar\x0000") throw new Error("no ustar header")
  const [prefix, name] = [text(block, 345, 155), text(block, 0, 100)]
  const number = (key: string, at: number, length: number): number =>
    Number(pax.get(key)?.toString() ?? octal(block, at, length))
  const path = pax.get("path") ?? (prefix.length > 0 ? Buffer.concat([prefix, Buffer.from("/"), name]) : name)
  const [, sign, seconds, fraction = ""] =
    /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(pax.get("mtime")?.toString() ?? String(octal(block, 136, 12))) ?? []
  const mtime = BigInt(seconds as string) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"))
  return {
    type: String.fromCharCode(block[156] as number),
    path: decodeName(path).replace(/(.)\/$/, "$1"),
    link: decodeName(pax.get("linkpath") ?? text(block, 157, 100)),
    mode: octal(block, 100, 8),
    uid: number("uid", 108, 8),
    gid: number("gid", 116, 8),
    size: number("size", 124, 12),
    mtime: sign ? -mtime : mtime,
    device: [octal(block, 329, 8), octal(block, 337, 8)],
    pax,
    content: Buffer.alloc(0),
  }
}

function octal(block: Buffer, at: number, length: number): number {
  const [, digits] = /^([0-7]+)[ \0]+$/.exec(block.toString("latin1", at, at + length)) ?? []
  if (digits === undefined) throw new Error(`no octal number at ${at}`)
  return Number.parseInt(digits, 8)
}

function text(block: Buffer, at: number, length: number): Buffer {
  const field = block.subarray(at, at + length)
  const end = field.indexOf(0)
  return end < 0 ? field : field.subarray(0, end)
}

function readRecords(bytes: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>()
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(" ", at)
    const length = Number(bytes.toString("latin1", at, space))
    const record = bytes.subarray(space + 1, at + length)
    const equals = record.indexOf("=")
    if (record[record.length - 1] !== 0x0a || equals < 1) throw new Error(`no record at ${at}`)
    const key = decodeName(record.subarray(0, equals))
    if (records.has(key)) throw new Error(`key '${key}' is there twice`)
    records.set(key, record.subarray(equals + 1, -1))
    at += length
  }
  return records
}

/** Extended attributes of a member by name, values in base64, as manifests have them. */
export function xattrsOf({ pax }: ReadMember): Record<string, string> {
  const found: [string, string][] = []
  for (const [key, value] of pax) {
    const [, name] = /^SCHILY\.xattr\.(.*)$/s.exec(key) ?? []
    const plain = name?.replace(/%(3D|25)/g, (_, code) => (code === "25" ? "%" : "="))
    if (plain !== undefined) found.push([plain, value.toString("base64")])
  }
  return Object.fromEntries(found)
}
