// SPDX-License-Identifier: MIT
import { PAGE_BITS } from "./page.js"

/** Windows that are remembered: as many rows of reads can go on side by side. */
const KEPT_WINDOWS = 8
/** Units that may be read in vain before only what is asked for is read: three windows, but for what is asked for itself. */
const FREE_UNITS = 2.7
/** Units that the first window of a space has that holds nothing but metadata. */
const DENSE_UNITS = 1.5
/** Bytes that cost about as much as one more request, if the source does not say. */
const DEFAULT_GRANULARITY = 64 << 10
/** Largest window, in pages. */
const LIMIT = 256

/** Pages that were read at once. */
interface Window {
  end: number
  size: number
}

/**
 * How much metadata is read at once from a source whose requests cost much. What lies behind a page that is missing is
 * often needed next, but not in images whose metadata lies scattered among the data: so windows begin with what one more
 * request costs, grow where they prove useful, and shrink to single pages where they do not. What is read in vain stays
 * below three windows, a quarter of what is asked for and an eighth of what proved useful. With the data that makes four
 * windows for the first small file, whatever it takes to find it: so all metadata spaces of an image share an allowance.
 */
export class MetadataWindow {
  /** Pages that cost about as much as one more request. */
  readonly unit: number
  /** Pages of this space for each page that is fetched. */
  readonly #density: number
  /** Pages of the first window of a row. */
  readonly #first: number
  /** Pages that may be fetched on suspicion. */
  readonly #allowance: { pages: number }
  readonly #windows: Window[] = []

  /**
   * `granularity`: bytes that cost about as much as one more request. `outer`: the window of the space that this one lies in,
   * the metabox in the device; it is `density` times as large as what is fetched for it.
   */
  constructor(granularity = DEFAULT_GRANULARITY, outer?: MetadataWindow, density = 1) {
    const fetched = Math.max(1, granularity >>> PAGE_BITS)
    this.unit = Math.floor(fetched * density)
    this.#density = density
    this.#first = outer ? Math.floor(DENSE_UNITS * this.unit) : this.unit
    this.#allowance = outer ? outer.#allowance : { pages: FREE_UNITS * fetched }
  }

  /** Pages to read from a missing one on. */
  want(page: number): number {
    const at = this.#windows.findIndex(({ end, size }) => page >= end && page < end + size)
    const [before] = at < 0 ? [] : this.#windows.splice(at, 1)
    // It goes on where a window ended, or near: that one paid.
    if (before) this.#allowance.pages += (before.size - 1 + before.size / 8) / this.#density
    this.#allowance.pages += 1 / 4
    // Those that grow leave one to others.
    const most = Math.max(this.unit, Math.floor(this.#allowance.pages * this.#density) - this.unit)
    const wish = before ? Math.min(Math.max(2 * before.size, this.unit), most, LIMIT) : this.#first
    const size = 1 + this.spend(wish - 1)
    this.#windows.push({ end: page + size, size })
    if (this.#windows.length > KEPT_WINDOWS) this.#windows.shift()
    return size
  }

  /** Takes up to so many pages off those that may be read on suspicion. Answers how many. */
  spend(pages: number): number {
    const spent = Math.min(pages, Math.floor(this.#allowance.pages * this.#density))
    this.#allowance.pages -= spent / this.#density
    return spent
  }
}
