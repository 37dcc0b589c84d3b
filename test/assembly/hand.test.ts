// SPDX-License-Identifier: MIT
/** The two ways of the hand of reclaim: which pages are there when they are used again. */
import { describe, expect, it } from "vitest"
import { OK } from "../../src/status.js"
import { BUILDS, flat, PAGE, PoolCore } from "../support/pool-core.js"

const FRAMES = 256

/** A file of a pool; uses of its pages bring them in, `window` at a time. */
class Pages {
  readonly #pool: PoolCore
  readonly #space: number
  readonly #pages: number

  constructor(pool: PoolCore, key: string, pages: number) {
    this.#pool = pool
    this.#pages = pages
    this.#space = pool.openSpace(key, pages * PAGE)
  }

  /** Uses a page; answers whether it was there. */
  use(page: number, window = 1): boolean {
    const pool = this.#pool
    let address = pool.pin(this.#space, page)
    const isHit = address !== 0
    if (!isHit) {
      expect(pool.fill(flat(this.#space, this.#pages, 0), page, window, () => {})).toBe(OK)
      address = pool.pin(this.#space, page)
    }
    pool.release(address, 1)
    return isHit
  }

  /** Uses all pages in order; answers which share of them was there. */
  round(pages: number, window = 1): number {
    let hits = 0
    for (let page = 0; page < pages; page++) hits += Number(this.use(page, window))
    return hits / pages
  }
}

describe.each(BUILDS)("the hand in the %s build", (build) => {
  it.each([1.25, 1.5, 2, 4])("keeps a part of a loop over %s times the pool", (times) => {
    const file = new Pages(PoolCore.create(build, { frames: FRAMES }), "loop", FRAMES * times)
    for (let round = 0; round < 5; round++) file.round(FRAMES * times)
    const share = [1, 2, 3, 4].reduce((sum) => sum + file.round(FRAMES * times) / 4, 0)
    // The best that any policy can do is to keep a pool full of it: 1 / times.
    expect(share).toBeGreaterThan(0.5 / times)
  })

  it("moves on when what it keeps is not used any more", () => {
    const pool = PoolCore.create(build, { frames: FRAMES })
    const loop = new Pages(pool, "loop", FRAMES * 2)
    for (let round = 0; round < 8; round++) loop.round(FRAMES * 2)
    const next = new Pages(pool, "next", FRAMES * 0.75)
    let rounds = 0
    while (next.round(FRAMES * 0.75) < 1) rounds++
    expect(rounds).toBeLessThan(24)
  })

  it("follows a set that drifts as well as a hand that only moves", () => {
    const file = new Pages(PoolCore.create(build, { frames: FRAMES }), "drift", 20000)
    let [hits, state] = [0, 1]
    const uses = 40000
    for (let i = 0; i < uses; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      hits += Number(file.use(Math.floor(i / 10) + ((state >>> 16) % 200)))
    }
    // Of ten uses of a page the first cannot be a hit.
    expect(hits / uses).toBeGreaterThan(0.8)
  })

  it("leaves pages that were read ahead to those who wait for them", () => {
    const pool = PoolCore.create(build, { frames: FRAMES })
    const loop = new Pages(pool, "loop", FRAMES * 4)
    for (let round = 0; round < 8; round++) loop.round(FRAMES * 4)
    const readers = ["a", "b", "c"].map((key) => new Pages(pool, key, 2000))
    const misses = [0, 0, 0]
    for (let page = 0; page < 2000; page++) {
      readers.forEach((reader, i) => {
        if (!reader.use(page, 16)) misses[i] = (misses[i] as number) + 1
      })
    }
    // One in sixteen pages begins a window.
    for (const count of misses) expect(count).toBeLessThan(1.25 * (2000 / 16))
  })
})
