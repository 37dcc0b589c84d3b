// SPDX-License-Identifier: MIT
/** Large images for tests: metadata as bytes, the content of files as a function of its position, so that nobody stores it. */
import { record } from "./bytes.js"
import type { Served } from "./http-server.js"

const BLOCK = 4096
const SLOT = 32
const INODE = 64
const DIRENT = 12
const INLINE_BELOW = 1500
const REGULAR = { mode: 0o100644, type: 1 }
const DIRECTORY = { mode: 0o40755, type: 2 }

/** A directory: bytes of files by name, and further directories. */
export interface LargeTree {
  [name: string]: number | LargeTree
}

/**
 * How metadata lies. "scattered": as mkfs.erofs writes it, the inodes of a directory's entries in blocks of their own,
 * the content of its files behind them, so that metadata is found all over the image. "compact": all in front. Entries of
 * small directories lie behind the inode.
 */
export type LargeLayout = "scattered" | "compact"

interface Placed {
  node: number | LargeTree
  parent: Placed | undefined
  /** Children with their names, in the order of the names. */
  entries: [name: string, child: Placed][]
  position: number
  block: number
  size: number
  isInline: boolean
}

/** An image of that kind. */
export class LargeImage implements Served {
  readonly size: number
  /** Blocks with metadata, the superblock's among them. */
  readonly #metadata = new Map<number, Uint8Array>()
  #next = 1
  #inodes = 0

  constructor(tree: LargeTree, layout: LargeLayout) {
    const root = placed(tree, undefined)
    const directories = [root]
    this.#placeInodes([root])
    for (const directory of directories) {
      const children = directory.entries.map(([, child]) => child)
      if (!directory.isInline) this.#takeBlocks(directory)
      this.#placeInodes(children)
      if (layout === "scattered") for (const child of children) this.#takeFileBlocks(child)
      directories.push(...children.filter(({ node }) => typeof node !== "number"))
    }
    const files = directories.flatMap(({ entries }) => entries.map(([, child]) => child))
    if (layout === "compact") for (const file of files) this.#takeFileBlocks(file)
    for (const one of [root, ...files]) this.#writeInode(one)
    for (const directory of directories) this.#writeDirectory(directory)
    this.size = this.#next * BLOCK
    const rootNid = root.position / SLOT
    this.#block(0).set(
      record(
        128,
        [0, 4, 0xe0f5e1e2],
        [12, 1, 12],
        [14, 2, rootNid],
        [16, 8, this.#inodes],
        [36, 4, this.#next],
      ),
      1024,
    )
  }

  /** Bytes of all blocks that hold metadata. */
  get metadataBytes(): number {
    return this.#metadata.size * BLOCK
  }

  read(target: Uint8Array, offset: number): void {
    for (let done = 0; done < target.length; ) {
      const block = Math.floor((offset + done) / BLOCK)
      const within = (offset + done) % BLOCK
      const piece = target.subarray(done, done + BLOCK - within)
      const known = this.#metadata.get(block)
      if (known) piece.set(known.subarray(within, within + piece.length))
      else piece.fill(contentByte(block))
      done += piece.length
    }
  }

  #block(number: number): Uint8Array {
    let bytes = this.#metadata.get(number)
    if (!bytes) {
      bytes = new Uint8Array(BLOCK)
      this.#metadata.set(number, bytes)
    }
    return bytes
  }

  #takeBlocks(one: Placed): void {
    one.block = this.#next
    this.#next += Math.ceil(one.size / BLOCK)
  }

  #takeFileBlocks(one: Placed): void {
    if (typeof one.node === "number") this.#takeBlocks(one)
  }

  #placeInodes(all: readonly Placed[]): void {
    let position = this.#next * BLOCK
    for (const one of all) {
      const length = INODE + (one.isInline ? Math.ceil(one.size / SLOT) * SLOT : 0)
      // What lies behind an inode does not cross into the next block.
      if ((position % BLOCK) + length > BLOCK) position = Math.ceil(position / BLOCK) * BLOCK
      one.position = position
      position += length
    }
    this.#next = Math.ceil(position / BLOCK)
    this.#inodes += all.length
  }

  #writeInode({ node, position, size, block, isInline }: Placed): void {
    const { mode } = typeof node === "number" ? REGULAR : DIRECTORY
    const format = isInline ? 5 : 1
    const bytes = record(INODE, [0, 2, format], [4, 2, mode], [8, 8, size], [16, 4, block], [44, 4, 1])
    this.#block(Math.floor(position / BLOCK)).set(bytes, position % BLOCK)
  }

  #writeDirectory(directory: Placed): void {
    for (const [i, entries] of direntBlocks(directory).entries()) {
      const { isInline, position } = directory
      const block = isInline
        ? this.#block(Math.floor(position / BLOCK)).subarray((position % BLOCK) + INODE)
        : this.#block(directory.block + i)
      let nameAt = entries.length * DIRENT
      for (const [index, [name, target]] of entries.entries()) {
        const { type } = typeof target.node === "number" ? REGULAR : DIRECTORY
        block.set(
          record(DIRENT, [0, 8, target.position / SLOT], [8, 2, nameAt], [10, 1, type]),
          index * DIRENT,
        )
        block.set(Buffer.from(name), nameAt)
        nameAt += name.length
      }
    }
  }
}

/** What every byte of a file is that lies in this block. */
function contentByte(block: number): number {
  return (block * 7 + 1) & 0xff
}

function placed(node: number | LargeTree, parent: Placed | undefined): Placed {
  const one: Placed = { node, parent, entries: [], position: 0, block: 0, size: 0, isInline: false }
  if (typeof node === "number") {
    one.size = node
    return one
  }
  for (const name of Object.keys(node).sort()) one.entries.push([name, placed(node[name] ?? 0, one)])
  const blocks = direntBlocks(one)
  const last = blocks.at(-1) ?? []
  one.size = (blocks.length - 1) * BLOCK + last.reduce((sum, [name]) => sum + DIRENT + name.length, 0)
  one.isInline = one.size < INLINE_BELOW
  return one
}

/** Entries in blocks, with "." and "..", in the order of the names' bytes. */
function direntBlocks(directory: Placed): [string, Placed][][] {
  const all: [string, Placed][] = [
    [".", directory],
    ["..", directory.parent ?? directory],
    ...directory.entries,
  ]
  const blocks: [string, Placed][][] = []
  let size = BLOCK
  for (const entry of all) {
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
