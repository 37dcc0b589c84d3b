// SPDX-License-Identifier: MIT
/** Threads that read contents of files, this one among them: what `check` and `fingerprint` have in common. */
import { type ContentJob, ContentReader, type ContentReport, type ContentSettings } from "./content-reader.js"
import { Crew, countsOf, type Ground, roundOf } from "./crew.js"
import { isLocal } from "./mounted.js"
import type { Progress } from "./progress.js"

/** How a command wants contents to be read. */
export type ContentOptions = Omit<ContentSettings, "isLocal">

/** Reads files, a round of them at a time. Dispose of it when there are no more. */
export class ContentCrew {
  /** Whether this thread works alone. */
  readonly isAlone: boolean
  readonly #reader: ContentReader
  readonly #crew: Crew<ContentSettings, ContentJob[], ContentReport[]>
  readonly #progress: Progress

  /** `workers`: threads besides this one. */
  constructor(ground: Ground, workers: number, options: ContentOptions, progress: Progress) {
    const settings = { ...options, isLocal: isLocal(ground.file) }
    this.isAlone = workers === 0
    this.#reader = new ContentReader(ground.image, settings)
    this.#crew = new Crew(new URL("./content-worker.js", import.meta.url), workers)
    this.#crew.enter(ground, settings)
    this.#progress = progress
  }

  /**
   * Reads all files of a round, and shows how far that is. Answers what was found, in the order of the jobs. If damage
   * ends the round, whatever comes before the first damage was read, however many threads there are.
   */
  async read(jobs: ContentJob[]): Promise<ContentReport[]> {
    const sizes = jobs.map(({ size }) => size)
    const round = roundOf(jobs, sizes)
    const isShared = !this.isAlone && jobs.length > 1
    const show = (): void => this.#progress.round(countsOf(round.counters))
    const work = (): Promise<ContentReport[]> => this.#reader.work(round, show, { isAlone: !isShared })
    const reports = (isShared ? await this.#crew.share(round, work, show) : [await work()]).flat()
    const bytes = reports.reduce((sum, report) => sum + report.bytes, 0)
    this.#progress.endRound({ entries: reports.length, bytes })
    return reports.sort((a, b) => a.job - b.job)
  }

  /** Ends all threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#crew[Symbol.asyncDispose]()
  }
}
