// SPDX-License-Identifier: MIT
/** Contents of files, read byte by byte: many jobs, done by one thread or by several. */
import { createHash, type Hash } from "node:crypto"
import type { OpenFile } from "../file.js"
import type { Image } from "../image.js"
import { countBytes, countEntry, type Round, stopRound, takeJobs } from "./crew.js"
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
/** From this size on holes are looked for: an image can claim more of them than there is time to read. */
const LARGE_FILE = 64 << 20

/** Bytes of a file from `start` up to `end`. */
interface Range {
  start: number
  end: number
}

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
    // Others take jobs, too: then there is no saying which ones come next here.
    using expected = isAlone ? this.#image.expectContents() : undefined
    for (const { nid } of jobs) expected?.add(nid)
    for (const job of takeJobs(round)) {
      await expected?.reach(job)
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
      const isSparse = !hash && file.size >= LARGE_FILE
      for (const range of isSparse ? await this.#rangesOf(target, file) : [{ start: 0, end: file.size }]) {
        damages.push(...(await this.#readRange(file, range, hash, damages.length)))
      }
      if (damages.length === 0) digest = hash?.digest("hex")
    } catch (error) {
      damages.push(error)
    }
    return { job, bytes: this.#bytes, digest, damages: damages.map(packError) }
  }

  /** What of a file has to be read: all but its holes, which count as read; all where extents cannot be had. */
  async #rangesOf(target: { nid: bigint; path: string }, file: OpenFile): Promise<Range[]> {
    const ranges: Range[] = []
    let holes = 0
    try {
      for (const { kind, position, length } of (await this.#image.describe(target, { extents: true }))
        .extents ?? []) {
        const last = ranges.at(-1)
        if (kind === "hole") holes += length
        else if (last?.end === position) last.end += length
        else ranges.push({ start: position, end: position + length })
      }
    } catch {
      // Reading tells what is damaged, place by place.
      return [{ start: 0, end: file.size }]
    }
    this.#bytes += holes
    return ranges
  }

  /** Reads a range of a file to its end, over damaged places. Answers their errors; `known` is how many the file had. */
  async #readRange(
    file: OpenFile,
    { start, end }: Range,
    hash: Hash | undefined,
    known: number,
  ): Promise<unknown[]> {
    const limit = this.#settings.maxDamages - known
    const damages: unknown[] = []
    for (let position = start; position < end && damages.length < limit; position += PIECE) {
      try {
        const count = await this.#readPiece(file, position, Math.min(PIECE, end - position))
        hash?.update(this.#buffer.subarray(0, count))
      } catch (error) {
        const errors = limit > 1 ? await this.#findDamages(file, position, limit - damages.length) : []
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
    const into = this.#buffer.subarray(0, size)
    const count = this.#settings.isLocal ? file.readSync(into, position) : await file.read(into, position)
    this.#bytes += count
    this.#onBytes(count)
    return count
  }
}
