// SPDX-License-Identifier: MIT
import { PAGE_BITS } from "./page.js"

/** Windows that are remembered: as many rows of reads can go on side by side. */
const KEPT_WINDOWS = 8
/** Windows that may come to nothing before only what is asked for is read. */
const FREE_WINDOWS = 3
/** Bytes that cost about as much as one more request, if the source does not say. */
const DEFAULT_GRANULARITY = 64 << 10
/** Largest window, in pages. */
const LIMIT = 256

/** Pages that were read at once, and how many of them on suspicion. */
interface Window {
  end: number
  size: number
}

/**
 * How much metadata is read at once from a source whose requests cost much. What lies behind a page that is missing is
 * often needed next, but not in images whose metadata lies scattered among the data: so windows begin with what one more
 * request costs, grow where they prove useful, and shrink to single pages where they do not. What is read in vain stays
 * below three windows, a quarter of what is asked for and an eighth of what proved useful.
 */
export class MetadataWindow {
  /** Pages that cost about as much as one more request. */
  readonly unit: number
  /** Pages that may be read on suspicion. */
  #allowance: number
  readonly #windows: Window[] = []

  /** `granularity`: bytes that cost about as much as one more request. */
  constructor(granularity = DEFAULT_GRANULARITY) {
    this.unit = Math.max(1, granularity >>> PAGE_BITS)
    this.#allowance = FREE_WINDOWS * this.unit
  }

  /** Pages to read from a missing one on. */
  want(page: number): number {
    const at = this.#windows.findIndex(({ end, size }) => page >= end && page < end + size)
    const [before] = at < 0 ? [] : this.#windows.splice(at, 1)
    // It goes on where a window ended, or near: that one paid.
    if (before) this.#allowance += before.size - 1 + before.size / 8
    this.#allowance += 1 / 4
    const wish = before ? Math.min(Math.max(2 * before.size, this.unit), LIMIT) : this.unit
    const size = 1 + Math.min(wish - 1, Math.floor(this.#allowance))
    this.#allowance -= size - 1
    this.#windows.push({ end: page + size, size })
    if (this.#windows.length > KEPT_WINDOWS) this.#windows.shift()
    return size
  }
}
