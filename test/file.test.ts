// SPDX-License-Identifier: MIT
/** Open files, views and streams; what is fetched for them; and how much memory they take. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Image, type MappedView, type OpenFile, PagePool } from "../src/index.js"
import { openFixture, sha256 } from "./support/open.js"
import {
  bigByte,
  CountingSource,
  type Item,
  StallingSource,
  SyntheticImage,
  writeBig,
} from "./support/synthetic-image.js"

const GIB = 2 ** 30
const MIB = 2 ** 20

async function openBig(size: number, poolBytes = 8 * MIB, shared = false) {
  const entries: Record<string, Item> = {
    big: { kind: "big", size },
    empty: { kind: "file", data: "" },
    short: { kind: "file", data: "some text, äöü" },
  }
  const source = new CountingSource(new SyntheticImage({ kind: "dir", entries }))
  const pool = await PagePool.create({ bytes: poolBytes, shared })
  const image = pool.mountSync(source)
  return { pool, image, source, file: image.openSync("/big") }
}

function expected(position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  writeBig(bytes, position)
  return bytes
}

function expectSame(actual: Uint8Array, wanted: Uint8Array): void {
  expect(Buffer.compare(actual, wanted)).toBe(0)
}

describe("a read", () => {
  it("gives the file's bytes at any place, at once and later", async () => {
    const size = 300_001
    const { file, pool } = await openBig(size, MIB)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(size + 5000),
        fc.nat(70_000),
        fc.boolean(),
        async (position, length, isDropped) => {
          if (isDropped) pool.drop()
          const count = Math.max(0, Math.min(length, size - position))
          const [now, later] = [new Uint8Array(length).fill(9), new Uint8Array(length).fill(9)]
          expect(file.readSync(now, position)).toBe(count)
          if (isDropped) pool.drop()
          expect(await file.read(later, BigInt(position))).toBe(count)
          expectSame(now.subarray(0, count), expected(position, count))
          expectSame(later, now)
          expect(now.subarray(count).every((byte) => byte === 9)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
    expect(pool.stats().framesPinned).toBe(0)
  })

  it("at the end gives nothing, and wrong positions are refused", async () => {
    const { file, image } = await openBig(10_000, MIB)
    expect(file.readSync(new Uint8Array(10), 10_000)).toBe(0)
    expect(file.readSync(new Uint8Array(10), 2n ** 53n - 1n)).toBe(0)
    expect(file.readSync(new Uint8Array(0), 5)).toBe(0)
    expect(file.readSync(new Uint8Array(10), 9_995)).toBe(5)
    for (const [position, code] of [
      [-1, "EINVAL"],
      [0.5, "EINVAL"],
      [Number.NaN, "EINVAL"],
      [-1n, "EINVAL"],
      [2n ** 53n, "EOVERFLOW"],
      [2 ** 53, "EINVAL"],
    ] as const) {
      expect(() => file.readSync(new Uint8Array(1), position)).toThrow(expect.objectContaining({ code }))
      const where = { code, syscall: "read", path: "/big", nid: file.nid }
      await expect(file.read(new Uint8Array(1), position)).rejects.toMatchObject(where)
    }
    await expect(file.read(new Uint8Array(1), 0, { nonsense: 1 } as never)).rejects.toMatchObject({
      code: "ENOTSUP",
    })
    using empty = image.openSync("/empty")
    expect(empty.size).toBe(0)
    expect(empty.readSync(new Uint8Array(10))).toBe(0)
    expect(image.readFileSync("/empty")).toHaveLength(0)
    expect(image.readFileSync("/short", "utf8")).toBe("some text, äöü")
  })

  it("of a closed file is EBADF, and closing twice is not", async () => {
    const { image } = await openBig(10_000, MIB)
    let kept: OpenFile
    {
      using file = image.openSync("/big")
      kept = file
    }
    kept.closeSync()
    await kept.close()
    const error = { code: "EBADF", path: "/big" }
    await expect(kept.read(new Uint8Array(1))).rejects.toMatchObject(error)
    await expect(kept.stat()).rejects.toMatchObject(error)
    expect(() => kept.map()).toThrow("EBADF")
    expect(() => kept.stream()).toThrow("EBADF")
    {
      await using file = await image.open("/big")
      expect((await file.stat()).size).toBe(10_000)
      expect((await file.stat({ bigint: true })).size).toBe(10_000n)
    }
  })

  it("of an asynchronous source at once is ENOTSUP, unless the bytes are there", async () => {
    const image = new SyntheticImage({ kind: "dir", entries: { file: { kind: "file", data: "bytes" } } })
    const pool = await PagePool.create({ bytes: MIB })
    const source = new StallingSource(image.size, (target, offset) => image.read(target, offset))
    expect(() => pool.mountSync(source)).toThrow("ENOTSUP")
    const mounted = await pool.mount(source)
    expect(await mounted.readFile("/file", "utf8")).toBe("bytes")
    expect(mounted.readFileSync("/file", "utf8")).toBe("bytes")
    pool.drop()
    expect(() => mounted.readFileSync("/file")).toThrow("ENOTSUP")
    expect(pool.stats().framesPinned).toBe(0)
  })
})

describe("what is fetched", () => {
  it("is nothing when it is there", async () => {
    const { file, source, pool } = await openBig(MIB)
    const into = new Uint8Array(MIB)
    file.readSync(into, 0)
    source.take()
    const { misses } = pool.stats()
    file.readSync(into, 0)
    await file.read(into, 0)
    expect(source.take()).toEqual([])
    expect(pool.stats().misses).toBe(misses)
  })

  it("grows with sequential reads", async () => {
    const { file, source } = await openBig(64 * MIB)
    source.take()
    const into = new Uint8Array(4096)
    for (let at = 0; at < 8 * MIB; at += into.length) file.readSync(into, at)
    const lengths = source.take().map(({ length }) => length)
    expect(lengths[0]).toBe(32 * 4096)
    expect(Math.max(...lengths)).toBe(256 * 4096)
    expect(lengths.length).toBeLessThan(14)
    // Not an end of the growth before its limit, and nothing twice.
    expect(lengths.toSorted((a, b) => a - b)).toEqual(lengths)
  })

  it("is what was asked for with random reads, each in one read", async () => {
    const { file, source } = await openBig(GIB)
    source.take()
    const into = new Uint8Array(5000)
    for (let i = 0; i < 100; i++) file.readSync(into, ((i * 7919 + 13) % 1000) * MIB + 4096)
    expect(source.take().map(({ length }) => length)).toEqual(Array.from({ length: 100 }, () => 8192))
  })

  it("is counted", async () => {
    const { file, source, pool } = await openBig(MIB)
    const before = pool.stats()
    source.take()
    file.readSync(new Uint8Array(300_000), 5)
    const reads = source.take()
    const bytes = reads.reduce((sum, { length }) => sum + length, 0)
    expect(pool.stats().fetches - before.fetches).toBe(reads.length)
    expect(pool.stats().bytesFetched - before.bytesFetched).toBe(bytes)
  })
})

describe("a gibibyte through eight mebibytes", () => {
  it.each([false, true])(
    "read from end to end and at random; shared memory: %s",
    { timeout: 60_000 },
    async (shared) => {
      // All of it once; shared memory is slower to copy from, so there a part.
      const size = shared ? GIB / 8 : GIB
      const { file, pool } = await openBig(size, 8 * MIB, shared)
      const piece = new Uint8Array(MIB)
      const wanted = new Uint8Array(4096)
      for (let position = 0; position < size; position += MIB) {
        if (file.readSync(piece, position) !== MIB) throw new Error(`short read at ${position}`)
        // Each page tells its number at its beginning; one of them is compared whole.
        for (let page = 0; page < MIB; page += 4096) {
          if (piece[page + 1] !== bigByte(position + page + 1) || piece[page] !== bigByte(position + page)) {
            throw new Error(`wrong page at ${position + page}`)
          }
        }
        const at = (position / MIB) % 256
        writeBig(wanted, position + at * 4096)
        if (Buffer.compare(piece.subarray(at * 4096, (at + 1) * 4096), wanted) !== 0)
          throw new Error(`wrong at ${position}`)
      }
      const part = new Uint8Array(10_000)
      for (let i = 0; i < 300; i++) {
        const position = (i * 104_729_777) % (size - part.length)
        file.readSync(part, position)
        expectSame(part, expected(position, part.length))
      }
      const { frames, framesUsed, framesPinned, pagesFilled, pagesReclaimed } = pool.stats()
      expect(frames).toBe(2048)
      expect(framesUsed).toBeLessThanOrEqual(frames)
      expect(framesPinned).toBe(0)
      expect(pagesFilled - pagesReclaimed).toBe(framesUsed)
      expect(pagesFilled).toBeGreaterThan(size / 4096)
    },
  )
})

describe("a stream", () => {
  async function collect(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    for await (const piece of stream as unknown as AsyncIterable<Uint8Array>) pieces.push(piece)
    return new Uint8Array(Buffer.concat(pieces))
  }

  it("gives the file, or a part of it, in ordinary memory", async () => {
    const { file, image } = await openBig(700_001, MIB, true)
    expectSame(await collect(file.stream()), expected(0, 700_001))
    expectSame(await collect(file.stream({ start: 5000, end: 300_000 })), expected(5000, 295_000))
    expectSame(await collect(file.stream({ start: 700_000, end: 900_000 })), expected(700_000, 1))
    expect(await collect(file.stream({ start: 8, end: 3 }))).toHaveLength(0)
    const { value } = await file.stream().getReader().read()
    expect(value?.buffer).toBeInstanceOf(ArrayBuffer)
    using empty = image.openSync("/empty")
    expect(await collect(empty.stream())).toHaveLength(0)
    expect(() => file.stream({ from: 1 } as never)).toThrow("ENOTSUP")
  })

  it("ends when it is cancelled or aborted", async () => {
    const { file, source, pool } = await openBig(64 * MIB, MIB)
    const reader = file.stream().getReader()
    await reader.read()
    await reader.cancel()
    const read = source.take().length
    await new Promise(setImmediate)
    expect(source.take()).toHaveLength(0)
    expect(read).toBeGreaterThan(0)
    const controller = new AbortController()
    const second = file.stream({ signal: controller.signal }).getReader()
    await second.read()
    controller.abort(new Error("enough"))
    await expect(second.read()).rejects.toThrow("enough")
    expect(pool.stats().framesPinned).toBe(0)
  })
})

describe("a view", () => {
  it("pins what it touches, and only that", async () => {
    const { file, pool } = await openBig(MIB)
    using view = file.map(8192, 100_000)
    expect([view.position, view.length, view.pageCount]).toEqual([8192, 100_000, 25])
    expect(pool.stats().framesPinned).toBe(0)
    expectSame(view.pageSync(3), expected(8192 + 3 * 4096, 4096))
    expect(pool.stats().framesPinned).toBe(1)
    const last = await view.page(24)
    expectSame(last, expected(8192 + 24 * 4096, 100_000 - 24 * 4096))
    expect(pool.stats().framesPinned).toBe(2)
    // What is pinned stays, and where it is.
    pool.drop()
    expect(view.pageSync(3).byteOffset).toBe(view.pageSync(3).byteOffset)
    expectSame(view.pageSync(3), expected(8192 + 3 * 4096, 4096))
    view.dispose()
    view.dispose()
    expect(pool.stats().framesPinned).toBe(0)
    await expect(view.page(0)).rejects.toMatchObject({ code: "EBADF", path: "/big" })
    expect(() => view.bytesSync(0, 1)).toThrow("EBADF")
  })

  it("gives any range, at once and later, as pieces, bytes, copies and text", async () => {
    const size = 400_001
    const { file, pool, image } = await openBig(size, MIB)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(90),
        fc.nat(60_000),
        fc.nat(60_000),
        fc.boolean(),
        async (page, from, length, isDropped) => {
          if (isDropped) pool.drop()
          const position = page * 4096
          const to = Math.min(from + length, size - position)
          using view = file.map(position)
          if (from > to) {
            expect(() => view.bytesSync(from, to)).toThrow("EINVAL")
            return
          }
          const wanted = expected(position + from, to - from)
          expectSame(await view.bytes(from, to), wanted)
          expectSame(view.bytesSync(from, to), wanted)
          expectSame(Buffer.concat(view.segmentsSync(from, to)), wanted)
          expectSame(await view.copy(from, to), wanted)
        },
      ),
      { numRuns: 50 },
    )
    using short = image.openSync("/short")
    using text = short.map()
    expect(text.textSync()).toBe("some text, äöü")
    expect(await text.text(0, 4)).toBe("some")
    expect(pool.stats().framesPinned).toBe(1)
  })

  it("refuses what does not lie in it, whether its pages are there or not", async () => {
    const { file, image } = await openBig(8192, MIB)
    const refused = (run: () => unknown) => expect(run).toThrow(expect.objectContaining({ code: "EINVAL" }))
    refused(() => file.map(100))
    refused(() => file.map(0, 8193))
    refused(() => file.map(4096, 5000))
    refused(() => file.map(0, -1))
    refused(() => file.map(0, 0.5))
    refused(() => file.map(-4096))
    const asked = (view: MappedView) => {
      for (const index of [-1, 2, 3, 0.5, Number.NaN]) refused(() => view.pageSync(index))
      for (const [from, to] of [
        [-1, 5],
        [5, 4],
        [0, 8193],
        [0.5, 10],
        [0, 10.5],
        [Number.NaN, 5],
      ] as const) {
        refused(() => view.bytesSync(from, to))
        refused(() => view.segmentsSync(from, to))
        refused(() => view.copySync(from, to))
      }
    }
    using view = file.map()
    asked(view)
    view.copySync()
    asked(view)
    await expect(view.page(2)).rejects.toMatchObject({ code: "EINVAL", syscall: "map", path: "/big" })
    await expect(view.copy(0, 5, { nonsense: 1 } as never)).rejects.toMatchObject({ code: "ENOTSUP" })
    using empty = image.openSync("/empty").map()
    expect([empty.pageCount, empty.bytesSync().length, empty.segmentsSync().length]).toEqual([0, 0, 0])
    refused(() => empty.pageSync(0))
  })

  it("of more than the pool holds is ENOMEM, and what it pinned comes back", async () => {
    const { file, pool } = await openBig(16 * MIB, MIB)
    const view = file.map()
    expect(() => view.segmentsSync()).toThrow(expect.objectContaining({ code: "ENOMEM" }))
    expect(pool.stats().framesPinned).toBeGreaterThan(200)
    await expect(file.read(new Uint8Array(10), 15 * MIB)).rejects.toMatchObject({
      code: "ENOMEM",
      path: "/big",
    })
    view.dispose()
    expect(pool.stats().framesPinned).toBe(0)
    expect(file.readSync(new Uint8Array(10), 15 * MIB)).toBe(10)
  })

  it("of shared memory is the pool's own", async () => {
    const { pool, image, manifest } = await openFixture("lz4-ztailpacking", { bytes: 1 << 20, shared: true })
    expect(pool.isShared).toBe(true)
    const file = image.openSync("/text-300k")
    using view = file.map()
    const segments = view.segmentsSync()
    expect(segments.every(({ buffer }) => !(buffer instanceof ArrayBuffer))).toBe(true)
    expect(sha256(Buffer.concat(segments))).toBe(manifest["/text-300k"]?.sha256)
    expect(view.copySync().buffer).toBeInstanceOf(ArrayBuffer)
  })
})

describe("a pool", () => {
  it("refuses sizes and options that make no sense", async () => {
    for (const [options, code] of [
      [{ bytes: 1000 }, "EINVAL"],
      [{ bytes: Number.NaN }, "EINVAL"],
      [{ bytes: 2 ** 32 }, "ENOMEM"],
      [{ bytes: 2 ** 44 }, "ENOMEM"],
      [{ bytes: 2 ** 44 + 2 ** 20 }, "ENOMEM"],
      [{ bytes: 2 ** 52 }, "ENOMEM"],
      [{ sharing: "everything" }, "ENOTSUP"],
      [{ nonsense: 1 }, "ENOTSUP"],
    ] as const) {
      await expect(PagePool.create(options as never)).rejects.toMatchObject({ code })
    }
  })

  it("works in the smallest size, in both kinds of memory", async () => {
    for (const shared of [false, true]) {
      const { pool, image, manifest } = await openFixture("lz4-legacy", { bytes: 256 << 10, shared })
      expect([pool.bytes, pool.isShared]).toEqual([256 << 10, shared])
      const files = Object.entries(manifest).filter(([, { type }]) => type === "file")
      const check = async (image: Image) => {
        for (const [path, { sha256: digest }] of files)
          expect(sha256(await image.readFile(path))).toBe(digest)
      }
      await Promise.all([check(image), check(image), check(image)])
      expect(pool.stats().framesPinned).toBe(0)
      await pool.close()
    }
  })
})
