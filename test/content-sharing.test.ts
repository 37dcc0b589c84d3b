// SPDX-License-Identifier: MIT
/** Sharing by content: equal pages lie in memory once, never across domains, and every byte stays right. */
import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { bufferSource, PagePool } from "../src/index.js"
import { OK } from "../src/status.js"
import { BUILDS, type Device, flat, PAGE, PoolCore } from "./support/pool-core.js"

const MERGE = 64

/** Devices whose pages repeat: page n holds the number n mod `kinds` all over. */
const repeating =
  (kinds: number): Device =>
  (target, offset) => {
    for (let at = 0; at < target.length; at += PAGE) {
      target.fill(1 + (((offset + at) / PAGE) % kinds), at, at + PAGE)
    }
  }

function merged(space: number, pages: number, start = 0) {
  return { ...flat(space, pages, start), flags: MERGE }
}

describe.each(BUILDS)("equal pages in the %s build", (build) => {
  it("lie in one frame, within a file and across files", () => {
    const pool = PoolCore.create(build, { frames: 128 })
    const a = pool.openSpace("a", 20 * PAGE)
    const b = pool.openSpace("b", 20 * PAGE)
    expect(pool.fill(merged(a, 20), 0, 16, repeating(4))).toBe(OK)
    expect(pool.statistics()).toMatchObject({ framesUsed: 4, pagesAliased: 12, pagesMerged: 12 })
    expect(pool.fill(merged(b, 20), 0, 16, repeating(4))).toBe(OK)
    expect(pool.statistics()).toMatchObject({
      framesUsed: 4,
      pagesAliased: 28,
      pagesSaved: 28,
      pagesShared: 4,
    })
    for (const space of [a, b]) {
      for (let page = 0; page < 16; page++) {
        expect(pool.read(space, page)).toEqual(new Uint8Array(PAGE).fill(1 + (page % 4)))
      }
    }
    expect(pool.pin(a, 0)).toBe(pool.pin(b, 4))
    expect(pool.statistics()).toMatchObject({ framesPinned: 1 })
  })

  it("stay for the others when the file they came with goes", () => {
    const pool = PoolCore.create(build, { frames: 128 })
    const spaces = ["a", "b", "c"].map((key) => pool.openSpace(key, 8 * PAGE))
    for (const space of spaces) expect(pool.fill(merged(space, 8), 0, 8, repeating(8))).toBe(OK)
    expect(pool.statistics()).toMatchObject({ framesUsed: 8, pagesAliased: 16 })
    const [a, b, c] = spaces as [number, number, number]
    expect(pool.dropPages(a)).toBe(8)
    expect(pool.statistics()).toMatchObject({ framesUsed: 8, pagesAliased: 8 })
    expect(pool.read(a, 3)).toBeUndefined()
    expect(pool.read(b, 3)).toEqual(new Uint8Array(PAGE).fill(4))
    expect(pool.dropPages(c)).toBe(8)
    expect(pool.read(b, 3)).toEqual(new Uint8Array(PAGE).fill(4))
    expect(pool.dropPages(b)).toBe(8)
    expect(pool.statistics()).toMatchObject({ framesUsed: 0, pagesAliased: 0 })
  })

  it("never lie in one frame across domains", () => {
    const pool = PoolCore.create(build, { frames: 128 })
    const domains = ["one", "two"].map((name) => pool.openDomain(name))
    const [one, two] = domains.map((domain) => pool.openSpace("a", 4 * PAGE, 3, 0, { domain }))
    for (const space of [one, two] as number[])
      expect(pool.fill(merged(space, 4), 0, 4, repeating(4))).toBe(OK)
    expect(pool.statistics()).toMatchObject({ framesUsed: 8, pagesAliased: 0 })
  })

  it("are not taken from another domain, though its frame lies where the next page is expected", () => {
    const pool = PoolCore.create(build, { frames: 128 })
    const fill = (key: string, domain: number, kind: number): void => {
      const space = pool.openSpace(key, PAGE, 1, 0, { domain })
      expect(pool.fill(merged(space, 1), 0, 1, (target) => target.fill(kind))).toBe(OK)
    }
    fill("first", 1, 1)
    fill("foreign", 2, 2)
    fill("first again", 1, 1)
    fill("expected in the foreign frame", 1, 2)
    expect(pool.statistics()).toMatchObject({ framesUsed: 3, pagesAliased: 1 })
    fill("equal to that", 1, 2)
    expect(pool.statistics()).toMatchObject({ framesUsed: 3, pagesAliased: 2 })
  })

  it("all go when their file is dropped, though one takes the place of another meanwhile", () => {
    const pool = PoolCore.create(build, { frames: 64 })
    const space = pool.openSpace("zeros", 8 * PAGE)
    expect(pool.fill(merged(space, 8), 0, 8, repeating(1))).toBe(OK)
    expect(pool.dropPages(space)).toBe(8)
    expect(pool.statistics()).toMatchObject({ framesUsed: 0, pagesAliased: 0, spaces: 1 })
    const own = pool.openSpace("own", 8 * PAGE, 1, 9)
    const device = pool.openSpace("device", PAGE, 2, 9)
    expect(pool.fill(merged(own, 8), 0, 8, repeating(1))).toBe(OK)
    pool.releaseSpace(own)
    expect(pool.core.dropMount(pool.worker, 9, device)).toBe(8)
    expect(pool.statistics()).toMatchObject({ framesUsed: 0, pagesAliased: 0 })
  })

  it("can be pinned more often than 16 bits count", () => {
    const pool = PoolCore.create(build, { frames: 64 })
    const space = pool.openSpace("zeros", 8 * PAGE)
    expect(pool.fill(merged(space, 8), 0, 8, repeating(1))).toBe(OK)
    const address = pool.pin(space, 0)
    for (let i = 1; i < 70_000; i++) expect(pool.pin(space, i % 8)).toBe(address)
    for (let i = 0; i < 70_000; i++) pool.release(address, 1)
    expect(pool.statistics().framesPinned).toBe(0)
  })

  it("hold no address space that nobody refers to when records run out", () => {
    const pool = PoolCore.create(build, { frames: 256, spaces: 64 })
    const held = pool.openSpace("held", PAGE)
    expect(pool.fill(merged(held, 1), 0, 1, repeating(1))).toBe(OK)
    for (let i = 0; i < 200; i++) {
      const space = pool.openSpace(`file ${i}`, PAGE)
      expect(space).toBeGreaterThan(0)
      expect(pool.fill(merged(space, 1), 0, 1, repeating(1))).toBe(OK)
      pool.releaseSpace(space)
    }
    expect(pool.read(held, 0)).toEqual(new Uint8Array(PAGE).fill(1))
  })

  it("take the places of the oldest aliases when all records are in use", () => {
    // Two aliases for each frame there is.
    const pool = PoolCore.create(build, { frames: 64 })
    const pages = 400
    const space = pool.openSpace("zeros", pages * PAGE)
    for (let page = 0; page < pages; page += 8) {
      expect(pool.fill(merged(space, pages), page, 8, repeating(1))).toBe(OK)
    }
    expect(pool.statistics().pagesAliased).toBeLessThanOrEqual(128)
    expect(pool.read(space, pages - 1)).toEqual(new Uint8Array(PAGE).fill(1))
    expect(pool.read(space, 1)).toBeUndefined()
  })

  it("are right whatever is filled, read, pinned and dropped in whatever order", () => {
    const step = fc.record({
      kind: fc.constantFrom("fill", "read", "pin", "unpin", "drop", "dropAll"),
      file: fc.nat(3),
      page: fc.nat(39),
      count: fc.integer({ min: 1, max: 12 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 40 }), (steps, kinds) => {
        const pool = PoolCore.create(build, { frames: 24 })
        const domains = [0, pool.openDomain("other")]
        const spaces = [0, 1, 2, 3].map((file) =>
          pool.openSpace(`file ${file}`, 40 * PAGE, 3, 0, { domain: domains[file >> 1] as number }),
        )
        const byte = (page: number) => 1 + (page % kinds)
        const pins: { address: number; page: number }[] = []
        for (const { kind, file, page, count } of steps) {
          const space = spaces[file] as number
          if (kind === "fill") pool.fill(merged(space, 40), page, count, repeating(kinds))
          else if (kind === "drop") pool.dropPages(space)
          else if (kind === "dropAll") pool.dropPages(0)
          else if (kind === "read") {
            const bytes = pool.read(space, page)
            if (bytes) expect(bytes).toEqual(new Uint8Array(PAGE).fill(byte(page)))
          } else if (kind === "pin") {
            const address = pool.pin(space, page)
            if (address !== 0) pins.push({ address, page })
          } else {
            const pin = pins.pop()
            if (pin) pool.release(pin.address, 1)
          }
          for (const pin of pins) {
            expect(pool.bytes[pin.address]).toBe(byte(pin.page))
            expect(pool.bytes[pin.address + PAGE - 1]).toBe(byte(pin.page))
          }
        }
        for (const { address } of pins) pool.release(address, 1)
        pool.dropPages(0)
        expect(pool.statistics()).toMatchObject({ framesUsed: 0, framesPinned: 0, pagesAliased: 0 })
      }),
      { numRuns: 60 },
    )
  })
})

describe("a pool that shares by content", () => {
  const bytes = readFileSync(new URL("fixtures/images/lz4-legacy.erofs", import.meta.url))

  async function residentPages(sharing: "none" | "content", domains: string[]) {
    const pool = await PagePool.create({ bytes: 16 << 20, sharing })
    const contents = new Map<string, Uint8Array>()
    // Pages of directories and links do not count.
    let others = 0
    for (const domain of domains) {
      const image = await pool.mount(bufferSource(bytes), { domain })
      const before = countFilePages(pool)
      const entries = [...image.walkSync("/")]
      others += countFilePages(pool) - before
      for (const entry of entries) {
        if (!entry.isFile()) continue
        const data = image.readFileSync(entry)
        const before = contents.get(entry.path)
        if (before) expect(data).toEqual(before)
        else contents.set(entry.path, data)
      }
    }
    return countFilePages(pool) - others
  }

  function countFilePages(pool: PagePool): number {
    const { frames, spaces } = pool.residency()
    return frames.filter((space) => space >= 0 && spaces[space]?.kind === "file").length
  }

  it("tells of each frame all images whose pages lie there", async () => {
    const pool = await PagePool.create({ sharing: "content" })
    const first = pool.mountSync(bufferSource(bytes), { domain: "a" })
    const second = pool.mountSync(bufferSource(bytes), { domain: "a" })
    const files = [...first.walkSync("/")].filter((entry) => entry.isFile())
    const others = countFilePages(pool)
    for (const { path } of files) first.readFileSync(path)
    const framesOfFiles = countFilePages(pool) - others
    const aliasesOfOne = pool.residency().aliases.length
    for (const { path } of files) second.readFileSync(path)
    const { frames, aliases, spaces } = pool.residency()
    expect(aliases.length / 2).toBe(pool.stats().pagesAliased)
    const users = Array.from(frames, (space) => new Set(spaces[space]?.images))
    for (let at = 0; at < aliases.length; at += 2) {
      for (const image of spaces[aliases[at + 1] as number]?.images ?? []) {
        users[aliases[at] as number]?.add(image)
      }
    }
    // The two are the same, so that every page of a file serves both.
    expect(users.filter((each) => each.size === 2).length).toBe(framesOfFiles)
    await second.close()
    expect(pool.residency().aliases.length).toBe(aliasesOfOne)
    pool.drop()
    expect(pool.residency().aliases.length).toBe(0)
  })

  it("never shares across domains, though one has been closed before the other is opened", async () => {
    const pool = await PagePool.create({ bytes: 4 << 20, sharing: ["fingerprint", "content"], shared: false })
    const shared = readFileSync(new URL("fixtures/images/share-new-plain.erofs", import.meta.url))
    const read = async (domain: string) => {
      const image = await pool.mount(bufferSource(shared), { domain })
      const before = pool.stats().pagesMerged
      for (const entry of image.walkSync("/")) if (entry.isFile()) image.readFileSync(entry)
      await image.close()
      return pool.stats().pagesMerged - before
    }
    expect(await read("b")).toBe(await read("a"))
  })

  it("holds the files of two copies of an image once, of two domains twice", async () => {
    const once = await residentPages("content", ["a"])
    expect(await residentPages("content", ["a", "a"])).toBe(once)
    expect(await residentPages("content", ["a", "b"])).toBe(2 * once)
    expect(await residentPages("none", ["a", "a"])).toBeGreaterThanOrEqual(2 * once)
  })
})
