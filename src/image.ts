// SPDX-License-Identifier: MIT

import { describeInode, type InodeDescription } from "./describe.js"
import type { Operation } from "./drive.js"
import { ErofsError, type ErrorCode, withDetails } from "./errors.js"
import { OpenFile } from "./file.js"
import type { Filesystem } from "./filesystem.js"
import { copyBytes, ReadAhead } from "./fill.js"
import { fileTypeOf, isDirectory, isRegular, modeOfType } from "./format/mode.js"
import { decodeName, encodeName } from "./format/names.js"
import { nidFromBigInt, nidToBigInt } from "./format/nid.js"
import { EROFS_MAGIC, type Superblock } from "./format/superblock.js"
import type { Node } from "./inodes.js"
import { type Abortable, checkOptions } from "./options.js"
import { pathText, type Target, targetText } from "./paths.js"
import { BigIntStats, Dirent, type StatFs, Stats } from "./stats.js"
import { Walk, type WalkEntry, type WalkOptions } from "./walk.js"

export type { Target } from "./paths.js"

/** Whether a symlink at the end of the path is followed; default true. */
export interface FollowOptions extends Abortable {
  followSymlinks?: boolean
}

export interface StatOptions extends Abortable {
  /** Give every number as an exact bigint. */
  bigint?: boolean
  /** False: undefined instead of ENOENT. */
  throwIfNoEntry?: boolean
}

export interface ReaddirOptions extends Abortable {
  /** "utf8" (default): names that are not UTF-8 in a reversible form; "buffer": names as bytes. */
  encoding?: "utf8" | "buffer"
  withFileTypes?: boolean
  /** Entries of directories below too, by their paths relative to the first. */
  recursive?: boolean
}

export interface ReadFileOptions extends Abortable {
  encoding?: "utf8" | null
}

export interface ListxattrOptions extends FollowOptions {
  encoding?: "utf8" | "buffer"
  /** Show attributes that only the filesystem uses too. */
  hidden?: boolean
}

const FOLLOW = ["followSymlinks", "signal"]
/** What `exists` answers false to: paths that lead to nothing. */
const NOT_THERE: readonly ErrorCode[] = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EINVAL"]
const SLASH_BYTE = Uint8Array.of(0x2f)

/**
 * A mounted image: one EROFS filesystem, read-only. Made by `PagePool.mount`.
 *
 * Names follow `node:fs`. Every operation has a form that waits and a `Sync` twin, which throws ENOTSUP when bytes
 * must be fetched from a source that can only be read asynchronously. Errors are {@link ErofsError}.
 */
export class Image {
  readonly #filesystem: Filesystem
  readonly #onClose: (image: Image) => void
  #isClosed = false

  /** @internal */
  constructor(filesystem: Filesystem, onClose: (image: Image) => void) {
    this.#filesystem = filesystem
    this.#onClose = onClose
  }

  /** What the superblock says. */
  get superblock(): Readonly<Superblock> {
    return this.#filesystem.image.superblock
  }

  /** Compression settings and further devices, as the image announces them. */
  get compression() {
    return this.#filesystem.image.algorithms
  }
  get devices() {
    return this.#filesystem.image.devices.further
  }

  /** Opens a regular file. Throws EISDIR for a directory, EINVAL for what has no content. */
  open(target: Target, options: FollowOptions = {}): Promise<OpenFile> {
    return this.#run("open", target, this.#open(target, options), options.signal)
  }

  /** Like {@link open}, at once. */
  openSync(target: Target, options: FollowOptions = {}): OpenFile {
    return this.#runSync("open", target, this.#open(target, options))
  }

  /** All bytes of a file, or its text. */
  readFile(target: Target, options: "utf8" | (ReadFileOptions & { encoding: "utf8" })): Promise<string>
  readFile(target: Target, options?: ReadFileOptions & { encoding?: null }): Promise<Uint8Array<ArrayBuffer>>
  readFile(
    target: Target,
    options: "utf8" | ReadFileOptions = {},
  ): Promise<string | Uint8Array<ArrayBuffer>> {
    const { signal } = options as ReadFileOptions
    return this.#run("readFile", target, this.#readFile(target, options), signal)
  }

  /** Like {@link readFile}, at once. */
  readFileSync(target: Target, options: "utf8" | (ReadFileOptions & { encoding: "utf8" })): string
  readFileSync(target: Target, options?: ReadFileOptions & { encoding?: null }): Uint8Array<ArrayBuffer>
  readFileSync(target: Target, options: "utf8" | ReadFileOptions = {}): string | Uint8Array<ArrayBuffer> {
    return this.#runSync("readFile", target, this.#readFile(target, options))
  }

  /** What an inode says; symlinks are followed. Throws EOVERFLOW for numbers beyond 2^53 unless asked for bigint. */
  stat(target: Target, options: StatOptions & { bigint: true }): Promise<BigIntStats>
  stat(target: Target, options?: StatOptions & { bigint?: false; throwIfNoEntry?: true }): Promise<Stats>
  stat(target: Target, options?: StatOptions): Promise<Stats | BigIntStats | undefined>
  stat(target: Target, options: StatOptions = {}): Promise<Stats | BigIntStats | undefined> {
    return this.#run("stat", target, this.#stat(target, true, options), options.signal)
  }

  /** Like {@link stat}, at once. */
  statSync(target: Target, options: StatOptions & { bigint: true }): BigIntStats
  statSync(target: Target, options?: StatOptions & { bigint?: false; throwIfNoEntry?: true }): Stats
  statSync(target: Target, options?: StatOptions): Stats | BigIntStats | undefined
  statSync(target: Target, options: StatOptions = {}): Stats | BigIntStats | undefined {
    return this.#runSync("stat", target, this.#stat(target, true, options))
  }

  /** Like {@link stat}, of a symlink itself. */
  lstat(target: Target, options: StatOptions & { bigint: true }): Promise<BigIntStats>
  lstat(target: Target, options?: StatOptions & { bigint?: false; throwIfNoEntry?: true }): Promise<Stats>
  lstat(target: Target, options?: StatOptions): Promise<Stats | BigIntStats | undefined>
  lstat(target: Target, options: StatOptions = {}): Promise<Stats | BigIntStats | undefined> {
    return this.#run("lstat", target, this.#stat(target, false, options), options.signal)
  }

  /** Like {@link lstat}, at once. */
  lstatSync(target: Target, options: StatOptions & { bigint: true }): BigIntStats
  lstatSync(target: Target, options?: StatOptions & { bigint?: false; throwIfNoEntry?: true }): Stats
  lstatSync(target: Target, options?: StatOptions): Stats | BigIntStats | undefined
  lstatSync(target: Target, options: StatOptions = {}): Stats | BigIntStats | undefined {
    return this.#runSync("lstat", target, this.#stat(target, false, options))
  }

  /** Whether a path leads to something. Damage on the way is thrown, not answered. */
  exists(target: Target, options: Abortable = {}): Promise<boolean> {
    return this.#run("access", target, this.#exists(target), options.signal)
  }

  /** Like {@link exists}, at once. */
  existsSync(target: Target): boolean {
    return this.#runSync("access", target, this.#exists(target))
  }

  /** Names in a directory, sorted by their bytes, without "." and "..". */
  readdir(
    target: Target,
    options: ReaddirOptions & { withFileTypes: true; encoding: "buffer" },
  ): Promise<Dirent<Uint8Array>[]>
  readdir(target: Target, options: ReaddirOptions & { withFileTypes: true }): Promise<Dirent[]>
  readdir(target: Target, options: ReaddirOptions & { encoding: "buffer" }): Promise<Uint8Array[]>
  readdir(target: Target, options?: ReaddirOptions & { encoding?: "utf8" }): Promise<string[]>
  readdir(target: Target, options: ReaddirOptions = {}): Promise<DirectoryListing> {
    return this.#run("readdir", target, this.#readdir(target, options), options.signal)
  }

  /** Like {@link readdir}, at once. */
  readdirSync(
    target: Target,
    options: ReaddirOptions & { withFileTypes: true; encoding: "buffer" },
  ): Dirent<Uint8Array>[]
  readdirSync(target: Target, options: ReaddirOptions & { withFileTypes: true }): Dirent[]
  readdirSync(target: Target, options: ReaddirOptions & { encoding: "buffer" }): Uint8Array[]
  readdirSync(target: Target, options?: ReaddirOptions & { encoding?: "utf8" }): string[]
  readdirSync(target: Target, options: ReaddirOptions = {}): DirectoryListing {
    return this.#runSync("readdir", target, this.#readdir(target, options))
  }

  /** Where a symlink points. Throws EINVAL for anything else. */
  readlink(target: Target, options: Abortable & { encoding: "buffer" }): Promise<Uint8Array>
  readlink(target: Target, options?: Abortable & { encoding?: "utf8" }): Promise<string>
  readlink(
    target: Target,
    options: Abortable & { encoding?: "utf8" | "buffer" } = {},
  ): Promise<string | Uint8Array> {
    return this.#run("readlink", target, this.#readlink(target, options), options.signal)
  }

  /** Like {@link readlink}, at once. */
  readlinkSync(target: Target, options: { encoding: "buffer" }): Uint8Array
  readlinkSync(target: Target, options?: { encoding?: "utf8" }): string
  readlinkSync(target: Target, options: { encoding?: "utf8" | "buffer" } = {}): string | Uint8Array {
    return this.#runSync("readlink", target, this.#readlink(target, options))
  }

  /** The path without symlinks, "." and "..", from the root on. */
  realpath(path: string | Uint8Array, options: Abortable & { encoding: "buffer" }): Promise<Uint8Array>
  realpath(path: string | Uint8Array, options?: Abortable & { encoding?: "utf8" }): Promise<string>
  realpath(
    path: string | Uint8Array,
    options: Abortable & { encoding?: "utf8" | "buffer" } = {},
  ): Promise<string | Uint8Array> {
    return this.#run("realpath", path, this.#realpath(path, options), options.signal)
  }

  /** Like {@link realpath}, at once. */
  realpathSync(path: string | Uint8Array, options: { encoding: "buffer" }): Uint8Array
  realpathSync(path: string | Uint8Array, options?: { encoding?: "utf8" }): string
  realpathSync(
    path: string | Uint8Array,
    options: { encoding?: "utf8" | "buffer" } = {},
  ): string | Uint8Array {
    return this.#runSync("realpath", path, this.#realpath(path, options))
  }

  /** Numbers of the filesystem as a whole. */
  async statfs(): Promise<StatFs> {
    return this.statfsSync()
  }

  /** Like {@link statfs}; the superblock is known, so nothing is read. */
  statfsSync(): StatFs {
    const { blockSize, blocks, inodes } = this.superblock
    const none = { bfree: 0n, bavail: 0n, ffree: 0n }
    return {
      type: BigInt(EROFS_MAGIC),
      bsize: BigInt(blockSize),
      blocks: BigInt(blocks),
      files: inodes,
      ...none,
    }
  }

  /** Value of an extended attribute, by its whole name. Throws ENODATA if the inode does not have it. */
  getxattr(target: Target, name: string | Uint8Array, options: FollowOptions = {}): Promise<Uint8Array> {
    return this.#run("getxattr", target, this.#getxattr(target, name, options), options.signal)
  }

  /** Like {@link getxattr}, at once. */
  getxattrSync(target: Target, name: string | Uint8Array, options: FollowOptions = {}): Uint8Array {
    return this.#runSync("getxattr", target, this.#getxattr(target, name, options))
  }

  /** Names of an inode's extended attributes, in the order they are stored. */
  listxattr(target: Target, options: ListxattrOptions & { encoding: "buffer" }): Promise<Uint8Array[]>
  listxattr(target: Target, options?: ListxattrOptions & { encoding?: "utf8" }): Promise<string[]>
  listxattr(target: Target, options: ListxattrOptions = {}): Promise<string[] | Uint8Array[]> {
    return this.#run("listxattr", target, this.#listxattr(target, options), options.signal)
  }

  /** Like {@link listxattr}, at once. */
  listxattrSync(target: Target, options: ListxattrOptions & { encoding: "buffer" }): Uint8Array[]
  listxattrSync(target: Target, options?: ListxattrOptions & { encoding?: "utf8" }): string[]
  listxattrSync(target: Target, options: ListxattrOptions = {}): string[] | Uint8Array[] {
    return this.#runSync("listxattr", target, this.#listxattr(target, options))
  }

  /** How an inode is stored: its data layout, codec and, if asked for, its extents. */
  describe(target: Target, options: FollowOptions & { extents?: boolean } = {}): Promise<InodeDescription> {
    return this.#run("describe", target, this.#describe(target, options), options.signal)
  }

  /** Like {@link describe}, at once. */
  describeSync(target: Target, options: FollowOptions & { extents?: boolean } = {}): InodeDescription {
    return this.#runSync("describe", target, this.#describe(target, options))
  }

  /** Everything below a path and itself, parents before what is in them. Symlinks are not followed. */
  async *walk(
    path: string | Uint8Array = "/",
    options: WalkOptions = {},
  ): AsyncGenerator<WalkEntry, void, void> {
    const walk = this.#walk(options)
    const { signal } = options
    yield* await this.#run("walk", path, walk.start(path), signal)
    for (;;) {
      const entries = await this.#run("walk", undefined, walk.next(), signal)
      if (!entries) return
      yield* entries
    }
  }

  /** Like {@link walk}, at once. */
  *walkSync(path: string | Uint8Array = "/", options: WalkOptions = {}): Generator<WalkEntry, void, void> {
    const walk = this.#walk(options)
    yield* this.#runSync("walk", path, walk.start(path))
    for (;;) {
      const entries = this.#runSync("walk", undefined, walk.next())
      if (!entries) return
      yield* entries
    }
  }

  /**
   * Unmounts the image and closes its sources. Files that are still open become unusable. Throws EBUSY, naming one,
   * if there are live views of it, or while operations are under way. Closing twice does nothing.
   */
  async close(): Promise<void> {
    for (const source of this.#close()) await source.close?.()
  }

  /** Like {@link close}; sources that close later are not waited for. */
  closeSync(): void {
    for (const source of this.#close()) source.close?.()
  }

  [Symbol.dispose](): void {
    this.closeSync()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #close() {
    if (this.#isClosed) return []
    this.#filesystem.close()
    this.#isClosed = true
    this.#onClose(this)
    return this.#filesystem.image.devices.sources
  }

  #run<T>(
    syscall: string,
    target: Target | undefined,
    operation: Operation<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.#filesystem.run(syscall, target, operation, signal)
  }

  #runSync<T>(syscall: string, target: Target | undefined, operation: Operation<T>): T {
    return this.#filesystem.runSync(syscall, target, operation)
  }

  *#find(target: Target, follow: boolean): Operation<Node> {
    if (typeof target === "string" || target instanceof Uint8Array) {
      return (yield* this.#filesystem.paths.find(target, follow)).node
    }
    const { inodes } = this.#filesystem
    const nid = nidFromBigInt(target.nid)
    return inodes.resident(nid) ?? (yield* inodes.get(nid))
  }

  *#open(target: Target, options: FollowOptions): Operation<OpenFile> {
    checkOptions(options, FOLLOW)
    const found = yield* this.#find(target, options.followSymlinks ?? true)
    requireRegular(found)
    const { inodes } = this.#filesystem
    const node = inodes.hold(found)
    try {
      const content = node.content ?? (yield* inodes.contentOf(node))
      return new OpenFile(this.#filesystem, node, content, targetText(target))
    } catch (error) {
      inodes.unhold(node)
      throw error
    }
  }

  *#readFile(target: Target, options: "utf8" | ReadFileOptions): Operation<string | Uint8Array<ArrayBuffer>> {
    const isText = isTextWanted(options)
    const node = yield* this.#find(target, true)
    requireRegular(node)
    const { engine, inodes } = this.#filesystem
    const bytes = yield* inodes.withContent(node, function* (content) {
      const whole = newBytes(content.size)
      const readAhead = new ReadAhead()
      readAhead.note(0, Math.ceil(content.size / 4096))
      yield* copyBytes(engine, content, whole, 0, content.size, readAhead)
      return whole
    })
    return isText ? new TextDecoder().decode(bytes) : bytes
  }

  *#stat(target: Target, follow: boolean, options: StatOptions): Operation<Stats | BigIntStats | undefined> {
    checkOptions(options, ["bigint", "throwIfNoEntry", "signal"])
    const { superblock, mount } = this.#filesystem.image
    try {
      const node = yield* this.#find(target, follow)
      const exact = new BigIntStats(node.inode, superblock, mount)
      return options.bigint ? exact : new Stats(exact)
    } catch (error) {
      if (options.throwIfNoEntry === false && isMissing(error)) return undefined
      throw error
    }
  }

  *#exists(target: Target): Operation<boolean> {
    try {
      yield* this.#find(target, true)
      return true
    } catch (error) {
      if (error instanceof ErofsError && NOT_THERE.includes(error.code)) return false
      throw error
    }
  }

  *#readdir(target: Target, options: ReaddirOptions): Operation<DirectoryListing> {
    checkOptions(options, ["encoding", "withFileTypes", "recursive", "signal"])
    const isBuffer = isBufferEncoding(options.encoding)
    const node = yield* this.#find(target, true)
    const parent =
      typeof target === "string" ? encodeName(target) : target instanceof Uint8Array ? target : SLASH_BYTE
    const entries = yield* this.#entries(node, parent, new Uint8Array(0), options.recursive ?? false)
    if (options.withFileTypes) {
      return entries.map((entry) => {
        const { nid, mode } = entry
        return isBuffer
          ? new Dirent(entry.name, entry.parent, nid, mode)
          : new Dirent(decodeName(entry.name), decodeName(entry.parent), nid, mode)
      }) as Dirent[] | Dirent<Uint8Array>[]
    }
    return isBuffer ? entries.map((e) => e.relative) : entries.map((e) => decodeName(e.relative))
  }

  /** Entries of a directory, and of those below it if `recursive`; `relative` are paths from the first one. */
  *#entries(
    directory: Node,
    parent: Uint8Array,
    prefix: Uint8Array,
    recursive: boolean,
  ): Operation<ListedName[]> {
    if (!isDirectory(directory.inode.mode)) throw new ErofsError("ENOTDIR", "not a directory")
    const listed: ListedName[] = []
    const todo = [{ directory, parent, prefix }]
    const seen = new Set<number>()
    for (let next = todo.shift(); next; next = todo.shift()) {
      const { directory: node, parent: path, prefix: before } = next
      if (seen.has(node.inode.nid)) {
        throw new ErofsError("EUCLEAN", "directory is met twice in the tree", {
          nid: nidToBigInt(node.inode.nid),
        })
      }
      seen.add(node.inode.nid)
      for (const { name, nid, type } of yield* this.#filesystem.directories.list(node)) {
        const relative = before.length > 0 ? joinPath(before, name) : name
        // The type in the entry only saves reading the inode; an unknown one does not.
        const known = modeOfType(type)
        const child = recursive || known === 0 ? yield* this.#filesystem.inodes.get(nid) : undefined
        const bits = child ? modeOfType(fileTypeOf(child.inode.mode)) : known
        listed.push({ name, parent: path, relative, nid: nidToBigInt(nid), mode: bits })
        if (recursive && child && isDirectory(child.inode.mode)) {
          todo.push({ directory: child, parent: joinPath(path, name), prefix: relative })
        }
      }
    }
    return listed
  }

  *#readlink(
    target: Target,
    options: Abortable & { encoding?: "utf8" | "buffer" },
  ): Operation<string | Uint8Array> {
    checkOptions(options, ["encoding", "signal"])
    const isBuffer = isBufferEncoding(options.encoding)
    const bytes = yield* this.#filesystem.paths.readLink(yield* this.#find(target, false))
    return isBuffer ? bytes : decodeName(bytes)
  }

  *#realpath(
    path: string | Uint8Array,
    options: Abortable & { encoding?: "utf8" | "buffer" },
  ): Operation<string | Uint8Array> {
    checkOptions(options, ["encoding", "signal"])
    const isBuffer = isBufferEncoding(options.encoding)
    const { names } = yield* this.#filesystem.paths.find(path, true)
    const bytes = names.reduce(joinPath, SLASH_BYTE)
    return isBuffer ? bytes : decodeName(bytes)
  }

  *#getxattr(target: Target, name: string | Uint8Array, options: FollowOptions): Operation<Uint8Array> {
    checkOptions(options, FOLLOW)
    const node = yield* this.#find(target, options.followSymlinks ?? true)
    const bytes = typeof name === "string" ? encodeName(name) : name
    const value = yield* this.#located(node, this.#filesystem.xattrs.get(node, bytes))
    if (!value) throw new ErofsError("ENODATA", `no attribute '${pathText(name)}'`)
    return value
  }

  *#listxattr(target: Target, options: ListxattrOptions): Operation<string[] | Uint8Array[]> {
    checkOptions(options, [...FOLLOW, "encoding", "hidden"])
    const isBuffer = isBufferEncoding(options.encoding)
    const node = yield* this.#find(target, options.followSymlinks ?? true)
    const all = yield* this.#located(node, this.#filesystem.xattrs.list(node))
    const shown = all.filter((xattr) => options.hidden || !xattr.isHidden).map((xattr) => xattr.name)
    return isBuffer ? shown : shown.map(decodeName)
  }

  *#describe(target: Target, options: FollowOptions & { extents?: boolean }): Operation<InodeDescription> {
    checkOptions(options, [...FOLLOW, "extents"])
    const node = yield* this.#find(target, options.followSymlinks ?? true)
    return yield* describeInode(this.#filesystem, node, options.extents ?? false)
  }

  #walk(options: WalkOptions): Walk {
    checkOptions(options, ["depth", "filter", "onError", "signal"])
    return new Walk(this.#filesystem, options)
  }

  /** Adds to errors which inode they are about. */
  *#located<T>(node: Node, operation: Operation<T>): Operation<T> {
    try {
      return yield* operation
    } catch (error) {
      throw withDetails(error, { nid: nidToBigInt(node.inode.nid) })
    }
  }
}

/** What readdir answers, in all its forms. */
type DirectoryListing = string[] | Uint8Array[] | Dirent[] | Dirent<Uint8Array>[]

interface ListedName {
  name: Uint8Array
  parent: Uint8Array
  relative: Uint8Array
  nid: bigint
  mode: number
}

function requireRegular({ inode }: Node): void {
  if (isDirectory(inode.mode)) throw new ErofsError("EISDIR", "is a directory")
  if (!isRegular(inode.mode)) throw new ErofsError("EINVAL", "not a regular file")
}

function isMissing(error: unknown): boolean {
  return error instanceof ErofsError && (error.code === "ENOENT" || error.code === "ENOTDIR")
}

function isBufferEncoding(encoding: string | undefined): boolean {
  if (encoding === "buffer") return true
  if (encoding === undefined || encoding === "utf8") return false
  throw new ErofsError("ENOTSUP", `encoding '${encoding}' is not supported`)
}

/** Whether readFile shall answer text. */
function isTextWanted(options: "utf8" | ReadFileOptions): boolean {
  const all: ReadFileOptions = typeof options === "string" ? { encoding: options } : options
  checkOptions(all, ["encoding", "signal"])
  if (all.encoding == null) return false
  if (all.encoding === "utf8") return true
  throw new ErofsError("ENOTSUP", `encoding '${all.encoding}' is not supported`)
}

/** Room for a whole file; ENOMEM where the platform has none. The size is the image's claim. */
function newBytes(size: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size)
  } catch (cause) {
    throw new ErofsError("ENOMEM", `no array of ${size} bytes can be had: use open and read, or stream`, {
      cause,
    })
  }
}

function joinPath(parent: Uint8Array, name: Uint8Array): Uint8Array {
  const hasSlash = parent[parent.length - 1] === SLASH_BYTE[0]
  const path = new Uint8Array(parent.length + (hasSlash ? 0 : 1) + name.length)
  path.set(parent)
  path.set(SLASH_BYTE, parent.length - (hasSlash ? 1 : 0))
  path.set(name, path.length - name.length)
  return path
}
