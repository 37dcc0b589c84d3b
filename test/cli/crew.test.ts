// SPDX-License-Identifier: MIT
/** How jobs are dealt out to threads. */
import { describe, expect, it } from "vitest"
import { roundOf, stopRound, takeJobs } from "../../src/cli/crew.js"

describe("a round", () => {
  const numbers = (from: number, to: number): number[] =>
    Array.from({ length: to - from }, (_, i) => from + i)

  it("gives each job to one thread, small neighbours together and large ones alone", () => {
    const sizes = [...numbers(0, 40), 2 << 20, 3 << 20, 5, 6]
    const round = roundOf(sizes, sizes)
    expect([...round.starts]).toEqual([0, 32, 41, 42, 44])
    const [one, other] = [takeJobs(round), takeJobs(round)]
    const first = [one.next().value, other.next().value]
    expect(first).toEqual([0, 32])
    expect([...first, ...one, ...other].sort((a, b) => Number(a) - Number(b))).toEqual(numbers(0, 44))
  })

  it("that is stopped is gone through up to where that happened, and no batch is taken after it", () => {
    const round = roundOf(numbers(0, 200), Array(200).fill(1))
    const [one, other] = [takeJobs(round), takeJobs(round)]
    expect([one.next().value, other.next().value]).toEqual([0, 32])
    stopRound(round.counters)
    // Whoever stops it leaves; what lies before its job is done by who took that.
    other.return()
    expect([...one]).toEqual(numbers(1, 32))
    expect([...takeJobs(round)]).toEqual([])
  })

  it("is known of before it is done to threads that want that, which take as many batches early", () => {
    const round = roundOf(numbers(0, 200), Array(200).fill(1))
    const taken: number[] = []
    const one = takeJobs(round, { batches: 2, onTaken: (job) => taken.push(job) })
    expect(one.next().value).toBe(0)
    expect(taken).toEqual(numbers(0, 96))
    const other = takeJobs(round)
    expect(other.next().value).toBe(96)
    stopRound(round.counters)
    // What it has taken nobody else does.
    expect([...one]).toEqual(numbers(1, 96))
    expect(taken).toEqual(numbers(0, 96))
    expect([...other]).toEqual(numbers(97, 128))
  })

  it("may be taken as a whole", () => {
    const round = roundOf(numbers(0, 100), Array(100).fill(1))
    const taken: number[] = []
    const jobs = takeJobs(round, { batches: Number.POSITIVE_INFINITY, onTaken: (job) => taken.push(job) })
    expect(jobs.next().value).toBe(0)
    expect(taken).toEqual(numbers(0, 100))
    expect([...takeJobs(round)]).toEqual([])
    expect([...jobs]).toEqual(numbers(1, 100))
  })
})
