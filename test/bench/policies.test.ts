// SPDX-License-Identifier: MIT
/** The policies that reclaim is compared with: the optimum must be one, the others must be what they are called. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { clock, lru, optimum, type Policy, s3fifo, sieve } from "../../bench/memory/reclaim/policies.js"
import { poolHits } from "../../bench/memory/reclaim/pool.js"
import { pageUses, type Trace } from "../../bench/memory/reclaim/trace.js"

const PAGES = 6
const sequences = fc.array(fc.nat(PAGES - 1), { minLength: 1, maxLength: 14 })
const frameCounts = fc.integer({ min: 1, max: 4 })

/** The most hits that any choice of victims can have, by trying all. */
function bestOfAll(uses: readonly number[], frames: number, held: readonly number[] = []): number {
  const [page, ...rest] = uses
  if (page === undefined) return 0
  if (held.includes(page)) return 1 + bestOfAll(rest, frames, held)
  if (held.length < frames) return bestOfAll(rest, frames, [...held, page])
  return Math.max(
    ...held.map((victim) => bestOfAll(rest, frames, [...held.filter((one) => one !== victim), page])),
  )
}

/** A list of pages in the order of their last use, the latest first. */
function hitsOfList(uses: readonly number[], frames: number): number {
  let [list, hits] = [[] as number[], 0]
  for (const page of uses) {
    if (list.includes(page)) hits++
    list = [page, ...list.filter((one) => one !== page)].slice(0, frames)
  }
  return hits
}

const run = (policy: Policy, uses: readonly number[], frames: number): number =>
  policy(Uint32Array.from(uses), frames, PAGES)

it("the optimum has as many hits as the best of all choices", () => {
  fc.assert(
    fc.property(sequences, frameCounts, (uses, frames) => {
      expect(run(optimum, uses, frames)).toBe(bestOfAll(uses, frames))
    }),
  )
})

it("LRU throws out what was used longest ago", () => {
  fc.assert(
    fc.property(sequences, frameCounts, (uses, frames) => {
      expect(run(lru, uses, frames)).toBe(hitsOfList(uses, frames))
    }),
  )
})

describe.each(Object.entries({ lru, sieve, s3fifo, clock: clock() }))("%s", (_, policy) => {
  it("is never better than the optimum, and perfect where all fits", () => {
    fc.assert(
      fc.property(sequences, frameCounts, (uses, frames) => {
        expect(run(policy, uses, frames)).toBeLessThanOrEqual(run(optimum, uses, frames))
        expect(run(policy, uses, 10 * PAGES)).toBe(uses.length - new Set(uses).size)
      }),
    )
  })
})

it("SIEVE keeps what was used since its hand came by", () => {
  // 0 is used again, so 1 goes for 3; the hand stands at 2, which goes for 4.
  expect(run(sieve, [0, 1, 2, 0, 3, 0, 4, 0, 1, 2], 3)).toBe(3)
  // Here 2 is used again too, so 3, the newest, goes for 4; then 0, which the hand has come by, for 3.
  expect(run(sieve, [0, 1, 2, 0, 3, 2, 4, 3, 0], 3)).toBe(2)
})

it("the pool is under the optimum and finds all that fits", async () => {
  const reads = Array.from({ length: 3 }, () =>
    [0, 1].map((file) => ({ file, position: 0, length: 80 * 4096 })),
  ).flat()
  const trace: Trace = {
    files: [
      { path: "/a", content: 0 },
      { path: "/b", content: 0 },
    ],
    reads,
  }
  const [apart, shared] = [pageUses(trace, false), pageUses(trace, true)]
  expect([apart.places.length, shared.places.length]).toEqual([160, 80])
  expect(await poolHits(apart, 256)).toBe(3 * 160 - 160)
  expect(await poolHits(shared, 256)).toBe(6 * 80 - 80)
  expect(await poolHits(apart, 64)).toBeLessThanOrEqual(optimum(apart.uses, 64, 160))
})
