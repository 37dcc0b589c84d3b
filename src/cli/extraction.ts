// SPDX-License-Identifier: MIT
/** One extraction: the entries of a walk become entries of a directory of the system. */
import { linkSync, mkdirSync, symlinkSync } from "node:fs"
import { ErofsError } from "../errors.js"
import type { Image } from "../image.js"
import type { BigIntStats } from "../stats.js"
import type { WalkEntry } from "../walk.js"
import { type Crew, countsOf, isStopped, roundOf } from "./crew.js"
import { type InodeType, permissionsOf, typeOf } from "./facts.js"
import {
  type FileJob,
  FileMaker,
  type FileResult,
  type FileSettings,
  isHopeless,
  madeModeOf,
} from "./file-maker.js"
import { Losses } from "./losses.js"
import { Metadata } from "./metadata.js"
import { makeNode } from "./mknod.js"
import type { Progress } from "./progress.js"
import type { Reporter } from "./report.js"
import { XattrWriter } from "./setfattr.js"
import { systemPath, type TargetDirectory, TargetTree } from "./target.js"
import { unpackError } from "./transport.js"

/** What an extraction keeps and may replace. */
export interface ExtractionOptions {
  overwrites: boolean
  keepsOwners: boolean
  keepsXattrs: boolean
}

/** Threads that make files. */
export type FileCrew = Crew<FileSettings, FileJob[], FileResult>

/** Files that are made together: what is known of them is kept until they are there. */
const ROUND_FILES = 16384
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
  /** Where inodes that may have further names are, or will be at the end of the round. */
  readonly #first = new Map<bigint, string>()
  readonly #settings: FileSettings
  readonly #files: FileMaker
  /** Files that are to be made at the end of the round, their sizes, and further names of them. */
  #jobs: FileJob[] = []
  #sizes: number[] = []
  #links: { entry: WalkEntry; path: string; parent: TargetDirectory }[] = []
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
    this.#settings = { root: this.#tree.path, overwrites, keepsOwners }
    this.#files = new FileMaker(image, this.#settings)
  }

  /** What threads that help need to know. */
  get settings(): FileSettings {
    return this.#settings
  }

  /**
   * Extracts what a path of the image names: what is in it, if it is a directory. Entries that fail are reported and
   * do not end it. Throws if there is nothing at the path or the target cannot be used.
   */
  async run(from: string, crew?: FileCrew): Promise<void> {
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
        await this.#extractAll(walk, start.path, crew)
      } else {
        this.#directories.set(start.parentPath, root)
        await this.#extractAll([start], start.parentPath, crew)
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

  /** Extracts entries in rounds: all but regular files at once, those at the end of a round, by all threads. */
  async #extractAll(walk: Iterable<WalkEntry>, start: string, crew: FileCrew | undefined): Promise<void> {
    for (const entry of walk) {
      if (!this.#extract(entry, start)) return
      if (this.#jobs.length >= ROUND_FILES && !(await this.#endRound(crew))) return
    }
    await this.#endRound(crew)
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
      if (isHopeless(error)) return false
    }
    return true
  }

  #make(entry: WalkEntry, path: string, parent: TargetDirectory): void {
    const type = typeOf(entry)
    if (type === "file") {
      this.#addFile(entry, path, parent)
      return
    }
    this.#progress.entry()
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
    this.#makeOther(type, entry, path, parent)
    this.#first.set(entry.nid, path)
  }

  /** Queues a file, or a further name of one. */
  #addFile(entry: WalkEntry, path: string, parent: TargetDirectory): void {
    if (this.#first.has(entry.nid)) {
      this.#links.push({ entry, path, parent })
      return
    }
    this.#tree.claim(path)
    this.#first.set(entry.nid, path)
    const mayHaveXattrs = this.#keepsXattrs && entry.node.inode.xattrSize > 0
    const hasXattrs = mayHaveXattrs && this.#image.listxattrSync(entry).length > 0
    this.#jobs.push({
      nid: entry.nid,
      source: entry.path,
      target: path,
      isPlain: parent.isPlain,
      hasXattrs,
    })
    this.#sizes.push(entry.node.inode.size)
  }

  /** Makes the files of the round, then what waited for them. Answers false if it makes no sense to go on. */
  async #endRound(crew: FileCrew | undefined): Promise<boolean> {
    const mayGoOn = await this.#makeFiles(crew)
    const links = this.#links
    this.#links = []
    for (const { entry, path, parent } of mayGoOn ? links : []) {
      const first = this.#first.get(entry.nid)
      try {
        if (first === undefined) this.#addFile(entry, path, parent)
        else this.#linkFile(first, path)
      } catch (error) {
        this.#report.error(error, entry.path)
      }
    }
    // Names whose first one could not be made.
    return this.#jobs.length === 0 || !mayGoOn ? mayGoOn : await this.#endRound(crew)
  }

  async #makeFiles(crew: FileCrew | undefined): Promise<boolean> {
    const [jobs, round] = [this.#jobs, roundOf(this.#jobs, this.#sizes)]
    this.#jobs = []
    this.#sizes = []
    if (jobs.length === 0) return true
    const show = (): void => this.#progress.round(countsOf(round.counters))
    const work = (): FileResult => this.#files.work(round, show)
    const isShared = crew !== undefined && jobs.length > 1
    const results = isShared ? await crew.share(round, work, show) : [work()]
    const { entries } = countsOf(round.counters)
    this.#progress.endRound({ entries, bytes: results.reduce((sum, { bytes }) => sum + bytes, 0) })
    const failed = new Set<number>()
    for (const { job, error } of results.flatMap(({ failures }) => failures)) {
      const { nid, source } = jobs[job] as FileJob
      failed.add(job)
      this.#first.delete(nid)
      this.#report.error(unpackError(error), source)
    }
    for (const { loss, reason } of results.flatMap(({ losses }) => losses)) this.#losses.add(loss, reason)
    if (isStopped(round.counters)) return false
    for (const [number, job] of jobs.entries())
      if (job.hasXattrs && !failed.has(number)) this.#finishFile(job)
    return true
  }

  /** What a file with extended attributes is given once it is there. */
  #finishFile({ nid, source, target }: FileJob): void {
    try {
      const mode = permissionsOf(this.#image.lstatSync({ nid }, { bigint: true }))
      if (madeModeOf(mode, true, this.#metadata.isRoot) !== mode) this.#locked.push({ path: target, mode })
      this.#addXattrs({ nid, path: source }, target)
    } catch (error) {
      this.#report.error(error, source)
    }
  }

  #linkFile(first: string, path: string): void {
    this.#progress.entry()
    this.#tree.create(path, (at) => linkSync(systemPath(first), at))
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
    if (entry.node.inode.xattrSize > 0) this.#addXattrs(entry, path)
  }

  #makeOther(
    type: Exclude<InodeType, "dir" | "file" | "socket">,
    entry: WalkEntry,
    path: string,
    parent: TargetDirectory,
  ): void {
    const { stats } = entry
    switch (type) {
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

  #addXattrs(entry: { readonly nid: bigint; readonly path: string }, path: string): void {
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
