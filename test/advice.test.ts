// SPDX-License-Identifier: MIT
/** Advice about reads to come: what it does to the pool, told by counts of pages. */
import { describe, expect, it } from "vitest"
import {
  type Advice,
  bufferSource,
  type Image,
  type MappedView,
  type OpenFile,
  PagePool,
} from "../src/index.js"
import { buildImage, directory, file } from "./support/build-image.js"
import { Random } from "./support/random.js"
import { StallingSource } from "./support/synthetic-image.js"

const PAGE = 4096
const PAGES = 300
const BIG = new Random(7).bytes(PAGES * PAGE - 100)
const SMALL = new Random(8).bytes(40 * PAGE)

const IMAGE = buildImage(
  directory({
    big: file(BIG, { xattrs: { "user.fp": "big" } }),
    other: file(BIG, { xattrs: { "user.fp": "big" } }),
    small: file(SMALL),
  }),
)

async function openPool(bytes = 4 << 20): Promise<{ pool: PagePool; image: Image }> {
  const pool = await PagePool.create({ bytes })
  const image = pool.mountSync(bufferSource(IMAGE), { fingerprint: "user.fp" })
  for (const path of ["/big", "/other", "/small"]) image.openSync(path).closeSync()
  return { pool, image }
}

/** Pages that something brings in, less those that it throws out. */
function change(pool: PagePool, act: () => void): number {
  const before = pool.stats().framesUsed
  act()
  return pool.stats().framesUsed - before
}

const readPages = (open: OpenFile, page: number, count = 1): void => {
  const bytes = new Uint8Array(count * PAGE)
  const length = open.readSync(bytes, page * PAGE)
  expect(Buffer.compare(bytes.subarray(0, length), BIG.subarray(page * PAGE, page * PAGE + length))).toBe(0)
}

describe("willneed", () => {
  it("brings a range in, at once", async () => {
    const { pool, image } = await openPool()
    const open = image.openSync("/big")
    expect(
      change(pool, () => open.adviseSync("willneed", { position: 5 * PAGE + 1, length: 40 * PAGE })),
    ).toBe(41)
    const { misses } = pool.stats()
    expect(change(pool, () => readPages(open, 5, 41))).toBe(0)
    expect(pool.stats().misses).toBe(misses)
    // Only what is missing.
    expect(change(pool, () => open.adviseSync("willneed", { length: 50 * PAGE }))).toBe(9)
    expect(change(pool, () => open.adviseSync("willneed", { position: 50 * PAGE, length: 0 }))).toBe(0)
    expect(change(pool, () => open.adviseSync("willneed", { position: 2 ** 40 }))).toBe(0)
    expect(change(pool, () => open.adviseSync("willneed"))).toBe(PAGES - 50)
    expect(pool.stats().framesPinned).toBe(0)
  })

  it("brings it in later from a source that answers later", async () => {
    const pool = await PagePool.create({ bytes: 4 << 20 })
    const source = StallingSource.of(IMAGE)
    const image = await pool.mount(source)
    const open = await image.open("/small")
    expect(() => open.adviseSync("willneed")).toThrow(
      expect.objectContaining({ code: "ENOTSUP", syscall: "fadvise" }),
    )
    const before = pool.stats().framesUsed
    await open.advise("willneed", { length: 10 * PAGE })
    expect(pool.stats().framesUsed - before).toBe(10)
    expect(open.readSync(new Uint8Array(10 * PAGE))).toBe(10 * PAGE)
    const controller = new AbortController()
    controller.abort(new Error("enough"))
    await expect(open.advise("willneed", { signal: controller.signal })).rejects.toThrow("enough")
  })

  it("takes no more than half of the pool", async () => {
    const { pool, image } = await openPool(256 << 10)
    const open = image.openSync("/big")
    open.adviseSync("willneed")
    const { misses } = pool.stats()
    readPages(open, 0, 32)
    expect(pool.stats()).toMatchObject({ misses, frames: 64 })
  })
})

describe("dontneed", () => {
  it("drops the whole pages of a range, but for those of views", async () => {
    const { pool, image } = await openPool()
    const open = image.openSync("/big")
    open.adviseSync("willneed")
    const drop = (position: number, length?: number) =>
      change(pool, () =>
        open.adviseSync("dontneed", length === undefined ? { position } : { position, length }),
      )
    expect(drop(1, 2 * PAGE)).toBe(-1)
    expect(drop(10 * PAGE, PAGE - 1)).toBe(0)
    expect(drop(10 * PAGE, 2 * PAGE)).toBe(-2)
    // The last page is shorter; where the file ends it is whole.
    expect(drop(BIG.length - 10)).toBe(0)
    expect(drop((PAGES - 1) * PAGE)).toBe(-1)
    const view = open.map(20 * PAGE, 3 * PAGE)
    const bytes = view.bytesSync()
    expect(drop(0)).toBe(-(PAGES - 4 - 3))
    expect(Buffer.compare(bytes, BIG.subarray(20 * PAGE, 23 * PAGE))).toBe(0)
    view.dispose()
    expect(drop(0)).toBe(-3)
  })

  it("drops what all sharers see, or only what this file was first to read", async () => {
    const { pool, image } = await openPool()
    const [a, b] = ["/big", "/other"].map((path) => image.openSync(path)) as [OpenFile, OpenFile]
    for (const open of [a, b]) open.adviseSync("random")
    readPages(a, 0, 4)
    expect(change(pool, () => readPages(b, 0, 6))).toBe(2)
    // What it read after another had brought it in is not its own.
    expect(change(pool, () => b.adviseSync("dontneed", { scope: "own" }))).toBe(-2)
    expect(change(pool, () => b.adviseSync("dontneed", { scope: "own" }))).toBe(0)
    readPages(b, 4, 2)
    expect(change(pool, () => a.adviseSync("dontneed", { scope: "own", position: 2 * PAGE }))).toBe(-2)
    readPages(b, 2, 2)
    expect(change(pool, () => a.adviseSync("dontneed", { scope: "own" }))).toBe(-2)
    readPages(a, 0, 2)
    expect(change(pool, () => b.adviseSync("dontneed"))).toBe(-6)
  })

  it("drops all pages of a file that shares with nobody, in both scopes", async () => {
    const { pool, image } = await openPool()
    const open = image.openSync("/small")
    for (const scope of ["own", "shared"] as const) {
      open.adviseSync("willneed")
      expect(change(pool, () => open.adviseSync("dontneed", { scope }))).toBe(-40)
    }
  })
})

describe("the pattern of reads", () => {
  /** Pages that reading one page of a file brings in. */
  const broughtBy = (pool: PagePool, open: OpenFile, page: number) =>
    change(pool, () => readPages(open, page))

  it("is told by advice: sequential reads ahead at once, random never", async () => {
    const { pool, image } = await openPool()
    const open = image.openSync("/big")
    open.adviseSync("random")
    for (let page = 0; page < 5; page++) expect(broughtBy(pool, open, page)).toBe(1)
    open.adviseSync("normal")
    expect(broughtBy(pool, open, 200)).toBe(1)
    expect(broughtBy(pool, open, 201)).toBe(32)
    pool.drop()
    open.adviseSync("sequential")
    expect(broughtBy(pool, open, 40)).toBeGreaterThan(64)
  })

  it("grows the window for who goes through a view, page by page or by bytes, though most are there by then", async () => {
    const walks = [
      (view: MappedView, page: number) => view.pageSync(page),
      (view: MappedView, page: number) => view.bytesSync(page * PAGE, (page + 1) * PAGE - 100),
    ]
    for (const touch of walks) {
      const { pool, image } = await openPool()
      using open = image.openSync("/big")
      using view = open.map()
      const brought: number[] = []
      for (let page = 0; page < PAGES; page++) {
        const pages = change(pool, () => touch(view, page))
        if (pages > 0) brought.push(pages)
      }
      expect(brought.slice(0, 2)).toEqual([32, 64])
      expect(brought.length).toBeLessThan(6)
    }
  })

  it("belongs to the open file, not to the content that it shares; views have that of their file", async () => {
    const { pool, image } = await openPool()
    const [a, b] = ["/big", "/other"].map((path) => image.openSync(path)) as [OpenFile, OpenFile]
    a.adviseSync("random")
    expect(broughtBy(pool, a, 0)).toBe(1)
    expect(broughtBy(pool, a, 1)).toBe(1)
    const view = a.map()
    expect(change(pool, () => view.pageSync(2))).toBe(1)
    expect(change(pool, () => view.pageSync(3))).toBe(1)
    view.dispose()
    // The other reads the same pages, and after them its window begins to grow.
    for (let page = 0; page < 4; page++) expect(broughtBy(pool, b, page)).toBe(0)
    expect(broughtBy(pool, b, 4)).toBe(32)
    expect(broughtBy(pool, a, 36)).toBe(1)
    // A's jump did not break B's row.
    expect(change(pool, () => readPages(b, 5, 40))).toBeGreaterThan(40)
  })

  it("noreuse: pages that are read again are not kept for longer", async () => {
    for (const isOnce of [true, false]) {
      const { pool, image } = await openPool(512 << 10)
      const open = image.openSync("/small")
      if (isOnce) open.adviseSync("noreuse")
      for (let round = 0; round < 4; round++) open.readSync(new Uint8Array(SMALL.length))
      const scan = image.openSync("/big")
      scan.adviseSync("noreuse")
      for (let page = 0; page < 120; page++) readPages(scan, page)
      const { pagesFilled } = pool.stats()
      open.readSync(new Uint8Array(SMALL.length))
      if (isOnce) expect(pool.stats().pagesFilled - pagesFilled).toBe(40)
      else expect(pool.stats().pagesFilled).toBe(pagesFilled)
    }
  })
})

it("advice that makes no sense is an error", async () => {
  const { image } = await openPool()
  const open = image.openSync("/big")
  const refused = (advice: string, options: object, code: string) =>
    expect(() => open.adviseSync(advice as Advice, options)).toThrow(
      expect.objectContaining({ code, syscall: "fadvise", path: "/big" }),
    )
  refused("sometimes", {}, "EINVAL")
  refused("dontneed", { scope: "theirs" }, "EINVAL")
  refused("willneed", { scope: "own" }, "ENOTSUP")
  refused("random", { position: 4096 }, "ENOTSUP")
  refused("random", { length: 4096 }, "ENOTSUP")
  refused("willneed", { position: -1 }, "EINVAL")
  refused("willneed", { length: 0.5 }, "EINVAL")
  refused("normal", { until: 7 }, "ENOTSUP")
  open.closeSync()
  refused("normal", {}, "EBADF")
  await expect(open.advise("normal")).rejects.toMatchObject({ code: "EBADF" })
})
