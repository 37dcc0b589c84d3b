// SPDX-License-Identifier: MIT
/** Going through a tree, once for both the synchronous and the asynchronous form. */
import type { Operation } from "./drive.js"
import { corrupted, withDetails } from "./errors.js"
import type { Filesystem } from "./filesystem.js"
import { isDirectory, S_IFMT } from "./format/mode.js"
import { decodeName } from "./format/names.js"
import { nidToBigInt } from "./format/nid.js"
import type { Node } from "./inodes.js"
import type { Abortable } from "./options.js"
import { BigIntStats, Dirent } from "./stats.js"

/** One name of a tree. */
export class WalkEntry extends Dirent {
  /** Path from the root of the image. */
  readonly path: string
  /** The same as bytes: file names are bytes. */
  readonly pathBytes: Uint8Array
  /** How far below where the walk began; its beginning is 0. */
  readonly depth: number
  readonly #node: Node
  readonly #filesystem: Filesystem

  /** @internal */
  constructor(filesystem: Filesystem, node: Node, pathBytes: Uint8Array, depth: number) {
    const slash = pathBytes.lastIndexOf(SLASH)
    const path = decodeName(pathBytes)
    super(
      decodeName(pathBytes.subarray(slash + 1)),
      decodeName(pathBytes.subarray(0, slash)) || "/",
      nidToBigInt(node.inode.nid),
      node.inode.mode & S_IFMT,
    )
    this.path = path
    this.pathBytes = pathBytes
    this.depth = depth
    this.#node = node
    this.#filesystem = filesystem
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

/** A directory that is still to be read. */
interface Pending {
  path: Uint8Array
  node: Node
  depth: number
}

const SLASH = 0x2f

/**
 * The walk's state: what is still to be visited. Symlinks are not followed. A directory that contains itself, which
 * only damage can make, is an error (EUCLEAN), as is one that is met twice.
 */
export class Walk {
  readonly #filesystem: Filesystem
  readonly #options: WalkOptions
  readonly #seen = new Set<number>()
  readonly #todo: Pending[] = []

  constructor(filesystem: Filesystem, options: WalkOptions) {
    this.#filesystem = filesystem
    this.#options = options
  }

  /** Finds the beginning. */
  *start(path: string | Uint8Array): Operation<WalkEntry[]> {
    const { node, names } = yield* this.#filesystem.paths.find(path, false)
    const bytes = names.reduce<Uint8Array>((whole, name) => append(whole, name), new Uint8Array(0))
    return this.#accept(
      [new WalkEntry(this.#filesystem, node, bytes.length > 0 ? bytes : Uint8Array.of(SLASH), 0)],
      [node],
    )
  }

  /** The entries of the next directory; undefined at the end. */
  *next(): Operation<WalkEntry[] | undefined> {
    const directory = this.#todo.pop()
    if (!directory) return undefined
    const { path, node, depth } = directory
    if (depth >= (this.#options.depth ?? Number.POSITIVE_INFINITY)) return []
    try {
      this.#enter(node)
      return yield* this.#entries(path, node, depth)
    } catch (error) {
      this.#report(error, path)
      return []
    }
  }

  *#entries(path: Uint8Array, directory: Node, depth: number): Operation<WalkEntry[]> {
    const filesystem = this.#filesystem
    const entries: WalkEntry[] = []
    const nodes: Node[] = []
    const { onError } = this.#options
    const onDamage = onError && ((error: unknown) => this.#report(error, path))
    for (const { name, nid } of yield* filesystem.directories.list(directory, onDamage)) {
      const entryPath = append(path, name)
      try {
        const node = yield* filesystem.inodes.get(nid)
        entries.push(new WalkEntry(filesystem, node, entryPath, depth + 1))
        nodes.push(node)
      } catch (error) {
        this.#report(error, entryPath)
      }
    }
    return this.#accept(entries, nodes)
  }

  /** Leaves out what the filter refuses, and queues directories so that the tree is walked in order. */
  #accept(entries: WalkEntry[], nodes: Node[]): WalkEntry[] {
    const { filter } = this.#options
    const accepted: WalkEntry[] = []
    const directories: Pending[] = []
    for (const [i, entry] of entries.entries()) {
      if (filter && !filter(entry)) continue
      accepted.push(entry)
      const node = nodes[i] as Node
      if (isDirectory(node.inode.mode)) directories.push({ path: entry.pathBytes, node, depth: entry.depth })
    }
    this.#todo.push(...directories.reverse())
    return accepted
  }

  #enter(node: Node): void {
    const { nid } = node.inode
    if (this.#seen.has(nid)) {
      throw corrupted("directory is met twice in the tree", { nid: nidToBigInt(nid) })
    }
    this.#seen.add(nid)
  }

  #report(error: unknown, path: Uint8Array): void {
    const text = decodeName(path)
    const { onError, signal } = this.#options
    const detailed = withDetails(error, { syscall: "walk", path: text })
    if (!onError || signal?.aborted) throw detailed
    onError(detailed, text)
  }
}

/** Path of a name below a directory. */
function append(directory: Uint8Array, name: Uint8Array): Uint8Array {
  const isRoot = directory.length === 1
  const path = new Uint8Array((isRoot ? 0 : directory.length) + 1 + name.length)
  if (!isRoot) path.set(directory)
  path[path.length - name.length - 1] = SLASH
  path.set(name, path.length - name.length)
  return path
}
