// SPDX-License-Identifier: MIT
/** The inodes of an image: read, kept while they are used, and turned into contents that can be filled. */
import { Content } from "./content.js"
import { CONTENT_IS_PACKED, CONTENT_MERGE } from "./content-description.js"
import { TAG_FINGERPRINT, TAG_INODE, TAG_VERIFIED } from "./core.js"
import { describe, isCompressed } from "./description.js"
import type { Devices } from "./devices.js"
import type { Operation } from "./drive.js"
import type { Engine } from "./engine.js"
import { corrupted, ErofsError } from "./errors.js"
import { failure } from "./failure.js"
import { fingerprintKey } from "./fingerprint-key.js"
import { type Inode, inodePosition, parseInode } from "./format/inode.js"
import { isDirectory, isRegular } from "./format/mode.js"
import { isInMetabox, type Nid, nidToBigInt } from "./format/nid.js"
import type { Sidecar } from "./format/sidecar.js"
import type { Superblock } from "./format/superblock.js"
import { MAP_HEADER_SIZE, type MapHeader, mapHeaderPosition, parseMapHeader } from "./format/zheader.js"
import type { Proof } from "./proofs.js"
import { readMetadata } from "./read.js"
import { SIZE_DIFFERS } from "./status.js"
import type { Verifier } from "./verify.js"

const COMPACT_INODE_SIZE = 32
const EXTENDED_INODE_SIZE = 64
/** Inodes that are kept though nobody uses them. */
const KEPT_INODES = 1024
/** Metadata that is said to be compressed better than that is not taken at its word. */
const MAX_DENSITY = 8

/** An inode in use: what it says, its content once somebody asked for it, and who holds it. */
export interface Node {
  readonly inode: Inode
  content: Content | undefined
  header: MapHeader | undefined
  /** Fingerprint under which it shares; undefined: it does not. */
  fingerprint: Uint8Array | undefined
  /** Open files and views; a node with any is not let go. */
  users: number
  /** Whether it is the one of its number that all use; not once it has been let go. */
  isKept: boolean
}

/** What the inodes of one image need to know of it. */
export interface InodeEnvironment {
  engine: Engine
  superblock: Superblock
  devices: Devices
  mount: number
  /** Address space that names the domain. */
  domainSpace: number
  /** Says whether files are what they claim; undefined: they are believed. */
  verifier: Verifier | undefined
  /** Fingerprints that the user gave for the image. */
  sidecar: Sidecar | undefined
  /** The primary device as metadata. */
  device: Content
}

/** The inodes of one image. */
export class Inodes {
  readonly #env: InodeEnvironment
  readonly #nodes = new Map<Nid, Node>()
  /** Nodes beyond which unused ones are let go. */
  #limit = KEPT_INODES
  /** The key of an address space of a file's own, and its bytes. */
  readonly #key = new Float64Array(1)
  readonly #keyBytes = new Uint8Array(this.#key.buffer)
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
    environment.engine.keepers.add(this)
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
    const packed = yield* this.#openSpecial(packedNid, CONTENT_IS_PACKED)
    this.#packed = this.#keepFirst(this.#packed, packed)
    return this.#packed
  }

  /** An inode. Throws EUCLEAN for a damaged one, ENOTSUP for one of an unknown kind. */
  *get(nid: Nid): Operation<Node> {
    return this.resident(nid) ?? (yield* this.#load(nid))
  }

  /** An inode, if no byte has to be fetched for it. Throws as {@link get} does. */
  resident(nid: Nid): Node | undefined {
    const known = this.#nodes.get(nid)
    if (known || isInMetabox(nid)) return known
    const { engine, superblock, device } = this.#env
    const position = inodePosition(nid, superblock)
    const length = lengthOfInode(device, position, nid)
    const bytes = engine.core.peek(device.space, position, length)
    return bytes && this.#keep(newNode(parseInode(bytes, position, nid, superblock)))
  }

  /**
   * The content of a regular file, directory or symlink; only valid while the node has users. Throws EOVERFLOW
   * above 2^53 - 1 bytes.
   */
  *contentOf(node: Node): Operation<Content> {
    return node.content ?? (yield* this.#open(node, this.#mergeFlag(node.inode), true))
  }

  /**
   * The content, if no byte has to be fetched for it. Undefined too where it cannot be had: {@link contentOf} tells why.
   */
  residentContent(node: Node): Content | undefined {
    if (node.content) return node.content
    const { inode } = node
    const { device, engine } = this.#env
    if (isInMetabox(inode.nid) || inode.size > Number.MAX_SAFE_INTEGER || this.#mayShare(inode))
      return undefined
    if (!node.header && isCompressed(inode)) {
      const position = mapHeaderPosition(inode)
      if (position + MAP_HEADER_SIZE > device.size) return undefined
      const bytes = engine.core.peek(device.space, position, MAP_HEADER_SIZE)
      if (!bytes) return undefined
      node.header = parseMapHeader(bytes, inode, this.#env.superblock)
    }
    const needsPacked = node.header?.hasFragmentTail || node.header?.isWholeFragment
    if (needsPacked && !this.#packed) return undefined
    return this.#makeContent(node, this.#mergeFlag(inode), device, needsPacked ? this.#packed : undefined)
  }

  /** Does something with a node's content and holds the node meanwhile. */
  *withContent<T>(node: Node, use: (content: Content) => Operation<T>): Operation<T> {
    const held = this.hold(node)
    try {
      return yield* use(yield* this.contentOf(held))
    } finally {
      this.unhold(held)
    }
  }

  /**
   * Adds a user to a node: its content stays until {@link unhold}. Answers the node to use: if this one has been
   * let go meanwhile, another may have taken its place.
   */
  hold(node: Node): Node {
    const known = node.isKept ? node : (this.#nodes.get(node.inode.nid) ?? node)
    if (!known.isKept) this.#add(known)
    known.users++
    return known
  }

  /** Takes a user off a node. */
  unhold(node: Node): void {
    node.users--
  }

  /** Lets all nodes go that nobody uses, so that others get their address spaces. */
  relieve(): void {
    this.#letGo(this.#nodes.size)
  }

  /** Lets go of everything. */
  release(): void {
    for (const node of this.#nodes.values()) this.#releaseContent(node)
    this.#nodes.clear()
    this.#env.engine.keepers.delete(this)
    this.#metabox?.release(this.#env.engine.core)
    this.#packed?.release(this.#env.engine.core)
  }

  *#load(nid: Nid): Operation<Node> {
    const node = yield* this.#read(nid)
    return this.#nodes.get(nid) ?? this.#keep(node)
  }

  #add(node: Node): void {
    node.isKept = true
    this.#nodes.set(node.inode.nid, node)
  }

  #keep(node: Node): Node {
    this.#add(node)
    if (this.#nodes.size > this.#limit) this.#letGo(this.#nodes.size - KEPT_INODES / 2)
    return node
  }

  *#read(nid: Nid): Operation<Node> {
    const { engine, superblock } = this.#env
    const metadata = yield* this.metadataOf(nid)
    const position = inodePosition(nid, superblock)
    const bytes = yield* readMetadata(engine, metadata, position, lengthOfInode(metadata, position, nid))
    return newNode(parseInode(bytes, position, nid, superblock))
  }

  /** Lets up to `count` of the unused inodes go, the oldest first. */
  #letGo(count: number): void {
    let left = count
    for (const node of this.#nodes.values()) {
      if (left <= 0) break
      if (node.users > 0) continue
      this.#nodes.delete(node.inode.nid)
      node.isKept = false
      this.#releaseContent(node)
      left--
    }
    // Those in use stay: looking through them again has to wait until it can be worth it.
    this.#limit = Math.max(KEPT_INODES, 2 * this.#nodes.size)
  }

  #releaseContent(node: Node): void {
    const { engine } = this.#env
    if (node.content) engine.removeMember(node.content)
    node.content?.release(engine.core)
    node.content = undefined
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
    const content = yield* this.#open(node, flags, false)
    content.density = densityOf(node.inode, this.#env.superblock)
    return content
  }

  /** Reads what the mapper must know and makes the content. `mayShare`: its pages with files of the same fingerprint. */
  *#open(node: Node, flags: number, mayShare: boolean): Operation<Content> {
    const { inode } = node
    if (inode.size > Number.MAX_SAFE_INTEGER) {
      throw new ErofsError("EOVERFLOW", "file is too large to be read here", { nid: nidToBigInt(inode.nid) })
    }
    const metadata = yield* this.metadataOf(inode.nid)
    if (!node.header && isCompressed(inode)) node.header = yield* this.#readHeader(inode, metadata)
    const { header } = node
    const isPacked = (flags & CONTENT_IS_PACKED) !== 0
    const needsPacked = header !== undefined && (header.hasFragmentTail || header.isWholeFragment)
    const packed = needsPacked && !isPacked ? yield* this.packed() : undefined
    if (isPacked && header?.isWholeFragment) {
      throw corrupted("fragment inside the packed inode", { nid: nidToBigInt(inode.nid) })
    }
    // To look up the fingerprint of the metabox would need the metabox.
    const fingerprint = mayShare && this.#mayShare(inode) ? yield* this.#findFingerprint(node) : undefined
    const { verifier } = this.#env
    const isAsked = verifier !== undefined && fingerprint !== undefined && !node.content
    const proof = isAsked ? yield* this.#prove(node, verifier, fingerprint, metadata, packed) : undefined
    // Somebody else may have opened it while bytes were being fetched.
    if (node.content) return node.content
    node.fingerprint = verifier && !proof ? undefined : fingerprint
    return this.#makeContent(node, flags, metadata, packed, proof)
  }

  /** What proves that a file is what its fingerprint claims; undefined: it must not share. */
  *#prove(
    node: Node,
    verifier: Verifier,
    fingerprint: Uint8Array,
    metadata: Content,
    packed: Content | undefined,
  ): Operation<Proof | undefined> {
    // Read apart from whatever it claims to be.
    const content = this.#newContent(node, (one) => this.#openOwnSpace(one.inode), metadata, packed)
    try {
      return yield* verifier.prove(node.inode.nid, fingerprint, content)
    } finally {
      content.release(this.#env.engine.core)
    }
  }

  /** The flag that lets equal pages of files lie in one frame. */
  #mergeFlag({ mode }: Inode): number {
    return this.#env.engine.sharing.has("content") && isRegular(mode) ? CONTENT_MERGE : 0
  }

  /** Whether the inode may have a fingerprint to share under. */
  #mayShare(inode: Inode): boolean {
    return (
      (inode.xattrSize > 0 || this.#env.sidecar !== undefined) &&
      inode.size > 0 &&
      this.#env.engine.sharing.has("fingerprint") &&
      isRegular(inode.mode)
    )
  }

  /** Makes the content of a node whose header and fingerprint are known, and proved by `proof` where that is asked. */
  #makeContent(
    node: Node,
    flags: number,
    metadata: Content,
    packed: Content | undefined,
    proof?: Proof,
  ): Content {
    const { engine } = this.#env
    const content = this.#newContent(node, (one) => this.#openSpace(one), metadata, packed)
    content.description.flags |= flags
    node.content = content
    if (node.fingerprint) {
      content.description.reader = engine.core.nextMount()
      content.proof = proof
      engine.addMember(content)
    }
    return content
  }

  /** `openSpace` comes last: what is damaged must not leave a reference to an address space behind. */
  #newContent(
    node: Node,
    openSpace: (node: Node) => number,
    metadata: Content,
    packed: Content | undefined,
  ): Content {
    const { superblock, devices, mount } = this.#env
    const { inode } = node
    const description = describe(inode, node.header, superblock)
    description.mount = mount
    description.space = openSpace(node)
    const content = new Content(description, { devices, nid: nidToBigInt(inode.nid), metadata, packed })
    content.isDirectory = isDirectory(inode.mode)
    return content
  }

  /** The shared address space of a file with a fingerprint, else one of its own. */
  #openSpace(node: Node): number {
    const { engine, mount, domainSpace, verifier } = this.#env
    if (node.fingerprint) {
      const { key, digits } = fingerprintKey(node.fingerprint)
      // Files that were verified never share with files that were only believed.
      const tag = verifier ? TAG_VERIFIED : TAG_FINGERPRINT
      const { size } = node.inode
      const shared = engine.openSpace({ tag, owner: digits, key, size, mount, domain: domainSpace })
      if (shared > 0) return shared
      if (shared === -SIZE_DIFFERS) engine.counters.sizeConflicts++
      node.fingerprint = undefined
    }
    return this.#openOwnSpace(node.inode)
  }

  /** An address space that belongs to one file of this image alone. */
  #openOwnSpace({ nid, size }: Inode): number {
    const { engine, mount, domainSpace } = this.#env
    this.#key[0] = nid
    const key = this.#keyBytes
    const own = engine.openSpace({ tag: TAG_INODE, owner: mount, key, size, mount, domain: domainSpace })
    if (own <= 0) throw failure(-own, { nid: nidToBigInt(nid) }, 0)
    return own
  }

  *#readHeader(inode: Inode, metadata: Content): Operation<MapHeader> {
    const position = mapHeaderPosition(inode)
    const bytes = yield* readMetadata(this.#env.engine, metadata, position, MAP_HEADER_SIZE)
    return parseMapHeader(bytes, inode, this.#env.superblock)
  }
}

/** Bytes to read for an inode: what the longer form takes, or up to the end. Throws EUCLEAN beyond the metadata. */
function lengthOfInode(metadata: Content, position: number, nid: Nid): number {
  if (position + COMPACT_INODE_SIZE > metadata.size) {
    throw corrupted("inode lies beyond the metadata", { nid: nidToBigInt(nid), offset: position })
  }
  return Math.min(EXTENDED_INODE_SIZE, metadata.size - position)
}

/** Bytes of a file for each byte that it takes on its device. */
function densityOf({ size, compressedBlocks }: Inode, { blockSize }: Superblock): number {
  if (compressedBlocks === 0) return 1
  return Math.min(Math.max(size / (compressedBlocks * blockSize), 1), MAX_DENSITY)
}

function newNode(inode: Inode): Node {
  return { inode, content: undefined, header: undefined, fingerprint: undefined, users: 0, isKept: false }
}
