// SPDX-License-Identifier: MIT
/** Several threads on one pool: reading together, and being ended at any moment. */
import { afterEach, describe, expect, it } from "vitest"
import { bufferSource, PagePool, type PoolHandle } from "../../src/index.js"
import { readFixture } from "../support/flat-image.js"
import { mountFixture } from "../support/open.js"
import { eventually, prepareImages, startReader } from "../support/readers.js"
import { StallingSource } from "../support/synthetic-image.js"

/** How long threads read, and how often they are ended: more of both on request, see `npm run stress`. */
const SECONDS = Number(process.env.STRESS_SECONDS ?? 2)
const ROUNDS = Number(process.env.STRESS_ROUNDS ?? 12)
const TIMEOUT = 60_000 + SECONDS * 2000 + ROUNDS * 5000

const IMAGES = ["lz4-legacy", "zstd-48bit", "deflate-48bit-fragments", "share-old-plain", "share-new-plain"]

const leftovers: (() => void)[] = []
afterEach(() => {
  for (const clean of leftovers.splice(0)) clean()
})

async function start(options: Parameters<typeof PagePool.create>[0], domains?: string[]) {
  const pool = await PagePool.create(options)
  const prepared = await prepareImages(pool, IMAGES, domains)
  leftovers.push(prepared.clean)
  return { pool, ...prepared }
}

/** Whether a pool has a place for one more worker, which it takes then. */
function hasRoom(pool: PagePool): boolean {
  try {
    pool.share()
    return true
  } catch {
    return false
  }
}

describe.each([
  ["nothing", "none"],
  ["fingerprints", "fingerprint"],
  ["content", "content"],
] as const)("threads on a pool that shares by %s", (_, sharing) => {
  it("read right bytes only, and give everything back", { timeout: TIMEOUT }, async () => {
    const { pool, images } = await start({ bytes: 512 << 10, sharing }, ["one", "two"])
    const milliseconds = SECONDS * 1000
    const readers = [1, 2, 3, 4].map((seed) => startReader(pool, images, { seed, milliseconds }))
    for (const counts of await Promise.all(readers.map(({ done }) => done))) {
      expect(counts.wrong).toEqual([])
      expect(counts.reads).toBeGreaterThan(0)
      expect(counts.views).toBeGreaterThan(0)
    }
    const stats = pool.stats()
    expect(stats).toMatchObject({ framesPinned: 0, framesBusy: 0, repairs: 0 })
    expect(stats.pagesReclaimed).toBeGreaterThan(0)
    await pool.close()
    pool.drop()
    expect(pool.stats()).toMatchObject({ framesUsed: 0, addressSpaces: 0, pagesAliased: 0 })
  })
})

describe("a page that several threads want", () => {
  it("is brought in once", { timeout: TIMEOUT }, async () => {
    const { pool, images } = await start({ bytes: 16 << 20, sharing: "none" })
    const readers = [1, 2, 3].map((seed) => startReader(pool, images, { seed, milliseconds: 1500 }))
    const all = await Promise.all(readers.map(({ done }) => done))
    expect(all.flatMap(({ wrong }) => wrong)).toEqual([])
    // Mounts of their own and advice bring pages in again; without those it would be exactly the pages that are there.
    const { frames } = pool.residency()
    const resident = frames.filter((space) => space >= 0).length
    const { pagesFilled, pagesReclaimed } = pool.stats()
    expect(pagesFilled - pagesReclaimed).toBe(resident)
  })
})

describe("a thread that is terminated at any moment", () => {
  it.each(["asynchronously", "synchronously"] as const)(
    "while it reads %s leaves no page busy or pinned, and no wrong one",
    { timeout: TIMEOUT },
    async (way) => {
      const { pool, images, mounted } = await start({ bytes: 512 << 10, sharing: "content" })
      for (let round = 0; round < ROUNDS; round++) {
        const options = { milliseconds: 60_000, isSync: way === "synchronously" }
        const readers = [0, 1].map((i) => startReader(pool, images, { seed: 10 * round + i, ...options }))
        await Promise.all(readers.map(({ ready }) => ready))
        await new Promise((resolve) => setTimeout(resolve, (round * 37) % 90))
        await Promise.all(readers.map(({ worker }) => worker.terminate()))
        await eventually(() => pool.stats().framesBusy === 0 && pool.stats().framesPinned === 0)
        for (const [i, { files }] of images.entries()) {
          for (const { path, bytes } of files) {
            const data = await mounted[i]?.readFile(path)
            expect(Buffer.compare(data as Uint8Array, bytes)).toBe(0)
          }
        }
      }
      await pool.close()
      // What the last threads had opened is given back once their end has been heard of.
      await eventually(() => {
        pool.drop()
        const { framesUsed, addressSpaces } = pool.stats()
        return framesUsed === 0 && addressSpaces === 0
      })
      // All places are free again.
      for (let i = 0; i < 7; i++) pool.share()
      expect(() => pool.share()).toThrow("EBUSY")
    },
  )

  it("is not waited for by a thread that cannot hear of its end", { timeout: TIMEOUT }, async () => {
    const { pool, images, mounted } = await start({ bytes: 512 << 10, sharing: "none" })
    for (let round = 0; round < ROUNDS / 3; round++) {
      const { worker, ready } = startReader(pool, images, { seed: round, milliseconds: 60_000, isSync: true })
      await ready
      await new Promise((resolve) => setTimeout(resolve, 20 + round * 13))
      const ended = worker.terminate()
      // This thread does not come to its events until all is read.
      for (const [i, { files }] of images.entries()) {
        for (const { path, bytes } of files) {
          expect(Buffer.compare(mounted[i]?.readFileSync(path) as Uint8Array, bytes)).toBe(0)
        }
      }
      await ended
      await eventually(() => pool.stats().framesBusy === 0 && pool.stats().framesPinned === 0)
    }
  })
})

describe("a pool", () => {
  it("lets in as many workers as it has places for, and again when they have gone", async () => {
    const pool = await PagePool.create({ bytes: 256 << 10, workers: 3 })
    const handles = [pool.share(), pool.share()]
    expect(handles.map(({ place }) => place)).toEqual([1, 2])
    expect(() => pool.share()).toThrow("EBUSY")
    pool.detach(handles[0] as PoolHandle)
    expect(pool.share().place).toBe(1)
    // Here the handle is used in the same thread.
    const other = await PagePool.attach(handles[1] as PoolHandle)
    expect(() => other.share()).toThrow("ENOTSUP")
    await other.close()
    await eventually(() => hasRoom(pool))
  })

  it("does not take a place from who has it now for a handle that had it before", async () => {
    const pool = await PagePool.create({ bytes: 256 << 10, workers: 2 })
    const old = pool.share()
    pool.detach(old)
    const handle = pool.share()
    expect(handle.place).toBe(old.place)
    const other = await PagePool.attach(handle)
    pool.detach(old)
    expect(() => pool.share()).toThrow("EBUSY")
    await other.close()
    await eventually(() => hasRoom(pool))
  })

  it("lets a handle in once", async () => {
    const pool = await PagePool.create({ bytes: 256 << 10, workers: 2 })
    const handle = pool.share()
    const attaching = [PagePool.attach(handle), PagePool.attach(handle)] as const
    await expect(attaching[1]).rejects.toMatchObject({ code: "EBUSY" })
    const other = await attaching[0]
    await other.close()
    await expect(PagePool.attach(handle)).rejects.toMatchObject({ code: "EBUSY" })
  })

  it("frees the place of who could not come in", async () => {
    const pool = await PagePool.create({ bytes: 256 << 10, workers: 2 })
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true })
    await expect(PagePool.attach({ ...pool.share(), memory })).rejects.toThrow()
    await eventually(() => hasRoom(pool))
  })

  it("that has been left answers EBADF", async () => {
    const pool = await PagePool.create({ bytes: 256 << 10, workers: 2 })
    const other = await PagePool.attach(pool.share())
    const image = mountFixture(other, "lz4-legacy")
    await other.close()
    await other.close()
    expect(() => mountFixture(other, "lz4-legacy")).toThrow("EBADF")
    await expect(other.mount(bufferSource(new Uint8Array(4096)))).rejects.toMatchObject({ code: "EBADF" })
    expect(() => image.readFileSync("/text-300k")).toThrow("EBADF")
    for (const use of ["stats", "drop", "residency", "share"] as const) {
      expect(() => other[use]()).toThrow("EBADF")
    }
    expect(() => other.resize(256 << 10)).toThrow("EBADF")
    // The one that made it goes on.
    await pool.close()
    expect(mountFixture(pool, "lz4-legacy").readFileSync("/text-300k").length).toBeGreaterThan(0)
  })

  it("cannot be left while something is being mounted, aborted or not", async () => {
    const pool = await PagePool.create({ bytes: 256 << 10, workers: 2 })
    const other = await PagePool.attach(pool.share())
    const source = StallingSource.of(readFixture("lz4-ztailpacking.erofs"))
    source.isStalled = true
    source.heedsAbort = false
    const aborting = new AbortController()
    const mounting = other.mount(source, { signal: aborting.signal })
    mounting.catch(() => {})
    await expect(other.close()).rejects.toMatchObject({ code: "EBUSY", syscall: "close" })
    aborting.abort()
    await expect(mounting).rejects.toMatchObject({ name: "AbortError" })
    await expect(other.close()).rejects.toMatchObject({ code: "EBUSY" })
    source.letGo()
    // The mount ends as soon as its read has.
    await new Promise((resolve) => setImmediate(resolve))
    expect(other.images).toEqual([])
    await other.close()
    expect(() => other.stats()).toThrow("EBADF")
    expect(pool.stats()).toMatchObject({ addressSpaces: 0, framesBusy: 0, framesPinned: 0 })
  })

  it("in plain memory lets nobody in", async () => {
    const pool = await PagePool.create({ bytes: 256 << 10, shared: false })
    expect(() => pool.share()).toThrow("ENOTSUP")
    await expect(PagePool.create({ shared: false, workers: 2 })).rejects.toMatchObject({ code: "EINVAL" })
    await expect(PagePool.create({ workers: 33 })).rejects.toMatchObject({ code: "EINVAL" })
  })
})
