// SPDX-License-Identifier: MIT
/** Where the structures of a good image lie, so that they can be damaged one by one. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { InodeDescription } from "../../src/describe.js"
import { bufferSource, type Image, PagePool, type WalkEntry } from "../../src/index.js"
import type { ListedImage } from "../support/image-set.js"
import { unpackMetabox } from "./metabox.js"

/** Bytes of an image that mean something together: a little-endian number of 1, 2, 4 or 8 bytes. */
export interface Field {
  kind: string
  at: number
  width: 1 | 2 | 4 | 8
  /** The inode that it belongs to, if to one. */
  nid: bigint | undefined
}

/** A good image in memory, and what there is in it to damage. */
export interface Subject {
  name: string
  bytes: Uint8Array<ArrayBuffer>
  devices: Uint8Array<ArrayBuffer>[]
  blockSize: number
  hasChecksum: boolean
  /** Fields by the structure that they belong to. */
  fields: Map<string, Field[]>
  /** Stored bytes of compressed extents, names and other bytes without fields: offset and length. */
  data: { kind: string; at: number; length: number }[]
  /** Where the metadata ends, about. */
  metadataEnd: number
}

const SUPERBLOCK = 1024
type Layout = readonly (readonly [name: string, offset: number, width: Field["width"]])[]

const SUPERBLOCK_FIELDS: Layout = [
  ["magic", 0, 4],
  ["checksum", 4, 4],
  ["feature_compat", 8, 4],
  ["blkszbits", 12, 1],
  ["sb_extslots", 13, 1],
  ["rb", 14, 2],
  ["inos", 16, 8],
  ["epoch", 24, 8],
  ["fixed_nsec", 32, 4],
  ["blocks_lo", 36, 4],
  ["meta_blkaddr", 40, 4],
  ["xattr_blkaddr", 44, 4],
  ["volume_name", 64, 8],
  ["feature_incompat", 80, 4],
  ["feature_incompat", 80, 1],
  ["u1", 84, 2],
  ["extra_devices", 86, 2],
  ["devt_slotoff", 88, 2],
  ["dirblkbits", 90, 1],
  ["xattr_prefix_count", 91, 1],
  ["xattr_prefix_start", 92, 4],
  ["packed_nid", 96, 8],
  ["packed_nid", 96, 1],
  ["xattr_filter_reserved", 104, 1],
  ["ishare_xattr_prefix_id", 105, 1],
  ["build_time", 108, 4],
  ["rootnid_8b", 112, 8],
  ["metabox_nid", 128, 8],
]

const COMPACT_INODE: Layout = [
  ["i_format", 0, 2],
  ["i_xattr_icount", 2, 2],
  ["i_mode", 4, 2],
  ["i_nb", 6, 2],
  ["i_size", 8, 4],
  ["i_mtime", 12, 4],
  ["i_u", 16, 4],
  ["i_u", 16, 2],
  ["i_ino", 20, 4],
  ["i_uid", 24, 2],
]

const EXTENDED_INODE: Layout = [
  ["i_format", 0, 2],
  ["i_xattr_icount", 2, 2],
  ["i_mode", 4, 2],
  ["i_nb", 6, 2],
  ["i_size", 8, 8],
  ["i_size", 8, 2],
  ["i_u", 16, 4],
  ["i_u", 16, 2],
  ["i_uid", 24, 4],
  ["i_mtime", 32, 8],
  ["i_mtime_nsec", 40, 4],
  ["i_nlink", 44, 4],
]

const MAP_HEADER: Layout = [
  ["h_fragmentoff", 0, 4],
  ["h_idata_size", 2, 2],
  ["h_advise", 4, 2],
  ["h_algorithmtype", 6, 1],
  ["h_clusterbits", 7, 1],
]

const DEVICE_SLOT: Layout = [
  ["blocks_lo", 64, 4],
  ["uniaddr_lo", 68, 4],
  ["blocks_hi", 72, 2],
  ["uniaddr_hi", 74, 2],
]

/** At most so many index words per file are fields of their own; the rest is reached as metadata. */
const MAX_WORDS = 256

/** Finds the structures of an image. A compressed metabox is first laid bare, so that what is in it can be reached. */
export async function subjectOf(folder: string, listed: ListedImage): Promise<Subject> {
  const read = (file: string) => new Uint8Array(readFileSync(join(folder, file)))
  const devices = listed.extra.map(read)
  const bytes = await unpackMetabox(read(listed.file).slice(listed.offset ?? 0))
  const pool = await PagePool.create({ bytes: 8 << 20, shared: false })
  const image = await pool.mount(bufferSource(bytes), { devices: devices.map(bufferSource) })
  try {
    return await new Finder(listed.name, image, bytes, devices).find()
  } finally {
    await pool.close()
  }
}

/** Collects the fields of one image. */
class Finder {
  readonly #image: Image
  readonly #view: DataView
  readonly #subject: Subject
  #nid: bigint | undefined
  /** Where byte 0 of the metabox lies on the device, if there is one and it is not compressed. */
  #metabox = 0

  constructor(
    name: string,
    image: Image,
    bytes: Uint8Array<ArrayBuffer>,
    devices: Uint8Array<ArrayBuffer>[],
  ) {
    const { blockSize, hasChecksum } = image.superblock
    this.#image = image
    this.#view = new DataView(bytes.buffer)
    this.#subject = {
      name,
      bytes,
      devices,
      blockSize,
      hasChecksum,
      fields: new Map(),
      data: [],
      metadataEnd: SUPERBLOCK,
    }
  }

  async find(): Promise<Subject> {
    const { superblock } = this.#image
    this.#addAll("superblock", SUPERBLOCK, SUPERBLOCK_FIELDS)
    let at = SUPERBLOCK + superblock.size
    if (superblock.hasCompressionConfigs) {
      for (let word = 0; word < 16; word++) this.#add("compression config", "word", at + word * 2, 2)
    }
    for (let i = 0; i < superblock.extraDevices; i++) {
      this.#addAll("device", superblock.deviceTableOffset + i * 128, DEVICE_SLOT)
    }
    if (superblock.metaboxNid !== undefined) {
      const { extents } = await this.#image.describe(
        { nid: BigInt(superblock.metaboxNid) },
        { extents: true },
      )
      this.#metabox = extents?.[0]?.offset ?? 0
    }
    if (superblock.prefixCount > 0) {
      at = superblock.prefixStart + (superblock.hasPlainPrefixes ? 0 : this.#metabox)
      for (let i = 0; i < Math.min(64, superblock.prefixCount * 8); i++) {
        this.#add("xattr prefix", "byte", at + i, 1)
      }
    }
    for (const nid of [superblock.packedNid, superblock.metaboxNid ?? 0]) {
      if (nid > 0) await this.#addInode({ nid: BigInt(nid) }, "special inode")
    }
    const seen = new Set<bigint>()
    for await (const entry of this.#image.walk("/")) {
      if (seen.has(entry.nid)) continue
      seen.add(entry.nid)
      await this.#addInode(entry, entry.isDirectory() ? "directory inode" : "inode")
    }
    return this.#subject
  }

  async #addInode(entry: WalkEntry | { nid: bigint }, group: string): Promise<void> {
    const described = await this.#image.describe({ nid: entry.nid }, { extents: true })
    this.#nid = entry.nid
    const base = entry.nid >> 63n ? this.#metabox : 0
    const at = base + described.position
    this.#addAll(group, at, described.isExtended ? EXTENDED_INODE : COMPACT_INODE)
    const body = at + (described.isExtended ? 64 : 32)
    const end = body + described.xattrSize
    this.#addXattrs(body, end)
    const isCompressed = described.layout.startsWith("compressed")
    const size = this.#view.getUint32(at + 8, true)
    if (isCompressed) this.#addIndexes(base + Math.ceil((end - base) / 8) * 8, described, size)
    else if (described.layout === "chunk-based") this.#addChunks(end, size)
    for (const extent of described.extents ?? []) {
      if (extent.offset === undefined || extent.device > 0) continue
      const offset = (extent.isInline || extent.kind === "inline" ? base : 0) + extent.offset
      if (extent.kind === "compressed") this.#addData("compressed", offset, extent.encodedLength)
      if (group !== "directory inode") {
        if (extent.kind === "inline") this.#addData("inline tail", offset, extent.length)
      } else if (extent.kind === "raw" || extent.kind === "inline") {
        this.#addDirectory(offset, extent.length)
      }
    }
  }

  #addXattrs(body: number, end: number): void {
    if (body === end) return
    const count = this.#byte(body + 4)
    this.#add("xattr", "h_name_filter", body, 4)
    this.#add("xattr", "h_shared_count", body + 4, 1)
    for (let i = 0; i < count; i++) {
      const at = body + 12 + 4 * i
      this.#add("xattr", "shared id", at, 4)
      const id = this.#view.getUint32(at, true)
      this.#addXattr("shared xattr", this.#image.superblock.xattrBlock * this.#subject.blockSize + 4 * id)
    }
    for (let at = body + 12 + 4 * count; at + 4 <= end; ) at += this.#addXattr("xattr", at)
  }

  #addXattr(group: string, at: number): number {
    if (at + 4 > this.#subject.bytes.length) return 4
    this.#add(group, "e_name_len", at, 1)
    this.#add(group, "e_name_index", at + 1, 1)
    this.#add(group, "e_value_size", at + 2, 2)
    this.#add(group, "name", at + 4, 1)
    return Math.ceil((4 + this.#byte(at) + this.#view.getUint16(at + 2, true)) / 4) * 4
  }

  #addIndexes(header: number, described: InodeDescription, size: number): void {
    this.#addAll("map header", header, MAP_HEADER)
    if (described.index === "whole-fragment") return
    const bytesPerRecord = described.index === "compact" ? 4 : 8
    const words = Math.ceil(size / (described.lclusterSize ?? 4096)) * (bytesPerRecord / 4) + 4
    for (let word = 0; word < Math.min(words, MAX_WORDS); word++) {
      const at = header + 8 + 4 * word
      this.#add("index", "word", at, 4)
      this.#add("index", "half", at + (word & 2), 2)
    }
  }

  #addChunks(end: number, size: number): void {
    const words = Math.ceil(size / this.#subject.blockSize) * 2
    for (let word = 0; word < Math.min(words, MAX_WORDS); word++) {
      const at = Math.ceil(end / 4) * 4 + 4 * word
      this.#add("chunk", "word", at, 4)
      this.#add("chunk", "half", at + (word & 2), 2)
    }
  }

  #addDirectory(offset: number, length: number): void {
    const { blockSize, bytes } = this.#subject
    for (let block = offset; block < offset + length; block += blockSize) {
      if (block + 12 > bytes.length) return
      const count = Math.floor(this.#view.getUint16(block + 8, true) / 12)
      for (let i = 0; i < count; i++) {
        const at = block + 12 * i
        this.#add("dirent", "nid", at, 8)
        this.#add("dirent", "nid", at, 2)
        this.#add("dirent", "nameoff", at + 8, 2)
        this.#add("dirent", "file_type", at + 10, 1)
        this.#addData("name", block + this.#view.getUint16(at + 8, true), 2)
      }
    }
  }

  #addAll(group: string, base: number, layout: Layout): void {
    for (const [name, offset, width] of layout) this.#add(group, name, base + offset, width)
  }

  #add(group: string, name: string, at: number, width: Field["width"]): void {
    const { fields, bytes } = this.#subject
    if (at + width > bytes.length) return
    let list = fields.get(group)
    if (!list) {
      list = []
      fields.set(group, list)
    }
    list.push({ kind: `${group} ${name}`, at, width, nid: this.#nid })
    this.#subject.metadataEnd = Math.max(this.#subject.metadataEnd, at + width)
  }

  #addData(kind: string, at: number, length: number): void {
    if (length > 0 && at + length <= this.#subject.bytes.length) this.#subject.data.push({ kind, at, length })
  }

  #byte(at: number): number {
    return this.#subject.bytes[at] as number
  }
}
