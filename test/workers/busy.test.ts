// SPDX-License-Identifier: MIT
/** Pages that another worker is bringing in, on a thread that may not sleep: a browser's main thread. */
import { afterEach, describe, expect, it, vi } from "vitest"
import { PagePool } from "../../src/index.js"
import { readFixture } from "../support/flat-image.js"
import { manifestOf, mountFixture, sha256 } from "../support/open.js"
import { StallingSource } from "../support/synthetic-image.js"

afterEach(() => vi.restoreAllMocks())

/** A pool made by a thread whose `Atomics.wait` is refused. */
async function sleeplessPool(): Promise<PagePool> {
  vi.spyOn(Atomics, "wait").mockImplementation(() => {
    throw new TypeError("Atomics.wait cannot be called in this context")
  })
  return await PagePool.create({ bytes: 2 << 20, workers: 2, shared: true })
}

describe("a synchronous read of many files that a worker was bringing in of which nothing more is heard", () => {
  // Without it no thread may sleep.
  const cannotSleep = typeof SharedArrayBuffer === "undefined"
  it.skipIf(cannotSleep)("waits once, not for each page (needs SharedArrayBuffer)", async () => {
    // Time passes only while the thread sleeps, which the main thread of a browser may not.
    let now = performance.now()
    const sleep = vi.spyOn(Atomics, "wait").mockImplementation((...[, , , milliseconds]) => {
      now += milliseconds ?? 0
      return "timed-out"
    })
    const pool = await PagePool.create({ bytes: 2 << 20, workers: 2, shared: true })
    const image = mountFixture(pool, "lz4-legacy")
    const other = await PagePool.attach(pool.share())
    const source = StallingSource.of(readFixture("lz4-legacy.erofs"))
    const same = await other.mount(source, { image: image.share() })
    const manifest = manifestOf("lz4-legacy")
    const paths = Object.keys(manifest).filter(
      (path) => (manifest[path]?.size ?? 0) >= 4096 * 4 && manifest[path]?.sha256,
    )
    expect(paths.length).toBeGreaterThan(2)
    const files = await Promise.all(paths.slice(0, 7).map((path) => same.open(path)))
    pool.drop()
    for (const path of paths) image.statSync(path)
    // All but the contents is there, so that only these are stalled.
    for (const path of paths) await same.stat(path)
    source.isStalled = true
    const reading = files.map((file) => file.read(new Uint8Array(file.size)))
    await vi.waitFor(() => expect(source.held).toBeGreaterThan(2))
    const { framesBusy } = pool.stats()
    expect(framesBusy).toBeGreaterThan(4)
    vi.spyOn(performance, "now").mockImplementation(() => now)
    sleep.mockClear()
    for (const path of paths) expect(sha256(image.readFileSync(path))).toBe(manifest[path]?.sha256)
    // Three seconds of naps of a tenth, and the one after which they are over.
    expect(sleep.mock.calls.length).toBeGreaterThan(0)
    expect(sleep.mock.calls.length).toBeLessThanOrEqual(32)
    vi.restoreAllMocks()
    source.letGo()
    await Promise.all(reading)
    for (const file of files) await file.close()
    await other.close()
    expect(pool.stats()).toMatchObject({ framesBusy: 0, framesPinned: 0 })
  })
})

describe("a synchronous read on a thread that may not sleep", () => {
  it("brings in itself at once what another worker is busy with", async () => {
    const pool = await sleeplessPool()
    const image = mountFixture(pool, "lz4-legacy")
    const other = await PagePool.attach(pool.share())
    const source = StallingSource.of(readFixture("lz4-legacy.erofs"))
    const same = await other.mount(source, { image: image.share() })
    const file = await same.open("/text-300k")
    pool.drop()
    image.statSync("/text-300k")
    source.isStalled = true
    const into = new Uint8Array(file.size)
    const reading = file.read(into)
    await vi.waitFor(() => expect(source.held).toBeGreaterThan(0))
    expect(pool.stats().framesBusy).toBeGreaterThan(0)
    // Time stands still: who waits for it to pass never comes back.
    vi.spyOn(performance, "now").mockReturnValue(performance.now())
    const wanted = manifestOf("lz4-legacy")["/text-300k"]?.sha256
    expect(sha256(image.readFileSync("/text-300k"))).toBe(wanted)
    vi.restoreAllMocks()
    source.letGo()
    await reading
    expect(sha256(into)).toBe(wanted)
    await file.close()
    await other.close()
    expect(pool.stats()).toMatchObject({ framesBusy: 0, framesPinned: 0 })
  })
})
