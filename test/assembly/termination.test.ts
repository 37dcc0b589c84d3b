// SPDX-License-Identifier: MIT
/**
 * Workers that are ended in the middle of a change, at every point where an engine may do so: whoever frees their places
 * then leaves a pool in which everything holds. TERMINATION_SWEEP=1 tries all points of long operations, not a sample.
 */
import { describe, expect, it } from "vitest"
import { Random } from "../support/random.js"
import { FRAMES, Stage, VICTIM_MOUNT } from "../support/termination-stage.js"

const IS_SWEEP = process.env.TERMINATION_SWEEP !== undefined
/** Of an operation with more points the first so many are tried, and as many of the others. */
const FIRST_POINTS = 150
/** At so many points the place of an operation's worker is freed by one that ends too, at the first so many and as many others. */
const HELPED_POINTS = IS_SWEEP ? 30 : 3
const FIRST_HELP_POINTS = 20
const TIMEOUT = IS_SWEEP ? 3_600_000 : 60_000
const stage = new Stage()
const { pool } = stage.victim
const { core, worker } = pool
const { spaces } = stage

/** Pages of a new file, in which so many are different. */
const fillAll = (pages: number, kinds: number) => stage.addFile(pool, "new", pages, kinds)

/** What the victim does. */
const operations: Record<string, () => unknown> = {
  "dropping a file whose frames others share": () => core.dropRange(worker, spaces.small, 0, 100, 0),
  "dropping a file with aliases": () => core.dropRange(worker, spaces.pinned, 0, 100, 0),
  "dropping a file that nobody refers to": () => core.dropRange(worker, spaces.idle, 0, 100, 0),
  "dropping a mount": () => core.dropMount(worker, VICTIM_MOUNT, 0),
  "dropping everything": () => core.dropAll(worker),
  "making the pool smaller": () => core.resizePool(worker, 20),
  "making the pool smaller and larger": () => {
    core.resizePool(worker, 20)
    core.resizePool(worker, FRAMES)
  },
  "filling more than there is room for": () => fillAll(FRAMES, FRAMES - 4),
  "filling pages that the pool has, until aliases are used again": () => fillAll(200, 5),
  "two fills, one of which is given up": () => {
    const space = stage.open(pool, "new", 32, 20)
    const content = stage.content(space, 32)
    for (const slot of [1, 2]) pool.plan(content, 8 * slot, 8, { slot, steal: false })
    pool.fetch(stage.device(space), 1)
    core.finishFill(pool.slot(1))
    core.abortFill(pool.slot(2))
  },
  "opening a space with a long key": () => stage.open(pool, "z".repeat(20_000), 1, 1),
  "opening and releasing a space with a long key": () => {
    const space = stage.open(pool, "z".repeat(9000), 1, 1)
    pool.releaseSpace(space, VICTIM_MOUNT)
  },
  "releasing a space with a long key after its pages": () => {
    core.dropRange(worker, spaces.longKey, 0, 9, 0)
    pool.releaseSpace(spaces.longKey, VICTIM_MOUNT)
  },
  "opening more spaces than there are": () => {
    for (let i = 0; i < 40; i++) stage.open(pool, `space ${i}`, 1, 1)
  },
  "pinning pages and releasing some": () => {
    for (let page = 0; page < 16; page++) {
      const address = core.acquire(worker, spaces.large, page, 2, true) >>> 0
      const run = new Uint32Array(pool.memory.buffer, worker, 1)[0] as number
      if (address !== 0 && page % 2 === 1) pool.release(address, run)
    }
  },
}

/** Points of an operation of so many polls at which it is ended. */
function pointsOf(polls: number, first = FIRST_POINTS): number[] {
  if (IS_SWEEP || polls <= 2 * first) return Array.from({ length: polls }, (_, i) => i + 1)
  const random = new Random(polls)
  const step = (polls - first) / first
  return Array.from({ length: 2 * first }, (_, i) =>
    i < first ? i + 1 : Math.floor(first + (i - first + random.u32() / 2 ** 32) * step) + 1,
  )
}

/** Of each kind of violation, by its words, the first and how often it was seen. */
class Findings {
  readonly #kinds = new Map<string, { first: string; times: number }>()

  add(ends: string, violations: readonly string[]): void {
    for (const sentence of violations) {
      const kind = sentence.replaceAll(/\d+/g, "#")
      const { first, times } = this.#kinds.get(kind) ?? { first: `ended at ${ends}: ${sentence}`, times: 0 }
      this.#kinds.set(kind, { first, times: times + 1 })
    }
  }

  get list(): string[] {
    return [...this.#kinds.values()].map(({ first, times }) => `${first} (seen ${times} times)`)
  }
}

/** How many polls an operation of a worker has, from the beginning. */
function pollsOf(mortal: typeof stage.victim, operation: () => unknown): number {
  expect(mortal.runUntil(Number.POSITIVE_INFINITY, operation)).toBeUndefined()
  return mortal.polls
}

describe("the pool before anybody has ended", () => {
  it("is in order, with aliases, pins and a long key in it", () => {
    stage.reset()
    expect(stage.violations()).toEqual([])
    const { pagesAliased, framesPinned, spaces } = stage.survivor.statistics()
    expect(pagesAliased).toBeGreaterThan(10)
    expect(framesPinned).toBe(2)
    expect(spaces).toBe(7)
  })

  it.each([
    ["frame", 0, "state", 0],
    ["frame", 0, "name", 0],
    ["frame", 0, "name", 99],
    ["frame", 0, "next", 0x8000_0001],
    ["content", 0, "aliases", 0],
    ["content", 0, "hash", 0],
    ["content", 0, "next", 1],
    ["alias", 1, "frame", 60],
    ["alias", 1, "name", 0],
    ["alias", 1, "sibling", 1],
    ["member", 2, "holding", 0],
    ["space", 1, "pages", 9],
    ["space", 2, "pages", 9],
    ["space", 2, "next", 1],
    ["space", 2, "members", 3],
    ["space", 7, "keyLength", 100],
    ["guarded", 0, "freeFrames", 1],
    ["guarded", 0, "onlineFrames", FRAMES - 8],
    ["guarded", 0, "usedSpaces", 5],
    ["guarded", 0, "usedAliases", 5],
    ["guarded", 0, "keyFrames", 0],
    ["guarded", 0, "memberTop", 30],
  ] as const)("is said not to be if %s %i has another %s", (table, number, field, value) => {
    stage.reset()
    stage.records.set(table, number, field, value)
    expect(stage.violations()).not.toEqual([])
  })

  it.each(Object.entries(operations))("is in order after %s", (_, operation) => {
    stage.reset()
    operation()
    expect(stage.violations()).toEqual([])
  })
})

describe("a worker that ends in the middle of", () => {
  it.each(Object.entries(operations))(
    "%s leaves what another puts in order",
    { timeout: TIMEOUT },
    (_, operation) => {
      stage.reset()
      const polls = pollsOf(stage.victim, operation)
      const findings = new Findings()
      for (const point of pointsOf(polls)) {
        stage.reset()
        const where = stage.victim.runUntil(point, operation)
        expect(where).toBeDefined()
        findings.add(`${point}, ${where}`, stage.violationsAfter([pool]))
      }
      expect(findings.list).toEqual([])
    },
  )
})

describe("a worker that ends while it frees the place of one that ended in the middle of", () => {
  it.each(Object.entries(operations))(
    "%s leaves what a third puts in order",
    { timeout: TIMEOUT },
    (_, operation) => {
      const { victim, helper } = stage
      const freePlace = () => helper.pool.core.freePlace(helper.pool.worker, pool.place)
      const endVictim = (point: number) => {
        stage.reset()
        return victim.runUntil(point, operation)
      }
      stage.reset()
      const polls = pollsOf(victim, operation)
      const findings = new Findings()
      for (let i = 1; i <= HELPED_POINTS; i++) {
        const point = Math.ceil((i * polls) / (HELPED_POINTS + 1))
        const where = endVictim(point)
        for (const helpPoint of pointsOf(pollsOf(helper, freePlace), FIRST_HELP_POINTS)) {
          endVictim(point)
          const whereHelp = helper.runUntil(helpPoint, freePlace)
          const ends = `${point}, ${where}, and ${helpPoint}, ${whereHelp}`
          findings.add(ends, stage.violationsAfter([pool, helper.pool]))
        }
      }
      expect(findings.list).toEqual([])
    },
  )
})
