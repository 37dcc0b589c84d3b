// SPDX-License-Identifier: MIT
/** The inodes of an image: read, kept while they are used, and turned into contents that can be filled. */
import { Content } from "./content.js"
import * as core from "./core.js"
import type { Devices } from "./devices.js"
import type { Operation } from "./drive.js"
import type { Engine } from "./engine.js"
import { corrupted, ErofsError } from "./errors.js"
import { failure, readMetadata } from "./fill.js"
import { parseChunkFormat } from "./format/chunk.js"
import { deviceIdMask } from "./format/device.js"
import {
  type Inode,
  inodePosition,
  LAYOUT_CHUNK_BASED,
  LAYOUT_COMPRESSED_COMPACT,
  LAYOUT_FLAT_INLINE,
  LAYOUT_FLAT_PLAIN,
  parseInode,
} from "./format/inode.js"
import { isRegular } from "./format/mode.js"
import { isInMetabox, type Nid, nidToBigInt } from "./format/nid.js"
import type { Superblock } from "./format/superblock.js"
import { MAP_HEADER_SIZE, type MapHeader, mapHeaderPosition, parseMapHeader } from "./format/zheader.js"
import { SIZE_DIFFERS } from "./status.js"

const COMPACT_INODE_SIZE = 32
const EXTENDED_INODE_SIZE = 64
/** Records begin this far behind the map header. */
const FULL_INDEX_GAP = 16
const COMPACT_INDEX_GAP = 8
const MAX_NARROW_LCLUSTER_BITS = 12
/** Inodes that are kept though nobody uses them. */
const KEPT_INODES = 4096

/** An inode in use: what it says, its content once somebody asked for it, and who holds it. */
export interface Node {
  readonly inode: Inode
  content: Content | undefined
  header: MapHeader | undefined
  /** Fingerprint under which it shares; undefined: it does not. */
  fingerprint: Uint8Array | undefined
  /** Open files and views; a node with any is not let go. */
  users: number
}

/** What the inodes of one image need to know of it. */
export interface InodeEnvironment {
  engine: Engine
  superblock: Superblock
  devices: Devices
  mount: number
  domain: Uint8Array
  /** The primary device as metadata. */
  device: Content
}

/** The inodes of one image. */
export class Inodes {
  readonly #env: InodeEnvironment
  readonly #nodes = new Map<Nid, Node>()
  #metabox: Content | undefined
  #packed: Content | undefined
  readonly #findFingerprint: (node: Node) => Operation<Uint8Array | undefined>

  /** `findFingerprint` looks up under which fingerprint a regular file shares its pages, if under any. */
  constructor(
    environment: InodeEnvironment,
    findFingerprint: (node: Node) => Operation<Uint8Array | undefined>,
  ) {
    this.#env = environment
    this.#findFingerprint = findFingerprint
  }

  /** The metadata space that an inode lives in: the primary device, or the metabox. */
  *metadataOf(nid: Nid): Operation<Content> {
    return isInMetabox(nid) ? yield* this.metabox() : this.#env.device
  }

  /** The metabox: a file whose content is metadata. Throws EUCLEAN if the image has none. */
  *metabox(): Operation<Content> {
    if (this.#metabox) return this.#metabox
    const { metaboxNid } = this.#env.superblock
    if (metaboxNid === undefined) throw corrupted("the image has no metabox")
    const metabox = yield* this.#openSpecial(metaboxNid, 0)
    this.#metabox = this.#keepFirst(this.#metabox, metabox)
    return this.#metabox
  }

  /** The packed inode, where fragments lie. Throws EUCLEAN if the image has none. */
  *packed(): Operation<Content> {
    const { packedNid } = this.#env.superblock
    if (packedNid === 0) throw corrupted("the image has no packed inode")
    if (this.#packed) return this.#packed
    const packed = yield* this.#openSpecial(packedNid, core.CONTENT_IS_PACKED)
    this.#packed = this.#keepFirst(this.#packed, packed)
    return this.#packed
  }

  /** An inode. Throws EUCLEAN for a damaged one, ENOTSUP for one of an unknown kind. */
  *get(nid: Nid): Operation<Node> {
    return this.#nodes.get(nid) ?? (yield* this.#load(nid))
  }

  /**
   * The content of a regular file, directory or symlink; only valid while the node has users. Throws EOVERFLOW
   * above 2^53 - 1 bytes.
   */
  *contentOf(node: Node): Operation<Content> {
    return node.content ?? (yield* this.#open(node, 0, true))
  }

  /** Does something with a node's content and holds the node meanwhile. */
  *withContent<T>(node: Node, use: (content: Content) => Operation<T>): Operation<T> {
    node.users++
    try {
      return yield* use(yield* this.contentOf(node))
    } finally {
      node.users--
    }
  }

  /** Lets go of everything. */
  release(): void {
    for (const node of this.#nodes.values()) node.content?.release(this.#env.engine.core)
    this.#nodes.clear()
    this.#metabox?.release(this.#env.engine.core)
    this.#packed?.release(this.#env.engine.core)
  }

  *#load(nid: Nid): Operation<Node> {
    const node = yield* this.#read(nid)
    const known = this.#nodes.get(nid)
    if (known) return known
    this.#nodes.set(nid, node)
    if (this.#nodes.size > KEPT_INODES) this.#letGo()
    return node
  }

  *#read(nid: Nid): Operation<Node> {
    const { engine, superblock } = this.#env
    const metadata = yield* this.metadataOf(nid)
    const position = inodePosition(nid, superblock)
    if (position + COMPACT_INODE_SIZE > metadata.size) {
      throw corrupted("inode lies beyond the metadata", { nid: nidToBigInt(nid), offset: position })
    }
    const length = Math.min(EXTENDED_INODE_SIZE, metadata.size - position)
    const bytes = yield* readMetadata(engine, metadata, position, length)
    const inode = parseInode(bytes, position, nid, superblock)
    return { inode, content: undefined, header: undefined, fingerprint: undefined, users: 0 }
  }

  /** Lets the older half of the unused inodes go. */
  #letGo(): void {
    let excess = this.#nodes.size - KEPT_INODES / 2
    for (const [nid, node] of this.#nodes) {
      if (excess <= 0) break
      if (node.users > 0) continue
      this.#nodes.delete(nid)
      node.content?.release(this.#env.engine.core)
      node.content = undefined
      excess--
    }
  }

  /** Of two contents opened at the same time the first stays. */
  #keepFirst(first: Content | undefined, second: Content): Content {
    if (!first) return second
    second.release(this.#env.engine.core)
    return first
  }

  /** The content of an inode outside the tree; held by this object, not by the table of inodes. */
  *#openSpecial(nid: Nid, flags: number): Operation<Content> {
    const node = { ...(yield* this.#read(nid)), users: 1 }
    if (!isRegular(node.inode.mode)) {
      throw corrupted("packed inode or metabox is no regular file", { nid: nidToBigInt(nid) })
    }
    return yield* this.#open(node, flags, false)
  }

  /** Reads what the mapper must know and makes the content. `mayShare`: its pages with files of the same fingerprint. */
  *#open(node: Node, flags: number, mayShare: boolean): Operation<Content> {
    const { inode } = node
    if (inode.exactSize > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new ErofsError("EOVERFLOW", "file is too large to be read here", { nid: nidToBigInt(inode.nid) })
    }
    const metadata = yield* this.metadataOf(inode.nid)
    const description = yield* this.#describe(node, metadata)
    const needsPacked = node.header?.hasFragmentTail || node.header?.isWholeFragment
    const isPacked = (flags & core.CONTENT_IS_PACKED) !== 0
    const packed = needsPacked && !isPacked ? yield* this.packed() : undefined
    if (isPacked && node.header?.isWholeFragment) {
      throw corrupted("fragment inside the packed inode", { nid: nidToBigInt(inode.nid) })
    }
    // To look up the fingerprint of the metabox would need the metabox.
    const isShareable = mayShare && isRegular(inode.mode) && inode.size > 0
    node.fingerprint = isShareable ? yield* this.#findFingerprint(node) : undefined
    // Somebody else may have opened it while bytes were being fetched.
    if (node.content) return node.content
    const space = this.#openSpace(node)
    node.content = new Content(
      { ...description, space, flags: (description.flags ?? 0) | flags, mount: this.#env.mount },
      { devices: this.#env.devices, nid: nidToBigInt(inode.nid), metadata, ...(packed && { packed }) },
    )
    return node.content
  }

  /** The shared address space of a file with a fingerprint, else one of its own. */
  #openSpace(node: Node): number {
    const { engine, mount, domain } = this.#env
    const { inode } = node
    if (node.fingerprint) {
      const key = new Uint8Array(4 + domain.length + node.fingerprint.length)
      new DataView(key.buffer).setUint32(0, domain.length, true)
      key.set(domain, 4)
      key.set(node.fingerprint, 4 + domain.length)
      const shared = engine.core.openSpace(core.TAG_FINGERPRINT, 0, key, inode.size)
      if (shared > 0) return shared
      if (shared === -SIZE_DIFFERS) engine.counters.sizeConflicts++
      node.fingerprint = undefined
    }
    const key = new Uint8Array(new Float64Array([inode.nid]).buffer)
    const own = engine.core.openSpace(core.TAG_INODE, mount, key, inode.size)
    if (own <= 0) throw failure(-own, { nid: nidToBigInt(inode.nid) }, 0)
    return own
  }

  *#describe(node: Node, metadata: Content): Operation<Omit<core.ContentDescription, "space" | "mount">> {
    const { inode } = node
    const { superblock } = this.#env
    const common = { size: inode.size, blockBits: superblock.blockBits }
    switch (inode.layout) {
      case LAYOUT_FLAT_PLAIN:
      case LAYOUT_FLAT_INLINE: {
        const isHole = inode.startBlock === undefined
        return {
          ...common,
          layout: core.LAYOUT_FLAT,
          start: (inode.startBlock ?? 0) * superblock.blockSize,
          tail: inode.bodyEnd,
          flags:
            (isHole ? core.CONTENT_HOLE : 0) |
            (inode.layout === LAYOUT_FLAT_INLINE ? core.CONTENT_INLINE_TAIL : 0),
        }
      }
      case LAYOUT_CHUNK_BASED: {
        const chunk = parseChunkFormat(inode, superblock)
        return {
          ...common,
          layout: core.LAYOUT_CHUNK,
          clusterBits: chunk.chunkBits,
          index: chunk.tablePosition,
          deviceMask: deviceIdMask(superblock.extraDevices),
          flags:
            (chunk.hasIndexes ? core.CONTENT_CHUNK_INDEXES : 0) |
            (chunk.is48Bit ? core.CONTENT_CHUNK_48BIT : 0),
        }
      }
      default:
        node.header ??= yield* this.#readHeader(inode, metadata)
        return { ...common, ...describeCompressed(inode, node.header, superblock) }
    }
  }

  *#readHeader(inode: Inode, metadata: Content): Operation<MapHeader> {
    const position = mapHeaderPosition(inode)
    const bytes = yield* readMetadata(this.#env.engine, metadata, position, MAP_HEADER_SIZE)
    return parseMapHeader(bytes, inode, this.#env.superblock)
  }
}

/** How the core maps a compressed file (format section 9). */
function describeCompressed(
  inode: Inode,
  header: MapHeader,
  superblock: Superblock,
): Omit<core.ContentDescription, "space" | "mount" | "size" | "blockBits"> {
  if (header.isWholeFragment) return { layout: core.LAYOUT_FRAGMENT, fragment: header.fragmentOffset }
  if (header.isCompact2Byte && header.lclusterBits > MAX_NARROW_LCLUSTER_BITS) {
    throw corrupted("compact indexes of 2 bytes with lclusters above 4 KiB", { nid: nidToBigInt(inode.nid) })
  }
  const position = mapHeaderPosition(inode)
  const common = {
    clusterBits: header.lclusterBits,
    advise: header.advise,
    algorithms: header.algorithmHead1 | (header.algorithmHead2 << 4),
    available: superblock.algorithms,
    fragment: header.fragmentOffset,
    inlineSize: header.inlineDataSize,
    flags: superblock.isZeroPadded ? core.CONTENT_ZERO_PADDED : 0,
  }
  if (header.isEncodedExtents) {
    const size = header.extentRecordSize
    const table = Math.ceil((position + MAP_HEADER_SIZE) / size) * size
    return {
      ...common,
      layout: core.LAYOUT_EXTENTS,
      index: table,
      extentCount: header.extentCount,
      recordSize: size,
    }
  }
  const isCompact = inode.layout === LAYOUT_COMPRESSED_COMPACT
  return {
    ...common,
    layout: isCompact ? core.LAYOUT_COMPACT : core.LAYOUT_FULL,
    index: position + (isCompact ? COMPACT_INDEX_GAP : FULL_INDEX_GAP),
  }
}
