// SPDX-License-Identifier: MIT
/** One extraction: the entries of a walk become entries of a directory of the system. */
import { linkSync, mkdirSync, openSync, symlinkSync } from "node:fs"
import { ErofsError } from "../errors.js"
import type { Image } from "../image.js"
import type { BigIntStats } from "../stats.js"
import type { WalkEntry } from "../walk.js"
import { codeOf } from "./exit.js"
import { type InodeType, permissionsOf, typeOf } from "./facts.js"
import { Losses } from "./losses.js"
import { Metadata } from "./metadata.js"
import { makeNode } from "./mknod.js"
import type { Progress } from "./progress.js"
import type { Reporter } from "./report.js"
import { XattrWriter } from "./setfattr.js"
import { CREATE, systemPath, type TargetDirectory, TargetTree, writeFile } from "./target.js"

/** What an extraction keeps and may replace. */
export interface ExtractionOptions {
  overwrites: boolean
  keepsOwners: boolean
  keepsXattrs: boolean
}

/** Bytes copied at a time. */
const PIECE = 1 << 20
/** Errors after which everything else would fail too. */
const HOPELESS = ["ENOSPC", "EDQUOT", "EROFS"]
/** Whoever may write to a directory could put links into it: such modes are only set once it is complete. */
const OTHERS_WRITE = 0o022
const OWNER_ALL = 0o700
const SPECIAL_BITS = 0o7000

/** An extraction into a directory. */
export class Extraction {
  readonly #image: Image
  readonly #report: Reporter
  readonly #progress: Progress
  readonly #keepsXattrs: boolean
  readonly #losses: Losses
  readonly #metadata: Metadata
  readonly #xattrs: XattrWriter
  readonly #tree: TargetTree
  /** Directories that are there, by their paths in the image. */
  readonly #directories = new Map<string, TargetDirectory>()
  /** Directories whose mode, owner and time are still to be set, parents first. */
  readonly #unfinished: { path: string; stats: BigIntStats; isPlain: boolean; mode: number }[] = []
  /** Files whose mode is still to be set, as their attributes could not be set with it. */
  readonly #locked: { path: string; mode: number }[] = []
  /** Where inodes that may have further names are. */
  readonly #first = new Map<bigint, string>()
  readonly #buffer = new Uint8Array(PIECE)
  /** Entries whose directory is not there. */
  #skipped = 0

  constructor(
    image: Image,
    target: string,
    report: Reporter,
    progress: Progress,
    { overwrites, keepsOwners, keepsXattrs }: ExtractionOptions,
  ) {
    this.#image = image
    this.#report = report
    this.#progress = progress
    this.#keepsXattrs = keepsXattrs
    this.#losses = new Losses(report)
    this.#metadata = new Metadata(this.#losses, keepsOwners)
    this.#xattrs = new XattrWriter(this.#losses)
    this.#tree = new TargetTree(target, overwrites)
  }

  /**
   * Extracts what a path of the image names: what is in it, if it is a directory. Entries that fail are reported and
   * do not end it. Throws if there is nothing at the path or the target cannot be used.
   */
  run(from: string): void {
    const onError = (error: unknown, path: string): void => this.#report.error(error, path)
    const walk = this.#image.walkSync(from, { onError })
    const start = walk.next().value as WalkEntry
    const isMade = this.#tree.prepare()
    const mask = process.umask(0)
    try {
      const root = this.#tree.root()
      if (start.isDirectory()) {
        this.#directories.set(start.path, root)
        if (isMade) this.#addUnfinished(start, root, OWNER_ALL)
        this.#extractAll(walk, start.path)
      } else {
        this.#directories.set(start.parentPath, root)
        this.#extract(start, start.parentPath)
      }
      this.#finish()
    } finally {
      process.umask(mask)
    }
  }

  /** Tells what could not be kept. */
  summarize(): void {
    if (this.#skipped > 0) {
      this.#report.error(new Error(`${this.#skipped} entries were left out, as their directory is not there`))
    }
    this.#losses.summarize()
  }

  #extractAll(walk: Iterable<WalkEntry>, start: string): void {
    for (const entry of walk) if (!this.#extract(entry, start)) return
  }

  /** Extracts one entry. Answers false if it makes no sense to go on. */
  #extract(entry: WalkEntry, start: string): boolean {
    const parent = this.#directories.get(entry.parentPath)
    if (!parent) {
      this.#skipped++
      return true
    }
    try {
      const path = this.#tree.pathOf(entry, start)
      this.#make(entry, path, parent)
    } catch (error) {
      this.#report.error(error, entry.path)
      if (HOPELESS.includes(codeOf(error) ?? "")) return false
    }
    this.#progress.entry()
    return true
  }

  #make(entry: WalkEntry, path: string, parent: TargetDirectory): void {
    const { stats } = entry
    const type = typeOf(stats)
    if (type === "dir") {
      this.#makeDirectory(entry, path, parent)
      return
    }
    const first = this.#first.get(entry.nid)
    if (first !== undefined) {
      this.#tree.create(path, (at) => linkSync(systemPath(first), at))
      return
    }
    if (type === "socket") {
      this.#losses.add("socket", `'${entry.path}' is a socket and was left out`)
      return
    }
    this.#makeOther(type, entry, stats, path, parent)
    this.#first.set(entry.nid, path)
  }

  #makeDirectory(entry: WalkEntry, path: string, parent: TargetDirectory): void {
    const mode = permissionsOf(entry.stats)
    const isSafe = (mode & (SPECIAL_BITS | OTHERS_WRITE)) === 0 && (mode & OWNER_ALL) === OWNER_ALL
    const madeMode = isSafe ? mode : OWNER_ALL
    const isNew = this.#tree.createDirectory(path, (at) => mkdirSync(at, madeMode))
    const directory = { isPlain: parent.isPlain && isNew }
    this.#directories.set(entry.path, directory)
    this.#addUnfinished(entry, directory, madeMode, path)
  }

  #addUnfinished(entry: WalkEntry, { isPlain }: TargetDirectory, mode: number, path = this.#tree.path): void {
    this.#unfinished.push({ path, stats: entry.stats, isPlain, mode })
    this.#addXattrs(entry, path)
  }

  #makeOther(
    type: Exclude<InodeType, "dir" | "socket">,
    entry: WalkEntry,
    stats: BigIntStats,
    path: string,
    parent: TargetDirectory,
  ): void {
    switch (type) {
      case "file":
        this.#makeFile(entry, stats, path, parent)
        return
      case "symlink": {
        const target = systemPath(this.#image.readlinkSync(entry))
        this.#tree.create(path, (at) => symlinkSync(target, at))
        this.#metadata.setLink(path, stats, parent)
        break
      }
      default:
        this.#tree.create(path, () => makeNode(path, type, stats))
        this.#metadata.setNode(path, stats, parent)
    }
    this.#addXattrs(entry, path)
  }

  #makeFile(entry: WalkEntry, stats: BigIntStats, path: string, parent: TargetDirectory): void {
    using file = this.#image.openSync(entry)
    const mode = permissionsOf(stats)
    const hasXattrs = this.#keepsXattrs && this.#image.listxattrSync(entry).length > 0
    // Only a writer may set attributes of the namespace "user".
    const isLocked = hasXattrs && !this.#metadata.isRoot && (mode & 0o200) === 0
    const madeMode = isLocked ? mode | 0o200 : mode
    const fd = this.#tree.create(path, (at) => openSync(at, CREATE, madeMode & 0o777))
    writeFile(
      fd,
      path,
      file,
      this.#buffer,
      (count) => this.#progress.bytes(count),
      () => {
        this.#metadata.setFile(fd, path, stats, parent, madeMode)
      },
    )
    if (isLocked) this.#locked.push({ path, mode })
    if (hasXattrs) this.#addXattrs(entry, path)
  }

  #addXattrs(entry: WalkEntry, path: string): void {
    if (!this.#keepsXattrs) return
    const names = this.#image.listxattrSync(entry)
    if (names.length === 0) return
    const usable = names.filter((name) => !name.includes("\0"))
    if (usable.length < names.length) {
      throw new ErofsError("EUCLEAN", "name of an extended attribute contains a NUL byte", { nid: entry.nid })
    }
    this.#xattrs.add(
      path,
      usable.map((name) => ({ name, value: this.#image.getxattrSync(entry, name) })),
    )
  }

  /** What has to wait until all entries are there. Modes and times of directories last, from the bottom up. */
  #finish(): void {
    this.#xattrs.flush()
    for (const { path, mode } of this.#locked) this.#metadata.setMode(path, mode)
    for (const { path, stats, isPlain, mode } of this.#unfinished.reverse()) {
      this.#metadata.setDirectory(path, stats, { isPlain }, mode)
    }
  }
}
