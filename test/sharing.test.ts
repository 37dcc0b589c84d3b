// SPDX-License-Identifier: MIT
/** Files with the same fingerprint occupy memory once: what the kernel's own test of page cache sharing asks for. */
import { describe, expect, it } from "vitest"
import { bufferSource, type Image, PagePool } from "../src/index.js"
import { readFixture } from "./support/flat-image.js"
import { filesOf, manifestOf, mountFixture, openFixture, sha256 } from "./support/open.js"

const old = manifestOf("share-old-plain")
const young = manifestOf("share-new-plain")
const pagesOf = (size: number) => Math.ceil(size / 4096)

/** Reads all files and compares them with what Linux sees. Answers the pages they have. */
function readAll(image: Image, manifest: typeof old): number {
  let pages = 0
  for (const path of filesOf(manifest)) {
    const bytes = image.readFileSync(path)
    expect([path, sha256(bytes)]).toEqual([path, manifest[path]?.sha256])
    pages += pagesOf(bytes.length)
  }
  return pages
}

/** Contents that are in both trees, by digest and size. */
function contents(manifest: typeof old): Map<string, number> {
  return new Map(
    filesOf(manifest).map((path) => [manifest[path]?.sha256 as string, manifest[path]?.size as number]),
  )
}

/** Pages of file contents in the pool: what reading the files added. */
async function filledBy(pool: PagePool, read: () => void): Promise<number> {
  const before = pool.stats().framesUsed
  read()
  return pool.stats().framesUsed - before
}

/** Pages that the contents of one tree or of both have, each counted once. */
function distinctPages(...manifests: (typeof old)[]): number {
  const all = new Map(manifests.flatMap((manifest) => [...contents(manifest)]))
  return [...all.values()].reduce((sum, size) => sum + pagesOf(size), 0)
}

describe.each(["plain", "lz4"])("two versions of a tree, %s", (kind) => {
  const names = [`share-old-${kind}`, `share-new-${kind}`] as const

  it("share equal files within an image and across two, both ways", async () => {
    for (const [first, second] of [names, [...names].reverse()] as [string, string][]) {
      const pool = await PagePool.create({ bytes: 2 << 20 })
      const a = mountFixture(pool, first)
      const pagesOfFirst = readAll(a, manifestOf(first))
      // /share/doc/copy-of-a is /share/doc/a.
      expect(pool.stats().pagesShared).toBe(3)
      expect(pagesOfFirst - distinctPages(manifestOf(first))).toBe(3)

      const b = mountFixture(pool, second)
      const filled = pool.stats().pagesFilled
      const pages = readAll(b, manifestOf(second))
      const shared = [...contents(old)].filter(([digest]) => contents(young).has(digest))
      const sharedPages = shared.reduce((sum, [, size]) => sum + pagesOf(size), 0)
      expect(pool.stats().pagesShared).toBe(sharedPages)
      expect(pool.stats().pagesFilled - filled).toBeLessThan(pages)
      // Each shared page once, those of doc/a for four files.
      expect(pool.stats().pagesSaved).toBe(sharedPages + 2 * 3)

      // The first goes, the second reads on, from the pool and from its own source.
      a.closeSync()
      expect(pool.stats().pagesShared).toBe(3)
      readAll(b, manifestOf(second))
      pool.drop()
      readAll(b, manifestOf(second))
      b.closeSync()
      pool.drop()
      expect(pool.stats()).toMatchObject({ framesUsed: 0, addressSpaces: 0, framesPinned: 0 })
    }
  })

  it("take as many frames as there are different contents", async () => {
    const used = async (sharing: "none" | "fingerprint", domains: [string, string]) => {
      const pool = await PagePool.create({ bytes: 2 << 20, sharing })
      const images = names.map((name, i) => mountFixture(pool, name, { domain: domains[i] as string }))
      const metadata = () => images.map((image) => [...image.walkSync("/")].length)
      metadata()
      // Opening every file first brings in what else is metadata.
      const files = images.map((image, i) =>
        filesOf([old, young][i] as typeof old).map((path) => image.openSync(path)),
      )
      const frames = await filledBy(pool, () => {
        for (const list of files) {
          for (const file of list) file.readSync(new Uint8Array(file.size))
        }
      })
      return { frames, stats: pool.stats() }
    }
    const apart = await used("none", ["", ""])
    const together = await used("fingerprint", ["", ""])
    const strangers = await used("fingerprint", ["one", "two"])
    const each = filesOf(old).length + filesOf(young).length
    expect(each).toBeGreaterThan(30)
    expect(apart.stats).toMatchObject({ pagesShared: 0, pagesSaved: 0 })
    expect(apart.frames - together.frames).toBe(
      filesOf(old).reduce((sum, path) => sum + pagesOf(old[path]?.size as number), 0) +
        filesOf(young).reduce((sum, path) => sum + pagesOf(young[path]?.size as number), 0) -
        distinctPages(old, young),
    )
    // Across domains only what is shared within each image.
    expect(strangers.stats.pagesShared).toBe(6)
    expect(apart.frames - strangers.frames).toBe(6)
  })
})

describe("a fingerprint", () => {
  it("of plain and compressed images is the same: they share too", async () => {
    const pool = await PagePool.create({ bytes: 2 << 20 })
    readAll(mountFixture(pool, "share-old-plain"), old)
    const image = mountFixture(pool, "share-old-lz4")
    for (const path of filesOf(old)) image.openSync(path).closeSync()
    const { bytesDecoded, pagesFilled } = pool.stats()
    readAll(image, old)
    expect(pool.stats()).toMatchObject({ bytesDecoded, pagesFilled })
  })

  it("under a name that the caller gives does nothing where the superblock names another", async () => {
    const pool = await PagePool.create({ bytes: 2 << 20 })
    readAll(mountFixture(pool, "share-new-default-name", { fingerprint: "user.none" }), young)
    expect(pool.stats().pagesShared).toBe(3)
  })

  it("on a file of another size does not share, and is counted", async () => {
    const pool = await PagePool.create({ bytes: 2 << 20 })
    const bytes = readFixture("share-old-plain.erofs")
    // Two files whose fingerprints are made the same: 39 bytes behind "sha256:" of the one replace those of the other.
    const [from, to] = ["/lib/lib02.so", "/lib/lib03.so"].map((path) =>
      Buffer.from(old[path]?.sha256 as string, "hex"),
    )
    const at = Buffer.from(bytes).indexOf(to as Buffer)
    expect(at).toBeGreaterThan(0)
    const forged = bytes.slice()
    forged.set(from as Buffer, at)
    const image = pool.mountSync(bufferSource(forged))
    for (const path of ["/lib/lib02.so", "/lib/lib03.so"]) {
      expect(sha256(image.readFileSync(path))).toBe(old[path]?.sha256)
    }
    expect(pool.stats()).toMatchObject({ sizeConflicts: 1, pagesShared: 0 })
    expect(image.describeSync("/lib/lib03.so").fingerprint).toBeUndefined()
    expect(image.describeSync("/lib/lib02.so").fingerprint).toHaveLength(39)
  })

  it("cannot run into the name of a domain", async () => {
    const pool = await PagePool.create({ bytes: 2 << 20 })
    readAll(mountFixture(pool, "share-old-plain", { domain: "sha256:" }), old)
    readAll(mountFixture(pool, "share-old-plain", { domain: "sha256:x" }), old)
    expect(pool.stats().pagesShared).toBe(6)
    expect(() => mountFixture(pool, "share-old-plain", { domain: "d".repeat(5000) })).toThrow(
      "EINVAL: domain",
    )
  })
})

it("damaged attributes cost a file its sharing, not its data", async () => {
  const bytes = readFixture("share-old-plain.erofs").slice()
  const good = await openFixture("share-old-plain")
  const path = filesOf(good.manifest)[0] as string
  const { position, isExtended } = good.image.describeSync(path)
  // More shared attributes than the body has room for.
  bytes[position + (isExtended ? 64 : 32) + 4] = 255
  const image = await good.pool.mount(bufferSource(bytes), { ignoreChecksum: true })
  expect(() => image.listxattrSync(path)).toThrow(expect.objectContaining({ code: "EUCLEAN" }))
  expect(sha256(image.readFileSync(path))).toBe(good.manifest[path]?.sha256)
  expect(image.describeSync(path).fingerprint).toBeUndefined()
  expect(good.image.describeSync(path).fingerprint).toBeDefined()
  expect(image.existsSync(`/${"x".repeat(256)}`)).toBe(false)
})
