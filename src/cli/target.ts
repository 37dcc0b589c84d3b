// SPDX-License-Identifier: MIT
/** The directory that is extracted into, and the only ways in which entries come into it. */
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, unlinkSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { ErofsError } from "../errors.js"
import { encodeName } from "../format/names.js"
import type { WalkEntry } from "../walk.js"
import { codeOf, UsageError } from "./exit.js"

/** A directory of the target that this run made, or found to be a real directory. */
export interface TargetDirectory {
  /** What is made in it has exactly the mode and owner that it is made with. */
  isPlain: boolean
}

/** How files are made: never an existing one, never through a link. */
export const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

const LONE_SURROGATE = /[\ud800-\udfff]/

/** A path as the system must be given it: names that are not UTF-8 as bytes. */
export function systemPath(path: string): string | Buffer {
  return LONE_SURROGATE.test(path) ? Buffer.from(encodeName(path)) : path
}

/**
 * The directory that is extracted into. Entries are made exclusively, so that neither an existing entry nor a link is
 * ever written through; the caller makes entries only in directories that this object answered for.
 */
export class TargetTree {
  /** Absolute. */
  readonly path: string
  readonly #overwrites: boolean
  /** Paths made by this run; kept only if others may be replaced. */
  readonly #made = new Set<string>()

  constructor(path: string, overwrites: boolean) {
    if (path === "") throw new UsageError("TARGET is empty: . is the current directory")
    this.path = resolve(path)
    this.#overwrites = overwrites
  }

  /** Makes the directory, and those above it, if it is not there. Answers whether it did. Throws ENOTDIR for a link. */
  prepare(): boolean {
    const stats = lstatSync(this.path, { throwIfNoEntry: false })
    if (!stats) {
      mkdirSync(dirname(this.path), { recursive: true })
      mkdirSync(this.path, 0o700)
      return true
    }
    if (stats.isDirectory()) return false
    const reason = stats.isSymbolicLink() ? "is a symbolic link, which is not followed" : "is no directory"
    throw new ErofsError("ENOTDIR", reason, { syscall: "extract to", path: this.path })
  }

  /** The directory itself, once it is there. Only valid while the umask is 0. */
  root(): TargetDirectory {
    return { isPlain: this.#isPlain() }
  }

  /** Where an entry belongs, if `start` of the image becomes the directory. Throws EUCLEAN for a name that is none. */
  pathOf({ name, path, nid }: WalkEntry, start: string): string {
    if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0")) {
      throw new ErofsError("EUCLEAN", "name cannot be one of a file", { nid })
    }
    return this.path + path.slice(start === "/" ? 0 : start.length)
  }

  /** Notes a path that will be made by an object of its own, so that nobody makes it twice. */
  claim(path: string): void {
    if (!this.#overwrites) return
    this.#requireForeign(path)
    this.#made.add(path)
  }

  /** Makes an entry that is no directory; `make` must fail with EEXIST if there is one already. */
  create<T>(path: string, make: (at: string | Buffer) => T): T {
    const at = systemPath(path)
    try {
      const made = make(at)
      if (this.#overwrites) this.#made.add(path)
      return made
    } catch (error) {
      if (codeOf(error) !== "EEXIST" || !this.#overwrites) throw error
    }
    this.#requireForeign(path)
    if (lstatSync(at).isDirectory()) throw new ErofsError("EISDIR", "there is a directory at its place")
    unlinkSync(at)
    const made = make(at)
    this.#made.add(path)
    return made
  }

  /** Makes a directory or, if it may, finds one. Answers whether it is new. Never takes a link for a directory. */
  createDirectory(path: string, make: (at: string | Buffer) => void): boolean {
    const at = systemPath(path)
    try {
      make(at)
      if (this.#overwrites) this.#made.add(path)
      return true
    } catch (error) {
      if (codeOf(error) !== "EEXIST" || !this.#overwrites) throw error
    }
    this.#requireForeign(path)
    if (!lstatSync(at).isDirectory()) throw new ErofsError("ENOTDIR", "there is no directory at its place")
    this.#made.add(path)
    return false
  }

  /** What this run made is never replaced: the image has the path twice. */
  #requireForeign(path: string): void {
    if (this.#made.has(path)) throw new ErofsError("EUCLEAN", "the image has this path twice")
  }

  /** Whether entries get the mode and the owner they are made with: not below setgid bits or default ACLs. */
  #isPlain(): boolean {
    const probe = `${this.path}/.erofs-wasm-${process.pid}`
    let fd: number
    try {
      fd = openSync(probe, CREATE, 0o777)
    } catch {
      return false
    }
    try {
      const { mode, uid, gid } = fstatSync(fd)
      return (mode & 0o7777) === 0o777 && uid === process.geteuid?.() && gid === process.getegid?.()
    } finally {
      closeSync(fd)
      unlinkSync(probe)
    }
  }
}
