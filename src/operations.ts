// SPDX-License-Identifier: MIT
/** What an Image does, as operations: once for both the synchronous and the asynchronous form. */

import { describeInode, type InodeDescription } from "./describe.js"
import type { Operation } from "./drive.js"
import { ErofsError, type ErrorCode, withDetails } from "./errors.js"
import { OpenFile, type ReadOptions } from "./file.js"
import type { Filesystem } from "./filesystem.js"
import { fileTypeOf, isDirectory, isRegular, modeOfType } from "./format/mode.js"
import { decodeName, encodeName } from "./format/names.js"
import { nidFromBigInt, nidToBigInt } from "./format/nid.js"
import type { Node } from "./inodes.js"
import { isLookaheadWorthwhile, Lookahead, MAX_DIRECTORIES } from "./lookahead.js"
import { type Abortable, checkOptions } from "./options.js"
import { PAGE_SIZE } from "./page.js"
import { pathText, type Target, targetText } from "./paths.js"
import { copyBytes, copyDirect } from "./read.js"
import { ReadAhead } from "./read-ahead.js"
import { BigIntStats, Dirent, Stats } from "./stats.js"
import { WalkEntry } from "./walk.js"

/** Whether a symlink at the end of the path is followed; default true. */
export interface FollowOptions extends Abortable {
  followSymlinks?: boolean
}

/** How numbers and missing entries are told. */
export interface StatOptions extends Abortable {
  /** Give every number as an exact bigint. */
  bigint?: boolean
  /** False: undefined instead of ENOENT. */
  throwIfNoEntry?: boolean
}

/** In what form names are listed. */
export interface ReaddirOptions extends Abortable {
  /** "utf8" (default): names that are not UTF-8 in a reversible form; "buffer": names as bytes. */
  encoding?: "utf8" | "buffer"
  withFileTypes?: boolean
  /** Entries of directories below too, by their paths relative to the first. */
  recursive?: boolean
}

/** Whether bytes or text are wanted. */
export interface ReadFileOptions extends ReadOptions, Abortable {
  encoding?: "utf8" | null
}

/** Which attributes are listed, and how. */
export interface ListxattrOptions extends FollowOptions {
  encoding?: "utf8" | "buffer"
  /** Show attributes that only the filesystem uses too. */
  hidden?: boolean
}

const FOLLOW = ["followSymlinks", "signal"]
/** What `exists` answers false to: paths that lead to nothing. */
const NOT_THERE: readonly ErrorCode[] = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EINVAL"]
const SLASH_BYTE = Uint8Array.of(0x2f)

/** The operations of one image; see the methods of Image for what they promise. */
export class Operations {
  readonly #filesystem: Filesystem

  constructor(filesystem: Filesystem) {
    this.#filesystem = filesystem
  }

  /** The inode that a target names. */
  *#find(target: Target, follow: boolean): Operation<Node> {
    if (typeof target === "string" || target instanceof Uint8Array) {
      return (yield* this.#filesystem.paths.find(target, follow)).node
    }
    const { inodes } = this.#filesystem
    const known = this.#known(target)
    if (known) return known
    if (typeof target?.nid !== "bigint") {
      throw new ErofsError("EINVAL", "not a path")
    }
    const nid = nidFromBigInt(target.nid)
    return inodes.resident(nid) ?? (yield* inodes.get(nid))
  }

  /** Opens a regular file, if no byte has to be fetched for that. Else {@link open} can tell why. */
  openResident(target: { readonly nid: bigint; readonly path?: string }): OpenFile | undefined {
    const filesystem = this.#filesystem
    if (!filesystem.isOpen) return undefined
    const { inodes } = filesystem
    let node: Node | undefined
    try {
      const found = this.#known(target) ?? inodes.resident(nidFromBigInt(target.nid))
      if (!found || !isRegular(found.inode.mode)) return undefined
      node = inodes.hold(found)
      const content = inodes.residentContent(node)
      if (content) return new OpenFile(filesystem, node, content, targetText(target))
    } catch {}
    if (node) inodes.unhold(node)
    return undefined
  }

  /** The inode of an entry that a walk of this image has found. */
  #known(target: object): Node | undefined {
    return target instanceof WalkEntry ? target.nodeIn(this.#filesystem) : undefined
  }

  /** Opens a regular file. */
  *open(target: Target, options: FollowOptions): Operation<OpenFile> {
    checkOptions(options, FOLLOW)
    const found = yield* this.#find(target, options.followSymlinks ?? true)
    requireRegular(found)
    const { inodes } = this.#filesystem
    const node = inodes.hold(found)
    try {
      const content = node.content ?? (yield* inodes.contentOf(node))
      this.#filesystem.image.verifier?.name(node.inode.nid, targetText(target))
      return new OpenFile(this.#filesystem, node, content, targetText(target))
    } catch (error) {
      inodes.unhold(node)
      throw error
    }
  }

  /** All bytes of a file, or its text. */
  *readFile(target: Target, options: "utf8" | ReadFileOptions): Operation<string | Uint8Array<ArrayBuffer>> {
    const isText = isTextWanted(options)
    const isDirect = typeof options === "object" && (options.direct ?? false)
    const node = yield* this.#find(target, true)
    requireRegular(node)
    const { engine, inodes } = this.#filesystem
    const { verifier } = this.#filesystem.image
    const bytes = yield* inodes.withContent(node, function* (content) {
      verifier?.name(node.inode.nid, targetText(target))
      const whole = newBytes(content.size)
      if (isDirect) {
        yield* copyDirect(engine, content, whole, 0, content.size)
        return whole
      }
      const readAhead = new ReadAhead()
      readAhead.note(0, Math.ceil(content.size / PAGE_SIZE))
      yield* copyBytes(engine, content, whole, 0, content.size, readAhead)
      return whole
    })
    return isText ? new TextDecoder().decode(bytes) : bytes
  }

  /** What an inode says. */
  *stat(target: Target, follow: boolean, options: StatOptions): Operation<Stats | BigIntStats | undefined> {
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

  /** Whether a path leads to something. */
  *exists(target: Target): Operation<boolean> {
    try {
      yield* this.#find(target, true)
      return true
    } catch (error) {
      if (error instanceof ErofsError && NOT_THERE.includes(error.code)) return false
      throw error
    }
  }

  /** Names in a directory, in the form asked for. */
  *readdir(target: Target, options: ReaddirOptions): Operation<DirectoryListing> {
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
    const lookahead =
      recursive && isLookaheadWorthwhile(this.#filesystem) ? new Lookahead(this.#filesystem) : undefined
    for (let next = todo.shift(); next; next = todo.shift()) {
      const { directory: node, parent: path, prefix: before } = next
      if (seen.has(node.inode.nid)) {
        throw new ErofsError("EUCLEAN", "directory is met twice in the tree", {
          nid: nidToBigInt(node.inode.nid),
        })
      }
      seen.add(node.inode.nid)
      if (lookahead?.knows(node) === false) {
        const expected = [next, ...todo.slice(0, MAX_DIRECTORIES - 1)]
        yield* lookahead.bringIn(expected.map((one) => ({ node: one.directory, levels: 64 })))
      }
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

  /** Where a symlink points. */
  *readlink(
    target: Target,
    options: Abortable & { encoding?: "utf8" | "buffer" },
  ): Operation<string | Uint8Array> {
    checkOptions(options, ["encoding", "signal"])
    const isBuffer = isBufferEncoding(options.encoding)
    const bytes = yield* this.#filesystem.paths.readLink(yield* this.#find(target, false))
    return isBuffer ? bytes : decodeName(bytes)
  }

  /** The path without symlinks. */
  *realpath(
    path: string | Uint8Array,
    options: Abortable & { encoding?: "utf8" | "buffer" },
  ): Operation<string | Uint8Array> {
    checkOptions(options, ["encoding", "signal"])
    const isBuffer = isBufferEncoding(options.encoding)
    const { names } = yield* this.#filesystem.paths.find(path, true)
    const bytes = names.reduce(joinPath, SLASH_BYTE)
    return isBuffer ? bytes : decodeName(bytes)
  }

  /** Value of an extended attribute. */
  *getxattr(target: Target, name: string | Uint8Array, options: FollowOptions): Operation<Uint8Array> {
    checkOptions(options, FOLLOW)
    const node = yield* this.#find(target, options.followSymlinks ?? true)
    const bytes = typeof name === "string" ? encodeName(name) : name
    const value = yield* this.#located(node, this.#filesystem.xattrs.get(node, bytes))
    if (!value) throw new ErofsError("ENODATA", `no attribute '${pathText(name)}'`)
    return value
  }

  /** Names of extended attributes. */
  *listxattr(target: Target, options: ListxattrOptions): Operation<string[] | Uint8Array[]> {
    checkOptions(options, [...FOLLOW, "encoding", "hidden"])
    const isBuffer = isBufferEncoding(options.encoding)
    const node = yield* this.#find(target, options.followSymlinks ?? true)
    const all = yield* this.#located(node, this.#filesystem.xattrs.list(node))
    const shown = all.filter((xattr) => options.hidden || !xattr.isHidden).map((xattr) => xattr.name)
    return isBuffer ? shown : shown.map(decodeName)
  }

  /** How an inode is stored. */
  *describe(target: Target, options: FollowOptions & { extents?: boolean }): Operation<InodeDescription> {
    checkOptions(options, [...FOLLOW, "extents"])
    const node = yield* this.#find(target, options.followSymlinks ?? true)
    return yield* describeInode(this.#filesystem, node, options.extents ?? false)
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
export type DirectoryListing = string[] | Uint8Array[] | Dirent[] | Dirent<Uint8Array>[]

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
  checkOptions(all, ["encoding", "direct", "signal"])
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
