// SPDX-License-Identifier: MIT
/**
 * Pages are compared with equal ones before the lock is taken. Whatever becomes of those until it is: a page never
 * shares the frame of one that has other bytes by then.
 */
import { describe, expect, it } from "vitest"
import { CONTENT_MERGE } from "../../src/content-description.js"
import { OK } from "../../src/status.js"
import { polledCore } from "../support/polled-core.js"
import { type Device, flat, PAGE, PoolCore } from "../support/pool-core.js"
import { PoolRecords } from "../support/pool-records.js"

const FRAMES = 24
const PAGES = 2

const filled =
  (first: number): Device =>
  (target, offset) => {
    for (let at = 0; at < target.length; at += PAGE) target.fill(first + (offset + at) / PAGE, at, at + PAGE)
  }

/** A pool with two workers, of which the first calls `interrupt` wherever an engine may switch to the other. */
function twoWorkers() {
  const base = PoolCore.create("shared", { frames: FRAMES, workers: 3 })
  const hook = { interrupt: () => {} }
  const reader = base.join(polledCore()(base.memory, () => hook.interrupt()))
  const other = base.join()
  return { base, reader, other, hook, records: new PoolRecords(base.memory) }
}

describe("a page that equals one which was there when it was compared", () => {
  const { base, reader, other, hook, records } = twoWorkers()
  const open = (pool: PoolCore, key: string) => pool.openSpace(key, PAGES * PAGE)
  const content = (space: number) => ({ ...flat(space, PAGES, 0), flags: CONTENT_MERGE })
  const [known, incoming, changed] = ["known", "incoming", "changed"].map((key) => open(other, key)) as [
    number,
    number,
    number,
  ]
  /** Fills the incoming file, and does something at the n-th point at which the lock is free; answers how many there are. */
  const fillWith = (point: number, change: () => void): number => {
    base.dropPages(0)
    expect(other.fill(content(known), 0, PAGES, filled(1))).toBe(OK)
    let points = 0
    let isInside = false
    hook.interrupt = () => {
      if (isInside || records.lock !== 0) return
      isInside = true
      if (++points === point) change()
      isInside = false
    }
    expect(reader.fill(content(incoming), 0, PAGES, filled(1))).toBe(OK)
    hook.interrupt = () => {}
    return points
  }
  const points = fillWith(0, () => {})

  it("shares its frame if nothing happens", () => {
    expect(points).toBeGreaterThan(100)
    expect(base.statistics()).toMatchObject({ framesUsed: PAGES, pagesAliased: PAGES })
  })

  it("has its own bytes, whenever that one is thrown out and its frame filled again", () => {
    let merged = 0
    for (let point = 1; point <= points; point++) {
      fillWith(point, () => {
        other.dropPages(known)
        // All frames that are left, so that the emptied ones are among them.
        for (let i = 0; i * PAGES < FRAMES - PAGES; i++) {
          const space = i === 0 ? changed : open(other, `changed ${i}`)
          expect(other.fill(content(space), 0, PAGES, filled(101 + i * PAGES))).toBe(OK)
        }
      })
      for (let page = 0; page < PAGES; page++) {
        const bytes = base.read(incoming, page)
        if (bytes) expect(bytes).toEqual(new Uint8Array(PAGE).fill(1 + page))
      }
      merged += base.statistics().pagesAliased
    }
    expect(merged).toBeLessThan(points * PAGES)
  })
})
