// SPDX-License-Identifier: MIT
/** What was fetched is kept: a second visit fetches nothing, and nothing wrong is ever served. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import {
  type AsyncSource,
  bufferSource,
  type CacheStore,
  cacheApiStore,
  cachedSource,
  directoryStore,
  httpSource,
  memoryStore,
  opfsStore,
  PagePool,
} from "../../src/index.node.js"
import { FakeCaches, FakeDirectory } from "../support/browser-storage.js"
import { readFixture } from "../support/flat-image.js"
import { HttpServer, served } from "../support/http-server.js"
import { filesOf, manifestOf, sha256 } from "../support/open.js"
import { Random } from "../support/random.js"

const BYTES = new Random(11).bytes(300_001)
const QUICK = { retryDelay: 1, first: 0 }

/** A source in memory that counts. */
function countingSource(bytes = BYTES, identity: string | undefined = "place\nv1") {
  const source = {
    size: bytes.length,
    identity,
    reads: [] as [offset: number, length: number][],
    isBroken: false,
    isClosed: false,
    async read(target: Uint8Array, offset: number) {
      if (source.isBroken) throw new Error("no network")
      source.reads.push([offset, target.length])
      return bufferSource(bytes).readSync(target, offset)
    },
    close() {
      source.isClosed = true
    },
  }
  return source
}

async function expectBytes(source: AsyncSource, start: number, end: number, bytes = BYTES): Promise<void> {
  const target = new Uint8Array(end - start)
  expect(await source.read(target, start, {})).toBe(end - start)
  expect(Buffer.compare(target, bytes.subarray(start, end))).toBe(0)
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "erofs-wasm-cache-"))
})
afterEach(() => {
  vi.unstubAllGlobals()
  rmSync(folder, { recursive: true, force: true })
})

/** Opens a store of each kind; opening it again finds what was kept. */
const STORES: [string, (bytes?: number) => Promise<CacheStore>][] = [
  ["memory", keptMemory],
  [
    "a directory",
    async (bytes) => directoryStore(join(folder, "cache"), bytes === undefined ? {} : { bytes }),
  ],
  [
    "the Cache API",
    async (bytes) => {
      vi.stubGlobal("caches", fakeCaches)
      return await cacheApiStore(bytes === undefined ? {} : { bytes })
    },
  ],
  [
    "OPFS",
    async (bytes) => {
      vi.stubGlobal("navigator", { storage: { getDirectory: async () => opfsRoot } })
      return await opfsStore(bytes === undefined ? {} : { bytes })
    },
  ],
  [
    "OPFS where only workers can write",
    async (bytes) => opfsStore({ directory: workerDirectory, ...(bytes !== undefined && { bytes }) }),
  ],
]

let memory: CacheStore | undefined
let fakeCaches: CacheStorage
let opfsRoot: FileSystemDirectoryHandle
let workerDirectory: FileSystemDirectoryHandle
beforeEach(() => {
  memory = undefined
  fakeCaches = new FakeCaches() as unknown as CacheStorage
  opfsRoot = new FakeDirectory(true) as unknown as FileSystemDirectoryHandle
  workerDirectory = new FakeDirectory(false) as unknown as FileSystemDirectoryHandle
})

async function keptMemory(bytes?: number): Promise<CacheStore> {
  memory ??= memoryStore(bytes === undefined ? {} : { bytes })
  return memory
}

describe.each(STORES)("kept in %s", (_, open) => {
  it("ranges are fetched once, in this visit and the next", async () => {
    const source = countingSource()
    const first = await cachedSource(source, await open())
    await expectBytes(first, 5000, 9000)
    await expectBytes(first, 4096, 12_288)
    await expectBytes(first, 299_000, 300_001)
    await expectBytes(first, 60_000, 140_000)
    await expectBytes(first, 5000, 9000)
    const reads = source.reads.splice(0)
    expect(reads.reduce((sum, [, length]) => sum + length, 0)).toBeLessThan(100_000)
    await first.close()
    expect(source.isClosed).toBe(true)

    source.isBroken = true
    const second = await cachedSource(source, await open())
    await expectBytes(second, 5000, 9000)
    await expectBytes(second, 299_500, 300_001)
    await expectBytes(second, 60_000, 140_000)
    expect(second.stats().cachedBytes).toBe(4000 + 501 + 80_000)
    expect(source.reads).toEqual([])
    await expect(second.read(new Uint8Array(10), 200_000, {})).rejects.toThrow("no network")
  })

  it("what is damaged, cut, or of elsewhere is fetched again", async () => {
    const store = await open()
    const first = await cachedSource(countingSource(), store)
    await expectBytes(first, 0, 65_536 * 3)
    await first.close()
    const keys = (await store.list()).map(({ key }) => key).sort()
    expect(keys).toHaveLength(3)
    const [one = "", two = "", three = ""] = keys
    const bytes = (await store.get(one)) as Uint8Array<ArrayBuffer>
    const damaged = bytes.slice()
    damaged[40_000] = (damaged[40_000] ?? 0) ^ 1
    const foreign = (await store.get(three)) as Uint8Array<ArrayBuffer>
    await store.set(one, damaged)
    await store.set(two, bytes.slice(0, 30_000))
    await store.set(three, bytes)
    expect(foreign).not.toEqual(bytes)
    const source = countingSource()
    const second = await cachedSource(source, await open())
    await expectBytes(second, 0, 65_536 * 3)
    expect(source.reads.reduce((sum, [, length]) => sum + length, 0)).toBe(65_536 * 3)
    await second.close()
    source.isBroken = true
    await expectBytes(await cachedSource(source, await open()), 0, 65_536 * 3)
  })

  it("another version takes the place of the one before", async () => {
    const store = await open()
    const first = await cachedSource(countingSource(), store)
    await expectBytes(first, 0, 100_000)
    await first.close()
    const elsewhere = await cachedSource(countingSource(BYTES, "another place\nv1"), store)
    await expectBytes(elsewhere, 0, 10)
    await elsewhere.close()
    const bytes = new Random(12).bytes(300_001)
    const source = countingSource(bytes, "place\nv2")
    const second = await cachedSource(source, await open())
    await expectBytes(second, 0, 100_000, bytes)
    expect(source.reads.length).toBeGreaterThan(0)
    await second.close()
    // Two blocks of the new version, one of elsewhere.
    expect(await (await open()).list()).toHaveLength(3)
  })

  it("no more is kept than allowed, and what was used last stays", async () => {
    const store = await open(150_000)
    const source = countingSource()
    const first = await cachedSource(source, store)
    await expectBytes(first, 0, 65_536)
    await expectBytes(first, 65_536, 131_072)
    await first.close()
    const second = await cachedSource(source, store)
    await expectBytes(second, 0, 10)
    await expectBytes(second, 131_072, 196_608)
    await second.close()
    const listed = await store.list()
    expect(listed.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(150_000)
    source.reads.length = 0
    const third = await cachedSource(source, store)
    await expectBytes(third, 0, 65_536)
    expect(source.reads).toEqual([])
    await expectBytes(third, 65_536, 65_546)
    expect(source.reads).toHaveLength(1)
    await third.close()
  })
})

describe("a cached source", () => {
  it("gives the bytes that the source has, whatever is read in what order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ start: fc.nat(300_000), length: fc.nat(90_000), waits: fc.boolean() }), {
          maxLength: 12,
        }),
        async (reads) => {
          const store = memoryStore({ bytes: 200_000 })
          for (let visit = 0; visit < 2; visit++) {
            const source = await cachedSource(countingSource(), store)
            const all = reads.map(async ({ start, length, waits }) => {
              const read = expectBytes(source, start, Math.min(start + length, BYTES.length))
              if (waits) await read
              return read
            })
            await Promise.all(all)
            await source.close()
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  it("must know versions apart", async () => {
    const nameless = countingSource(BYTES, undefined)
    delete (nameless as { identity?: string | undefined }).identity
    await expect(cachedSource(nameless, memoryStore())).rejects.toMatchObject({ code: "ENOTSUP" })
    const source = await cachedSource(nameless, memoryStore(), { identity: "sha256:1234" })
    await expectBytes(source, 0, 10)
  })

  it("answers though the store fails in every way", async () => {
    const fail = (): Promise<never> => Promise.reject(new Error("quota exceeded"))
    const store: CacheStore = { list: fail, get: fail, set: fail, delete: fail }
    const source = await cachedSource(countingSource(), store)
    await expectBytes(source, 0, 200_000)
    await expectBytes(source, 0, 200_000)
    await source.close()
  })

  it("passes on what the source refuses, and an abort", async () => {
    const stalled = new Set<() => void>()
    const source = await cachedSource(
      {
        size: 10_000,
        identity: "x",
        read: (_, __, { signal }) =>
          new Promise((resolve, reject) => {
            stalled.add(() => resolve(0))
            signal?.addEventListener("abort", () => reject(signal.reason))
          }),
      },
      memoryStore(),
    )
    const controller = new AbortController()
    const read = source.read(new Uint8Array(10), 0, { signal: controller.signal })
    await vi.waitFor(() => expect(stalled.size).toBe(1))
    controller.abort("enough")
    await expect(read).rejects.toBe("enough")
    const short = source.read(new Uint8Array(10), 0, {})
    await vi.waitFor(() => expect(stalled.size).toBe(2))
    for (const end of stalled) end()
    await expect(short).rejects.toMatchObject({ code: "EIO" })
  })

  it("over HTTP makes a second visit cost one HEAD, and no bytes", async () => {
    const name = "lz4-ztailpacking"
    const server = await HttpServer.start(readFixture(`${name}.erofs`))
    const manifest = manifestOf(name)
    const visit = async (): Promise<void> => {
      const pool = await PagePool.create({ bytes: 4 << 20 })
      const source = await cachedSource(server.url, directoryStore(folder))
      const image = await pool.mount(source)
      for (const path of filesOf(manifest))
        expect(sha256(await image.readFile(path))).toBe(manifest[path]?.sha256)
      await image.close()
    }
    await visit()
    expect(server.bytes).toBeGreaterThan(10_000)
    const { bytes } = server
    server.requests.length = 0
    await visit()
    expect(server.requests.map(({ method }) => method)).toEqual(["HEAD"])
    expect(bytes).toBeGreaterThan(0)
  })

  it("of a URL asks for the beginning once, and for size and version alone when it comes again", async () => {
    const server = await HttpServer.start(BYTES)
    const store = memoryStore()
    const visit = async (bytes = BYTES): Promise<string[]> => {
      server.requests.length = 0
      const source = await cachedSource(new URL(server.url), store, { retryDelay: 1 })
      await expectBytes(source, 0, 100_000, bytes)
      await source.close()
      return server.requests.map(({ method, range }) => `${method} ${range ? range.first : ""}`)
    }
    expect(await visit()).toEqual(["GET 0", "GET 65536"])
    expect(await visit()).toEqual(["HEAD "])
    expect(server.bytes).toBe(0)
    const changed = new Random(12).bytes(BYTES.length)
    server.content = served(changed)
    server.headers = { etag: '"v2"' }
    expect(await visit(changed)).toEqual(["HEAD ", "GET 0"])
    expect(await visit(changed)).toEqual(["HEAD "])
    // Where HEAD is refused one byte is asked for.
    server.behaviour = ({ method }, response) => {
      if (method === "HEAD") response.writeHead(405).end()
      return method === "HEAD"
    }
    expect(await visit(changed)).toEqual(["HEAD ", "GET 0"])
    expect(server.bytes).toBe(1)
  })

  it("of a URL takes the options of httpSource, and is refused as that is", async () => {
    const server = await HttpServer.start(BYTES)
    const store = memoryStore()
    const bare = await cachedSource(server.url, store, { first: 0, headers: { "x-test": "1" } })
    expect(server.requests.map(({ method, headers }) => [method, headers["x-test"]])).toEqual([["HEAD", "1"]])
    await bare.close()
    await expect(cachedSource(server.url, store, { gzip: true } as object)).rejects.toThrow("ENOTSUP")
    await expect(cachedSource(countingSource(), store, { headers: {} } as object)).rejects.toThrow(
      "ENOTSUP: option 'headers' is not supported",
    )
    server.headers = {}
    await expect(cachedSource(server.url, store)).rejects.toThrow(/^ENOTSUP: .*tells no version/)
    const named = await cachedSource(server.url, store, { identity: "sha256:12" })
    expect(named.identity).toBe("sha256:12")
    await named.close()
    server.behaviour = (_, response) => {
      response.writeHead(404).end()
      return true
    }
    await expect(cachedSource(server.url, store)).rejects.toMatchObject({ code: "ENOENT" })
  })

  it("of a URL, with a store that cannot be listed, is as without one", async () => {
    const server = await HttpServer.start(BYTES)
    const fail = async (): Promise<never> => {
      throw new Error("no store")
    }
    const source = await cachedSource(server.url, { list: fail, get: fail, set: fail, delete: fail })
    await expectBytes(source, 0, 1000)
    expect(server.requests.map(({ method }) => method)).toEqual(["GET"])
    await source.close()
  })

  it("lets everything go when the file changes", async () => {
    const server = await HttpServer.start(BYTES)
    const store = memoryStore()
    const source = await cachedSource(await httpSource(server.url, QUICK), store)
    await expectBytes(source, 0, 100_000)
    server.headers = { etag: '"v2"' }
    await expect(source.read(new Uint8Array(10), 200_000, {})).rejects.toMatchObject({ code: "ESTALE" })
    await expect(source.read(new Uint8Array(10), 0, {})).rejects.toMatchObject({ code: "ESTALE" })
    expect(await store.list()).toEqual([])
    await source.close()
  })
})

describe("a directory of kept ranges", () => {
  it("leaves files of others alone, and takes away what somebody left unfinished", async () => {
    mkdirSync(join(folder, "cache"))
    writeFileSync(join(folder, "cache", "notes.txt"), "mine")
    writeFileSync(join(folder, "cache", ".writing-old"), "half")
    utimesSync(join(folder, "cache", ".writing-old"), 1000, 1000)
    writeFileSync(join(folder, "cache", ".writing-new"), "half")
    const source = await cachedSource(
      countingSource(),
      directoryStore(join(folder, "cache"), { bytes: 100_000 }),
    )
    await expectBytes(source, 0, 300_000)
    await source.close()
    const names = readdirSync(join(folder, "cache")).sort()
    expect(names.filter((name) => !/^[\da-f.]+$/.test(name))).toEqual([".writing-new", "notes.txt"])
    expect(readFileSync(join(folder, "cache", "notes.txt"), "utf8")).toBe("mine")
  })

  it("that cannot be written costs nothing but requests", async () => {
    writeFileSync(join(folder, "file"), "not a directory")
    const source = await cachedSource(countingSource(), directoryStore(join(folder, "file")))
    await expectBytes(source, 0, 300_000)
    await source.close()
  })
})

it("stores of browsers are ENOTSUP where there are none", async () => {
  vi.stubGlobal("caches", undefined)
  await expect(cacheApiStore()).rejects.toMatchObject({ code: "ENOTSUP" })
  vi.stubGlobal("navigator", {})
  await expect(opfsStore()).rejects.toMatchObject({ code: "ENOTSUP" })
  expect(() => memoryStore({ bytes: -1 })).toThrow(expect.objectContaining({ code: "EINVAL" }))
})

it("what will be read is passed on in its order, however the store answers, and with its end", async () => {
  const store = memoryStore()
  const later: (() => void)[] = []
  const slow: CacheStore = {
    list: () => store.list(),
    set: (key, bytes) => store.set(key, bytes),
    delete: (key) => store.delete(key),
    get: (key) => new Promise((resolve) => later.push(() => resolve(store.get(key)))),
  }
  const told: unknown[] = []
  const source = {
    ...countingSource(),
    expect: (offset: number, length: number, options?: { signal?: AbortSignal }) =>
      told.push([offset, length, options?.signal]),
  }
  const cached = await cachedSource(source, slow)
  const { signal } = new AbortController()
  cached.expect?.(0, 8192, { signal })
  cached.expect?.(200_704, 4096, { signal })
  // The last one first.
  for (const answer of later.reverse()) {
    answer()
    await new Promise<void>((resolve) => setTimeout(resolve, 1))
  }
  expect(told).toEqual([
    [0, 8192, signal],
    [200_704, 4096, signal],
  ])
})
