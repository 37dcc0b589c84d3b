// SPDX-License-Identifier: MIT
/** Sources that fail, stall, cut short or are given up: afterwards nothing is held, and the same read succeeds. */
import { describe, expect, it } from "vitest"
import { type AsyncSource, ErofsError, type Image, PagePool, type SyncSource } from "../src/index.js"
import { readFixture } from "./support/flat-image.js"
import { manifestOf, sha256 } from "./support/open.js"
import { StallingSource } from "./support/synthetic-image.js"

const BYTES = readFixture("lz4-ztailpacking.erofs")
const MANIFEST = manifestOf("lz4-ztailpacking")
const FILE = "/text-300k"

type Fault = "throws" | "cuts short" | "rejects late"

/** A source that goes wrong at its n-th read, once or from then on. */
class FaultySource implements SyncSource, AsyncSource {
  readonly size = BYTES.length
  readonly name = "faulty"
  reads = 0
  failsAt = Number.POSITIVE_INFINITY
  isForGood = false
  fault: Fault = "throws"

  readSync(target: Uint8Array, offset: number): number {
    this.reads++
    const isBad = this.isForGood ? this.reads >= this.failsAt : this.reads === this.failsAt
    const piece = BYTES.subarray(offset, offset + target.length)
    if (isBad && this.fault !== "cuts short") throw new Error("the disk is on fire")
    target.set(piece)
    return isBad ? piece.length - 1 : piece.length
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    if (this.fault === "rejects late") await new Promise(setImmediate)
    return this.readSync(target, offset)
  }

  repair(): void {
    this.failsAt = Number.POSITIVE_INFINITY
  }
}

/** All that an image can be asked: what each answers, as something that can be compared. */
const questions: [string, (image: Image) => Promise<unknown>, (image: Image) => unknown][] = [
  ["readFile", async (i) => sha256(await i.readFile(FILE)), (i) => sha256(i.readFileSync(FILE))],
  ["readdir", (i) => i.readdir("/", { recursive: true }), (i) => i.readdirSync("/", { recursive: true })],
  ["readlink", (i) => i.readlink("/link"), (i) => i.readlinkSync("/link")],
  ["realpath", (i) => i.realpath("/link"), (i) => i.realpathSync("/link")],
  ["stat", async (i) => (await i.stat("/link")).size, (i) => i.statSync("/link").size],
  [
    "describe",
    async (i) => (await i.describe(FILE, { extents: true })).extents?.length,
    (i) => i.describeSync(FILE, { extents: true }).extents?.length,
  ],
  ["walk", (i) => walked(i), (i) => [...i.walkSync("/")].map(({ path }) => path)],
  [
    "map",
    async (i) => {
      const file = await i.open(FILE)
      using view = file.map(4096)
      await file.close()
      return sha256(await view.copy())
    },
    (i) => {
      using file = i.openSync(FILE)
      using view = file.map(4096)
      return sha256(view.copySync())
    },
  ],
]

async function walked(image: Image): Promise<string[]> {
  const paths: string[] = []
  for await (const { path } of image.walk("/")) paths.push(path)
  return paths
}

/** Nothing pinned, nothing busy: every frame can be dropped. */
function expectIdle(pool: PagePool): void {
  expect(pool.stats().framesPinned).toBe(0)
  pool.drop()
  expect(pool.stats().framesUsed).toBe(0)
}

describe.each(["throws", "cuts short", "rejects late"] as const)("a source that %s", (fault) => {
  describe.each([false, true])("for good: %s", (isForGood) => {
    it.each(questions)("at its n-th read: %s", async (_, ask, askSync) => {
      const pool = await PagePool.create({ bytes: 1 << 20 })
      const source = new FaultySource()
      const image = pool.mountSync(source)
      const expected = askSync(image)
      for (const isSync of [true, false]) {
        for (let n = 1; ; n++) {
          pool.drop()
          Object.assign(source, { reads: 0, failsAt: n, isForGood, fault })
          let error: unknown
          let answer: unknown
          try {
            answer = isSync ? askSync(image) : await ask(image)
          } catch (caught) {
            error = caught
          }
          const failed = source.reads >= n
          source.repair()
          // A fault may strike what is only read ahead: then there is an answer, and it is right.
          if (error === undefined) expect(answer).toEqual(expected)
          else {
            expect(failed).toBe(true)
            expect(error).toBeInstanceOf(ErofsError)
            expect(error).toMatchObject({ code: "EIO", offset: expect.any(Number) })
          }
          expectIdle(pool)
          expect(isSync ? askSync(image) : await ask(image)).toEqual(expected)
          expectIdle(pool)
          if (!failed) break
          expect(n).toBeLessThan(100)
        }
      }
      image.closeSync()
    })
  })

  it("while mounting leaves nothing behind", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    for (let n = 1; ; n++) {
      const source = Object.assign(new FaultySource(), { failsAt: n, isForGood: true, fault })
      const image = await pool.mount(source).catch((error: ErofsError) => error)
      if (image instanceof ErofsError) {
        expect(image).toMatchObject({ code: "EIO", syscall: "mount", path: "faulty" })
        expect(pool.stats()).toMatchObject({ framesUsed: 0, addressSpaces: 0 })
        continue
      }
      expect(n).toBeGreaterThan(1)
      break
    }
    expect(pool.images).toHaveLength(1)
  })
})

describe("an error", () => {
  it("of a source says what was read, where, and what is behind it", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const source = new FaultySource()
    const image = pool.mountSync(source)
    using file = image.openSync(FILE)
    Object.assign(source, { reads: 0, failsAt: 1, isForGood: true })
    const error = await file.read(new Uint8Array(100), 200_000).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: "EIO", syscall: "read", path: FILE, nid: file.nid })
    const { offset, message, cause } = error as ErofsError
    expect(offset).toBeLessThanOrEqual(200_000)
    expect(message).toMatch(/^EIO: reading the image failed: the disk is on fire, read '\/text-300k'$/)
    expect((cause as Error).message).toBe("the disk is on fire")
  })
})

describe("aborting", () => {
  async function stalled() {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const source = StallingSource.of(BYTES)
    const image = await pool.mount(source)
    const file = await image.open(FILE)
    const whole = await image.readFile(FILE)
    pool.drop()
    source.isStalled = true
    return { pool, source, image, file, whole }
  }
  const turn = () => new Promise(setImmediate)

  it("before the beginning reads nothing", async () => {
    const { pool, source, image, file } = await stalled()
    const signal = AbortSignal.abort(new Error("changed my mind"))
    const { count } = source
    using view = file.map()
    const asked = [
      () => file.read(new Uint8Array(10), 0, { signal }),
      () => image.readFile(FILE, { signal }),
      () => image.stat("/", { signal }),
      () => image.readdir("/", { signal }),
      () => view.page(0, { signal }),
      () => view.copy(0, 10, { signal }),
      () => pool.mount(StallingSource.of(BYTES), { signal }),
      async () => {
        for await (const _ of image.walk("/", { signal }));
      },
    ]
    for (const ask of asked) await expect(ask()).rejects.toThrow("changed my mind")
    expect(source.count).toBe(count)
    expect(pool.stats().framesPinned).toBe(0)
  })

  it.each([true, false])("during a stalled fetch; the source heeds the signal: %s", async (heedsAbort) => {
    const { pool, source, image, file, whole } = await stalled()
    source.heedsAbort = heedsAbort
    const controller = new AbortController()
    const reading = file.read(new Uint8Array(5000), 0, { signal: controller.signal })
    await turn()
    expect(source.held).toBeGreaterThan(0)
    controller.abort(new Error("enough"))
    await expect(reading).rejects.toThrow("enough")
    // While the source has not given up, the frames that it writes to are in use, and the image too.
    if (!heedsAbort) await expect(image.close()).rejects.toMatchObject({ code: "EBUSY" })
    source.letGo()
    await turn()
    await turn()
    expectIdle(pool)
    const again = new Uint8Array(5000)
    expect(await file.read(again, 0)).toBe(5000)
    expect(Buffer.compare(again, whole.subarray(0, 5000))).toBe(0)
    await file.close()
    await image.close()
    expect(pool.stats()).toMatchObject({ framesUsed: 0, addressSpaces: 0 })
  })

  it("at once gives the fill slot back, however often", async () => {
    const { pool, source, file, whole } = await stalled()
    source.letGo()
    for (let i = 0; i < 20; i++) {
      const controller = new AbortController()
      const reading = file.read(new Uint8Array(5000), 0, { signal: controller.signal })
      controller.abort(new Error("enough"))
      await expect(reading).rejects.toThrow("enough")
    }
    await turn()
    const again = new Uint8Array(5000)
    await file.read(again, 0)
    expect(Buffer.compare(again, whole.subarray(0, 5000))).toBe(0)
    expectIdle(pool)
  })

  it("of some harms no other that waits for the same pages", async () => {
    const { pool, source, file, whole } = await stalled()
    const controllers = Array.from({ length: 20 }, () => new AbortController())
    const targets = controllers.map(() => new Uint8Array(9000))
    const readings = controllers.map(({ signal }, i) => file.read(targets[i] as Uint8Array, 0, { signal }))
    const settled = Promise.allSettled(readings)
    await turn()
    for (const [i, controller] of controllers.entries()) if (i % 2 === 0) controller.abort("enough")
    await turn()
    source.letGo()
    for (const [i, result] of (await settled).entries()) {
      expect(result.status).toBe(i % 2 === 0 ? "rejected" : "fulfilled")
      if (i % 2 === 1) expect(Buffer.compare(targets[i] as Uint8Array, whole.subarray(0, 9000))).toBe(0)
    }
    expectIdle(pool)
  })
})

describe("reads at the same time", () => {
  it("of the same pages decode them once", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const source = StallingSource.of(BYTES)
    const image = await pool.mount(source)
    const file = await image.open(FILE)
    const one = new Uint8Array(4096)
    await file.read(one, 100_000)
    const alone = pool.stats()
    pool.drop()
    const before = pool.stats()
    const targets = Array.from({ length: 12 }, () => new Uint8Array(4096))
    await Promise.all(targets.map((target) => file.read(target, 100_000)))
    for (const target of targets) expect(Buffer.compare(target, one)).toBe(0)
    expect(pool.stats().bytesDecoded - before.bytesDecoded).toBe(alone.bytesDecoded)
    await image.close()
  })

  it("at once, while the same page is being filled by one that waits", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const stalling = StallingSource.of(BYTES)
    const source: SyncSource & AsyncSource = {
      size: BYTES.length,
      readSync(target, offset) {
        target.set(BYTES.subarray(offset, offset + target.length))
        return target.length
      },
      read: (target, offset, options) => stalling.read(target, offset, options as { signal?: AbortSignal }),
    }
    const image = pool.mountSync(source)
    using file = image.openSync(FILE)
    const whole = image.readFileSync(FILE)
    pool.drop()
    image.statSync("/")
    using again = image.openSync(FILE)
    stalling.isStalled = true
    const slow = new Uint8Array(20_000)
    const reading = file.read(slow, 0)
    await new Promise(setImmediate)
    expect(stalling.held).toBeGreaterThan(0)
    const quick = new Uint8Array(20_000)
    again.readSync(quick, 0)
    expect(Buffer.compare(quick, whole.subarray(0, 20_000))).toBe(0)
    stalling.letGo()
    await reading
    expect(Buffer.compare(slow, quick)).toBe(0)
    expectIdle(pool)
  })

  it("of many files, more than there are fill slots", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const image = await pool.mount(StallingSource.of(BYTES))
    const files = Object.entries(MANIFEST).filter(([, entry]) => entry.type === "file")
    const digests = await Promise.all(files.map(async ([path]) => sha256(await image.readFile(path))))
    expect(digests).toEqual(files.map(([, { sha256: digest }]) => digest))
    expectIdle(pool)
    await image.close()
  })
})
