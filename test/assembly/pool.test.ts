// SPDX-License-Identifier: MIT
/** Frames, the page index and reclaim, on the build with assertions: a trap is an invariant that does not hold. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { NO_FRAME, OK, RESIDENT } from "../../src/status.js"
import { BUILDS, flat, PAGE, PoolCore, patternPage } from "../support/pool-core.js"

const FRAMES = 96
const SPACES = 3
const SPACE_PAGES = 64
/** Files lie this far apart on the device. */
const DISTANCE = 1 << 24

/** What a simple pool would hold: pages in it are right, pinned ones stay. */
class Model {
  readonly pool = PoolCore.create("debug", { frames: FRAMES, spaces: 16 })
  readonly spaces = Array.from({ length: SPACES }, (_, i) =>
    this.pool.openSpace(`file ${i}`, SPACE_PAGES * PAGE),
  )
  /** Pins held: address and whose page. */
  readonly pins: { address: number; file: number; page: number }[] = []
  readonly suspended = new Map<number, { file: number; page: number }>()

  content(file: number) {
    return flat(this.spaces[file] as number, SPACE_PAGES, file * DISTANCE)
  }

  fill(file: number, page: number, want: number): void {
    const answer = this.pool.fill(this.content(file), page, want)
    expect([OK, RESIDENT, NO_FRAME]).toContain(answer)
    if (answer === OK) this.check(file, page, true)
    if (answer === NO_FRAME) expect(this.pinnedPages() + this.suspended.size).toBeGreaterThan(0)
  }

  check(file: number, page: number, mustBeThere = false): void {
    const bytes = this.pool.read(this.spaces[file] as number, page)
    if (mustBeThere) expect(bytes).toBeDefined()
    if (bytes) expect(Buffer.compare(bytes, patternPage(file * DISTANCE, page))).toBe(0)
  }

  acquire(file: number, page: number, count: number): void {
    const { core, worker, memory } = this.pool
    const address = core.acquire(worker, this.spaces[file] as number, page, count, true) >>> 0
    if (address === 0) return
    const run = new Uint32Array(memory.buffer, worker, 1)[0] as number
    expect(run).toBeGreaterThanOrEqual(1)
    expect(run).toBeLessThanOrEqual(count)
    for (let i = 0; i < run; i++) this.pins.push({ address: address + i * PAGE, file, page: page + i })
  }

  release(number: number): void {
    if (this.pins.length === 0) return
    const [pin] = this.pins.splice(number % this.pins.length, 1)
    this.pool.release((pin as { address: number }).address, 1)
  }

  /** Begins a fill and leaves it, as a source that answers later does. */
  suspend(slot: number, file: number, page: number, want: number): void {
    if (this.suspended.has(slot)) return
    const answer = this.pool.plan(this.content(file), page, want, { slot, steal: false })
    if (answer === OK) this.suspended.set(slot, { file, page })
  }

  resume(slot: number, isAborted: boolean): void {
    const fill = this.suspended.get(slot)
    if (!fill) return
    this.suspended.delete(slot)
    if (isAborted) {
      this.pool.core.abortFill(this.pool.slot(slot))
      return
    }
    this.pool.fetch((target, offset) => target.set(patternBytes(offset, target.length)), slot)
    expect(this.pool.core.finishFill(this.pool.slot(slot))).toBe(OK)
  }

  pinnedPages(): number {
    return new Set(this.pins.map(({ address }) => address)).size
  }

  checkAll(): void {
    for (const { address, file, page } of this.pins) {
      const bytes = this.pool.bytes.subarray(address, address + PAGE)
      expect(Buffer.compare(bytes, patternPage(file * DISTANCE, page))).toBe(0)
    }
    const { frames, framesUsed, framesPinned, pagesFilled, pagesReclaimed } = this.pool.statistics()
    expect(frames).toBe(FRAMES)
    expect(framesPinned).toBe(this.pinnedPages())
    expect(framesUsed).toBeLessThanOrEqual(FRAMES)
    // Pages that came and did not go are there; what is held for fills under way comes on top.
    if (this.suspended.size === 0) expect(framesUsed).toBe(pagesFilled - pagesReclaimed)
  }

  end(): void {
    for (const slot of [...this.suspended.keys()]) this.resume(slot, true)
    while (this.pins.length > 0) this.release(0)
    this.checkAll()
    const before = this.pool.statistics()
    expect(this.pool.dropPages(0)).toBe(before.framesUsed)
    for (const space of this.spaces) this.pool.releaseSpace(space)
    const { pagesFilled } = before
    expect(this.pool.statistics()).toMatchObject({ framesUsed: 0, spaces: 0, pagesReclaimed: pagesFilled })
  }
}

function patternBytes(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += PAGE) {
    bytes.set(patternPage(offset + at, 0).subarray(0, Math.min(PAGE, length - at)), at)
  }
  return bytes
}

const file = fc.integer({ min: 0, max: SPACES - 1 })
const page = fc.integer({ min: 0, max: SPACE_PAGES - 1 })
const want = fc.integer({ min: 1, max: 40 })
const slot = fc.integer({ min: 1, max: 7 })
const steps: fc.Arbitrary<(model: Model) => void>[] = [
  fc.tuple(file, page, want).map(
    ([f, p, n]) =>
      (model) =>
        model.fill(f, p, n),
  ),
  fc.tuple(file, page).map(
    ([f, p]) =>
      (model) =>
        model.check(f, p),
  ),
  fc.tuple(file, page, want).map(
    ([f, p, n]) =>
      (model) =>
        model.acquire(f, p, n),
  ),
  fc.nat(1000).map((n) => (model) => model.release(n)),
  fc.tuple(slot, file, page, want).map(
    ([s, f, p, n]) =>
      (model) =>
        model.suspend(s, f, p, n),
  ),
  fc.tuple(slot, fc.boolean()).map(
    ([s, isAborted]) =>
      (model) =>
        model.resume(s, isAborted),
  ),
  file.map((f) => (model) => void model.pool.dropPages(model.spaces[f] as number)),
]

describe("a pool under any use", () => {
  it("has the right bytes, keeps what is pinned, and its counts add up", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...steps), { minLength: 20, maxLength: 120 }), (sequence) => {
        const model = new Model()
        for (const step of sequence) {
          step(model)
          model.checkAll()
        }
        model.end()
      }),
      { numRuns: 60 },
    )
  })
})

describe.each(BUILDS)("reclaim in the %s build", (build) => {
  /** Reads a page as a reader does: a hit, or a fill and then a hit. Answers whether it was a hit. */
  function use(pool: PoolCore, space: number, pages: number, number: number, window = 1): boolean {
    const address = pool.pin(space, number)
    if (address !== 0) {
      pool.release(address, 1)
      return true
    }
    expect(pool.fill(flat(space, pages, 0), number, window, () => {})).toBe(OK)
    pool.release(pool.pin(space, number), 1)
    return false
  }

  it("spares a hot set when ten times the pool is scanned", () => {
    const frames = 256
    const pool = PoolCore.create(build, { frames })
    const [hotPages, coldPages] = [64, 10 * frames]
    const hot = pool.openSpace("hot", hotPages * PAGE)
    const cold = pool.openSpace("cold", coldPages * PAGE)
    for (let round = 0; round < 4; round++) for (let n = 0; n < hotPages; n++) use(pool, hot, hotPages, n)
    let hits = 0
    let uses = 0
    for (let n = 0; n < coldPages; n++) {
      use(pool, cold, coldPages, n, 16)
      // The hot set stays in use meanwhile, a page for every four of the scan: between two uses of a page more
      // pages are read than the pool holds, so that a list by last use would never hit.
      if (n % 4 === 0) {
        uses++
        if (use(pool, hot, hotPages, (n / 4) % hotPages)) hits++
      }
    }
    expect(hits / uses).toBeGreaterThan(0.7)
    expect(pool.statistics().framesUsed).toBeLessThanOrEqual(frames)
  })

  it("answers NO_FRAME when every page is pinned, and a frame when one is let go", () => {
    const frames = 64
    const pool = PoolCore.create(build, { frames })
    const space = pool.openSpace("file", 1000 * PAGE)
    const addresses: number[] = []
    for (let n = 0; n < frames; n++) {
      expect(pool.fill(flat(space, 1000, 0), n)).toBe(OK)
      addresses.push(pool.pin(space, n))
    }
    expect(new Set(addresses).size).toBe(frames)
    expect(pool.fill(flat(space, 1000, 0), 500, 8)).toBe(NO_FRAME)
    expect(pool.dropPages(0)).toBe(0)
    pool.release(addresses[17] as number, 1)
    expect(pool.fill(flat(space, 1000, 0), 500, 8)).toBe(OK)
    expect(pool.pin(space, 500)).toBe(addresses[17])
    expect(pool.pin(space, 17)).toBe(0)
    expect(Buffer.compare(pool.read(space, 500) as Uint8Array, patternPage(0, 500))).toBe(0)
  })

  it("takes runs of neighbours, so that what is read in order lies in order", () => {
    const pool = PoolCore.create(build, { frames: 256 })
    const space = pool.openSpace("file", 4000 * PAGE)
    for (let n = 0; n < 2000; n += 32) expect(pool.fill(flat(space, 4000, 0), n, 32)).toBe(OK)
    const { core, worker, memory } = pool
    const address = core.acquire(worker, space, 1984, 16, true) >>> 0
    expect(new Uint32Array(memory.buffer, worker, 1)[0]).toBe(16)
    core.release(worker, address, 16)
  })

  it("publishes nothing of a fill whose bytes did not come", () => {
    const pool = PoolCore.create(build, { frames: 64 })
    const space = pool.openSpace("file", 20 * PAGE)
    expect(pool.plan(flat(space, 20, 0), 4, 8)).toBe(OK)
    expect(pool.read(space, 4)).toBeUndefined()
    pool.core.failRange(pool.slot(), 0)
    expect(pool.core.finishFill(pool.slot())).toBe(30)
    for (let n = 0; n < 20; n++) expect(pool.read(space, n)).toBeUndefined()
    expect(pool.statistics()).toMatchObject({ framesUsed: 0, framesPinned: 0 })
    expect(pool.fill(flat(space, 20, 0), 4, 8)).toBe(OK)
  })

  it("clears what lies behind the end of a file", () => {
    const pool = PoolCore.create(build, { frames: 64 })
    const space = pool.openSpace("file", PAGE + 100)
    const content = { ...flat(space, 2, 0), size: PAGE + 100 }
    expect(pool.fill(content, 0, 2, (target) => target.fill(0xee))).toBe(OK)
    const last = pool.read(space, 1) as Uint8Array
    expect(last.subarray(0, 100).every((byte) => byte === 0xee)).toBe(true)
    expect(last.subarray(100).every((byte) => byte === 0)).toBe(true)
  })
})
