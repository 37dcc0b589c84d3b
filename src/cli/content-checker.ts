// SPDX-License-Identifier: MIT
/** Contents of files, checked byte by byte: many jobs, done by one thread or by several. */
import { createHash, type Hash } from "node:crypto"
import type { OpenFile } from "../file.js"
import type { Image } from "../image.js"
import { countBytes, countEntry, type Round, takeJobs } from "./crew.js"
import { type PackedError, packError } from "./transport.js"

/** A regular file that is to be read. */
export interface ContentJob {
  nid: bigint
  path: string
  /** SHA-256 that its content is to have, in hex, if that is known. */
  expected: string | undefined
}

/** What reading a file found. */
export interface ContentReport {
  job: number
  bytes: number
  /** Whether its digest was compared. */
  isCompared: boolean
  damages: PackedError[]
}

/** Bytes read at a time, and at a time where those cannot be read as a whole. */
const PIECE = 1 << 20
const SMALL_PIECE = 4096
/** Places of one file that are named; a file with more is not read further. */
export const MAX_DAMAGES_OF_FILE = 64

/** Reads files for one thread. */
export class ContentChecker {
  readonly #image: Image
  readonly #buffer = new Uint8Array(PIECE)
  #bytes = 0
  #onBytes: (count: number) => void = () => {}

  constructor(image: Image) {
    this.#image = image
  }

  /** Does jobs of a round until none is left. `onProgress` is called often. */
  async work(round: Round<ContentJob[]>, onProgress: () => void = () => {}): Promise<ContentReport[]> {
    const reports: ContentReport[] = []
    this.#onBytes = (count) => {
      countBytes(round.counters, count)
      onProgress()
    }
    for (const job of takeJobs(round)) {
      reports.push(await this.#check(job, round.jobs[job] as ContentJob))
      countEntry(round.counters)
    }
    return reports
  }

  async #check(job: number, { nid, path, expected }: ContentJob): Promise<ContentReport> {
    const damages: unknown[] = []
    this.#bytes = 0
    let isCompared = false
    try {
      await using file = await this.#image.open({ nid, path })
      const hash = expected === undefined ? undefined : createHash("sha256")
      damages.push(...(await this.#readAll(file, hash)))
      if (hash && damages.length === 0) {
        isCompared = true
        const actual = hash.digest("hex")
        if (actual !== expected) {
          const reason = `content has digest ${actual}, its fingerprint says ${expected} (nid ${nid})`
          damages.push(new Error(reason))
        }
      }
    } catch (error) {
      damages.push(error)
    }
    return { job, bytes: this.#bytes, isCompared, damages: damages.map(packError) }
  }

  /** Reads a file to its end, over damaged places. Answers their errors. */
  async #readAll(file: OpenFile, hash: Hash | undefined): Promise<unknown[]> {
    const damages: unknown[] = []
    for (let position = 0; position < file.size && damages.length < MAX_DAMAGES_OF_FILE; position += PIECE) {
      try {
        const count = await this.#readPiece(file, position, PIECE)
        hash?.update(this.#buffer.subarray(0, count))
      } catch (error) {
        const errors = await this.#findDamages(file, position, MAX_DAMAGES_OF_FILE - damages.length)
        damages.push(...(errors.length > 0 ? errors : [error]))
      }
    }
    return damages
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
    const count = await file.read(this.#buffer.subarray(0, size), position)
    this.#bytes += count
    this.#onBytes(count)
    return count
  }
}
