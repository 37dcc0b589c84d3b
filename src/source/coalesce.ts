// SPDX-License-Identifier: MIT
/** Many small reads, few larger fetches. */
import { nextTask } from "./task.js"

/** Bytes `start` to before `end`. */
export interface ByteRange {
  start: number
  end: number
}

/** When ranges are fetched together. */
export interface CoalesceLimits {
  /** Bytes that nobody asked for and that are fetched all the same if that saves a fetch. */
  gap: number
  /** Bytes of one fetch, at most. */
  max: number
}

/**
 * The fetches that bring all ranges: in order, disjoint, none longer than `max`. Neighbours are one fetch where at most
 * `gap` bytes lie between them. Empty ranges need none.
 */
export function mergeRanges(ranges: readonly ByteRange[], { gap, max }: CoalesceLimits): ByteRange[] {
  const sorted = ranges.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start)
  const merged: ByteRange[] = []
  let last: ByteRange | undefined
  for (const { start, end } of sorted) {
    let at = start
    if (last) {
      at = Math.max(at, last.end)
      const limit = last.start + max
      if (at < end && at - last.end <= gap && at < limit) {
        last.end = Math.min(end, limit)
        at = last.end
      }
    }
    while (at < end) {
      last = { start: at, end: Math.min(end, at + max) }
      merged.push(last)
      at = last.end
    }
  }
  return merged
}

/**
 * Fetches a range: hands its bytes to `sink` in order, piece by piece, and returns when all have come. Once the signal
 * is aborted it stops soon.
 */
export type RangeFetcher = (
  range: ByteRange,
  sink: (piece: Uint8Array) => void,
  signal: AbortSignal,
) => Promise<void>

/** One read: where its bytes go, and how many are still to come. */
class Reader {
  readonly target: Uint8Array
  readonly start: number
  readonly end: number
  readonly fetches: Fetch[] = []
  left: number
  readonly done: Promise<number>
  #resolve!: (count: number) => void
  #reject!: (reason: unknown) => void
  #isSettled = false

  constructor(target: Uint8Array, start: number) {
    this.target = target
    this.start = start
    this.end = start + target.length
    this.left = target.length
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Takes what of a piece belongs to it. A settled reader's memory is not written any more. */
  take(piece: Uint8Array, position: number): void {
    const from = Math.max(this.start, position)
    const to = Math.min(this.end, position + piece.length)
    if (this.#isSettled || from >= to) return
    this.target.set(piece.subarray(from - position, to - position), from - this.start)
    this.left -= to - from
    if (this.left === 0) this.#settle(() => this.#resolve(this.target.length))
  }

  fail(reason: unknown): void {
    if (!this.#isSettled) this.#settle(() => this.#reject(reason))
  }

  #settle(answer: () => void): void {
    this.#isSettled = true
    answer()
    for (const fetch of this.fetches) fetch.leave(this)
  }
}

/** One fetch and those who wait for bytes of it. When the last one has left it is called off. */
class Fetch {
  readonly start: number
  readonly end: number
  /** Up to where its bytes have come. */
  position: number
  readonly #readers = new Set<Reader>()
  readonly #controller = new AbortController()
  #isOver = false

  constructor({ start, end }: ByteRange) {
    this.start = start
    this.end = end
    this.position = start
  }

  /** Whether a range lies in it of which no byte has passed. */
  isAheadOf(start: number, end: number): boolean {
    return !this.#isOver && this.position <= start && end <= this.end
  }

  join(reader: Reader): void {
    this.#readers.add(reader)
    reader.fetches.push(this)
  }

  leave(reader: Reader): void {
    this.#readers.delete(reader)
    if (this.#readers.size > 0 || this.#isOver) return
    this.#isOver = true
    this.#controller.abort()
  }

  /** Fails all who wait for it. */
  close(reason: unknown): void {
    for (const reader of this.#readers) reader.fail(reason)
  }

  async run(fetchRange: RangeFetcher): Promise<void> {
    try {
      await fetchRange(this, (piece) => this.#pass(piece), this.#controller.signal)
      // Whoever is still here waits for other fetches, unless this one broke its word.
      if (this.position < this.end) throw new Error(`the fetch ended at ${this.position} of ${this.end}`)
    } catch (error) {
      for (const reader of this.#readers) reader.fail(error)
    } finally {
      this.#isOver = true
    }
  }

  #pass(piece: Uint8Array): void {
    const at = this.position
    this.position += piece.length
    for (const reader of this.#readers) reader.take(piece, at)
  }
}

/**
 * Collects the reads of one tick and meets them with few fetches. A read whose bytes are already on their way joins that
 * fetch. A fetch that nobody waits for any more is called off.
 */
export class Coalescer {
  readonly #fetchRange: RangeFetcher
  readonly #limits: CoalesceLimits
  #waiting: Reader[] = []
  readonly #running = new Set<Fetch>()

  constructor(fetchRange: RangeFetcher, limits: CoalesceLimits) {
    this.#fetchRange = fetchRange
    this.#limits = limits
  }

  /** Fills `target` with the bytes from `start` on. Rejects with the signal's reason as soon as it is aborted. */
  async read(target: Uint8Array, start: number, signal?: AbortSignal): Promise<number> {
    signal?.throwIfAborted()
    if (target.length === 0) return 0
    const reader = new Reader(target, start)
    const onAbort = (): void => reader.fail(signal?.reason)
    signal?.addEventListener("abort", onAbort, { once: true })
    try {
      this.#add(reader)
      return await reader.done
    } finally {
      signal?.removeEventListener("abort", onAbort)
    }
  }

  /** Fails all reads that are under way, and so calls off all fetches. */
  close(reason: unknown): void {
    for (const reader of this.#waiting) reader.fail(reason)
    for (const fetch of this.#running) fetch.close(reason)
  }

  #add(reader: Reader): void {
    for (const fetch of this.#running) {
      if (!fetch.isAheadOf(reader.start, reader.end)) continue
      fetch.join(reader)
      return
    }
    this.#waiting.push(reader)
    if (this.#waiting.length === 1) nextTask(() => this.#fetchAll())
  }

  #fetchAll(): void {
    const readers = this.#waiting.filter((reader) => !reader.isSettled)
    this.#waiting = []
    for (const range of mergeRanges(readers, this.#limits)) {
      const fetch = new Fetch(range)
      for (const reader of readers) {
        if (reader.start < fetch.end && reader.end > fetch.start) fetch.join(reader)
      }
      this.#running.add(fetch)
      fetch.run(this.#fetchRange).finally(() => this.#running.delete(fetch))
    }
  }
}
