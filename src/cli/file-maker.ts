// SPDX-License-Identifier: MIT
/** Regular files of an extraction: many jobs, done by one thread or by several. */
import { closeSync, ftruncateSync, openSync, unlinkSync, writeSync } from "node:fs"
import type { OpenFile } from "../file.js"
import type { Image } from "../image.js"
import { PAGE_SIZE } from "../page.js"
import { countBytes, countEntry, isStopped, type Round, stopRound, takeJobs } from "./crew.js"
import { codeOf } from "./exit.js"
import type { FileJob } from "./file-jobs.js"
import type { Loss } from "./losses.js"
import { Metadata, permissionsOf } from "./metadata.js"
import { CREATE, systemPath, TargetTree } from "./target.js"
import { type PackedError, packError } from "./transport.js"

/** What all files of an extraction have in common. */
export interface FileSettings {
  /** The directory that is extracted into; absolute. */
  root: string
  overwrites: boolean
  keepsOwners: boolean
  /** Whether the image is read from files, so that many small reads cost no more than a few large ones. */
  isLocal: boolean
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

/** Bytes that the pool is asked for at a time. Holes of larger files become holes. */
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
  readonly #isLocal: boolean
  #losses: FileResult["losses"] = []

  constructor(image: Image, { root, overwrites, keepsOwners, isLocal }: FileSettings) {
    this.#image = image
    this.#isLocal = isLocal
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
    const file = this.#image.openSync({ nid, path: source })
    try {
      const { inode } = file
      const mode = madeModeOf(permissionsOf(inode), hasXattrs, this.#metadata.isRoot)
      const fd = this.#tree.create(target, (at) => openSync(at, CREATE, mode & 0o777))
      let isWhole = false
      try {
        this.#fill(fd, file, onBytes)
        this.#metadata.setFile(fd, target, inode, { isPlain }, mode)
        isWhole = true
      } finally {
        closeSync(fd)
        if (!isWhole) unlinkSync(systemPath(target))
      }
      return file.size
    } finally {
      file.closeSync()
    }
  }

  /**
   * Writes what is in a file, piece by piece, over the holes of large ones: an image can claim more of them than the disk
   * can hold.
   */
  #fill(fd: number, file: OpenFile, onBytes: (count: number) => void): void {
    const { size } = file
    let written = 0
    const write = (bytes: Uint8Array, position: number): void => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(fd, bytes, done, bytes.length - done, position + done)
      }
      written = position + bytes.length
      onBytes(bytes.length)
    }
    for (let position = 0; position < size; ) {
      const hole = size > PIECE ? holeEnd(file, position) : position
      position = hole > position ? hole : this.#visit(file, position, write)
    }
    if (written < size) ftruncateSync(fd, size)
  }

  /**
   * Gives some of a file's bytes to `write`, in memory of the pool's. Answers where they end. Each is needed once: past the pool
   * they stay in the processor's caches. Where requests are dear the pool brings in more at a time.
   */
  #visit(file: OpenFile, position: number, write: (bytes: Uint8Array, position: number) => void): number {
    if (this.#isLocal) return file.visitSync(position, write)
    const end = Math.min(position + PIECE, file.size)
    using view = file.map(position, end - position)
    let at = position
    for (const bytes of view.segmentsSync()) {
      write(bytes, at)
      at += bytes.length
    }
    return end
  }
}

/** Where holes end that begin at a page, or the last whole page of them; `position` if there are none. */
function holeEnd(file: OpenFile, position: number): number {
  let end = position
  for (let next = position; next < file.size; ) {
    next = file.holeEndSync(end)
    if (next === end) break
    end = next
  }
  return end === file.size ? end : end - (end % PAGE_SIZE)
}
