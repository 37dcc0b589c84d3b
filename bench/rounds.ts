// SPDX-License-Identifier: MIT
/** Measuring rivals in turn: what else the machine does then hits all of them alike. */
import { Bench } from "tinybench"
import type { Duration } from "./tools.js"

/** The middle one of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

/** Runs long passes in turn, `rounds` times after one that warms up. Answers the median of each, in milliseconds. */
export async function alternate(
  rivals: Record<string, () => Duration>,
  rounds: number,
): Promise<Map<string, Duration>> {
  const samples = new Map(Object.keys(rivals).map((name) => [name, [] as Duration[]]))
  for (let round = 0; round <= rounds; round++) {
    const bench = new Bench({ time: 0, iterations: 1, warmup: false, throws: true })
    for (const [name, run] of Object.entries(rivals)) {
      bench.add(name, () => {
        const duration = run()
        if (round > 0) samples.get(name)?.push(duration)
        return { overriddenDuration: duration.wall }
      })
    }
    await bench.run()
  }
  return new Map(
    [...samples].map(([name, all]) => [
      name,
      { wall: median(all.map(({ wall }) => wall)), cpu: median(all.map(({ cpu }) => cpu)) },
    ]),
  )
}

/**
 * Runs short operations in turn, `rounds` times `milliseconds` each after one round that warms up; each call of a
 * rival does `operations` of them. Answers the median nanoseconds of one operation.
 */
export async function sample(
  rivals: Record<string, () => void>,
  operations: number,
  rounds: number,
  milliseconds = 50,
): Promise<Map<string, number>> {
  const samples = new Map(Object.keys(rivals).map((name) => [name, [] as number[]]))
  for (let round = 0; round <= rounds; round++) {
    const bench = new Bench({ time: milliseconds, iterations: 3, warmup: false, throws: true })
    for (const [name, run] of Object.entries(rivals)) bench.add(name, run)
    for (const { name, result } of await bench.run()) {
      if (result.state !== "completed") throw new Error(`${name}: ${result.state}`)
      if (round > 0) samples.get(name)?.push((result.latency.p50 * 1e6) / operations)
    }
  }
  return new Map([...samples].map(([name, all]) => [name, median(all)]))
}
