// SPDX-License-Identifier: MIT
/** Directories: finding a name, listing all (format section 6). */
import type { Content } from "./content.js"
import type { Operation } from "./drive.js"
import type { Engine } from "./engine.js"
import { corrupted, withDetails } from "./errors.js"
import { readBytes } from "./fill.js"
import { findDirent, firstName, parseDirentBlock, type RawDirent } from "./format/dirent.js"
import { compareNames } from "./format/names.js"
import { nidToBigInt } from "./format/nid.js"
import type { Superblock } from "./format/superblock.js"
import type { Inodes, Node } from "./inodes.js"

/** Damaged blocks of one directory that are passed over; its size is the image's claim, and may be any. */
const MAX_DAMAGED_BLOCKS = 64
const DOT = Uint8Array.of(0x2e)

/** The directories of one image. */
export class Directories {
  readonly #engine: Engine
  readonly #superblock: Superblock
  readonly #inodes: Inodes

  constructor(engine: Engine, superblock: Superblock, inodes: Inodes) {
    this.#engine = engine
    this.#superblock = superblock
    this.#inodes = inodes
  }

  /**
   * The entry with a name; undefined if there is none. Binary search over the blocks by their first names,
   * then within one block: names are sorted over the whole directory.
   */
  *find(directory: Node, name: Uint8Array): Operation<RawDirent | undefined> {
    if (compareNames(name, DOT) === 0 && directory.inode.isDotOmitted) {
      return { name: DOT, nid: directory.inode.nid, type: 2 }
    }
    if (directory.inode.size === 0) return undefined
    const search = (content: Content) => this.#search(content, name)
    return yield* this.#located(directory, this.#inodes.withContent(directory, search))
  }

  /**
   * All entries but "." and "..", in the order of their names. `onDamage` is told of damaged blocks instead of a
   * throw; where there are very many, the last of them ends the list.
   */
  *list(directory: Node, onDamage?: (error: unknown) => void): Operation<RawDirent[]> {
    const entries: RawDirent[] = []
    if (directory.inode.size === 0) return entries
    const listAll = (content: Content) => this.#listBlocks(content, entries, onDamage)
    yield* this.#located(directory, this.#inodes.withContent(directory, listAll))
    return entries
  }

  *#search(content: Content, name: Uint8Array): Operation<RawDirent | undefined> {
    let low = 0
    let high = this.#blockCount(content)
    // The last block whose first name is not behind the one that is looked for.
    let candidate: Uint8Array | undefined
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      const block = yield* this.#block(content, middle)
      const order = compareNames(firstName(block), name)
      if (order <= 0) {
        candidate = block
        low = middle + 1
        if (order === 0) break
      } else {
        high = middle
      }
    }
    return candidate && findDirent(candidate, name)
  }

  *#listBlocks(
    content: Content,
    entries: RawDirent[],
    onDamage: ((error: unknown) => void) | undefined,
  ): Operation<void> {
    const count = this.#blockCount(content)
    let last: Uint8Array | undefined
    let damaged = 0
    for (let index = 0; index < count; index++) {
      try {
        const block = this.#residentBlock(content, index) ?? (yield* this.#block(content, index))
        for (const [i, entry] of parseDirentBlock(block).entries()) {
          // Within a block their order has been checked.
          if (i === 0 && last && compareNames(last, entry.name) >= 0)
            throw corrupted("names of a directory are not in order")
          last = entry.name
          if (!isDot(entry.name)) entries.push(entry)
        }
      } catch (error) {
        if (!onDamage) throw error
        onDamage(withDetails(error, { offset: index * this.#superblock.blockSize }))
        if (++damaged === MAX_DAMAGED_BLOCKS) return
      }
    }
  }

  #blockCount(content: Content): number {
    return Math.ceil(content.size / this.#superblock.blockSize)
  }

  /** One directory block if it is in the pool; to be parsed at once, as what comes next may reuse its memory. */
  #residentBlock(content: Content, index: number): Uint8Array | undefined {
    const { blockSize } = this.#superblock
    const start = index * blockSize
    return this.#engine.core.peek(content.space, start, Math.min(blockSize, content.size - start))
  }

  /** A copy of one directory block; the last one may be shorter than the others. */
  #block(content: Content, index: number): Operation<Uint8Array> {
    const { blockSize } = this.#superblock
    const start = index * blockSize
    return readBytes(this.#engine, content, start, Math.min(blockSize, content.size - start))
  }

  /** Adds to errors which directory they are about. */
  *#located<T>(directory: Node, operation: Operation<T>): Operation<T> {
    try {
      return yield* operation
    } catch (error) {
      throw withDetails(error, { nid: nidToBigInt(directory.inode.nid) })
    }
  }
}

/** Whether a name is "." or "..". */
function isDot(name: Uint8Array): boolean {
  return name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e))
}
