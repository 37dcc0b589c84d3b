// SPDX-License-Identifier: MIT
/** Regular files of an extraction: many jobs, done by one thread or by several. */
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs"
import type { OpenFile } from "../file.js"
import type { Image } from "../image.js"
import { countBytes, countEntry, isStopped, type Round, stopRound, takeJobs } from "./crew.js"
import { codeOf } from "./exit.js"
import { permissionsOf } from "./facts.js"
import type { Loss } from "./losses.js"
import { Metadata } from "./metadata.js"
import { CREATE, systemPath, TargetTree } from "./target.js"
import { type PackedError, packError } from "./transport.js"

/** What all files of an extraction have in common. */
export interface FileSettings {
  /** The directory that is extracted into; absolute. */
  root: string
  overwrites: boolean
  keepsOwners: boolean
}

/** A regular file that is to be made, in a directory that is there. */
export interface FileJob {
  nid: bigint
  /** Path in the image, for messages. */
  source: string
  target: string
  /** Whether its directory leaves it the mode and owner that it is made with. */
  isPlain: boolean
  /** Whether it will be given extended attributes. */
  hasXattrs: boolean
}

/** What became of the jobs that one thread took. */
export interface FileResult {
  /** Jobs that failed, by their numbers. */
  failures: { job: number; error: PackedError }[]
  /** What could not be kept of the others. */
  losses: { loss: Loss; reason: string }[]
  /** Bytes of the others. */
  bytes: number
}

/** Bytes that are written at a time. */
const PIECE = 1 << 20
/** Errors after which everything else would fail too. */
const HOPELESS = ["ENOSPC", "EDQUOT", "EROFS"]

/** Whether it makes no sense to go on after an error. */
export function isHopeless(error: unknown): boolean {
  return HOPELESS.includes(codeOf(error) ?? "")
}

/** The mode that a file is made with: only a writer may set attributes of the namespace "user". */
export function madeModeOf(mode: number, hasXattrs: boolean, isRoot: boolean): number {
  return hasXattrs && !isRoot ? mode | 0o200 : mode
}

/** Makes files for one thread. */
export class FileMaker {
  readonly #image: Image
  readonly #tree: TargetTree
  readonly #metadata: Metadata
  #losses: FileResult["losses"] = []

  constructor(image: Image, { root, overwrites, keepsOwners }: FileSettings) {
    this.#image = image
    this.#tree = new TargetTree(root, overwrites)
    this.#metadata = new Metadata({ add: (loss, reason) => this.#losses.push({ loss, reason }) }, keepsOwners)
  }

  /** Does jobs of a round until none is left, or none can be done any more. `onProgress` is called often. */
  work(round: Round<FileJob[]>, onProgress: () => void = () => {}): FileResult {
    const { jobs, counters } = round
    const failures: FileResult["failures"] = []
    this.#losses = []
    let bytes = 0
    for (const number of takeJobs(round)) {
      try {
        bytes += this.#make(jobs[number] as FileJob, (count) => {
          countBytes(counters, count)
          onProgress()
        })
      } catch (error) {
        failures.push({ job: number, error: packError(error) })
        if (isHopeless(error)) stopRound(counters)
      }
      countEntry(counters)
      if (isStopped(counters)) break
    }
    return { failures, losses: this.#losses, bytes }
  }

  /** Makes one file. Answers its size. */
  #make({ nid, source, target, isPlain, hasXattrs }: FileJob, onBytes: (count: number) => void): number {
    using file = this.#image.openSync({ nid, path: source })
    const stats = file.statSync({ bigint: true })
    const mode = madeModeOf(permissionsOf(stats), hasXattrs, this.#metadata.isRoot)
    const fd = this.#tree.create(target, (at) => openSync(at, CREATE, mode & 0o777))
    let isWhole = false
    try {
      writeContent(fd, file, onBytes)
      this.#metadata.setFile(fd, target, stats, { isPlain }, mode)
      isWhole = true
    } finally {
      closeSync(fd)
      if (!isWhole) unlinkSync(systemPath(target))
    }
    return file.size
  }
}

/** Writes a file's bytes, out of the pool's own memory. */
function writeContent(fd: number, file: OpenFile, onBytes: (count: number) => void): void {
  for (let position = 0; position < file.size; position += PIECE) {
    using view = file.map(position, Math.min(PIECE, file.size - position))
    for (const bytes of view.segmentsSync()) {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done)
    }
    onBytes(view.length)
  }
}
