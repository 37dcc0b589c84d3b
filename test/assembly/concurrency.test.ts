// SPDX-License-Identifier: MIT
/** Several instances on one memory: in one thread, and in two at once. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { describe, expect, it } from "vitest"
import { BUSY, NO_FRAME, OK } from "../../src/status.js"
import {
  type Build,
  describeContent,
  flat,
  moduleOf,
  PAGE,
  PoolCore,
  patternDevice,
  patternPage,
} from "../support/pool-core.js"

const BUILDS: Build[] = ["shared", "debug"]

describe.each(BUILDS)("a second instance of the %s build on a live pool", (build) => {
  it("disturbs nothing, and both see the same pages", () => {
    const first = PoolCore.create(build, { frames: 128, workers: 2 })
    const a = first.openSpace("a", 50 * PAGE)
    expect(first.fill(flat(a, 50, 0), 0, 16)).toBe(OK)
    const pinned = first.pin(a, 3)
    const before = { bytes: first.bytes.slice(), statistics: first.statistics() }

    const second = first.join()
    // Joining takes a place, writes the head of its region, and changes nothing else.
    const different: number[] = []
    const after = first.bytes.slice()
    for (let i = 0; i < after.length; i += PAGE) {
      if (Buffer.compare(after.subarray(i, i + PAGE), before.bytes.subarray(i, i + PAGE)) !== 0)
        different.push(i)
    }
    const expected = [0x10000, first.core.exchangeAt(first.worker), second.worker]
    expect(different.filter((at) => !expected.includes(at))).toEqual([])
    // Its table of pins is there now.
    const bookkeepingBytes = before.statistics.bookkeepingBytes + 128
    expect(second.statistics()).toEqual({ ...before.statistics, bookkeepingBytes })
    expect(second.worker).not.toBe(first.worker)

    expect(second.openSpace("a", 50 * PAGE)).toBe(a)
    for (let n = 0; n < 16; n++) expect(second.read(a, n)).toEqual(patternPage(0, n))
    expect(second.pin(a, 3)).toBe(pinned)
    expect(second.fill(flat(a, 50, 0), 16, 8)).toBe(OK)
    for (let n = 16; n < 24; n++) expect(first.read(a, n)).toEqual(patternPage(0, n))
    // A pin of one holds against a drop by the other.
    expect(first.dropPages(0)).toBe(23)
    first.release(pinned, 1)
    expect(first.dropPages(0)).toBe(0)
    second.release(pinned, 1)
    expect(first.dropPages(0)).toBe(1)
    expect(second.statistics()).toMatchObject({ framesUsed: 0, framesPinned: 0 })
  })
})

describe.each(BUILDS)("a worker of the %s build that ends with pages pinned", (build) => {
  it.each([1, 255, 256, 257, 70_000])("loses its pins, %i of them, and nobody else's", (count) => {
    const first = PoolCore.create(build, { frames: 64, workers: 2 })
    const second = first.join()
    const space = first.openSpace("a", 4 * PAGE)
    expect(first.fill(flat(space, 4, 0), 0, 4)).toBe(OK)
    const own = first.pin(space, 1)
    for (let i = 0; i < count; i++) second.pin(space, 1)
    second.pin(space, 2)
    first.core.freePlace(first.worker, second.place)
    expect(first.statistics().framesPinned).toBe(1)
    first.release(own, 1)
    expect(first.statistics().framesPinned).toBe(0)
    expect(first.dropPages(0)).toBe(4)
  })

  it("is counted by a byte a frame, and two more once a page is pinned more often than that counts", () => {
    const first = PoolCore.create(build, { frames: 64, workers: 2 })
    const before = first.statistics().bookkeepingBytes
    const second = first.join()
    expect(first.statistics().bookkeepingBytes).toBe(before + 64)
    const space = second.openSpace("a", PAGE)
    expect(second.fill(flat(space, 1, 0), 0)).toBe(OK)
    const address = second.pin(space, 0)
    const without = first.statistics().bookkeepingBytes
    for (let i = 0; i < 255; i++) second.pin(space, 0)
    expect(first.statistics().bookkeepingBytes).toBe(without + 128)
    for (let i = 0; i < 256; i++) second.release(address, 1)
    expect(first.statistics().framesPinned).toBe(0)
  })
})

const SEIZE = 4
const DOUBT = 32

describe.each(BUILDS)("a worker of the %s build that another waited for in vain", (build) => {
  /** Two workers, the first of which is filling pages 0 to 23 in three fills. */
  function begin() {
    const first = PoolCore.create(build, { frames: 128, workers: 2 })
    const second = first.join()
    const space = first.openSpace("a", 50 * PAGE)
    expect(second.openSpace("a", 50 * PAGE, undefined, undefined, { mount: 2 })).toBe(space)
    const content = flat(space, 50, 0)
    for (const slot of [1, 2, 3]) {
      expect(first.plan(content, 8 * (slot - 1), 8, { slot, steal: false })).toBe(OK)
    }
    second.describe(content)
    const plan = (page: number, want: number, request: number) =>
      second.core.planFill(second.worker, second.slot(), page, want, request)
    const finish = (pool: PoolCore, slot: number) => {
      pool.fetch(patternDevice, slot)
      expect(pool.core.finishFill(pool.slot(slot))).toBe(OK)
    }
    return { first, second, space, content, plan, finish }
  }

  it("is waited for no more as long as it does nothing", () => {
    const { first, second, space, plan, finish } = begin()
    expect(plan(8, 1, 0)).toBe(BUSY)
    expect(plan(8, 1, SEIZE | DOUBT)).toBe(OK)
    finish(second, 0)
    // Whatever it was filling is taken over, in one piece and by whoever wants it.
    expect(plan(9, 15, 0)).toBe(OK)
    finish(second, 0)
    expect(plan(0, 8, 0)).toBe(OK)
    finish(second, 0)
    for (let page = 0; page < 24; page++) expect(second.read(space, page)).toEqual(patternPage(0, page))
    // It comes too late, and nothing is there twice.
    for (const slot of [1, 2, 3]) finish(first, slot)
    expect(first.statistics()).toMatchObject({ framesBusy: 0, framesUsed: 24, pagesFilled: 24 })
  })

  it.each(["uses a page", "plans", "publishes a page"])("is waited for again as soon as it %s", (what) => {
    const { first, second, space, content, plan, finish } = begin()
    expect(plan(8, 1, SEIZE | DOUBT)).toBe(OK)
    finish(second, 0)
    if (what === "uses a page") first.read(space, 8)
    else if (what === "plans") expect(first.plan(content, 30, 1, { slot: 4, steal: false })).toBe(OK)
    else finish(first, 1)
    expect(plan(16, 8, 0)).toBe(BUSY)
  })

  it("is still waited for if another could not wait at all", () => {
    const { second, plan, finish } = begin()
    expect(plan(8, 1, SEIZE)).toBe(OK)
    finish(second, 0)
    expect(plan(9, 1, 0)).toBe(BUSY)
    expect(plan(16, 8, 0)).toBe(BUSY)
  })

  it("leaves nothing behind for whoever gets its place", () => {
    const { first, second, content, plan, finish } = begin()
    expect(plan(8, 1, SEIZE | DOUBT)).toBe(OK)
    finish(second, 0)
    second.core.freePlace(second.worker, first.place)
    const third = second.join()
    expect(third.place).toBe(first.place)
    expect(third.plan(content, 16, 8, { slot: 1, steal: false })).toBe(OK)
    expect(plan(16, 8, 0)).toBe(BUSY)
  })
})

describe.each(BUILDS)("a page of the %s build that one worker takes over from another", (build) => {
  it.each(["the first", "the second"])("is there as soon as %s has it, and once", (faster) => {
    const first = PoolCore.create(build, { frames: 128, workers: 2 })
    const second = first.join()
    const space = first.openSpace("a", 50 * PAGE)
    expect(second.openSpace("a", 50 * PAGE)).toBe(space)
    expect(first.plan(flat(space, 50, 0), 3, 4, { steal: false })).toBe(OK)
    expect(second.plan(flat(space, 50, 0), 3, 4, { steal: false })).toBe(BUSY)
    second.describe(flat(space, 50, 0))
    expect(second.core.planFill(second.worker, second.slot(), 3, 4, SEIZE)).toBe(OK)
    const order = faster === "the first" ? [first, second] : [second, first]
    for (const pool of order) {
      pool.fetch(patternDevice)
      expect(pool.core.finishFill(pool.slot())).toBe(OK)
      expect(first.read(space, 3)).toEqual(patternPage(0, 3))
    }
    for (let page = 3; page < 7; page++) expect(first.read(space, page)).toEqual(patternPage(0, page))
    expect(first.statistics()).toMatchObject({
      framesBusy: 0,
      framesPinned: 0,
      framesUsed: 4,
      pagesFilled: 4,
    })
  })
})

it("a lock whose holder has ended unheard is taken from it in the end", () => {
  const pool = PoolCore.create("shared", { frames: 64, workers: 2 })
  const LOCK = 0x10080
  // Place 1 holds it, and nobody is there.
  new Uint32Array(pool.memory.buffer)[LOCK >> 2] = 2
  expect(pool.statistics()).toMatchObject({ framesUsed: 0, repairs: 1 })
})

describe.each(BUILDS)("two threads on the %s build", (build) => {
  it("read, fill, take over, abort and drop at random, and see right pages only", {
    timeout: 30_000,
  }, async () => {
    const pool = PoolCore.create(build, { frames: 160, spaces: 64, workers: 3 })
    const filePages = 120
    const spaces = [0, 1, 2].map((file) => pool.openSpace(`file ${file}`, filePages * PAGE))
    const contents = spaces.map((space) => describeContent(flat(space, filePages, 0)))
    const results = await Promise.all(
      [1, 2].map(
        (seed) =>
          new Promise<{ reads: number; fills: number; drops: number; wrong: number; answers: object }>(
            (resolve, reject) => {
              const workerData = {
                module: moduleOf(build),
                memory: pool.memory,
                ...{ spaces, contents, filePages, seed, milliseconds: 1200, slots: 3 },
              }
              const worker = new Worker(new URL("../support/pool-worker.js", import.meta.url), { workerData })
              worker.once("message", resolve)
              worker.once("error", reject)
            },
          ),
      ),
    )
    for (const { reads, fills, wrong, answers } of results) {
      expect(wrong).toBe(0)
      expect(reads).toBeGreaterThan(0)
      expect(fills).toBeGreaterThan(0)
      const known = [0, 10, 11, NO_FRAME].map(String)
      expect(Object.keys(answers).filter((answer) => !known.includes(answer))).toEqual([])
    }
    // Everything was given back.
    const { framesUsed, framesPinned, pagesFilled, pagesReclaimed } = pool.statistics()
    expect(framesPinned).toBe(0)
    expect(pagesFilled - pagesReclaimed).toBe(framesUsed)
    expect(pool.dropPages(0)).toBe(framesUsed)
    expect(pool.statistics()).toMatchObject({ framesUsed: 0, spaces: 3 })
  })
})

// V8 compiles every function quickly first and well later. The quick code of some versions gets exchanges of atomic
// words wrong in ways that the good code does not, so each is run alone.
describe.each(["--liftoff-only", "--no-liftoff"])("two threads in the code of V8 with %s", (flag) => {
  it.each(BUILDS)("read right pages only, on the %s build", (build) => {
    const core = fileURLToPath(new URL(`../../build/core.${build}.wasm`, import.meta.url))
    const script = fileURLToPath(new URL("../support/pool-threads.js", import.meta.url))
    const all = JSON.parse(execFileSync(process.execPath, [flag, script, core, "1000"], { encoding: "utf8" }))
    for (const { reads, fills, wrong } of all as { reads: number; fills: number; wrong: number }[]) {
      expect(wrong).toBe(0)
      expect(reads).toBeGreaterThan(0)
      expect(fills).toBeGreaterThan(0)
    }
  })
})
