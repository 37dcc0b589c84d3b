// SPDX-License-Identifier: MIT
/** One extraction: the entries of a walk become entries of a directory of the system. */
import { linkSync, mkdirSync, symlinkSync } from "node:fs"
import type { Inode } from "../format/inode.js"
import type { Image } from "../image.js"
import type { WalkEntry } from "../walk.js"
import { type Crew, countsOf, isStopped, newCounters, type Round, roundOf, stopRound } from "./crew.js"
import {
  DetailReader,
  type Details,
  outcomeOf,
  type Reading,
  readAhead,
  readInTurn,
  type Xattr,
} from "./details.js"
import { type InodeType, typeOf } from "./facts.js"
import { type FileJob, type PackedJobs, packJobs } from "./file-jobs.js"
import { FileMaker, type FileResult, type FileSettings, isHopeless, madeModeOf } from "./file-maker.js"
import { Losses } from "./losses.js"
import { Metadata, permissionsOf } from "./metadata.js"
import { makeNode } from "./mknod.js"
import { counted } from "./print.js"
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
  /** Whether the image is read from files. */
  isLocal: boolean
}

/** Threads that make files. */
export type FileCrew = Crew<FileSettings, PackedJobs, FileResult>

/** A round, and what the other threads find in it. */
interface BegunRound {
  round: Round<FileJob[]>
  others: Promise<FileResult[]>
}

/** A name of a file, a further one of it if it waits. */
interface Link {
  entry: WalkEntry
  hasXattrs: boolean
  path: string
  parent: TargetDirectory
}

/** What a file with extended attributes is given last. */
interface Attributes {
  mode: number
  xattrs: readonly Xattr[]
}

/** Files of a round: other threads begin with the first ones while this one still looks for more. */
const ROUND_FILES = 256
/** Files in rounds that have begun, of which one is all there is where contents come from afar: what is known of them is kept. */
const MAX_FILES = 16384
/** Whoever may write to a directory could put links into it: such modes are only set once it is complete. */
const OTHERS_WRITE = 0o022
const OWNER_ALL = 0o700
const SPECIAL_BITS = 0o7000

/** An extraction into a directory. */
export class Extraction {
  readonly #image: Image
  readonly #report: Reporter
  readonly #progress: Progress
  readonly #isLocal: boolean
  readonly #details: DetailReader
  readonly #losses: Losses
  readonly #metadata: Metadata
  readonly #xattrs: XattrWriter
  readonly #tree: TargetTree
  /** Directories that are there, by their paths in the image. */
  readonly #directories = new Map<string, TargetDirectory>()
  /** Directories whose mode, owner and time are still to be set, parents first. */
  readonly #unfinished: { path: string; inode: Inode; isPlain: boolean; mode: number }[] = []
  /** Files whose mode is still to be set, as their attributes could not be set with it. */
  readonly #locked: { path: string; mode: number }[] = []
  /** Where inodes that may have further names are, or will be at the end of the rounds. */
  readonly #first = new Map<bigint, string>()
  readonly #settings: FileSettings
  readonly #files: FileMaker
  /** Files of the next round, their sizes, and the rounds before it. */
  #jobs: FileJob[] = []
  #sizes: number[] = []
  #rounds: BegunRound[] = []
  #counters = newCounters()
  /** Further names of files, by nid, which wait for the end of the rounds. */
  #links = new Map<bigint, Link[]>()
  /** Entries whose directory is not there. */
  #skipped = 0

  constructor(
    image: Image,
    target: string,
    report: Reporter,
    progress: Progress,
    { overwrites, keepsOwners, keepsXattrs, isLocal }: ExtractionOptions,
  ) {
    this.#image = image
    this.#report = report
    this.#progress = progress
    this.#isLocal = isLocal
    this.#details = new DetailReader(image, keepsXattrs)
    this.#losses = new Losses(report)
    this.#metadata = new Metadata(this.#losses, keepsOwners)
    this.#xattrs = new XattrWriter(this.#losses)
    this.#tree = new TargetTree(target, overwrites)
    this.#settings = { root: this.#tree.path, overwrites, keepsOwners, isLocal }
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
    const walk = this.#isLocal ? this.#image.walkSync(from, { onError }) : this.#image.walk(from, { onError })
    const start = (await walk.next()).value as WalkEntry
    const isMade = this.#tree.prepare()
    const mask = process.umask(0)
    try {
      const root = this.#tree.root()
      if (start.isDirectory()) {
        this.#directories.set(start.path, root)
        if (isMade) {
          for await (const [, details] of this.#reading([start], this.#details)) {
            this.#addUnfinished(start, details, root, OWNER_ALL)
          }
        }
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
      const what = counted(this.#skipped, "entry was left out, as its", "entries were left out, as their")
      this.#report.error(new Error(`${what} directory is not there`))
    }
    this.#losses.summarize()
  }

  /** Extracts entries: all but regular files at once, those in rounds, by all threads. */
  async #extractAll(
    walk: Iterable<WalkEntry> | AsyncIterable<WalkEntry>,
    start: string,
    crew: FileCrew | undefined,
  ): Promise<void> {
    // Each thread of a round tells the source what it will read in it: the more, the better. Where files are near there is
    // nothing to be gained alone by knowing more of them.
    const roundFiles = this.#isLocal ? ROUND_FILES : MAX_FILES
    const maxRounds = this.#isLocal && crew ? MAX_FILES / ROUND_FILES : 1
    for await (const [entry, details] of this.#reading(walk, this.#details)) {
      if (!this.#extract(entry, details, start)) {
        stopRound(this.#counters)
        break
      }
      if (this.#jobs.length >= roundFiles) this.#beginRound(crew)
      if (this.#rounds.length >= maxRounds && !(await this.#endRounds(crew))) return
    }
    await this.#endRounds(crew)
  }

  /** Items in their order, and what is read for them: in turn from files, before its turn from afar. */
  #reading<Item, Result>(
    items: Iterable<Item> | AsyncIterable<Item>,
    reading: Reading<Item, Result>,
  ): Iterable<[Item, Result]> | AsyncIterable<[Item, Result]> {
    const isNear = this.#isLocal && Symbol.iterator in items
    return isNear ? readInTurn(items, reading) : readAhead(items, reading)
  }

  /** Extracts one entry. Answers false if it makes no sense to go on. */
  #extract(entry: WalkEntry, details: Details, start: string): boolean {
    const parent = this.#directories.get(entry.parentPath)
    if (!parent) {
      this.#skipped++
      return true
    }
    try {
      const path = this.#tree.pathOf(entry, start)
      this.#make(entry, details, path, parent)
    } catch (error) {
      this.#report.error(error, entry.path)
      if (isHopeless(error)) return false
    }
    return true
  }

  #make(entry: WalkEntry, details: Details, path: string, parent: TargetDirectory): void {
    const type = typeOf(entry)
    if (type === "file") {
      this.#addFile({ entry, path, parent, hasXattrs: details.hasXattrs() })
      return
    }
    this.#progress.entry()
    if (type === "dir") {
      this.#makeDirectory(entry, details, path, parent)
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
    this.#makeOther(type, entry, details, path, parent)
    this.#first.set(entry.nid, path)
  }

  /** Queues a file, or a further name of one. */
  #addFile(name: Link): void {
    const { entry, path, parent, hasXattrs } = name
    if (this.#first.has(entry.nid)) {
      const links = this.#links.get(entry.nid)
      if (links) links.push(name)
      else this.#links.set(entry.nid, [name])
      return
    }
    this.#tree.claim(path)
    this.#first.set(entry.nid, path)
    this.#jobs.push({
      nid: entry.nid,
      source: entry.path,
      target: path,
      isPlain: parent.isPlain,
      hasXattrs,
    })
    this.#sizes.push(entry.node.inode.size)
  }

  /** Has other threads begin with the files that were queued. */
  #beginRound(crew: FileCrew | undefined): void {
    const round = roundOf(this.#jobs, this.#sizes, this.#counters)
    this.#jobs = []
    this.#sizes = []
    const isShared = crew !== undefined && round.jobs.length > 1
    const others = isShared ? crew.begin({ ...round, jobs: packJobs(round.jobs) }) : Promise.resolve([])
    this.#rounds.push({ round, others })
    this.#progress.round(countsOf(this.#counters))
  }

  /** Makes all files that were queued, then what waited for them. Answers false if it makes no sense to go on. */
  async #endRounds(crew: FileCrew | undefined): Promise<boolean> {
    let mayGoOn = await this.#makeFiles(crew)
    // The next one last.
    let waiting = [...this.#links.values()].map((links) => links.reverse())
    this.#links = new Map()
    while (mayGoOn && waiting.length > 0) {
      for (const links of waiting) this.#makeLinks(links)
      mayGoOn = await this.#makeFiles(crew)
      waiting = waiting.filter((links) => links.length > 0)
    }
    return mayGoOn
  }

  /**
   * Makes further names of one file. If it is not there, as its first name could not be made, the next name becomes the
   * first: it is queued, and those behind it wait for it once more.
   */
  #makeLinks(links: Link[]): void {
    for (let link = links.pop(); link; link = links.pop()) {
      const { entry, path } = link
      const first = this.#first.get(entry.nid)
      try {
        if (first !== undefined) {
          this.#linkFile(first, path)
          continue
        }
        this.#addFile(link)
        return
      } catch (error) {
        this.#report.error(error, entry.path)
      }
    }
  }

  async #makeFiles(crew: FileCrew | undefined): Promise<boolean> {
    if (this.#jobs.length > 0) this.#beginRound(crew)
    const [rounds, counters] = [this.#rounds, this.#counters]
    this.#rounds = []
    this.#counters = newCounters()
    const show = (): void => this.#progress.round(countsOf(counters))
    const own: FileResult[] = []
    for (const { round } of rounds) own.push(await this.#files.work(round, show, { isAlone: !crew }))
    let bytes = 0
    for (const [i, { round, others }] of rounds.entries()) {
      const results = [own[i] as FileResult, ...((await crew?.settle(others, show)) ?? [])]
      bytes += results.reduce((sum, result) => sum + result.bytes, 0)
      await this.#endRound(round, results)
    }
    this.#progress.endRound({ entries: countsOf(counters).entries, bytes })
    return !isStopped(counters)
  }

  /** Reports what came of a round, and gives its files what they still lack. */
  async #endRound({ jobs, counters }: Round<FileJob[]>, results: readonly FileResult[]): Promise<void> {
    const failed = new Set<number>()
    for (const { job, error } of results.flatMap(({ failures }) => failures)) {
      const { nid, source } = jobs[job] as FileJob
      failed.add(job)
      this.#first.delete(nid)
      this.#report.error(unpackError(error), source)
    }
    for (const { loss, reason } of results.flatMap(({ losses }) => losses)) this.#losses.add(loss, reason)
    if (isStopped(counters)) return
    const withXattrs = jobs.filter(({ hasXattrs }, number) => hasXattrs && !failed.has(number))
    for await (const [job, read] of this.#reading(withXattrs, this.#attributes)) this.#finishFile(job, read)
  }

  /** What a file with extended attributes still lacks once it is there: these, and perhaps its mode. */
  readonly #attributes: Reading<FileJob, () => Attributes> = {
    now:
      ({ nid, source: path }) =>
      () => ({
        mode: permissionsOf(this.#image.lstatSync({ nid })),
        xattrs: this.#details.xattrsNow({ nid, path }),
      }),
    later: ({ nid, source: path }) => {
      const read = async (): Promise<Attributes> => ({
        mode: permissionsOf(await this.#image.lstat({ nid })),
        xattrs: await this.#details.xattrsLater({ nid, path }),
      })
      return outcomeOf(read())
    },
  }

  #finishFile({ source, target }: FileJob, read: () => Attributes): void {
    try {
      const { mode, xattrs } = read()
      if (madeModeOf(mode, true, this.#metadata.isRoot) !== mode) this.#locked.push({ path: target, mode })
      this.#xattrs.add(target, xattrs)
    } catch (error) {
      this.#report.error(error, source)
    }
  }

  #linkFile(first: string, path: string): void {
    this.#progress.entry()
    this.#tree.create(path, (at) => linkSync(systemPath(first), at))
  }

  #makeDirectory(entry: WalkEntry, details: Details, path: string, parent: TargetDirectory): void {
    const mode = permissionsOf(entry.node.inode)
    const isSafe = (mode & (SPECIAL_BITS | OTHERS_WRITE)) === 0 && (mode & OWNER_ALL) === OWNER_ALL
    const madeMode = isSafe ? mode : OWNER_ALL
    const isNew = this.#tree.createDirectory(path, (at) => mkdirSync(at, madeMode))
    const directory = { isPlain: parent.isPlain && isNew }
    this.#directories.set(entry.path, directory)
    this.#addUnfinished(entry, details, directory, madeMode, path)
  }

  #addUnfinished(
    entry: WalkEntry,
    details: Details,
    { isPlain }: TargetDirectory,
    mode: number,
    path = this.#tree.path,
  ): void {
    this.#unfinished.push({ path, inode: entry.node.inode, isPlain, mode })
    this.#addXattrs(path, details.xattrs())
  }

  #makeOther(
    type: Exclude<InodeType, "dir" | "file" | "socket">,
    entry: WalkEntry,
    details: Details,
    path: string,
    parent: TargetDirectory,
  ): void {
    const { inode } = entry.node
    switch (type) {
      case "symlink": {
        const target = systemPath(details.link())
        this.#tree.create(path, (at) => symlinkSync(target, at))
        this.#metadata.setLink(path, inode, parent)
        break
      }
      default:
        this.#tree.create(path, () => makeNode(path, type, entry.stats))
        this.#metadata.setNode(path, inode, parent)
    }
    this.#addXattrs(path, details.xattrs())
  }

  #addXattrs(path: string, xattrs: readonly Xattr[]): void {
    if (xattrs.length > 0) this.#xattrs.add(path, xattrs)
  }

  /** What has to wait until all entries are there. Modes and times of directories last, from the bottom up. */
  #finish(): void {
    this.#xattrs.flush()
    for (const { path, mode } of this.#locked) this.#metadata.setMode(path, mode)
    for (const { path, inode, isPlain, mode } of this.#unfinished.reverse()) {
      this.#metadata.setDirectory(path, inode, { isPlain }, mode)
    }
  }
}
