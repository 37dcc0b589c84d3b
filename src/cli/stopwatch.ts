// SPDX-License-Identifier: MIT
/** Taking the time of passes, and what the pool had to do for them. */
import { setImmediate } from "node:timers/promises"
import type { PagePool, PoolStats } from "../pool.js"

/** Counters of the pool that say what a pass cost. */
const COUNTERS = [
  "hits",
  "misses",
  "fetches",
  "bytesFetched",
  "bytesDecoded",
  "requests",
  "bytesReceived",
] as const satisfies readonly (keyof PoolStats)[]

/** What a pass cost the pool and the sources of its images. */
export type Costs = Record<(typeof COUNTERS)[number], number>

/** Passes that were measured. */
export interface Timing extends Costs {
  passes: number
  /** Of one pass: the median. What a pass cost besides time is the mean. */
  nanoseconds: number
}

/** Passes after which more of them tell nothing new. */
const MOST_PASSES = 100

/** Measures what goes on in one pool. */
export class Stopwatch {
  readonly #pool: PagePool
  readonly #milliseconds: number

  /** `seconds`: how long passes are repeated. */
  constructor(pool: PagePool, seconds: number) {
    this.#pool = pool
    this.#milliseconds = seconds * 1000
  }

  /** From now on: answers whether the time of a measurement is over. */
  timer(): () => boolean {
    const end = performance.now() + this.#milliseconds
    return () => performance.now() >= end
  }

  /** Measures one pass. */
  async once(pass: () => void | Promise<void>): Promise<Timing> {
    return await this.repeat(pass, { most: 1 })
  }

  /** Measures one pass after the other until time is over, or there are `most`; `prepare` is called before each and not measured. */
  async repeat(
    pass: () => void | Promise<void>,
    { prepare = (): unknown => undefined, most = MOST_PASSES } = {},
  ): Promise<Timing> {
    const isOver = this.timer()
    const times: number[] = []
    // Only here: counting takes longer than some passes do.
    const before = this.#pool.stats()
    do {
      prepare()
      // What waits for the end of a turn, such as views that are to be registered, belongs to no pass.
      await setImmediate()
      const start = performance.now()
      await pass()
      times.push(performance.now() - start)
    } while (times.length < most && !isOver())
    const after = this.#pool.stats()
    const costs = COUNTERS.map((name) => [name, Math.round((after[name] - before[name]) / times.length)])
    times.sort((a, b) => a - b)
    return {
      passes: times.length,
      nanoseconds: Math.round((times[times.length >> 1] as number) * 1e6),
      ...(Object.fromEntries(costs) as Costs),
    }
  }
}
