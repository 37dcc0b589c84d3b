// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { parseChunkFormat } from "../../src/format/chunk.js"
import { deviceIdMask } from "../../src/format/device.js"
import { parseDirentBlock } from "../../src/format/dirent.js"
import {
  deviceNumber,
  type Inode,
  inodePosition,
  LAYOUT_CHUNK_BASED,
  LAYOUT_FLAT_INLINE,
  LAYOUT_FLAT_PLAIN,
  parseInode,
} from "../../src/format/inode.js"
import { isDevice, isDirectory, isRegular, isSymlink } from "../../src/format/mode.js"
import { decodeName } from "../../src/format/names.js"
import type { Nid } from "../../src/format/nid.js"
import { parseSuperblock, type Superblock } from "../../src/format/superblock.js"
import {
  fullName,
  type LongPrefix,
  parseInlineXattrs,
  parseLongPrefix,
  parseXattrEntry,
  parseXattrHeader,
  type XattrBody,
  type XattrEntry,
} from "../../src/format/xattr.js"

const FIXTURES = new URL("../fixtures/images/", import.meta.url)

/** One image of `fixtures/images/index.json`; superblock and layouts as an independent reader prints them. */
export interface Fixture {
  name: string
  file: string
  manifest: string
  extra: string[]
  superblock: {
    block_size: number
    blocks: number
    inodes: number
    epoch: number
    fixed_nsec: number
    sb_extslots: number
    meta_blkaddr: number
    extra_devices: number
    xattr_prefix_count: number
    volume_name: string
    compat: string[]
    incompat: string[]
    algorithms: string[]
  }
  layouts: Record<string, number>
}

/** A manifest entry; `sha256` only of regular files. */
export interface ManifestEntry {
  type: string
  mode: number
  uid: number
  gid: number
  nlink: number
  size: number
  mtime: [number, number]
  xattrs: Record<string, string>
  rdev?: [number, number]
  target?: string
  sha256?: string
  link_of?: string
}

export function readFixture(file: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(file, FIXTURES)))
}

/** A text of the fixtures; `NAME.json` also finds NAME.json.gz. */
export function readText(file: string): string {
  const isPacked = file.endsWith(".gz") || !existsSync(new URL(file, FIXTURES))
  const bytes = readFileSync(new URL(isPacked && !file.endsWith(".gz") ? `${file}.gz` : file, FIXTURES))
  return (isPacked ? gunzipSync(bytes) : bytes).toString()
}

function readJson<T>(file: string): T {
  return JSON.parse(readText(file)) as T
}

/** Images whose metadata the parsers can reach alone: it is not compressed, in no metabox, and begins at byte 0. */
const FLAT = [
  "bytes",
  "small-b512",
  "small-xattr-prefixes",
  "small-48bit",
  "small-dot-omitted",
  "chunk-4k-indexes",
  "chunk-blobdev",
  "lz4-legacy",
  "lz4-ztailpacking",
  "share-new-default-name",
]

const index = readJson<{ images: Fixture[]; heads: Fixture[] }>("index.json")

/** All images. */
export const allFixtures: readonly Fixture[] = index.images

/** The flat images, and the beginnings of others. */
export const fixtures = { ...index, images: index.images.filter(({ name }) => FLAT.includes(name)) }

export function readManifest(file: string): Record<string, ManifestEntry> {
  return readJson<{ entries: Record<string, ManifestEntry> }>(file).entries
}

/** A whole image in memory, read with the parsers alone; knows flat and chunk-based data. */
export class FlatImage {
  readonly superblock: Superblock
  readonly bytes: Uint8Array
  readonly #devices: Uint8Array[]

  constructor(bytes: Uint8Array, extra: Uint8Array[] = []) {
    this.bytes = bytes
    this.#devices = [bytes, ...extra]
    this.superblock = parseSuperblock(bytes.subarray(1024))
  }

  static fixture({ file, extra }: Fixture): FlatImage {
    return new FlatImage(readFixture(file), extra.map(readFixture))
  }

  inode(nid: Nid): Inode {
    const position = inodePosition(nid, this.superblock)
    return parseInode(this.bytes.subarray(position, position + 64), position, nid, this.superblock)
  }

  /** The content, or undefined for compressed files. */
  data(inode: Inode): Uint8Array | undefined {
    if (inode.layout === LAYOUT_CHUNK_BASED) return this.#chunks(inode)
    if (inode.layout !== LAYOUT_FLAT_PLAIN && inode.layout !== LAYOUT_FLAT_INLINE) return undefined
    const { blockSize } = this.superblock
    const content = new Uint8Array(inode.size)
    const isInline = inode.layout === LAYOUT_FLAT_INLINE && inode.size > 0
    const head = isInline ? (Math.ceil(inode.size / blockSize) - 1) * blockSize : inode.size
    if (inode.startBlock !== undefined && head > 0) {
      const start = inode.startBlock * blockSize
      content.set(this.bytes.subarray(start, start + head))
    }
    if (isInline) content.set(this.bytes.subarray(inode.bodyEnd, inode.bodyEnd + inode.size - head), head)
    return content
  }

  #chunks(inode: Inode): Uint8Array {
    const { blockSize, extraDevices } = this.superblock
    const { chunkBits, hasIndexes, recordSize, tablePosition } = parseChunkFormat(inode, this.superblock)
    const chunkSize = 2 ** chunkBits
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset)
    const content = new Uint8Array(inode.size)
    for (let position = 0; position < inode.size; position += chunkSize) {
      const record = tablePosition + (position / chunkSize) * recordSize
      const block = view.getUint32(record + (hasIndexes ? 4 : 0), true)
      const device = hasIndexes ? view.getUint16(record + 2, true) & deviceIdMask(extraDevices) : 0
      if (block === 0xffffffff) continue
      const source = this.#devices[device] as Uint8Array
      const length = Math.min(chunkSize, inode.size - position)
      content.set(source.subarray(block * blockSize, block * blockSize + length), position)
    }
    return content
  }

  /** The long xattr name prefixes; only of images that keep them on the device. */
  prefixes(): LongPrefix[] {
    const prefixes: LongPrefix[] = []
    let at = this.superblock.prefixStart
    for (let k = 0; k < this.superblock.prefixCount; k++) {
      const length = (this.bytes[at] as number) | ((this.bytes[at + 1] as number) << 8)
      prefixes.push(parseLongPrefix(this.bytes.subarray(at + 2, at + 2 + length)))
      at = Math.ceil((at + 2 + length) / 4) * 4
    }
    return prefixes
  }

  xattrBody(inode: Inode): XattrBody | undefined {
    if (inode.xattrSize === 0) return undefined
    return parseXattrHeader(this.bytes.subarray(inode.bodyEnd - inode.xattrSize, inode.bodyEnd))
  }

  /** All xattr entries of an inode, shared ones first. */
  xattrEntries(inode: Inode): XattrEntry[] {
    const header = this.xattrBody(inode)
    if (header === undefined) return []
    const shared = this.superblock.xattrBlock * this.superblock.blockSize
    return [
      ...header.sharedIds.map((id) => parseXattrEntry(this.bytes, shared + 4 * id)),
      ...parseInlineXattrs(
        this.bytes.subarray(inode.bodyEnd - inode.xattrSize, inode.bodyEnd),
        header.inlineStart,
      ),
    ]
  }

  xattrs(inode: Inode, hidden = false): Record<string, string> {
    const prefixes = this.prefixes()
    const found: [string, string][] = []
    for (const entry of this.xattrEntries(inode)) {
      const full = fullName(entry, prefixes)
      if (full?.isHidden !== hidden) continue
      found.push([decodeName(full.name), Buffer.from(entry.value).toString("base64")])
    }
    return Object.fromEntries(found)
  }

  /** Blocks of a directory; the last one may be short. */
  blocks(inode: Inode): Uint8Array[] {
    const { blockSize } = this.superblock
    const data = this.data(inode) ?? new Uint8Array(0)
    return Array.from({ length: Math.ceil(data.length / blockSize) }, (_, k) =>
      data.subarray(k * blockSize, (k + 1) * blockSize),
    )
  }

  /** Every path with its inode, in the order of the paths' bytes as a manifest has them. */
  walk(): { path: string; inode: Inode }[] {
    const found: { path: string; inode: Inode }[] = []
    const visit = (path: string, nid: Nid) => {
      const inode = this.inode(nid)
      found.push({ path: path || "/", inode })
      if (!isDirectory(inode.mode)) return
      for (const { name, nid } of this.blocks(inode).flatMap(parseDirentBlock)) {
        const text = decodeName(name)
        if (text !== "." && text !== "..") visit(`${path}/${text}`, nid)
      }
    }
    visit("", this.superblock.rootNid)
    return found
  }

  /** What a manifest says of an inode, without `link_of`; without `sha256` and `target` if compressed. */
  describe(inode: Inode): ManifestEntry {
    const data = isRegular(inode.mode) || isSymlink(inode.mode) ? this.data(inode) : undefined
    const { major, minor } = deviceNumber(inode.rdev)
    return {
      type: TYPES[inode.mode >> 12] as string,
      mode: inode.mode & 0o7777,
      uid: inode.uid,
      gid: inode.gid,
      nlink: inode.nlink,
      size: inode.size,
      mtime: [Number(inode.mtimeSeconds), inode.mtimeNanoseconds],
      xattrs: this.xattrs(inode),
      ...(isDevice(inode.mode) ? { rdev: [major, minor] as [number, number] } : {}),
      ...(data !== undefined && isSymlink(inode.mode) ? { target: decodeName(data) } : {}),
      ...(data !== undefined && isRegular(inode.mode)
        ? { sha256: createHash("sha256").update(data).digest("hex") }
        : {}),
    }
  }
}

const TYPES: Record<number, string> = {
  1: "fifo",
  2: "char",
  4: "dir",
  6: "block",
  8: "file",
  10: "symlink",
  12: "socket",
}
