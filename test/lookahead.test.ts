// SPDX-License-Identifier: MIT
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type AsyncSource, PagePool } from "../src/index.js"
import { joinPages } from "../src/lookahead.js"
import { MetadataWindow } from "../src/metadata-window.js"
import { LargeImage } from "./support/large-image.js"
import { StallingSource } from "./support/synthetic-image.js"

describe("runs of pages", () => {
  it("hold what is wanted, little else, and never more than a quarter of it", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(300), { maxLength: 80 }), fc.nat(20), (pages, maxGap) => {
        const runs = joinPages(pages, maxGap)
        const fetched = runs.flatMap(({ page, end }) =>
          Array.from({ length: end - page }, (_, i) => page + i),
        )
        expect(pages.filter((page) => !fetched.includes(page))).toEqual([])
        expect(new Set(fetched).size).toBe(fetched.length)
        expect(fetched.length - pages.length).toBeLessThanOrEqual(pages.length / 4)
        for (const [i, { page, end }] of runs.entries()) {
          expect(pages.includes(page) && pages.includes(end - 1)).toBe(true)
          const next = runs[i + 1]
          if (next) expect(next.page).toBeGreaterThan(end)
        }
      }),
    )
  })

  it("bridge the shortest gaps", () => {
    const pages = [0, 1, 2, 3, 6, 7, 8, 9, 11, 12, 13, 14]
    expect(joinPages(pages, 16)).toEqual([{ page: 0, end: 15 }])
    expect(joinPages(pages, 1)).toEqual([
      { page: 0, end: 4 },
      { page: 6, end: 15 },
    ])
    expect(joinPages([], 16)).toEqual([])
  })
})

describe("windows of metadata", () => {
  it("begin with what a request costs, and grow where reads go on behind them", () => {
    const window = new MetadataWindow(64 << 10)
    let page = 100
    const sizes = Array.from({ length: 40 }, () => {
      const size = window.want(page)
      page += size
      return size
    })
    expect(sizes.slice(0, 2)).toEqual([16, 29])
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b))
    expect(sizes.at(-1)).toBe(256)
  })

  it("shrink to single pages where they come to nothing", () => {
    const window = new MetadataWindow(64 << 10)
    const sizes = Array.from({ length: 400 }, (_, i) => window.want(i * 1000))
    expect(sizes.slice(0, 3)).toEqual([16, 16, 14])
    const vain = sizes.reduce((sum, size) => sum + size - 1, 0)
    expect(vain).toBeLessThanOrEqual(3 * 16 + sizes.length / 4)
    expect(sizes.slice(50)).toContain(1)
  })

  it("of all spaces of an image share what may be read in vain", () => {
    const device = new MetadataWindow(64 << 10)
    const metabox = new MetadataWindow(64 << 10, device, 2.5)
    expect(device.want(0)).toBe(16)
    // One and a half requests' worth, in pages that take 2.5 times as much as is fetched for them.
    expect(metabox.want(0)).toBe(60)
    expect(metabox.unit).toBe(40)
    const [a, b] = [device.want(1000), device.want(2000)]
    expect(16 + 60 / 2.5 + a).toBeLessThanOrEqual(3 * 16)
    expect(b).toBe(1)
  })

  it("may be spent on what is brought in with something else", () => {
    const window = new MetadataWindow(64 << 10)
    expect(window.spend(30)).toBe(30)
    expect(window.spend(30)).toBe(13)
    expect(window.want(500)).toBe(1)
  })

  it("recover where reads go in order again", () => {
    const window = new MetadataWindow(64 << 10)
    for (let i = 0; i < 100; i++) window.want(i * 1000)
    let page = 1_000_000
    for (let i = 0; i < 60; i++) page += window.want(page)
    expect(window.want(page)).toBeGreaterThan(16)
  })
})

it("a walk that is given up while it looks ahead leaves nothing behind", async () => {
  const content = new LargeImage({ a: { b: { c: 5000 } }, d: { e: 100 }, f: { g: {} } }, "scattered")
  const source = new StallingSource(content.size, (target, offset) => {
    content.read(target, offset)
    return target.length
  })
  const pool = await PagePool.create({ bytes: 1 << 20 })
  const image = await pool.mount(Object.assign(source, { isRemote: true, granularity: 4096 }))
  source.isStalled = true
  const controller = new AbortController()
  const walk = image.walk("/", { signal: controller.signal })
  const walked = (async () => {
    for await (const _ of walk);
  })()
  await new Promise(setImmediate)
  controller.abort("enough")
  await expect(walked).rejects.toBe("enough")
  source.letGo()
  await new Promise((resolve) => setTimeout(resolve, 5))
  const paths: string[] = []
  for await (const { path } of image.walk("/")) paths.push(path)
  expect(paths).toEqual(["/", "/a", "/d", "/f", "/a/b", "/a/b/c", "/d/e", "/f/g"])
  expect(pool.stats().framesPinned).toBe(0)
  await image.close()
})

it("what cannot be brought in ahead is told when it is needed, and costs no more than itself", async () => {
  const content = new LargeImage({ a: { b: { c: 5000 } }, d: { e: 100 } }, "scattered")
  const pool = await PagePool.create({ bytes: 1 << 20 })
  const broken = new Set<number>()
  const source: AsyncSource = {
    size: content.size,
    isRemote: true,
    granularity: 4096,
    async read(target, offset) {
      if (broken.has(Math.floor(offset / 4096))) throw new Error("no such block")
      content.read(target, offset)
      return target.length
    },
  }
  const image = await pool.mount(source)
  const { position } = await image.describe("/a/b")
  await image.close()
  broken.add(Math.floor(position / 4096))
  const again = await pool.mount(source)
  const errors: string[] = []
  const paths: string[] = []
  const onError = (error: unknown, path: string): void => {
    errors.push(path)
    expect(error).toMatchObject({ code: "EIO" })
  }
  for await (const { path } of again.walk("/", { onError })) paths.push(path)
  expect(errors).toEqual(["/a/b"])
  expect(paths).toEqual(["/", "/a", "/d", "/d/e"])
  await again.close()
})
