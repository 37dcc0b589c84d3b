// SPDX-License-Identifier: MIT
/** Reads past the pool: the same bytes, and the pool as it was. */
import { describe, expect, it } from "vitest"
import { bufferSource, type Image, type OpenFile, PagePool, type PoolStats } from "../src/index.js"
import { buildImage, directory, file } from "./support/build-image.js"
import { allFixtures, readFixture } from "./support/flat-image.js"
import { filesOf, manifestOf, mountFixture, sha256 } from "./support/open.js"
import { Random } from "./support/random.js"
import { StallingSource } from "./support/synthetic-image.js"

const PAGE = 4096
const BIG = new Random(3).bytes(100 * PAGE + 77)
const IMAGE = buildImage(directory({ big: file(BIG), other: file(new Random(4).bytes(200 * PAGE)) }))

/** What of a pool's counts a read past it must not change. */
function residence({ framesUsed, framesPinned, pagesFilled, pagesReclaimed, hits, misses }: PoolStats) {
  return { framesUsed, framesPinned, pagesFilled, pagesReclaimed, hits, misses }
}

const small = allFixtures.filter(({ file: name, manifest }) => {
  if (!name.endsWith(".erofs") || manifest === undefined || /^(offset|huge)/.test(name)) return false
  return filesOf(manifestOf(name.replace(/\.erofs$/, ""))).length > 0
})

describe("of every kind of image", () => {
  it.each(small.map(({ name }) => name))("%s", async (name) => {
    const pool = await PagePool.create({ bytes: 1 << 20, sharing: "none" })
    const image = mountFixture(pool, name)
    const manifest = manifestOf(name)
    const files = filesOf(manifest).slice(0, 60)
    const readAll = () => {
      for (const path of files) {
        const bytes = image.readFileSync(path, { direct: true })
        expect([path, sha256(bytes)]).toEqual([path, manifest[path]?.sha256])
      }
    }
    readAll()
    // Metadata, and the packed inode that fragments lie in, came into the pool as ever; pages of files did not.
    pool.drop()
    readAll()
    const { framesUsed } = pool.stats()
    for (const path of files) {
      const open = image.openSync(path)
      open.adviseSync("dontneed")
      open.closeSync()
    }
    expect(pool.stats().framesUsed).toBe(framesUsed)
  })
})

describe("a file read directly", () => {
  async function openBig(bytes = 1 << 20): Promise<{ pool: PagePool; image: Image; open: OpenFile }> {
    const pool = await PagePool.create({ bytes })
    const image = pool.mountSync(bufferSource(IMAGE))
    return { pool, image, open: image.openSync("/big") }
  }

  it("leaves the pool as it was, in every form", async () => {
    const { pool, image, open } = await openBig()
    const before = residence(pool.stats())
    const { bytesFetched } = pool.stats()
    const bytes = new Uint8Array(BIG.length)
    expect(open.readSync(bytes, 0, { direct: true })).toBe(BIG.length)
    expect(Buffer.compare(bytes, BIG)).toBe(0)
    bytes.fill(0)
    expect(await open.read(bytes, 0, { direct: true })).toBe(BIG.length)
    expect(Buffer.compare(bytes, BIG)).toBe(0)
    const pieces: Uint8Array[] = []
    for await (const piece of open.stream({ direct: true, start: 5000 })) pieces.push(piece)
    expect(Buffer.compare(Buffer.concat(pieces), BIG.subarray(5000))).toBe(0)
    expect(residence(pool.stats())).toEqual(before)
    // Looking the path up goes through the pool, and finds its pages there.
    expect(sha256(await image.readFile("/big", { direct: true }))).toBe(sha256(BIG))
    const after = residence(pool.stats())
    expect(after).toEqual({ ...before, hits: after.hits })
    expect(after.hits).toBeGreaterThan(before.hits)
    // Every read fetched; the stream leaves one page out, and reads the one that its two pieces meet in twice.
    expect(pool.stats().bytesFetched - bytesFetched).toBe(4 * BIG.length)
  })

  it("gives any range, and its pages stay what they were for others", async () => {
    const { pool, open } = await openBig()
    open.readSync(new Uint8Array(10 * PAGE), 20 * PAGE)
    const before = residence(pool.stats())
    const random = new Random(11)
    for (let i = 0; i < 200; i++) {
      const from = random.below(BIG.length)
      const into = new Uint8Array(random.below(70 * PAGE))
      const length = open.readSync(into, from, { direct: true })
      expect(length).toBe(Math.min(into.length, BIG.length - from))
      expect(Buffer.compare(into.subarray(0, length), BIG.subarray(from, from + length))).toBe(0)
      expect(into.subarray(length).every((byte) => byte === 0)).toBe(true)
    }
    expect(open.readSync(new Uint8Array(10), BIG.length + 5, { direct: true })).toBe(0)
    expect(residence(pool.stats())).toEqual(before)
  })

  it("needs no frame: it works where all are pinned, and pushes nothing out", async () => {
    const { pool, image, open } = await openBig(256 << 10)
    const view = image.openSync("/other").map()
    let pinned = 0
    try {
      for (; ; pinned++) view.pageSync(pinned)
    } catch (error) {
      expect(error).toMatchObject({ code: "ENOMEM" })
    }
    const before = residence(pool.stats())
    expect(before.framesPinned).toBe(64)
    const bytes = new Uint8Array(BIG.length)
    expect(() => open.readSync(bytes)).toThrow(expect.objectContaining({ code: "ENOMEM" }))
    const failed = pool.stats().misses
    open.readSync(bytes, 0, { direct: true })
    expect(Buffer.compare(bytes, BIG)).toBe(0)
    expect(residence(pool.stats())).toEqual({ ...before, misses: failed })
    view.dispose()
  })

  it("comes from the source, and not from the pool", async () => {
    const bytes = IMAGE.slice()
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const image = pool.mountSync(bufferSource(bytes))
    const open = image.openSync("/big")
    const into = new Uint8Array(PAGE)
    open.readSync(into)
    const at = Buffer.from(bytes).indexOf(Buffer.from(BIG.subarray(0, 64)))
    bytes[at] = (bytes[at] as number) ^ 0xff
    open.readSync(into)
    expect(into[0]).toBe(BIG[0])
    open.readSync(into, 0, { direct: true })
    expect(into[0]).toBe(bytes[at])
  })

  it("several at once from a source that answers later, and one that is given up", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const source = StallingSource.of(IMAGE)
    const image = await pool.mount(source)
    const open = await image.open("/big")
    const before = residence(pool.stats())
    const all = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const into = new Uint8Array(40 * PAGE)
        await open.read(into, i * 5000, { direct: true })
        return Buffer.compare(into, BIG.subarray(i * 5000, i * 5000 + into.length))
      }),
    )
    expect(all).toEqual(new Array(12).fill(0))
    source.isStalled = true
    const controller = new AbortController()
    const given = open.read(new Uint8Array(PAGE), 0, { direct: true, signal: controller.signal })
    await new Promise(setImmediate)
    controller.abort(new Error("enough"))
    await expect(given).rejects.toThrow("enough")
    source.letGo()
    await new Promise(setImmediate)
    expect(() => open.readSync(new Uint8Array(1), 0, { direct: true })).toThrow(
      expect.objectContaining({ code: "ENOTSUP" }),
    )
    await open.read(new Uint8Array(PAGE), 0, { direct: true })
    expect(residence(pool.stats())).toEqual(before)
    await image.close()
  })
})

describe("damage", () => {
  it("costs the pages that need it, and is told with its place", async () => {
    const name = "lz4-ztailpacking"
    const bytes = readFixture(`${name}.erofs`).slice()
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const good = pool.mountSync(bufferSource(bytes.slice()))
    const { extents } = good.describeSync("/text-300k", { extents: true })
    const extent = (extents ?? []).find(({ kind, position }) => kind === "compressed" && position > 50_000)
    expect(extent).toBeDefined()
    const { offset, encodedLength, position } = extent as NonNullable<typeof extent>
    bytes.fill(0xff, offset, Number(offset) + encodedLength)
    const image = pool.mountSync(bufferSource(bytes), { ignoreChecksum: true })
    const open = image.openSync("/text-300k")
    const into = new Uint8Array(open.size)
    const whole = good.readFileSync("/text-300k")
    const reach = Math.floor(position / PAGE) * PAGE
    for (let at = 0; at < reach; at += PAGE) {
      open.readSync(into.subarray(at, at + PAGE), at, { direct: true })
    }
    expect(Buffer.compare(into.subarray(0, reach), whole.subarray(0, reach))).toBe(0)
    expect(() => open.readSync(into, 0, { direct: true })).toThrow(
      expect.objectContaining({ code: "EUCLEAN", path: "/text-300k", offset: position }),
    )
  })

  it("options that are not known are refused", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const open = pool.mountSync(bufferSource(IMAGE)).openSync("/big")
    const unknown = { direkt: true } as object
    expect(() => open.readSync(new Uint8Array(1), 0, unknown)).toThrow(
      expect.objectContaining({ code: "ENOTSUP" }),
    )
    await expect(open.read(new Uint8Array(1), 0, unknown)).rejects.toMatchObject({ code: "ENOTSUP" })
    expect(() => open.stream(unknown)).toThrow(expect.objectContaining({ code: "ENOTSUP" }))
  })
})
