// SPDX-License-Identifier: MIT
/** Any live file of a shared content supplies its pages: who filled them first, fails or is closed makes no difference. */
import { describe, expect, it } from "vitest"
import {
  type AsyncSource,
  bufferSource,
  type Image,
  type OpenFile,
  PagePool,
  type SyncSource,
} from "../src/index.js"
import { buildImage, directory, file } from "./support/build-image.js"
import { readFixture } from "./support/flat-image.js"
import { filesOf, manifestOf, sha256 } from "./support/open.js"
import { Random } from "./support/random.js"

const PAGE = 4096
const CONTENT = new Random(5).bytes(60 * PAGE - 9)
const imageOf = (label: string, content = CONTENT) =>
  buildImage(
    directory({ [label]: file(content, { xattrs: { "user.fp": "same" } }), own: file(label.repeat(5000)) }),
  )

/** A source that can fail, stall and be closed, and tells when it was used after that. */
class MovingSource implements SyncSource, AsyncSource {
  readonly size: number
  readonly bytes: Uint8Array
  isFailing = false
  isStalled = false
  closed = 0
  reads = 0
  usedAfterClose = 0
  readonly #held: (() => void)[] = []

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.size = bytes.length
  }

  readSync(target: Uint8Array, offset: number): number {
    this.reads++
    if (this.closed > 0) this.usedAfterClose++
    if (this.isFailing || this.closed > 0) throw new Error("the cable is out")
    target.set(this.bytes.subarray(offset, offset + target.length))
    return target.length
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    if (this.isStalled) await new Promise<void>((resolve) => this.#held.push(resolve))
    else await null
    return this.readSync(target, offset)
  }

  get held(): number {
    return this.#held.length
  }

  letGo(): void {
    this.isStalled = false
    for (const go of this.#held.splice(0)) go()
  }

  close(): void {
    this.closed++
  }
}

interface Member {
  label: string
  source: MovingSource
  image: Image
  open: OpenFile
}

async function members(labels: string[], bytes = 1 << 20): Promise<{ pool: PagePool; all: Member[] }> {
  const pool = await PagePool.create({ bytes })
  const all = labels.map((label) => {
    const source = new MovingSource(imageOf(label))
    const image = pool.mountSync(source, { fingerprint: "user.fp" })
    return { label, source, image, open: image.openSync(`/${label}`) }
  })
  return { pool, all }
}

const whole = (open: OpenFile): Uint8Array => {
  const bytes = new Uint8Array(open.size)
  open.readSync(bytes)
  return bytes
}

const turns = async (count = 5) => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate)
}

describe("a file whose source fails", () => {
  it("is read from another image with the same content, in every form", async () => {
    const { pool, all } = await members(["a", "b", "c"])
    const [a, b, c] = all as [Member, Member, Member]
    a.source.isFailing = true
    const reads = b.source.reads
    expect(Buffer.compare(whole(a.open), CONTENT)).toBe(0)
    expect(b.source.reads).toBeGreaterThan(reads)
    pool.drop()
    b.source.isFailing = true
    const into = new Uint8Array(CONTENT.length)
    await a.open.read(into)
    expect(Buffer.compare(into, CONTENT)).toBe(0)
    pool.drop()
    using view = a.open.map()
    expect(Buffer.compare(view.copySync(), CONTENT)).toBe(0)
    view.dispose()
    pool.drop()
    a.open.adviseSync("willneed", { length: 4 * PAGE })
    c.source.isFailing = true
    // What is there is there.
    expect(a.open.readSync(new Uint8Array(4 * PAGE))).toBe(4 * PAGE)
    pool.drop()
    // Nobody can: the error is the file's own, with its path.
    for (const { open, label } of all) {
      expect(() => whole(open)).toThrow(
        expect.objectContaining({ code: "EIO", path: `/${label}`, nid: open.nid }),
      )
      await expect(open.read(into)).rejects.toMatchObject({ code: "EIO", path: `/${label}` })
    }
    b.source.isFailing = false
    expect(Buffer.compare(whole(c.open), CONTENT)).toBe(0)
    expect(pool.stats().framesPinned).toBe(0)
  })

  it("fails alone where it is direct, shares with nobody, or is in another domain", async () => {
    const { all } = await members(["a", "b"])
    const [a] = all as [Member, Member]
    const own = a.image.openSync("/own")
    a.source.isFailing = true
    expect(() => a.open.readSync(new Uint8Array(PAGE), 0, { direct: true })).toThrow("cable")
    expect(() => own.readSync(new Uint8Array(PAGE))).toThrow("cable")
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const sources = ["a", "b"].map((label) => new MovingSource(imageOf(label)))
    const opened = sources.map((source, i) => {
      const image = pool.mountSync(source, { fingerprint: "user.fp", domain: `domain ${i}` })
      return image.openSync(i === 0 ? "/a" : "/b")
    })
    ;(sources[0] as MovingSource).isFailing = true
    expect(() => whole(opened[0] as OpenFile)).toThrow("cable")
    expect(Buffer.compare(whole(opened[1] as OpenFile), CONTENT)).toBe(0)
  })

  it("is read from another that is stored in another way, through the other's own metadata", async () => {
    const manifest = manifestOf("share-old-plain")
    const plain = readFixture("share-old-plain.erofs")
    const packed = readFixture("share-old-lz4.erofs")
    for (const [first, second] of [
      [plain, packed],
      [packed, plain],
    ] as [Uint8Array, Uint8Array][]) {
      const pool = await PagePool.create({ bytes: 1 << 20 })
      const source = new MovingSource(first)
      const image = pool.mountSync(source)
      const other = pool.mountSync(bufferSource(second))
      const paths = filesOf(manifest)
      const files = paths.map((path) => image.openSync(path))
      for (const path of paths) other.openSync(path)
      pool.drop()
      source.isFailing = true
      for (const [i, path] of paths.entries()) {
        expect([path, sha256(whole(files[i] as OpenFile))]).toEqual([path, manifest[path]?.sha256])
      }
    }
  })

  it("is read from another when it is its image that is damaged", async () => {
    const manifest = manifestOf("share-old-lz4")
    const bytes = readFixture("share-old-lz4.erofs").slice()
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const good = pool.mountSync(bufferSource(bytes.slice()))
    const path = filesOf(manifest).find(
      (one) => good.describeSync(one, { extents: true }).extents?.[0]?.kind === "compressed",
    )
    const extent = good.describeSync(path as string, { extents: true }).extents?.[0]
    bytes.fill(0xff, extent?.offset, (extent?.offset as number) + (extent?.encodedLength as number))
    const bad = pool.mountSync(bufferSource(bytes), { ignoreChecksum: true })
    const open = bad.openSync(path as string)
    expect(() => open.readSync(new Uint8Array(10), 0, { direct: true })).toThrow(
      expect.objectContaining({ code: "EUCLEAN" }),
    )
    pool.drop()
    using other = good.openSync(path as string)
    expect(other.size).toBe(open.size)
    expect(sha256(whole(open))).toBe(manifest[path as string]?.sha256)
  })

  it("is read at once from one that can be read at once", async () => {
    const pool = await PagePool.create({ bytes: 1 << 20 })
    const slow: AsyncSource = {
      size: imageOf("slow").length,
      read: async (target, offset) => {
        target.set(imageOf("slow").subarray(offset, offset + target.length))
        return target.length
      },
    }
    const image = await pool.mount(slow, { fingerprint: "user.fp" })
    const open = await image.open("/slow")
    expect(() => whole(open)).toThrow(expect.objectContaining({ code: "ENOTSUP" }))
    const other = pool.mountSync(bufferSource(imageOf("fast")), { fingerprint: "user.fp" }).openSync("/fast")
    expect(other.size).toBe(open.size)
    expect(Buffer.compare(whole(open), CONTENT)).toBe(0)
  })
})

const orders = (items: string[]): string[][] =>
  items.length < 2
    ? [items]
    : items.flatMap((item) => orders(items.filter((other) => other !== item)).map((rest) => [item, ...rest]))

describe("closing images in every order", () => {
  it.each(
    orders(["a", "b", "c"]).flatMap((order) => ["a", "b", "c"].map((filler) => [filler, order] as const)),
  )("%s fills, then %j are closed: nobody notices", async (filler, order) => {
    const { pool, all } = await members(["a", "b", "c"])
    whole((all.find(({ label }) => label === filler) as Member).open)
    const left = new Map(all.map((member) => [member.label, member]))
    for (const label of order) {
      const leaving = left.get(label) as Member
      left.delete(label)
      const reading = [...left.values()].map(async ({ open }) => {
        const into = new Uint8Array(CONTENT.length)
        await open.read(into)
        return Buffer.compare(into, CONTENT)
      })
      await leaving.image.close()
      expect(leaving.source.closed).toBe(1)
      expect(await Promise.all(reading)).toEqual(reading.map(() => 0))
      // All that is in the pool goes, and comes again from those that are left.
      for (const { open } of left.values()) {
        pool.drop()
        expect(Buffer.compare(whole(open), CONTENT)).toBe(0)
      }
    }
    pool.drop()
    expect(all.map(({ source }) => source.usedAfterClose)).toEqual([0, 0, 0])
    expect(pool.stats()).toMatchObject({ framesUsed: 0, framesPinned: 0, addressSpaces: 0 })
  })

  it("while a view of another is being filled by the one that is closed", async () => {
    const { pool, all } = await members(["a", "b", "c"])
    const [a, b, c] = all as [Member, Member, Member]
    a.source.isFailing = true
    b.source.isStalled = true
    using view = a.open.map()
    const copy = view.copy()
    await turns()
    expect(b.source.held).toBeGreaterThan(0)
    // B supplies a page of A's at this moment. It is closed all the same, its source only once that has ended.
    const closing = b.image.close()
    await turns()
    expect(pool.images).toEqual([a.image, c.image])
    expect(b.source.closed).toBe(0)
    b.source.letGo()
    await closing
    expect(b.source).toMatchObject({ closed: 1, usedAfterClose: 0 })
    // What B did not bring comes from C.
    expect(Buffer.compare(await copy, CONTENT)).toBe(0)
    expect(c.source.reads).toBeGreaterThan(0)
  })

  it("at once while another is being read from it: its source is closed later", async () => {
    const { all } = await members(["a", "b"])
    const [a, b] = all as [Member, Member]
    a.source.isFailing = true
    b.source.isStalled = true
    const into = new Uint8Array(PAGE)
    const reading = a.open.read(into)
    await turns()
    b.image.closeSync()
    expect(b.source.closed).toBe(0)
    b.source.letGo()
    await reading
    expect(Buffer.compare(into, CONTENT.subarray(0, PAGE))).toBe(0)
    expect(b.source).toMatchObject({ closed: 1, usedAfterClose: 0 })
    await expect(a.open.read(new Uint8Array(PAGE), 50 * PAGE)).rejects.toThrow("cable")
  })

  it("stalls nobody else when the one that is closed fails in the middle", async () => {
    const { all } = await members(["a", "b", "c"])
    const [a, b, c] = all as [Member, Member, Member]
    b.source.isStalled = true
    const reads = [b, c, a].map(({ open }) => {
      const into = new Uint8Array(CONTENT.length)
      return open.read(into).then(() => Buffer.compare(into, CONTENT))
    })
    await turns()
    expect(b.source.held).toBe(1)
    b.source.isFailing = true
    b.source.letGo()
    expect(await Promise.all(reads)).toEqual([0, 0, 0])
    await b.image.close()
  })
})

it("random failures, closes and mounts: as long as one image can be read, all are", async () => {
  for (let seed = 0; seed < 12; seed++) {
    const random = new Random(77, seed)
    const pool = await PagePool.create({ bytes: 256 << 10 })
    const live: Member[] = []
    const mount = () => {
      const label = `m${random.u32()}`
      const source = new MovingSource(imageOf(label))
      const image = pool.mountSync(source, { fingerprint: "user.fp" })
      live.push({ label, source, image, open: image.openSync(`/${label}`) })
    }
    mount()
    const reading: Promise<void>[] = []
    for (let step = 0; step < 60; step++) {
      const action = random.below(10)
      if (action < 2 && live.length < 5) mount()
      else if (action < 3 && live.length > 1) {
        const [leaving] = live.splice(random.between(1, live.length - 1), 1) as [Member]
        // Its own reads are let end first; those of others go on.
        await Promise.all(reading.splice(0, random.below(2) * reading.length))
        await leaving.image.close().catch((error) => {
          expect(error.code).toBe("EBUSY")
          live.push(leaving)
        })
      } else if (action < 5) {
        // The first never fails, and stays.
        for (const { source } of live.slice(1)) source.isFailing = random.chance(60)
        pool.drop()
      } else {
        const { open } = random.pick(live)
        const from = random.below(CONTENT.length)
        const into = new Uint8Array(1 + random.below(20 * PAGE))
        const check = (length: number) =>
          expect(Buffer.compare(into.subarray(0, length), CONTENT.subarray(from, from + length))).toBe(0)
        if (random.chance(30)) check(open.readSync(into, from))
        else reading.push(open.read(into, from).then(check))
      }
      if (random.chance(30)) await turns(1)
    }
    await Promise.all(reading)
    for (const { source } of live) source.isFailing = false
    for (const { open } of live) expect(Buffer.compare(whole(open), CONTENT)).toBe(0)
    for (const { image, source } of live) {
      await image.close()
      expect(source).toMatchObject({ closed: 1, usedAfterClose: 0 })
    }
    pool.drop()
    expect(pool.stats()).toMatchObject({ framesUsed: 0, framesPinned: 0, addressSpaces: 0 })
  }
})
