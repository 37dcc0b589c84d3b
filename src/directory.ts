// SPDX-License-Identifier: MIT
/** Directories: finding a name, listing all (format section 6). */
import type { Content } from "./content.js"
import { LAYOUT_FLAT } from "./content-description.js"
import { type Need, type Operation, Together } from "./drive.js"
import type { Engine } from "./engine.js"
import { corrupted, isErofsError, withDetails } from "./errors.js"
import { fill } from "./fill.js"
import { findDirent, firstName, type RawDirent, visitDirents } from "./format/dirent.js"
import { compareNames, decodeNameAt } from "./format/names.js"
import { type Nid, nidToBigInt } from "./format/nid.js"
import type { Superblock } from "./format/superblock.js"
import type { Inodes, Node } from "./inodes.js"
import { PAGE_SIZE } from "./page.js"
import { readBytes } from "./read.js"
import { ReadAhead } from "./read-ahead.js"

/** Damaged blocks of one directory that are passed over; its size is the image's claim, and may be any. */
const MAX_DAMAGED_BLOCKS = 64
/** Bytes of inodes for each byte of their directory, about. */
const INODES_PER_DIRECTORY = 3
/** Units that the inodes of a large directory take together, at most, where they carry fingerprints. */
const FINGERPRINTED_UNITS = 1.25
const DOT = Uint8Array.of(0x2e)

/** A name of a directory. */
export interface ListedText {
  text: string
  nid: Nid
}

/** Told of damaged blocks. */
type OnDamage = (error: unknown) => void
/** Makes an entry whose name are bytes `start` to before `end` of a block, in memory that others will use. */
type EntryMaker<T> = (block: Uint8Array, start: number, end: number, nid: Nid, type: number) => T

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
  *list(directory: Node, onDamage?: OnDamage): Operation<RawDirent[]> {
    return yield* this.#listAs(directory, onDamage, (block, start, end, nid, type) => ({
      name: block.slice(start, end),
      nid,
      type,
    }))
  }

  /** Like {@link list}, for who only wants names as text and nids. */
  *listTexts(directory: Node, onDamage?: OnDamage): Operation<ListedText[]> {
    return yield* this.#listAs(directory, onDamage, (block, start, end, nid) => ({
      text: decodeNameAt(block, start, end),
      nid,
    }))
  }

  *#listAs<T>(directory: Node, onDamage: OnDamage | undefined, make: EntryMaker<T>): Operation<T[]> {
    const entries: T[] = []
    if (directory.inode.size === 0) return entries
    const tell = onDamage && ((error: unknown) => onDamage(located(error, directory)))
    const listAll = (content: Content) => this.#listBlocks(content, entries, tell, make)
    yield* this.#located(directory, this.#inodes.withContent(directory, listAll))
    return entries
  }

  *#search(content: Content, name: Uint8Array): Operation<RawDirent | undefined> {
    let low = 0
    let high = this.#blockCount(content)
    const { blockSize } = this.#superblock
    // The last block whose first name is not behind the one that is looked for.
    let candidate: Uint8Array | undefined
    let start = 0
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      const block =
        this.#residentBlock(content, middle)?.slice() ?? (yield* this.#soughtBlock(content, middle))
      const order = compareNames(parsed(middle * blockSize, firstName, block), name)
      if (order <= 0) {
        candidate = block
        start = middle * blockSize
        low = middle + 1
        if (order === 0) break
      } else {
        high = middle
      }
    }
    return candidate && parsed(start, findDirent, candidate, name)
  }

  *#listBlocks<T>(
    content: Content,
    entries: T[],
    onDamage: OnDamage | undefined,
    make: EntryMaker<T>,
  ): Operation<void> {
    const count = this.#blockCount(content)
    let last: Uint8Array | undefined
    let damaged = 0
    const readAhead = new ReadAhead()
    for (let index = 0; index < count; index++) {
      const before = entries.length
      try {
        const block = this.#residentBlock(content, index) ?? (yield* this.#block(content, index, readAhead))
        last = listBlock(block, index * this.#superblock.blockSize, last, entries, make)
      } catch (error) {
        if (!onDamage) throw error
        // Nothing of a damaged block is believed.
        entries.length = before
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
  #block(content: Content, index: number, readAhead = new ReadAhead()): Operation<Uint8Array> {
    const { blockSize } = this.#superblock
    const start = index * blockSize
    const length = Math.min(blockSize, content.size - start)
    readAhead.note(Math.floor(start / PAGE_SIZE), Math.ceil((start + length) / PAGE_SIZE))
    return readBytes(this.#engine, content, start, length, readAhead)
  }

  /** One block of a search. Where requests cost much its neighbours come with it, as the search goes on among them. */
  *#soughtBlock(content: Content, index: number): Operation<Uint8Array> {
    const unit = content.window?.unit
    if (unit !== undefined) {
      const page = Math.floor((index * this.#superblock.blockSize) / PAGE_SIZE / unit) * unit
      const neighbours = one(fill(this.#engine, content, page, unit))
      yield new Together([neighbours, ...this.#inodesBefore(content)])
    }
    return yield* this.#block(content, index)
  }

  /**
   * Brings in what lies in front of a large directory where files have their contents in the packed inode: its inodes, which
   * are needed next and come with the same request.
   */
  #inodesBefore({ description, metadata, window, size, fills }: Content): Operation<unknown>[] {
    const { packedNid, blockSize, fingerprintPrefix } = this.#superblock
    const { layout, start } = description
    const isOnDevice = layout === LAYOUT_FLAT && metadata !== undefined && metadata.metadata === undefined
    if (packedNid === 0 || !isOnDevice || !window || size < blockSize || fills > 0) return []
    if (start > metadata.size) return []
    const pages = Math.ceil(size / PAGE_SIZE)
    // What the search does not need of the directory leaves less for others.
    window.spend(Math.max(0, Math.min(pages, window.unit) - Math.ceil(Math.log2(pages + 1))))
    const end = Math.floor(start / PAGE_SIZE)
    const most = Math.floor(window.unit * (fingerprintPrefix === undefined ? 1 : FINGERPRINTED_UNITS))
    const from = end - window.spend(Math.min(most, pages * INODES_PER_DIRECTORY, end))
    const missing = this.#engine.core.firstMissing(metadata.space, from, end)
    return missing < end ? [one(fill(this.#engine, metadata, missing, end - missing))] : []
  }

  /** Adds to errors which directory they are about. */
  *#located<T>(directory: Node, operation: Operation<T>): Operation<T> {
    try {
      return yield* operation
    } catch (error) {
      throw located(error, directory)
    }
  }
}

/** An error, and which directory it is about. */
function located(error: unknown, { inode }: Node): unknown {
  return withDetails(error, { nid: nidToBigInt(inode.nid) })
}

/**
 * What a parser makes of the block at byte `start` of a directory. Its errors say where in the block: they shall say where in
 * the directory.
 */
function parsed<A extends unknown[], T>(start: number, parse: (...args: A) => T, ...args: A): T {
  try {
    return parse(...args)
  } catch (error) {
    if (isErofsError(error)) error.offset = start + Number(error.offset ?? 0)
    throw error
  }
}

/** An operation that needs one thing. */
function* one(need: Need): Operation<void> {
  yield need
}

/**
 * Adds the entries of one block, which begins at byte `blockStart` of the directory, but "." and "..". `last` is the last name
 * of the blocks before; answers the last one of this.
 */
function listBlock<T>(
  block: Uint8Array,
  blockStart: number,
  last: Uint8Array | undefined,
  entries: T[],
  make: EntryMaker<T>,
): Uint8Array | undefined {
  let [lastStart, lastEnd] = [0, 0]
  parsed(blockStart, visitDirents, block, (start, end, nid, type) => {
    // Within a block their order has been checked.
    if (lastEnd === 0 && last && compareNames(last, block.subarray(start, end)) >= 0) {
      throw corrupted("names of a directory are not in order", { offset: start })
    }
    lastStart = start
    lastEnd = end
    if (!isDot(block, start, end)) entries.push(make(block, start, end, nid, type))
  })
  return block.slice(lastStart, lastEnd)
}

/** Whether the name in bytes `start` to before `end` is "." or "..". */
function isDot(block: Uint8Array, start: number, end: number): boolean {
  if (block[start] !== 0x2e) return false
  return end - start === 1 || (end - start === 2 && block[start + 1] === 0x2e)
}
