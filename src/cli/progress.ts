// SPDX-License-Identifier: MIT
import type { Arguments } from "./arguments.js"
import { type Io, textBytes, toJson } from "./print.js"

/** Milliseconds between two signs of progress. */
const INTERVAL = 200
const BAR_WIDTH = 30
const CLEAR_LINE = "\r\x1b[K"

const NONE = { entries: 0, bytes: 0 }

/** Shows how far a long command is, on standard error. */
export class Progress {
  readonly #stderr: Io["stderr"]
  readonly #kind: "bar" | "json" | "none"
  readonly #unit: string
  #total: number
  #entries = 0
  #bytes = 0
  #next = 0
  #round = NONE

  /** `total`: how many entries there are about; `unit`: what a person is told that they are. */
  constructor(args: Arguments, stderr: Io["stderr"], total: bigint, unit = "entries") {
    const kind = args.choice("progress", ["bar", "json", "none"])
    const isHidden = args.has("quiet") || (kind === "bar" && !stderr.isTerminal)
    this.#kind = isHidden ? "none" : kind
    this.#stderr = stderr
    this.#unit = unit
    this.#total = Number(total)
  }

  /** One more entry has been seen to. */
  entry(bytes = 0): void {
    this.#entries++
    this.bytes(bytes)
  }

  /** More bytes have been seen to. */
  bytes(bytes: number): void {
    this.#bytes += bytes
    if (this.#kind === "none") return
    const now = performance.now()
    if (now < this.#next) return
    this.#next = now + INTERVAL
    this.#show()
  }

  /** So many entries and bytes of a round have been seen to so far, by whichever thread. */
  round(counts: { entries: number; bytes: number }): void {
    this.#round = counts
    this.bytes(0)
  }

  /** A round is over, with these numbers. */
  endRound({ entries, bytes }: { entries: number; bytes: number }): void {
    this.#round = NONE
    this.#entries += entries
    this.bytes(bytes)
  }

  /** Says how many entries there are, once that is known. */
  expect(total: number): void {
    this.#total = total
  }

  /** So many entries and bytes have been seen to in all. */
  reach(entries: number, bytes: number): void {
    this.#entries = entries
    this.bytes(bytes - this.#bytes)
  }

  /** Takes the bar away, or gives the last numbers. */
  end(): void {
    if (this.#kind === "bar") this.#write(CLEAR_LINE)
    if (this.#kind === "json") this.#show()
  }

  #show(): void {
    const entries = this.#entries + this.#round.entries
    const bytes = this.#bytes + this.#round.bytes
    const total = this.#total
    if (this.#kind === "json") {
      this.#write(`${toJson({ entries, total, bytes })}\n`)
      return
    }
    const filled = Math.round(Math.min(1, entries / Math.max(1, total)) * BAR_WIDTH)
    const bar = `[${"#".repeat(filled).padEnd(BAR_WIDTH)}]`
    this.#write(
      `${CLEAR_LINE}${bar} ${entries} of ${total} ${this.#unit}, ${(bytes / 2 ** 20).toFixed(1)} MiB`,
    )
  }

  #write(text: string): void {
    this.#stderr.write(textBytes(text))
  }
}
