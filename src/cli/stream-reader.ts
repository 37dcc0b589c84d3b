// SPDX-License-Identifier: MIT
import type { AsyncSource } from "../source/source.js"

/** Bytes that are fetched when only a few are wanted. */
const PIECE = 64 << 10
/** Pieces that are kept, and pieces that are fetched ahead of a reader, at most. */
const KEPT_PIECES = 1024
const MAX_AHEAD = 64

/**
 * Reads a remote file for somebody who goes through most of it, one read after the other: fetches pieces, and ahead where
 * reads go on behind each other, further each time. Holds at most 64 MiB.
 */
export class StreamReader {
  readonly #source: AsyncSource
  /** By number, the one that was used last last. */
  readonly #pieces = new Map<number, Promise<Uint8Array>>()
  /** How far to fetch ahead behind a piece that was itself fetched so. */
  readonly #ahead = new Map<number, number>()

  constructor(source: AsyncSource) {
    this.#source = source
  }

  /** Like {@link AsyncSource.read}. */
  async read(target: Uint8Array, offset: number): Promise<number> {
    const length = Math.max(0, Math.min(target.length, this.#source.size - offset))
    if (length === 0) return 0
    const first = Math.floor(offset / PIECE)
    const last = Math.floor((offset + length - 1) / PIECE)
    const isContinued = this.#pieces.has(first) || this.#pieces.has(first - 1)
    const wanted: Promise<Uint8Array>[] = []
    for (let number = first; number <= last; number++) wanted.push(this.#piece(number))
    if (isContinued) this.#fetchAhead(last)
    for (const [i, piece] of wanted.entries()) {
      const bytes = await piece
      const start = (first + i) * PIECE
      const from = Math.max(offset, start)
      const to = Math.min(offset + length, start + bytes.length)
      target.set(bytes.subarray(from - start, to - start), from - offset)
    }
    this.#trim()
    return length
  }

  async close(): Promise<void> {
    await this.#source.close?.()
  }

  /** Fetches what lies behind a piece, twice as far as the last time. */
  #fetchAhead(last: number): void {
    const known = this.#ahead.get(last)
    if (known === undefined && this.#pieces.has(last + 1)) return
    const ahead = Math.min((known ?? 1) * 2, MAX_AHEAD)
    this.#ahead.delete(last)
    const end = Math.min(last + 1 + ahead, Math.ceil(this.#source.size / PIECE))
    for (let number = last + 1; number < end; number++) {
      if (this.#pieces.has(number)) continue
      // Half of it is still to come when the next are fetched.
      if (number === last + Math.ceil(ahead / 2)) this.#ahead.set(number, ahead)
      this.#piece(number).catch(() => {})
    }
  }

  #piece(number: number): Promise<Uint8Array> {
    const known = this.#pieces.get(number) ?? this.#fetch(number)
    this.#pieces.delete(number)
    this.#pieces.set(number, known)
    return known
  }

  async #fetch(number: number): Promise<Uint8Array> {
    const start = number * PIECE
    const bytes = new Uint8Array(Math.min(PIECE, this.#source.size - start))
    try {
      await this.#source.read(bytes, start, {})
      return bytes
    } catch (error) {
      this.#pieces.delete(number)
      throw error
    }
  }

  #trim(): void {
    for (const number of this.#pieces.keys()) {
      if (this.#pieces.size <= KEPT_PIECES) return
      this.#pieces.delete(number)
      this.#ahead.delete(number)
    }
  }
}
