// SPDX-License-Identifier: MIT
/**
 * A small writer of images for tests, independent of the reader: extended inodes, flat data, directories with any
 * names in any order. It writes what it is told, also what no image should hold.
 *
 *     buildImage(directory({ "a.txt": file("text"), sub: directory({}) }))
 */

/** What every inode can be given. */
export interface Attributes {
  mode?: number
  uid?: number
  gid?: number
  /** Default: how many names it has; of directories 2. */
  nlink?: number
  mtime?: [seconds: bigint, nanoseconds: number]
  /** Full names, in the namespaces user, trusted and security. */
  xattrs?: Record<string, string | Uint8Array>
  /** Says another size than the content has. */
  size?: bigint
  /** Data behind the inode (it must fit a block) instead of in blocks of its own. Default: if it is below 2 KiB. */
  isInline?: boolean
  /** Says that the data begins at this block; 2^48 - 1: that it is a hole. */
  startBlock?: number
}

/** An inode to be written. The same object under several names makes hard links. */
export interface BuildNode extends Attributes {
  typeBits: number
  content: Uint8Array
  rdev: number
  entries?: readonly (readonly [name: Uint8Array, node: BuildNode])[]
}

/** Names with their inodes; a list may repeat names. */
export type Entries = Record<string, BuildNode> | readonly (readonly [string | Uint8Array, BuildNode])[]

const BLOCK = 4096
const BLOCK_BITS = 12
const SLOT = 32
const INODE = 64
const SUPERBLOCK = 1024
const INLINE_BELOW = 2048
const DIRENT = 12
const XATTR_HEADER = 12
const NO_CONTENT = new Uint8Array(0)
const XATTR_INDEXES = new Map([
  ["user.", 1],
  ["trusted.", 4],
  ["security.", 6],
])
/** File types of dirents by the upper four bits of the mode. */
const DIRENT_TYPES = new Map([
  [0o100000, 1],
  [0o040000, 2],
  [0o020000, 3],
  [0o060000, 4],
  [0o010000, 5],
  [0o140000, 6],
  [0o120000, 7],
])

const bytesOf = (value: string | Uint8Array): Uint8Array =>
  typeof value === "string" ? new Uint8Array(Buffer.from(value)) : value

/** A regular file. */
export function file(content: string | Uint8Array, attributes: Attributes = {}): BuildNode {
  return { mode: 0o644, ...attributes, typeBits: 0o100000, content: bytesOf(content), rdev: 0 }
}

/** A symbolic link. */
export function symlink(target: string | Uint8Array, attributes: Attributes = {}): BuildNode {
  return { mode: 0o777, ...attributes, typeBits: 0o120000, content: bytesOf(target), rdev: 0 }
}

/** A device node, FIFO or socket. */
export function special(
  type: "char" | "block" | "fifo" | "socket",
  [major, minor]: [number, number] = [0, 0],
  attributes: Attributes = {},
): BuildNode {
  const typeBits = { char: 0o020000, block: 0o060000, fifo: 0o010000, socket: 0o140000 }[type]
  const rdev = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)
  return { mode: 0o600, ...attributes, typeBits, content: NO_CONTENT, rdev }
}

/** A directory. Entries given as an object are sorted by their bytes, a list stays as it is. */
export function directory(entries: Entries, attributes: Attributes = {}): BuildNode {
  const list = isList(entries)
    ? entries.map(([name, node]) => [bytesOf(name), node] as const)
    : Object.entries(entries)
        .map(([name, node]) => [bytesOf(name), node] as const)
        .sort(([a], [b]) => Buffer.compare(a, b))
  return { mode: 0o755, ...attributes, typeBits: 0o040000, content: NO_CONTENT, rdev: 0, entries: list }
}

function isList(entries: Entries): entries is Exclude<Entries, Record<string, BuildNode>> {
  return Array.isArray(entries)
}

/** An inode with its place. */
interface Placed {
  node: BuildNode
  parent: Placed | undefined
  content: Uint8Array
  xattrs: Uint8Array
  isInline: boolean
  names: number
  nid: number
  block: number
}

/** The bytes of an image whose root is `root`, without a checksum: damage whatever you like. */
export function buildImage(root: BuildNode): Uint8Array {
  const placed = new Map<BuildNode, Placed>()
  collect(root, undefined, placed)
  const all = [...placed.values()]
  for (const one of all)
    one.content = one.node.entries ? new Uint8Array(directorySize(one)) : one.node.content
  const blocks = place(all)
  for (const one of all) if (one.node.entries) one.content = directoryContent(one, placed)
  const image = new Uint8Array(blocks * BLOCK)
  for (const one of all) writeInode(image, one)
  writeSuperblock(image, all, blocks)
  return image
}

/** Every inode once, parents first. */
function collect(root: BuildNode, parent: Placed | undefined, placed: Map<BuildNode, Placed>): void {
  const todo = [{ node: root, parent }]
  for (let next = todo.pop(); next; next = todo.pop()) {
    const known = placed.get(next.node)
    if (known) {
      known.names++
      continue
    }
    const { node } = next
    const one = {
      node,
      parent: next.parent,
      content: NO_CONTENT,
      xattrs: xattrBody(node.xattrs ?? {}),
      isInline: false,
      names: 1,
      nid: 0,
      block: 0,
    }
    placed.set(node, one)
    for (const [, child] of [...(node.entries ?? [])].reverse()) todo.push({ node: child, parent: one })
  }
}

/** Gives every inode its slot and its data their blocks; answers how many blocks there are. Block 0 is the superblock's. */
function place(all: readonly Placed[]): number {
  let position = BLOCK
  for (const one of all) {
    const { length } = one.content
    one.isInline = length > 0 && (one.node.isInline ?? length < INLINE_BELOW)
    const head = INODE + one.xattrs.length
    const end = position + head + (one.isInline ? length : 0)
    // An inode may cross into the next block, its inline data may not.
    const crosses = Math.floor((position + head) / BLOCK) !== Math.floor((end - 1) / BLOCK)
    if (one.isInline && crosses) position = Math.ceil(position / BLOCK) * BLOCK
    one.nid = position / SLOT
    position = Math.ceil((position + head + (one.isInline ? length : 0)) / SLOT) * SLOT
  }
  let block = Math.ceil(position / BLOCK)
  for (const one of all) {
    one.block = block
    if (!one.isInline) block += Math.ceil(one.content.length / BLOCK)
  }
  return block
}

type Named = readonly [name: Uint8Array, placed: Placed]

/** Entries in blocks; "." and ".." are put where they belong in the order of names. */
function direntBlocks(one: Placed, placed: Map<BuildNode, Placed> | undefined): Named[][] {
  const dots: Named[] = [
    [bytesOf("."), one],
    [bytesOf(".."), one.parent ?? one],
  ]
  const entries = (one.node.entries ?? []).map(([name, node]): Named => [name, placed?.get(node) ?? one])
  const at = entries.findIndex(([name]) => Buffer.compare(name, bytesOf("..")) > 0)
  const sorted = at < 0 ? [...entries, ...dots] : [...entries.slice(0, at), ...dots, ...entries.slice(at)]
  const blocks: Named[][] = []
  let size = BLOCK
  for (const entry of sorted) {
    const bytes = DIRENT + entry[0].length
    if (size + bytes > BLOCK) {
      blocks.push([])
      size = 0
    }
    blocks.at(-1)?.push(entry)
    size += bytes
  }
  return blocks
}

function directorySize(one: Placed): number {
  const blocks = direntBlocks(one, undefined)
  const last = blocks.at(-1) ?? []
  return (blocks.length - 1) * BLOCK + last.reduce((sum, [name]) => sum + DIRENT + name.length, 0)
}

function directoryContent(one: Placed, placed: Map<BuildNode, Placed>): Uint8Array {
  const content = new Uint8Array(one.content.length)
  const view = new DataView(content.buffer)
  for (const [index, entries] of direntBlocks(one, placed).entries()) {
    const start = index * BLOCK
    let nameAt = entries.length * DIRENT
    for (const [i, [name, target]] of entries.entries()) {
      const at = start + i * DIRENT
      view.setBigUint64(at, BigInt(target.nid), true)
      view.setUint16(at + 8, nameAt, true)
      view.setUint8(at + 10, DIRENT_TYPES.get(target.node.typeBits) ?? 0)
      content.set(name, start + nameAt)
      nameAt += name.length
    }
  }
  return content
}

function xattrBody(xattrs: Record<string, string | Uint8Array>): Uint8Array {
  const entries = Object.entries(xattrs)
  if (entries.length === 0) return NO_CONTENT
  const parts = [
    new Uint8Array(XATTR_HEADER),
    ...entries.map(([name, value]) => xattrEntry(name, bytesOf(value))),
  ]
  return new Uint8Array(Buffer.concat(parts))
}

function xattrEntry(fullName: string, value: Uint8Array): Uint8Array {
  const [prefix, index] = [...XATTR_INDEXES].find(([start]) => fullName.startsWith(start)) ?? ["", 0]
  const name = bytesOf(fullName.slice(prefix.length))
  const entry = new Uint8Array(Math.ceil((4 + name.length + value.length) / 4) * 4)
  entry[0] = name.length
  entry[1] = index
  new DataView(entry.buffer).setUint16(2, value.length, true)
  entry.set(name, 4)
  entry.set(value, 4 + name.length)
  return entry
}

function writeInode(image: Uint8Array, one: Placed): void {
  const { node, nid, xattrs, content, isInline } = one
  const at = nid * SLOT
  const view = new DataView(image.buffer, at)
  const isDevice = node.rdev !== 0 || node.typeBits === 0o020000 || node.typeBits === 0o060000
  const [seconds, nanoseconds] = node.mtime ?? [1_600_000_000n, 0]
  view.setUint16(0, 1 | (isInline ? 2 << 1 : 0), true)
  view.setUint16(2, xattrs.length === 0 ? 0 : 1 + (xattrs.length - XATTR_HEADER) / 4, true)
  view.setUint16(4, node.typeBits | (node.mode ?? 0), true)
  view.setBigUint64(8, node.size ?? BigInt(content.length), true)
  const startBlock = node.startBlock ?? one.block
  view.setUint16(6, isDevice ? 0 : startBlock / 2 ** 32, true)
  view.setUint32(16, isDevice ? node.rdev : startBlock % 2 ** 32, true)
  view.setUint32(20, nid, true)
  view.setUint32(24, node.uid ?? 0, true)
  view.setUint32(28, node.gid ?? 0, true)
  view.setBigInt64(32, seconds, true)
  view.setUint32(40, nanoseconds, true)
  view.setUint32(44, node.nlink ?? (node.entries ? 2 : one.names), true)
  image.set(xattrs, at + INODE)
  image.set(content, isInline ? at + INODE + xattrs.length : one.block * BLOCK)
}

function writeSuperblock(image: Uint8Array, all: readonly Placed[], blocks: number): void {
  const view = new DataView(image.buffer, SUPERBLOCK)
  view.setUint32(0, 0xe0f5e1e2, true)
  view.setUint8(12, BLOCK_BITS)
  view.setUint16(14, all[0]?.nid ?? 0, true)
  view.setBigUint64(16, BigInt(all.length), true)
  view.setUint32(36, blocks, true)
}
