// SPDX-License-Identifier: MIT
/** Throwing out a range of pages: all of it, or what one of several files was first to read. */
import { describe, expect, it } from "vitest"
import { OK } from "../../src/status.js"
import { BUILDS, flat, PAGE, PoolCore, patternDevice, patternPage } from "../support/pool-core.js"

const PAGES = 24

function poolWithPages(build: (typeof BUILDS)[number]) {
  const pool = PoolCore.create(build, { frames: 64 })
  const spaces = ["a", "b"].map((key) => pool.openSpace(key, PAGES * PAGE))
  const fill = (space: number, page: number, want: number, reader: number): void => {
    const answer = pool.fill({ ...flat(space, PAGES, 0), reader }, page, want, patternDevice)
    expect(answer).toBe(OK)
  }
  const resident = (space: number) =>
    Array.from({ length: PAGES }, (_, page) => page).filter((page) => pool.read(space, page))
  return { pool, spaces: spaces as [number, number], fill, resident }
}

describe.each(BUILDS)("dropping a range of pages, %s build", (build) => {
  it("drops the pages of that range of that space", () => {
    const { pool, spaces, fill, resident } = poolWithPages(build)
    const [a, b] = spaces
    for (const space of spaces) for (let page = 0; page < PAGES; page += 4) fill(space, page, 4, 0)
    expect(pool.core.dropRange(pool.worker, a, 3, 9, 0)).toBe(6)
    expect(resident(a)).toEqual([0, 1, 2, ...Array.from({ length: PAGES - 9 }, (_, i) => 9 + i)])
    expect(resident(b)).toHaveLength(PAGES)
    expect(pool.core.dropRange(pool.worker, a, 3, 9, 0)).toBe(0)
    expect(pool.core.dropRange(pool.worker, a, 9, 9, 0)).toBe(0)
    expect(pool.core.dropRange(pool.worker, a, 2 ** 40, 2 ** 41, 0)).toBe(0)
    expect(pool.core.dropRange(pool.worker, a, 0, 2 ** 41, 0)).toBe(PAGES - 6)
    expect(pool.statistics().framesUsed).toBe(PAGES)
  })

  it("leaves pinned pages, and pages that are being filled", () => {
    const { pool, spaces, fill } = poolWithPages(build)
    const [a] = spaces
    fill(a, 0, 4, 0)
    const address = pool.pin(a, 2)
    const content = flat(a, PAGES, 0)
    expect(pool.plan(content, 8, 1, { slot: 1, steal: false })).toBe(OK)
    expect(pool.core.dropRange(pool.worker, a, 0, PAGES, 0)).toBe(3)
    pool.fetch(patternDevice, 1)
    expect(pool.core.finishFill(pool.slot(1))).toBe(OK)
    for (const page of [2, 8]) expect(pool.read(a, page)).toEqual(patternPage(0, page))
    pool.release(address, 1)
    expect(pool.core.dropRange(pool.worker, a, 0, PAGES, 0)).toBe(2)
  })

  it("tells who was first to read a page", () => {
    const { pool, spaces, fill, resident } = poolWithPages(build)
    const [a] = spaces
    fill(a, 0, 4, 7)
    fill(a, 4, 4, 9)
    expect(pool.core.dropRange(pool.worker, a, 0, PAGES, 8)).toBe(0)
    expect(pool.core.dropRange(pool.worker, a, 2, PAGES, 7)).toBe(2)
    expect(resident(a)).toEqual([0, 1, 4, 5, 6, 7])
    // Who brings a page in after it went is its first reader from then on.
    fill(a, 2, 2, 9)
    expect(pool.core.dropRange(pool.worker, a, 0, PAGES, 7)).toBe(2)
    expect(pool.core.dropRange(pool.worker, a, 0, PAGES, 9)).toBe(6)
    expect(resident(a)).toEqual([])
  })
})
