// SPDX-License-Identifier: MIT
/** Contents of files, read byte by byte: many jobs, done by one thread or by several. */
import { createHash, type Hash } from "node:crypto"
import type { OpenFile } from "../file.js"
import type { Image } from "../image.js"
import { countBytes, countEntry, foresightOf, type Round, stopRound, takeJobs } from "./crew.js"
import { type PackedError, packError } from "./transport.js"

/** What all files of a command have in common. */
export interface ContentSettings {
  /** Places of one file that are named; a file with more is not read further. */
  maxDamages: number
  /** Whether a file that cannot be read ends the round. */
  endsWithDamage: boolean
  /** Whether the image can be read synchronously, which spares small files most of their time. */
  isLocal: boolean
}

/** A regular file that is to be read. */
export interface ContentJob {
  nid: bigint
  path: string
  /** In bytes. */
  size: number
  isHashed: boolean
}

/** What reading a file found. */
export interface ContentReport {
  job: number
  bytes: number
  /** SHA-256 of the content, in hex, if it was to be hashed and is whole. */
  digest: string | undefined
  damages: PackedError[]
}

/** Bytes read at a time, and at a time where those cannot be read as a whole. */
const PIECE = 1 << 20
const SMALL_PIECE = 4096

/** Reads files for one thread. */
export class ContentReader {
  readonly #image: Image
  readonly #settings: ContentSettings
  readonly #buffer = new Uint8Array(PIECE)
  #bytes = 0
  #onBytes: (count: number) => void = () => {}

  constructor(image: Image, settings: ContentSettings) {
    this.#image = image
    this.#settings = settings
  }

  /**
   * Does jobs of a round until none is left, or damage ends it. `onProgress` is called often; `isAlone`: no
   * other thread takes any of them.
   */
  async work(
    round: Round<ContentJob[]>,
    onProgress: () => void = () => {},
    { isAlone = false } = {},
  ): Promise<ContentReport[]> {
    const { jobs, counters } = round
    const reports: ContentReport[] = []
    this.#onBytes = (count) => {
      countBytes(counters, count)
      onProgress()
    }
    using expected = this.#image.expectContents()
    for (const job of takeJobs(round, foresightOf(jobs, expected, isAlone))) {
      await expected?.reach(reports.length)
      const report = await this.#read(job, jobs[job] as ContentJob)
      reports.push(report)
      countEntry(counters)
      if (report.damages.length === 0 || !this.#settings.endsWithDamage) continue
      stopRound(counters)
      break
    }
    return reports
  }

  async #read(job: number, { nid, path, isHashed }: ContentJob): Promise<ContentReport> {
    const { isLocal } = this.#settings
    const damages: unknown[] = []
    this.#bytes = 0
    let digest: string | undefined
    try {
      const target = { nid, path }
      await using file = isLocal ? this.#image.openSync(target) : await this.#image.open(target)
      const hash = isHashed ? createHash("sha256") : undefined
      damages.push(...(await this.#readAll(file, hash)))
      if (damages.length === 0) digest = hash?.digest("hex")
    } catch (error) {
      damages.push(error)
    }
    return { job, bytes: this.#bytes, digest, damages: damages.map(packError) }
  }

  /** Reads a file to its end, over damaged places. Answers their errors. */
  async #readAll(file: OpenFile, hash: Hash | undefined): Promise<unknown[]> {
    const { maxDamages } = this.#settings
    const damages: unknown[] = []
    let position = 0
    while (position < file.size && damages.length < maxDamages) {
      let end = Math.min(position + PIECE, file.size)
      try {
        const hole = hash ? position : await this.#holeEnd(file, position)
        if (hole > position) {
          end = hole
          this.#bytes += hole - position
        } else {
          const count = await this.#readPiece(file, position, end - position)
          hash?.update(this.#buffer.subarray(0, count))
        }
      } catch (error) {
        const errors =
          maxDamages > 1 ? await this.#findDamages(file, position, maxDamages - damages.length) : []
        damages.push(...(errors.length > 0 ? errors : [error]))
      }
      position = end
    }
    return damages
  }

  /** Where the hole at a byte of a large file ends: an image can claim more of them than there is time to read. */
  async #holeEnd(file: OpenFile, position: number): Promise<number> {
    if (file.size <= PIECE) return position
    return this.#settings.isLocal ? file.holeEndSync(position) : await file.holeEnd(position)
  }

  /** Reads a piece that cannot be read as a whole in small pieces. Answers their errors, at most `limit`. */
  async #findDamages(file: OpenFile, position: number, limit: number): Promise<unknown[]> {
    const errors: unknown[] = []
    const end = Math.min(position + PIECE, file.size)
    // From the end on: reads that follow each other would read ahead, and fail for what lies there.
    const last = position + Math.floor((end - position - 1) / SMALL_PIECE) * SMALL_PIECE
    for (let at = last; at >= position && errors.length < limit; at -= SMALL_PIECE) {
      try {
        await this.#readPiece(file, at, SMALL_PIECE)
      } catch (error) {
        errors.unshift(error)
      }
    }
    return errors
  }

  async #readPiece(file: OpenFile, position: number, size: number): Promise<number> {
    const into = this.#buffer.subarray(0, size)
    const count = this.#settings.isLocal ? file.readSync(into, position) : await file.read(into, position)
    this.#bytes += count
    this.#onBytes(count)
    return count
  }
}
