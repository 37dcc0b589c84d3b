// SPDX-License-Identifier: MIT
/** Extended attributes of an image's inodes (format section 7). */
import type { Content } from "./content.js"
import type { Operation } from "./drive.js"
import type { Engine } from "./engine.js"
import { corrupted } from "./errors.js"
import { readU16 } from "./format/bytes.js"
import { compareNames, decodeName } from "./format/names.js"
import { nidToBigInt } from "./format/nid.js"
import type { Superblock } from "./format/superblock.js"
import {
  entrySize,
  filterBit,
  fullName,
  LONG_PREFIX_FLAG,
  type LongPrefix,
  parseInlineXattrs,
  parseLongPrefix,
  parseXattrEntry,
  parseXattrHeader,
  splitName,
  XATTR_ENTRY_HEADER_SIZE,
  type XattrBody,
  type XattrEntry,
} from "./format/xattr.js"
import type { Inodes, Node } from "./inodes.js"
import { readBytes, readMetadata } from "./read.js"

const SHARED_UNIT = 4
const PREFIX_ALIGNMENT = 4
const PREFIX_HEADER_SIZE = 2

/** Hash of name filters: xxHash32 with a seed. */
export type Xxh32 = (bytes: Uint8Array, seed: number) => number

/** One attribute with its whole name. */
export interface NamedXattr {
  name: Uint8Array
  value: Uint8Array
  /** In no namespace: only the filesystem uses it, listings do not show it. */
  isHidden: boolean
}

/** The extended attributes of one image. */
export class Xattrs {
  readonly #engine: Engine
  readonly #superblock: Superblock
  readonly #inodes: Inodes
  readonly #device: Content
  readonly #xxh32: Xxh32
  #prefixes: LongPrefix[] | undefined

  constructor(engine: Engine, superblock: Superblock, inodes: Inodes, device: Content, xxh32: Xxh32) {
    this.#engine = engine
    this.#superblock = superblock
    this.#inodes = inodes
    this.#device = device
    this.#xxh32 = xxh32
  }

  /**
   * All attributes of an inode, hidden ones too, in the order they are stored: inline ones first. Of several that a
   * damaged image gives one name only the first is there: it is the one that {@link get} finds.
   */
  *list(node: Node): Operation<NamedXattr[]> {
    const body = yield* this.#body(node)
    if (!body) return []
    const prefixes = yield* this.prefixes()
    const named = parseInlineXattrs(body, parseXattrHeader(body).inlineStart).flatMap(
      (entry) => toNamed(entry, prefixes) ?? [],
    )
    for (const id of parseXattrHeader(body).sharedIds) {
      const entry = toNamed(yield* this.#shared(node, id), prefixes)
      if (entry) named.push(entry)
    }
    return firstOfEachName(named)
  }

  /** The value of one attribute, by its whole name; undefined if the inode does not have it. */
  *get(node: Node, name: Uint8Array): Operation<Uint8Array | undefined> {
    if (node.inode.xattrSize === 0) return undefined
    const body = yield* this.#body(node)
    if (!body) return undefined
    const header = parseXattrHeader(body)
    if (this.#isFilteredOut(header, name)) return undefined
    const prefixes = yield* this.prefixes()
    const matches = (entry: XattrEntry): boolean => {
      const full = fullName(entry, prefixes)
      return full !== undefined && compareNames(full.name, name) === 0
    }
    const inline = parseInlineXattrs(body, header.inlineStart).find(matches)
    if (inline) return inline.value
    for (const id of header.sharedIds) {
      const entry = yield* this.#shared(node, id)
      if (matches(entry)) return entry.value
    }
    return undefined
  }

  /** The name that the superblock says fingerprints are kept under; undefined if it names none. */
  *fingerprintName(): Operation<Uint8Array | undefined> {
    const index = this.#superblock.fingerprintPrefix
    if (index === undefined) return undefined
    return fullName(
      { nameIndex: LONG_PREFIX_FLAG | index, nameSuffix: new Uint8Array(0) },
      yield* this.prefixes(),
    )?.name
  }

  /**
   * The value of the attribute that carries fingerprints as mkfs.erofs stores it: inline, its name being no more than the
   * prefix that the superblock names. For that the table of prefixes need not be there; undefined says nothing.
   */
  *inlineFingerprint(node: Node): Operation<Uint8Array | undefined> {
    const { fingerprintPrefix: index, prefixCount } = this.#superblock
    if (index === undefined || index >= prefixCount) return undefined
    const body = yield* this.#body(node)
    if (!body) return undefined
    const { inlineStart } = parseXattrHeader(body)
    return parseInlineXattrs(body, inlineStart).find(
      ({ nameIndex, nameSuffix }) => nameIndex === (LONG_PREFIX_FLAG | index) && nameSuffix.length === 0,
    )?.value
  }

  /** The table of long name prefixes (format section 7.4), read once. */
  *prefixes(): Operation<LongPrefix[]> {
    this.#prefixes ??= yield* this.#readPrefixes()
    return this.#prefixes
  }

  /** Whether the inode's filter says for certain that the name is not there. */
  #isFilteredOut(header: XattrBody, name: Uint8Array): boolean {
    if (!this.#superblock.hasXattrFilter) return false
    const { baseIndex, rest } = splitName(name)
    return ((header.nameFilter >>> filterBit(baseIndex, rest, this.#xxh32)) & 1) === 1
  }

  /** A copy of the inode's xattr body; undefined if it has none. */
  *#body({ inode }: Node): Operation<Uint8Array | undefined> {
    if (inode.xattrSize === 0) return undefined
    const metadata = yield* this.#inodes.metadataOf(inode.nid)
    const start = inode.position + inode.inodeSize
    if (start + inode.xattrSize > metadata.size) {
      throw corrupted("xattrs lie beyond the metadata", { nid: nidToBigInt(inode.nid), offset: start })
    }
    return yield* readBytes(this.#engine, metadata, start, inode.xattrSize)
  }

  *#shared({ inode }: Node, id: number): Operation<XattrEntry> {
    const superblock = this.#superblock
    const space = yield* this.#sharedArea()
    const position = superblock.xattrBlock * superblock.blockSize + id * SHARED_UNIT
    if (position + XATTR_ENTRY_HEADER_SIZE > space.size) {
      throw corrupted(`shared xattr ${id} lies beyond the metadata`, { nid: nidToBigInt(inode.nid) })
    }
    const head = yield* readMetadata(this.#engine, space, position, XATTR_ENTRY_HEADER_SIZE)
    const size = Math.min(entrySize(head), space.size - position)
    return parseXattrEntry(yield* readMetadata(this.#engine, space, position, size), 0)
  }

  /** Where shared xattrs lie: on the primary device, or in the metabox if the superblock says so. */
  *#sharedArea(): Operation<Content> {
    const { hasSharedXattrsInMetabox, hasMetabox } = this.#superblock
    return hasSharedXattrsInMetabox && hasMetabox ? yield* this.#inodes.metabox() : this.#device
  }

  *#readPrefixes(): Operation<LongPrefix[]> {
    const { prefixCount, prefixStart } = this.#superblock
    if (prefixCount === 0) return []
    const space = yield* this.#prefixSpace()
    const prefixes: LongPrefix[] = []
    let position = prefixStart
    for (let i = 0; i < prefixCount; i++) {
      const head = yield* readMetadata(this.#engine, space, position, PREFIX_HEADER_SIZE)
      const length = readU16(head, 0)
      const payload = yield* readMetadata(this.#engine, space, position + PREFIX_HEADER_SIZE, length)
      prefixes.push(parseLongPrefix(payload))
      position += Math.ceil((PREFIX_HEADER_SIZE + length) / PREFIX_ALIGNMENT) * PREFIX_ALIGNMENT
    }
    return prefixes
  }

  *#prefixSpace(): Operation<Content> {
    const { hasPlainPrefixes, hasMetabox, packedNid } = this.#superblock
    if (hasPlainPrefixes) return this.#device
    if (hasMetabox) return yield* this.#inodes.metabox()
    if (packedNid !== 0) return yield* this.#inodes.packed()
    return this.#device
  }
}

function toNamed(entry: XattrEntry, prefixes: readonly LongPrefix[]): NamedXattr | undefined {
  const full = fullName(entry, prefixes)
  return full && { ...full, value: entry.value }
}

function firstOfEachName(named: readonly NamedXattr[]): NamedXattr[] {
  const first = new Map<string, NamedXattr>()
  for (const xattr of named) {
    const name = decodeName(xattr.name)
    if (!first.has(name)) first.set(name, xattr)
  }
  return [...first.values()]
}
