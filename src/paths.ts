// SPDX-License-Identifier: MIT
/** From paths to inodes. Paths are bytes; strings are taken in the reversible form of format/names.ts. */
import type { Content } from "./content.js"
import type { Directories } from "./directory.js"
import type { Operation } from "./drive.js"
import type { Engine } from "./engine.js"
import { corrupted, ErofsError } from "./errors.js"
import { isDirectory, isSymlink } from "./format/mode.js"
import { decodeName, encodeName } from "./format/names.js"
import { type Nid, nidToBigInt } from "./format/nid.js"
import type { Inodes, Node } from "./inodes.js"
import { checkArray } from "./options.js"
import { readBytes } from "./read.js"

const SLASH = 0x2f
const MAX_NAME = 255
const MAX_TARGET = 4096
/** Symlinks followed in one lookup, as in Linux. */
const MAX_LINKS = 40

/** A node and where it was found, symlinks resolved. */
export interface Found {
  node: Node
  /** Names from the root on. */
  names: Uint8Array[]
}

/** Resolves the paths of one image. */
export class Paths {
  readonly #engine: Engine
  readonly #inodes: Inodes
  readonly #directories: Directories
  readonly #rootNid: Nid

  constructor(engine: Engine, inodes: Inodes, directories: Directories, rootNid: Nid) {
    this.#engine = engine
    this.#inodes = inodes
    this.#directories = directories
    this.#rootNid = rootNid
  }

  /**
   * What a path leads to. Relative paths count from the root. The last name is followed if it is a symlink and
   * `follow` is true, or if a slash comes behind it. Throws ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EINVAL.
   */
  *find(path: string | Uint8Array, follow: boolean): Operation<Found> {
    const bytes = typeof path === "string" ? encodeName(path) : path
    checkArray(bytes)
    if (bytes.length === 0) throw new ErofsError("ENOENT", "path is empty")
    if (bytes.includes(0)) throw new ErofsError("EINVAL", "path contains a NUL byte")
    const todo = split(bytes).reverse()
    const mustBeDirectory = endsLikeDirectory(bytes)
    const trail: Node[] = [yield* this.#inodes.get(this.#rootNid)]
    const names: Uint8Array[] = []
    let links = 0
    while (todo.length > 0) {
      const name = todo.pop() as Uint8Array
      const here = trail[trail.length - 1] as Node
      if (!isDirectory(here.inode.mode)) throw new ErofsError("ENOTDIR", "not a directory")
      if (isDotDot(name)) {
        // The root's parent is the root.
        if (trail.length > 1) {
          trail.pop()
          names.pop()
        }
        continue
      }
      const next = yield* this.#step(here, name)
      const isFollowed = todo.length > 0 || follow || mustBeDirectory
      if (isSymlink(next.inode.mode) && isFollowed) {
        if (++links > MAX_LINKS) throw new ErofsError("ELOOP", "too many symbolic links")
        const target = yield* this.readLink(next)
        if (target[0] === SLASH) {
          trail.length = 1
          names.length = 0
        }
        todo.push(...split(target).reverse())
        continue
      }
      trail.push(next)
      names.push(name)
    }
    const node = trail[trail.length - 1] as Node
    if (mustBeDirectory && !isDirectory(node.inode.mode)) throw new ErofsError("ENOTDIR", "not a directory")
    return { node, names }
  }

  /** Target of a symlink. Throws EINVAL for another kind of inode, EUCLEAN for a target that cannot be one. */
  *readLink(node: Node): Operation<Uint8Array> {
    const { inode } = node
    if (!isSymlink(inode.mode)) throw new ErofsError("EINVAL", "not a symbolic link")
    const where = { nid: nidToBigInt(inode.nid) }
    if (inode.size === 0) throw corrupted("target of a symbolic link is empty", where)
    if (inode.size > MAX_TARGET) throw corrupted("target of a symbolic link is too long", where)
    const read = (content: Content) => readBytes(this.#engine, content, 0, inode.size)
    const target = yield* this.#inodes.withContent(node, read)
    if (target.includes(0)) throw corrupted("target of a symbolic link contains a NUL byte", where)
    return target
  }

  *#step(directory: Node, name: Uint8Array): Operation<Node> {
    if (name.length > MAX_NAME) throw new ErofsError("ENAMETOOLONG", "name is longer than 255 bytes")
    const entry = yield* this.#directories.find(directory, name)
    if (!entry) throw new ErofsError("ENOENT", "no such file or directory")
    return yield* this.#inodes.get(entry.nid)
  }
}

/** The names of a path, without empty ones and ".". */
function split(path: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = []
  let start = 0
  for (let at = 0; at <= path.length; at++) {
    if (at < path.length && path[at] !== SLASH) continue
    const name = path.subarray(start, at)
    if (name.length > 0 && !isDot(name)) names.push(name)
    start = at + 1
  }
  return names
}

/** Whether a path ends in "/" or "/.", so that only a directory will do. */
function endsLikeDirectory(path: Uint8Array): boolean {
  const last = path.length - 1
  return path[last] === SLASH || (path[last] === 0x2e && (last === 0 || path[last - 1] === SLASH))
}

function isDot(name: Uint8Array): boolean {
  return name.length === 1 && name[0] === 0x2e
}

function isDotDot(name: Uint8Array): boolean {
  return name.length === 2 && name[0] === 0x2e && name[1] === 0x2e
}

/**
 * What names an inode: a path as text or as bytes, or the inode's number in the image; with a number, the path that
 * it was found under may be told.
 */
export type Target = string | Uint8Array | { readonly nid: bigint; readonly path?: string }

/** How messages and open files name a target: by its path, if it has one. */
export function targetText(target: Target): string {
  if (typeof target === "string" || target instanceof Uint8Array) return pathText(target)
  return target?.path ?? `nid ${target?.nid}`
}

/** A path as text, for messages. */
export function pathText(path: string | Uint8Array): string {
  return typeof path === "string" ? path : decodeName(path)
}
