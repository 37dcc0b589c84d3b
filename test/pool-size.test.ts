// SPDX-License-Identifier: MIT
/** A pool's size: kept to the frame, changed while it is in use, and what it takes besides. */
import { describe, expect, it, vi } from "vitest"
import { Core, TAG_DOMAIN, TAG_FINGERPRINT } from "../src/core.js"
import { PagePool } from "../src/index.js"
import { filesOf, manifestOf, mountFixture, sha256 } from "./support/open.js"

const PAGE = 4096
const KIB = 1024
/** What openSpace() is told of files with fingerprints. */
const SHARED = { tag: TAG_FINGERPRINT, owner: 0, size: 0, mount: 1 }

describe.each([true, false])("a pool in shared memory: %s", (shared) => {
  it("holds no more frames than it is given, whatever is read", async () => {
    const pool = await PagePool.create({ bytes: 300 * KIB, shared })
    const image = mountFixture(pool, "lz4-legacy")
    for (const path of filesOf(manifestOf("lz4-legacy"))) {
      image.readFileSync(path)
      expect(pool.stats().framesUsed).toBeLessThanOrEqual(75)
    }
    expect(pool.stats().frames).toBe(75)
    expect(pool.bytes).toBe(300 * KIB)
  })

  it("grows and shrinks under what is read", async () => {
    const pool = await PagePool.create({ bytes: 256 * KIB, maxBytes: 2048 * KIB, shared })
    const manifest = manifestOf("lz4-legacy")
    const image = mountFixture(pool, "lz4-legacy")
    const resident = () => {
      for (const path of filesOf(manifest)) {
        expect(sha256(image.readFileSync(path))).toBe(manifest[path]?.sha256)
      }
      return pool.stats().framesUsed
    }
    expect(resident()).toBeLessThanOrEqual(64)
    pool.resize(2048 * KIB)
    const all = resident()
    expect(all).toBeGreaterThan(64)
    pool.resize(512 * KIB)
    expect(pool.stats()).toMatchObject({ frames: 128 })
    expect(resident()).toBeLessThanOrEqual(128)
    pool.resize(2048 * KIB)
    expect(resident()).toBe(all)
    pool.resize(256 * KIB)
    expect(pool.stats().framesUsed).toBeLessThanOrEqual(64)
    expect(resident()).toBeLessThanOrEqual(64)
  })

  it("keeps its size where views hold more than would fit, and beyond its maximum", async () => {
    const pool = await PagePool.create({ bytes: 1024 * KIB, shared })
    const image = mountFixture(pool, "lz4-legacy")
    using file = image.openSync("/text-300k")
    const view = file.map()
    const before = Buffer.from(await view.copy())
    expect(() => pool.resize(256 * KIB)).toThrow("EBUSY")
    expect(pool.bytes).toBe(1024 * KIB)
    // Other pages went, those that are held did not.
    expect(Buffer.from(view.copySync()).equals(before)).toBe(true)
    view.dispose()
    pool.resize(256 * KIB)
    expect(pool.bytes).toBe(256 * KIB)
    expect(() => pool.resize(1028 * KIB)).toThrow("EINVAL")
    expect(() => pool.resize(1000)).toThrow("EINVAL")
    pool.resize(1024 * KIB)
    expect(Buffer.from(await image.readFile("/text-300k")).equals(before)).toBe(true)
  })

  it("answers ENOMEM when everything is pinned, and works on after it", async () => {
    const pool = await PagePool.create({ bytes: 256 * KIB, shared })
    const image = mountFixture(pool, "lz4-legacy")
    using file = image.openSync("/text-300k")
    const view = file.map()
    await expect(view.bytes()).rejects.toMatchObject({ code: "ENOMEM" })
    view.dispose()
    expect(pool.stats()).toMatchObject({ framesPinned: 0, framesBusy: 0 })
    expect((await image.readFile("/text-300k")).length).toBe(file.size)
  })
})

describe("a size beyond the maximum", () => {
  it("is refused before anything is changed, by whoever asks", async () => {
    const pool = await PagePool.create({ bytes: 256 * KIB, maxBytes: 512 * KIB, workers: 2, shared: true })
    const other = await PagePool.attach(pool.share())
    const resize = vi.spyOn(Core.prototype, "resize")
    for (const one of [pool, other]) expect(() => one.resize(516 * KIB)).toThrow("EINVAL")
    expect(resize).not.toHaveBeenCalled()
    resize.mockRestore()
    other.resize(512 * KIB)
    expect(pool.bytes).toBe(512 * KIB)
    await other.close()
  })
})

describe("a pool declared with using", () => {
  it("closes its images, refuses while they are in use, and leaves the pool of others", async () => {
    const pool = await PagePool.create({ bytes: 256 * KIB, workers: 2, shared: true })
    const other = await PagePool.attach(pool.share())
    {
      using attached = other
      const image = mountFixture(attached, "lz4-legacy")
      const file = image.openSync("/text-300k")
      const view = file.map()
      expect(() => attached.closeSync()).toThrow(expect.objectContaining({ code: "EBUSY", syscall: "close" }))
      view.dispose()
    }
    expect(() => other.stats()).toThrow("EBADF: the pool is closed")
    other.closeSync()
    other[Symbol.dispose]()
    await other.close()
    mountFixture(pool, "lz4-legacy")
    pool[Symbol.dispose]()
    expect(pool.images).toEqual([])
    expect(pool.stats()).toMatchObject({ framesPinned: 0, addressSpaces: 0 })
  })
})

describe("bookkeeping", () => {
  // As it is with both versions of a tree of small files that share most: per 1000 frames 172 identities, used 285 times.
  it.each([8192, 8193, 12_000])("takes at most 1.5 %% of %i frames with all files open", async (frames) => {
    const core = await Core.create("plain", { frames, spaces: frames, workers: 1, content: true })
    const domain = core.openSpace({ ...SHARED, tag: TAG_DOMAIN, key: new Uint8Array(20), domain: 0 })
    const key = new Uint8Array(39)
    for (let use = 0; use < 0.285 * frames; use++) {
      const file = use % Math.round(0.172 * frames)
      new DataView(key.buffer).setUint32(7, file)
      const mount = file === use ? 1 : 2
      expect(core.openSpace({ ...SHARED, key, size: 5 * PAGE, mount, domain })).toBeGreaterThan(0)
    }
    const { bookkeepingBytes, spaces } = core.statistics()
    expect(spaces).toBe(1 + Math.round(0.172 * frames))
    expect(bookkeepingBytes / (frames * PAGE)).toBeLessThan(0.015)
    expect(bookkeepingBytes / (frames * PAGE)).toBeGreaterThan(0.01)
  })

  it("takes at most 1.5 % of the pool", async () => {
    for (const sharing of ["fingerprint", "content"] as const) {
      const pool = await PagePool.create({ bytes: 64 << 20, sharing })
      for (const name of ["share-old-plain", "share-new-plain", "lz4-legacy", "zstd-48bit"]) {
        const image = mountFixture(pool, name)
        for (const path of filesOf(manifestOf(name))) image.readFileSync(path)
      }
      const { bookkeepingBytes, frames } = pool.stats()
      expect(bookkeepingBytes / (frames * PAGE)).toBeLessThan(0.015)
      expect(bookkeepingBytes).toBeGreaterThan(frames * 24)
    }
  })
})

describe("bookkeeping of workers", () => {
  it("counts the pins that each may hold", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20, shared: true })
    const before = pool.stats().bookkeepingBytes
    const handle = pool.share()
    expect(pool.stats().bookkeepingBytes - before).toBe(pool.stats().frames)
    pool.detach(handle)
    expect(pool.stats().bookkeepingBytes).toBe(before)
    handle.port.close()
  })

  it("counts the tables of equal pages from the beginning, where there will be such", async () => {
    const bytes = 1 << 20
    const [without, withContent] = await Promise.all(
      (["fingerprint", "content"] as const).map((sharing) => PagePool.create({ bytes, sharing })),
    )
    const [less, more] = [without, withContent].map((pool) => pool?.stats().bookkeepingBytes ?? 0)
    expect((more as number) - (less as number)).toBe((bytes / PAGE) * 16)
  })
})

describe("residency", () => {
  it("tells whose page lies in each frame", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const first = mountFixture(pool, "lz4-legacy")
    const second = mountFixture(pool, "zstd-48bit")
    expect(pool.images).toEqual([first, second])
    using file = first.openSync("/text-300k")
    const buffer = new Uint8Array(file.size)
    file.readSync(buffer)
    const { frames, spaces } = pool.residency()
    expect(frames.length).toBe(256)
    const { framesUsed } = pool.stats()
    expect(frames.filter((space) => space >= 0).length).toBe(framesUsed)
    for (const [position, space] of spaces.entries()) {
      expect(frames.filter((one) => one === position).length).toBe(space.pages)
      expect(space.images.length).toBe(1)
    }
    const devices = spaces.filter(({ kind }) => kind === "device")
    expect(devices.map(({ images }) => images)).toEqual([[0], [1]])
    const pages = Math.ceil(file.size / PAGE)
    expect(spaces).toContainEqual({ pages, images: [0], kind: "file" })
  })

  it("tells whose pages they are when no file of theirs is open any more", async () => {
    const pool = await PagePool.create({ bytes: 8 << 20 })
    for (const name of ["meta-48bit-metabox", "many-zd"]) {
      for (const _ of mountFixture(pool, name).walkSync("/"));
    }
    const { spaces } = pool.residency()
    expect(spaces.length).toBeGreaterThan(100)
    expect(spaces.filter(({ images }) => images.length !== 1)).toEqual([])
  })
})

describe("an image that is mounted again by its handle", () => {
  it("is in the same domain, and refused in another", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const first = mountFixture(pool, "lz4-legacy", { domain: "one" })
    const image = structuredClone(first.share())
    for (const domain of ["", "two"]) {
      expect(() => mountFixture(pool, "lz4-legacy", { domain, image })).toThrow("EINVAL")
    }
    const { addressSpaces } = pool.stats()
    const second = mountFixture(pool, "lz4-legacy", { domain: "one", image })
    const third = mountFixture(pool, "lz4-legacy", { image })
    expect(pool.stats().addressSpaces).toBe(addressSpaces)
    expect([second, third].map((one) => one.share())).toEqual([image, image])
    for (const one of pool.images) one.closeSync()
    expect(pool.stats().addressSpaces).toBe(0)
  })

  it("is told of as one of those that use the pages", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const first = mountFixture(pool, "lz4-legacy")
    mountFixture(pool, "zstd-48bit")
    const again = mountFixture(pool, "lz4-legacy", { image: first.share() })
    first.readFileSync("/text-300k")
    const users = () => [...new Set(pool.residency().spaces.map(({ images }) => images.join()))].sort()
    expect(users()).toEqual(["0,2", "1"])
    again.closeSync()
    expect(users()).toEqual(["0", "1"])
  })

  it("uses the pages that are there, and leaves them when one of the two is closed", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const first = mountFixture(pool, "lz4-legacy")
    const before = first.readFileSync("/text-300k")
    const { pagesFilled } = pool.stats()
    const second = mountFixture(pool, "lz4-legacy", { image: first.share() })
    expect(Buffer.compare(second.readFileSync("/text-300k"), before)).toBe(0)
    expect(pool.stats().pagesFilled).toBe(pagesFilled)
    first.closeSync()
    expect(pool.stats().framesUsed).toBeGreaterThan(0)
    expect(Buffer.compare(second.readFileSync("/text-300k"), before)).toBe(0)
    expect(pool.stats().pagesFilled).toBe(pagesFilled)
    second.closeSync()
    expect(pool.stats()).toMatchObject({ framesUsed: 0, addressSpaces: 0 })
  })
})

describe("worker places that nobody asked for", () => {
  it("are fewer where there is no memory for more", async () => {
    // Eight regions for workers do not fit beside that many bytes, one does.
    const pool = await PagePool.create({ bytes: 3600 * 2 ** 20, shared: true })
    expect(pool.share().place).toBe(1)
    await expect(PagePool.create({ bytes: 3600 * 2 ** 20, shared: true, workers: 32 })).rejects.toMatchObject(
      {
        code: "ENOMEM",
      },
    )
  })
})
