// SPDX-License-Identifier: MIT
/** `trust: "verify"`: only what a file really is can be shared under a digest, whatever its image claims, and whenever. */
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import {
  type AsyncSource,
  bufferSource,
  type Image,
  type OpenFile,
  PagePool,
  type SyncSource,
} from "../src/index.js"
import { Proofs } from "../src/proofs.js"
import { type BuildNode, buildImage, directory, file } from "./support/build-image.js"
import { filesOf, manifestOf, mountFixture, sha256 } from "./support/open.js"
import { Random } from "./support/random.js"

const PAGE = 4096
const GOOD = new Random(21).bytes(50 * PAGE + 123)
const EVIL = new Random(22).bytes(GOOD.length)

const claimOf = (content: Uint8Array) =>
  new Uint8Array(Buffer.concat([Buffer.from("sha256:"), createHash("sha256").update(content).digest()]))
/** A file that claims to be `claimed`. */
const claiming = (content: Uint8Array, claimed: Uint8Array): BuildNode =>
  file(content, { xattrs: { "user.fp": claimOf(claimed) } })
const GENUINE = buildImage(directory({ file: claiming(GOOD, GOOD), twin: claiming(GOOD, GOOD) }))
const FORGED = buildImage(directory({ forged: claiming(EVIL, GOOD), true: claiming(EVIL, EVIL) }))

const verify = { trust: "verify", fingerprint: "user.fp" } as const
const newPool = (bytes = 2 << 20) => PagePool.create({ bytes })

function whole(open: OpenFile): Uint8Array {
  const bytes = new Uint8Array(open.size)
  open.readSync(bytes)
  return bytes
}
const readAll = (image: Image, path: string): Uint8Array => image.readFileSync(path)
const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

describe("files that are what they claim", () => {
  it("share, within an image and across two", async () => {
    const pool = await newPool()
    const [a, b] = [GENUINE, GENUINE].map((bytes) => pool.mountSync(bufferSource(bytes), verify)) as [
      Image,
      Image,
    ]
    const opened = [a, a, b, b].map((image, i) => image.openSync(i % 2 ? "/twin" : "/file"))
    const { pagesFilled } = pool.stats()
    for (const open of opened) expect(isSame(whole(open), GOOD)).toBe(true)
    expect(pool.stats()).toMatchObject({ pagesShared: 51, pagesSaved: 3 * 51, filesForged: 0, forgeries: [] })
    expect(pool.stats().pagesFilled - pagesFilled).toBe(51)
    expect(a.describeSync("/file").fingerprint).toEqual(claimOf(GOOD))
  })

  it("are hashed once an inode, past the pool", async () => {
    const pool = await newPool()
    const image = pool.mountSync(bufferSource(GENUINE), verify)
    image.statSync("/file")
    const { framesUsed } = pool.stats()
    image.openSync("/file").closeSync()
    expect(pool.stats().framesUsed - framesUsed).toBe(0)
    const { bytesFetched } = pool.stats()
    for (let i = 0; i < 3; i++) image.openSync("/file").closeSync()
    expect(pool.stats().bytesFetched).toBe(bytesFetched)
    // Another inode is another claim.
    image.openSync("/twin").closeSync()
    expect(pool.stats().bytesFetched - bytesFetched).toBe(GOOD.length)
  })

  it("of mkfs share as if they were believed, compressed or not", async () => {
    for (const second of ["share-new-plain", "share-new-lz4", "share-new-metabox"]) {
      const saved = await Promise.all(
        (["image", "verify"] as const).map(async (trust) => {
          const pool = await newPool()
          for (const name of ["share-old-lz4", second]) {
            const image = mountFixture(pool, name, { trust })
            const manifest = manifestOf(name)
            for (const path of filesOf(manifest)) {
              expect([path, sha256(readAll(image, path))]).toEqual([path, manifest[path]?.sha256])
            }
          }
          expect(pool.stats().filesForged).toBe(0)
          return pool.stats().pagesSaved
        }),
      )
      expect(saved[0]).toBeGreaterThan(20)
      expect(saved[1]).toBe(saved[0])
    }
  })

  it("are right in a pool where pages come and go all the time", async () => {
    const pool = await newPool(256 << 10)
    const images = [GENUINE, GENUINE, FORGED].map((bytes) => pool.mountSync(bufferSource(bytes), verify))
    const [a, b, c] = images as [Image, Image, Image]
    const files = [a.openSync("/file"), b.openSync("/twin"), c.openSync("/forged"), c.openSync("/true")]
    const random = new Random(5)
    for (let i = 0; i < 400; i++) {
      const which = random.below(4)
      const expected = which < 2 ? GOOD : EVIL
      const from = random.below(GOOD.length)
      const into = new Uint8Array(1 + random.below(12 * PAGE))
      const length = (files[which] as OpenFile).readSync(into, from)
      expect(isSame(into.subarray(0, length), expected.subarray(from, from + length))).toBe(true)
    }
    expect(pool.stats().pagesReclaimed).toBeGreaterThan(100)
    expect(pool.stats().filesForged).toBe(1)
  })
})

describe("a file that claims to be another", () => {
  it.each(["before", "after"])(
    "mounted %s its neighbour has pages of its own, and is named",
    async (order) => {
      const pool = await newPool()
      const mount = (bytes: Uint8Array, name: string) =>
        pool.mountSync({ ...bufferSource(bytes), name }, verify)
      const steps = [
        () => {
          const image = mount(FORGED, "evil.erofs")
          expect(isSame(readAll(image, "/forged"), EVIL)).toBe(true)
          return image
        },
        () => {
          const image = mount(GENUINE, "good.erofs")
          expect(isSame(readAll(image, "/file"), GOOD)).toBe(true)
          return image
        },
      ]
      const [first, second] = (order === "before" ? steps : [...steps].reverse()).map((step) => step()) as [
        Image,
        Image,
      ]
      const [evil, good] = order === "before" ? [first, second] : [second, first]
      for (let round = 0; round < 2; round++) {
        expect(isSame(readAll(evil, "/forged"), EVIL)).toBe(true)
        expect(isSame(readAll(good, "/twin"), GOOD)).toBe(true)
        expect(isSame(readAll(evil, "/true"), EVIL)).toBe(true)
        pool.drop()
      }
      expect(evil.describeSync("/forged").fingerprint).toBeUndefined()
      expect(evil.describeSync("/true").fingerprint).toBeDefined()
      const claim = sha256(GOOD)
      const nid = evil.statSync("/forged", { bigint: true }).ino
      expect(pool.stats()).toMatchObject({
        filesForged: 1,
        forgeries: [{ image: "evil.erofs", nid, path: "/forged", claim }],
      })
    },
  )

  it("poisons who believes it; who verifies is not touched by those that are believed", async () => {
    const pool = await newPool()
    const believing = { fingerprint: "user.fp" }
    const evil = pool.mountSync(bufferSource(FORGED), believing)
    expect(isSame(readAll(evil, "/forged"), EVIL)).toBe(true)
    const believer = pool.mountSync(bufferSource(GENUINE), believing)
    // This is what trust means: the claim was the image's.
    expect(isSame(readAll(believer, "/file"), EVIL)).toBe(true)
    const careful = pool.mountSync(bufferSource(GENUINE), verify)
    expect(isSame(readAll(careful, "/file"), GOOD)).toBe(true)
    expect(isSame(readAll(careful, "/twin"), GOOD)).toBe(true)
    expect(isSame(readAll(believer, "/file"), EVIL)).toBe(true)
  })

  it("racing with its neighbour, opened and read in any order", async () => {
    for (let seed = 0; seed < 15; seed++) {
      const random = new Random(31, seed)
      const pool = await newPool(256 << 10)
      const slow = (bytes: Uint8Array): AsyncSource => ({
        size: bytes.length,
        async read(target, offset) {
          for (let turns = random.below(4); turns > 0; turns--) await new Promise(setImmediate)
          target.set(bytes.subarray(offset, offset + target.length))
          return target.length
        },
      })
      const [evil, good, other] = await Promise.all(
        [FORGED, GENUINE, GENUINE].map((bytes) => pool.mount(slow(bytes), verify)),
      )
      const cases: [Image, string, Uint8Array][] = [
        [evil as Image, "/forged", EVIL],
        [good as Image, "/file", GOOD],
        [other as Image, "/twin", GOOD],
        [evil as Image, "/true", EVIL],
      ]
      const reads = Array.from({ length: 24 }, async () => {
        const [image, path, expected] = random.pick(cases)
        const open = await image.open(path)
        const from = random.below(expected.length)
        const into = new Uint8Array(1 + random.below(20 * PAGE))
        const length = await open.read(into, from)
        await open.close()
        return isSame(into.subarray(0, length), expected.subarray(from, from + length))
      })
      expect((await Promise.all(reads)).every(Boolean)).toBe(true)
      expect(pool.stats().filesForged).toBeLessThanOrEqual(1)
      await pool.close()
      pool.drop()
      expect(pool.stats()).toMatchObject({ framesUsed: 0, addressSpaces: 0 })
    }
  })
})

/** A source that answers with other bytes from some moment on. */
class FickleSource implements SyncSource, AsyncSource {
  readonly size: number
  bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes.slice()
    this.size = bytes.length
  }

  readSync(target: Uint8Array, offset: number): number {
    target.set(this.bytes.subarray(offset, offset + target.length))
    return target.length
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    await null
    return this.readSync(target, offset)
  }

  /** Replaces a page of the file's content. */
  change(page: number): void {
    const at = Buffer.from(this.bytes).indexOf(GOOD.subarray(page * PAGE, page * PAGE + 64))
    expect(at).toBeGreaterThan(0)
    this.bytes[at + 1000] = (this.bytes[at + 1000] as number) ^ 1
  }
}

describe("a source that changes its mind after its file was verified", () => {
  const lone = buildImage(directory({ file: claiming(GOOD, GOOD) }))

  it("cannot bring a changed page in: the read fails, its other pages are there", async () => {
    const pool = await newPool()
    const source = new FickleSource(lone)
    const open = pool.mountSync(source, verify).openSync("/file")
    source.change(7)
    for (const [page, isGood] of [
      [3, true],
      [7, false],
      [8, true],
      [50, true],
    ] as [number, boolean][]) {
      const into = new Uint8Array(PAGE)
      const read = () => open.readSync(into, page * PAGE)
      if (isGood) {
        const length = read()
        expect(isSame(into.subarray(0, length), GOOD.subarray(page * PAGE, page * PAGE + length))).toBe(true)
      } else {
        expect(read).toThrow(
          expect.objectContaining({
            code: "EIO",
            path: "/file",
            reason: "the bytes are not those that were verified",
            offset: page * PAGE,
          }),
        )
      }
    }
    await expect(open.read(new Uint8Array(2 * PAGE), 6 * PAGE)).rejects.toMatchObject({ code: "EIO" })
    using view = open.map()
    expect(() => view.bytesSync(0, 10 * PAGE)).toThrow(expect.objectContaining({ code: "EIO" }))
    // It is told apart from damage of the image: that is a matter of now, and once it is over the page comes.
    source.change(7)
    expect(isSame(view.copySync(), GOOD)).toBe(true)
  })

  it("poisons nobody: who shares with it reads what was verified, and so does its own reader", async () => {
    for (const [isEvilFirst, isSync] of [
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ]) {
      const pool = await newPool()
      const source = new FickleSource(lone)
      const evil = pool.mountSync(source, verify).openSync("/file")
      const good = pool.mountSync(bufferSource(GENUINE), verify).openSync("/file")
      for (let page = 0; page < 50; page += 3) source.change(page)
      const read = async (open: OpenFile) => {
        const into = new Uint8Array(GOOD.length)
        if (isSync) open.readSync(into)
        else await open.read(into)
        return isSame(into, GOOD)
      }
      // Pages that the fickle one cannot supply any more come from the other.
      for (const open of isEvilFirst ? [evil, good] : [good, evil]) expect(await read(open)).toBe(true)
      pool.drop()
      expect(await Promise.all([evil, good, evil].map(read))).toEqual([true, true, true])
      // What it gives past the pool is its own.
      const direct = new Uint8Array(GOOD.length)
      evil.readSync(direct, 0, { direct: true })
      expect(isSame(direct, GOOD)).toBe(false)
      expect(pool.stats().pagesShared).toBe(51)
    }
  })

  it("while it is hashed is a forger, or is not: never shares what was not hashed", async () => {
    for (let turn = 0; turn < 30; turn++) {
      const pool = await newPool()
      const source = new FickleSource(lone)
      const image = await pool.mount({ size: source.size, read: source.read.bind(source) }, verify)
      const good = pool.mountSync(bufferSource(GENUINE), verify).openSync("/file")
      const opening = image.open("/file")
      for (let i = 0; i < turn; i++) await null
      for (const page of [2, 20, 40]) source.change(page)
      const open = await opening
      for (let round = 0; round < 2; round++) {
        await open.read(new Uint8Array(GOOD.length))
        expect(isSame(whole(good), GOOD)).toBe(true)
        pool.drop()
      }
      expect(pool.stats().filesForged).toBeLessThanOrEqual(1)
    }
  })
})

describe("what cannot be verified does not share", () => {
  async function openTwo(nodes: () => BuildNode): Promise<[PagePool, OpenFile, OpenFile]> {
    const pool = await newPool()
    const bytes = buildImage(directory({ file: nodes() }))
    const open = () => pool.mountSync(bufferSource(bytes), verify).openSync("/file")
    return [pool, open(), open()]
  }

  it.each([
    ["of another kind", Buffer.from("anything at all")],
    ["of another length", Buffer.concat([Buffer.from("sha256:"), Buffer.alloc(31)])],
    [
      "with another beginning",
      Buffer.concat([Buffer.from("sha512:"), createHash("sha256").update(GOOD).digest()]),
    ],
    ["in hexadecimal digits", Buffer.from(`sha256:${sha256(GOOD)}`)],
  ])("a fingerprint %s", async (_, value) => {
    const [pool, a, b] = await openTwo(() => file(GOOD, { xattrs: { "user.fp": new Uint8Array(value) } }))
    for (const open of [a, b]) expect(isSame(whole(open), GOOD)).toBe(true)
    expect(pool.stats()).toMatchObject({ pagesShared: 0, filesForged: 0 })
  })

  it("a file that is too large, which costs no time", async () => {
    const pool = await newPool()
    const huge = file(GOOD, { size: 2n ** 50n, isInline: false, xattrs: { "user.fp": claimOf(GOOD) } })
    const open = pool.mountSync(bufferSource(buildImage(directory({ huge }))), verify).openSync("/huge")
    expect(open.size).toBe(2 ** 50)
    const into = new Uint8Array(PAGE)
    open.readSync(into)
    expect(isSame(into, GOOD.subarray(0, PAGE))).toBe(true)
    expect(pool.stats().forgeries).toEqual([])
  })

  it("a file whose bytes cannot be read, until they can: opening it is no error, reading it is", async () => {
    const pool = await newPool()
    let isFailing = false
    const source: SyncSource = {
      size: GENUINE.length,
      readSync(target, offset) {
        if (isFailing && offset + target.length > 30 * PAGE) throw new Error("the cable is out")
        target.set(GENUINE.subarray(offset, offset + target.length))
        return target.length
      },
    }
    const image = pool.mountSync(source, verify)
    image.statSync("/file")
    isFailing = true
    using open = image.openSync("/file")
    expect(() => whole(open)).toThrow("cable")
    isFailing = false
    expect(isSame(whole(open), GOOD)).toBe(true)
    expect(pool.stats()).toMatchObject({ filesForged: 0, pagesShared: 0 })
  })

  it("and giving the verification up leaves nothing behind", async () => {
    const pool = await newPool()
    const source = new FickleSource(GENUINE)
    const image = await pool.mount({ size: source.size, read: source.read.bind(source) }, verify)
    await image.stat("/file")
    const controller = new AbortController()
    const opening = image.open("/file", { signal: controller.signal })
    for (let i = 0; i < 20; i++) await null
    controller.abort(new Error("enough"))
    await expect(opening).rejects.toThrow("enough")
    await new Promise(setImmediate)
    const open = await image.open("/file")
    const into = new Uint8Array(GOOD.length)
    await open.read(into)
    expect(isSame(into, GOOD)).toBe(true)
    await open.close()
    await image.close()
    pool.drop()
    expect(pool.stats()).toMatchObject({ framesUsed: 0, addressSpaces: 0 })
  })

  it("an unknown trust is refused", async () => {
    const pool = await newPool()
    const trust = "blind" as "verify"
    expect(() => pool.mountSync(bufferSource(GENUINE), { trust })).toThrow("EINVAL: unknown trust 'blind'")
  })
})

describe("proofs", () => {
  it("are kept up to so many bytes, the last used, and the same one for all", () => {
    const proofs = new Proofs(100)
    const [a, b, c, d] = [40, 40, 40, 101].map((length) => new Uint8Array(length)) as Uint8Array[]
    expect(proofs.keep("a", a as Uint8Array)).toBe(a)
    expect(proofs.keep("a", new Uint8Array(40))).toBe(a)
    proofs.keep("b", b as Uint8Array)
    expect(proofs.get("a")).toBe(a)
    proofs.keep("c", c as Uint8Array)
    expect(["a", "b", "c"].map((name) => proofs.get(name))).toEqual([a, undefined, c])
    // One that is larger than all is used, and not kept.
    expect(proofs.keep("d", d as Uint8Array)).toBe(d)
    expect(["a", "c", "d"].map((name) => proofs.get(name))).toEqual([undefined, undefined, undefined])
  })
})
