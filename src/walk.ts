// SPDX-License-Identifier: MIT
/** Going through a tree, once for both the synchronous and the asynchronous form. */
import type { Operation } from "./drive.js"
import { corrupted, withDetails } from "./errors.js"
import type { Filesystem } from "./filesystem.js"
import { S_IFMT } from "./format/mode.js"
import { decodeName, encodeName } from "./format/names.js"
import { nidToBigInt } from "./format/nid.js"
import type { Node } from "./inodes.js"
import { type Expected, isLookaheadWorthwhile, Lookahead, MAX_DIRECTORIES } from "./lookahead.js"
import type { Abortable } from "./options.js"
import { BigIntStats, Dirent } from "./stats.js"

/** One name of a tree. */
export class WalkEntry extends Dirent {
  /** Path from the root of the image. */
  readonly path: string
  /** How far below where the walk began; its beginning is 0. */
  readonly depth: number
  readonly #node: Node
  readonly #filesystem: Filesystem
  #pathBytes: Uint8Array | undefined

  /** @internal The name is empty for the root only. */
  constructor(filesystem: Filesystem, node: Node, parentPath: string, name: string, depth: number) {
    super(name, parentPath, nidToBigInt(node.inode.nid), node.inode.mode & S_IFMT)
    this.path = pathBelow(parentPath, name)
    this.depth = depth
    this.#node = node
    this.#filesystem = filesystem
  }

  /** The path as bytes: file names are bytes. */
  get pathBytes(): Uint8Array {
    this.#pathBytes ??= encodeName(this.path)
    return this.#pathBytes
  }

  /** @internal */
  get node(): Node {
    return this.#node
  }

  /** @internal The inode, if it is one of that image. */
  nodeIn(filesystem: Filesystem): Node | undefined {
    return filesystem === this.#filesystem ? this.#node : undefined
  }

  /** What the entry's inode says, every number exact. Reads nothing. */
  get stats(): BigIntStats {
    const { superblock, mount } = this.#filesystem.image
    return new BigIntStats(this.#node.inode, superblock, mount)
  }
}

/** Options of a walk. */
export interface WalkOptions extends Abortable {
  /** Levels below the beginning to go down; default all. */
  depth?: number
  /** Asked of every entry: false leaves it out, and a directory's contents with it. */
  filter?: (entry: WalkEntry) => boolean
  /**
   * Told of what cannot be read (a damaged directory or inode) instead of ending the walk with it. `path` is where
   * it happened.
   */
  onError?: (error: unknown, path: string) => void
}

/**
 * The walk's state: what is still to be visited. Symlinks are not followed. A directory that contains itself, which
 * only damage can make, is an error (EUCLEAN), as is one that is met twice.
 */
export class Walk {
  readonly #filesystem: Filesystem
  readonly #options: WalkOptions
  readonly #seen = new Set<number>()
  readonly #todo: WalkEntry[] = []
  /** Where the image's source answers slowly. */
  readonly #lookahead: Lookahead | undefined

  constructor(filesystem: Filesystem, options: WalkOptions) {
    this.#filesystem = filesystem
    this.#options = options
    if (isLookaheadWorthwhile(filesystem)) this.#lookahead = new Lookahead(filesystem)
  }

  /** Finds the beginning. */
  *start(path: string | Uint8Array): Operation<WalkEntry[]> {
    const { node, names } = yield* this.#filesystem.paths.find(path, false)
    const texts = names.map(decodeName)
    const name = texts.pop() ?? ""
    const entry = new WalkEntry(this.#filesystem, node, `/${texts.join("/")}`, name, 0)
    return this.#queue(this.#accepted([entry]))
  }

  /** The entries of the next directory; undefined at the end. */
  *next(): Operation<WalkEntry[] | undefined> {
    const directory = this.#todo.pop()
    return directory && this.#queue(yield* this.list(directory))
  }

  /** The entries of a directory of this walk, for who goes through them in an order of his own. */
  *list(directory: WalkEntry): Operation<WalkEntry[]> {
    const { path, node, depth } = directory
    if (depth >= (this.#options.depth ?? Number.POSITIVE_INFINITY)) return []
    try {
      this.#enter(node)
      if (this.#lookahead?.knows(node) === false) yield* this.#lookahead.bringIn(this.#expected(directory))
      return yield* this.#entries(path, node, depth)
    } catch (error) {
      this.#report(error, path)
      return []
    }
  }

  /** Directories that will be listed, beginning with this one. */
  #expected(directory: WalkEntry): Expected[] {
    const { depth: limit = Number.POSITIVE_INFINITY, filter } = this.#options
    return [directory, ...this.#todo.slice(1 - MAX_DIRECTORIES).reverse()]
      .filter(({ depth }) => depth < limit)
      .map(({ node, depth }) => ({ node, levels: filter ? 0 : limit - depth - 1 }))
  }

  *#entries(path: string, directory: Node, depth: number): Operation<WalkEntry[]> {
    const filesystem = this.#filesystem
    const { inodes } = filesystem
    const entries: WalkEntry[] = []
    const { onError } = this.#options
    const onDamage = onError && ((error: unknown) => this.#report(error, path))
    for (const { text, nid } of yield* filesystem.directories.listTexts(directory, onDamage)) {
      try {
        const node = inodes.resident(nid) ?? (yield* inodes.get(nid))
        entries.push(new WalkEntry(filesystem, node, path, text, depth + 1))
      } catch (error) {
        this.#report(error, pathBelow(path, text))
      }
    }
    return this.#accepted(entries)
  }

  /** Leaves out what the filter refuses. */
  #accepted(entries: WalkEntry[]): WalkEntry[] {
    const { filter } = this.#options
    return filter ? entries.filter((entry) => filter(entry)) : entries
  }

  /** Queues directories so that the tree is walked in order. */
  #queue(entries: WalkEntry[]): WalkEntry[] {
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i] as WalkEntry
      if (entry.isDirectory()) this.#todo.push(entry)
    }
    return entries
  }

  #enter(node: Node): void {
    const { nid } = node.inode
    if (this.#seen.has(nid)) {
      throw corrupted("directory is met twice in the tree", { nid: nidToBigInt(nid) })
    }
    this.#seen.add(nid)
  }

  #report(error: unknown, path: string): void {
    const { onError, signal } = this.#options
    const detailed = withDetails(error, { syscall: "walk", path })
    if (!onError || signal?.aborted) throw detailed
    onError(detailed, path)
  }
}

/** Path of a name below a directory. */
function pathBelow(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`
}
