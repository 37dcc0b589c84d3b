// SPDX-License-Identifier: MIT
/** Regular files of an extraction: many jobs, done by one thread or by several. */
import { openSync } from "node:fs"
import type { OpenFile } from "../file.js"
import type { Image } from "../image.js"
import { countBytes, countEntry, foresightOf, isStopped, type Round, stopRound, takeJobs } from "./crew.js"
import { codeOf } from "./exit.js"
import type { FileJob } from "./file-jobs.js"
import { FileOutput } from "./file-output.js"
import type { Loss } from "./losses.js"
import { Metadata, permissionsOf } from "./metadata.js"
import { CREATE, TargetTree } from "./target.js"
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

  /**
   * Does jobs of a round until none is left, or none can be done any more. `onProgress` is called often; `isAlone`: no other
   * thread takes any of them.
   */
  async work(
    round: Round<FileJob[]>,
    onProgress: () => void = () => {},
    { isAlone = false } = {},
  ): Promise<FileResult> {
    const { jobs, counters } = round
    const result: FileResult = { failures: [], losses: [], bytes: 0 }
    this.#losses = result.losses
    const onBytes = (count: number): void => {
      countBytes(counters, count)
      onProgress()
    }
    using expected = this.#image.expectContents()
    let done = 0
    for (const number of takeJobs(round, foresightOf(jobs, expected, isAlone))) {
      const job = jobs[number] as FileJob
      try {
        if (expected) await expected.reach(done)
        result.bytes += this.#isLocal ? this.#makeNow(job, onBytes) : await this.#makeLater(job, onBytes)
      } catch (error) {
        result.failures.push({ job: number, error: packError(error) })
        if (isHopeless(error)) stopRound(counters)
      }
      done++
      countEntry(counters)
      if (isStopped(counters)) break
    }
    return result
  }

  /** Makes one file of an image that is near. Answers its size. */
  #makeNow(job: FileJob, onBytes: (count: number) => void): number {
    const file = this.#image.openSync({ nid: job.nid, path: job.source })
    try {
      const output = this.#create(job, file, onBytes)
      try {
        output.fillNow(file)
        this.#complete(output, job, file)
      } finally {
        output.close()
      }
      return file.size
    } finally {
      file.closeSync()
    }
  }

  /** Like {@link #makeNow}, of one that is not. */
  async #makeLater(job: FileJob, onBytes: (count: number) => void): Promise<number> {
    using file = await this.#image.open({ nid: job.nid, path: job.source })
    const output = this.#create(job, file, onBytes)
    try {
      await output.fillLater(file)
      this.#complete(output, job, file)
    } finally {
      output.close()
    }
    return file.size
  }

  #create({ target, hasXattrs }: FileJob, { inode }: OpenFile, onBytes: (count: number) => void): FileOutput {
    const mode = madeModeOf(permissionsOf(inode), hasXattrs, this.#metadata.isRoot)
    const fd = this.#tree.create(target, (at) => openSync(at, CREATE, mode & 0o777))
    return new FileOutput(fd, { path: target, mode, onBytes })
  }

  #complete(output: FileOutput, { target, isPlain }: FileJob, { size, inode }: OpenFile): void {
    output.extend(size)
    this.#metadata.setFile(output.fd, target, inode, { isPlain }, output.mode)
    output.isWhole = true
  }
}
