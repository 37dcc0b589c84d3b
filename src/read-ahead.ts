// SPDX-License-Identifier: MIT
/** How a row of reads goes on: reads that follow each other get a growing window, others none, unless advice is given. */
export class ReadAhead {
  /** The page behind the last read; a first read at the beginning counts as following. */
  #next = 0
  #isSequential = false
  #window = 0
  #pattern: "normal" | "sequential" | "random" = "normal"
  /** Whether a page that is used again stays in the pool for longer. */
  makesWarmer = true
  static readonly first = 32
  static readonly limit = 256

  /** Takes advice about the reads to come. "noreuse" leaves the pattern as it is, "normal" takes everything back. */
  advise(advice: "normal" | "sequential" | "random" | "noreuse"): void {
    if (advice !== "noreuse") this.#pattern = advice
    if (advice === "noreuse" || advice === "normal") this.makesWarmer = advice === "normal"
  }

  /** A new row of reads under the same advice. */
  another(): ReadAhead {
    const other = new ReadAhead()
    other.#pattern = this.#pattern
    other.makesWarmer = this.makesWarmer
    return other
  }

  /**
   * Notes a read of the pages from `page` to before `end`. Answers whether it makes them warmer: whether it is a new
   * use of its first page, rather than the next piece of the page that the read before ended in.
   */
  note(page: number, end: number): boolean {
    const isContinued = page === this.#next - 1
    this.#isSequential = isContinued || page === this.#next
    if (!this.#isSequential) this.#window = 0
    this.#next = end
    return !isContinued && this.makesWarmer
  }

  /** Pages to bring in at once, at least `needed`. Called when a page of the read noted last is missing. */
  want(needed: number): number {
    if (this.#pattern === "random") return needed
    if (this.#pattern === "sequential") return Math.max(needed, ReadAhead.limit)
    if (this.#isSequential) {
      this.#window = Math.min(Math.max(this.#window * 2, ReadAhead.first), ReadAhead.limit)
    }
    return Math.max(needed, this.#window)
  }
}
