// SPDX-License-Identifier: MIT
/**
 * What the kernel's developers ask of page cache sharing, in our words. Evidence is residency: which frames hold whose
 * pages. Contents are compared every time.
 */
import { describe, expect, it } from "vitest"
import { type Image, type MountOptions, PagePool, type PoolOptions } from "../src/index.js"
import { filesOf, manifestOf, mountFixture, sha256 } from "./support/open.js"

const PAGE = 4096
const FORMS = ["plain", "lz4", "metabox"] as const

/** Files with their digests; `pages` of each. */
function listOf(name: string) {
  const manifest = manifestOf(name)
  return filesOf(manifest).map((path) => {
    const entry = manifest[path] as { sha256: string; size: number }
    return { path, digest: entry.sha256, pages: Math.ceil(entry.size / PAGE) }
  })
}
type Listed = ReturnType<typeof listOf>[number]

const pagesOf = (files: readonly Listed[]) => files.reduce((sum, { pages }) => sum + pages, 0)
/** Pages of the different contents among files. */
const distinctPages = (files: readonly Listed[]) =>
  pagesOf([...new Map(files.map((file) => [file.digest, file])).values()])

const newPool = (sharing: NonNullable<PoolOptions["sharing"]>) => PagePool.create({ bytes: 2 << 20, sharing })

/** Opens all files first, which brings in what is metadata; then reads them. Answers the frames that this took. */
function framesOfReading(pool: PagePool, images: readonly [Image, readonly Listed[]][]): number {
  const opened = images.flatMap(([image, files]) =>
    files.map(({ path, digest }) => ({ open: image.openSync(path), digest, path })),
  )
  // Indexes of compressed files are metadata too: they come with a first read past the pool.
  for (const { open } of opened) open.readSync(new Uint8Array(open.size), 0, { direct: true })
  const before = pool.stats().framesUsed
  for (const { open, digest, path } of opened) {
    const bytes = new Uint8Array(open.size)
    open.readSync(bytes)
    expect([path, sha256(bytes)]).toEqual([path, digest])
  }
  const used = pool.stats().framesUsed - before
  // Once more, now from the frames: they hold what the files hold, whoever brought it in.
  const { pagesFilled } = pool.stats()
  for (const { open, digest, path } of opened) {
    const bytes = new Uint8Array(open.size)
    open.readSync(bytes)
    expect([path, sha256(bytes)]).toEqual([path, digest])
    open.closeSync()
  }
  expect(pool.stats().pagesFilled).toBe(pagesFilled)
  return used
}

describe.each(FORMS)("images of the form %s", (form) => {
  const [older, younger] = [`share-old-${form}`, `share-new-${form}`]
  const [oldFiles, newFiles] = [listOf(older), listOf(younger)]
  const directions: [string, string][] = [
    [older, younger],
    [younger, older],
  ]
  const filesIn = (name: string) => (name === older ? oldFiles : newFiles)

  it("have files in common, within and between them", () => {
    expect(distinctPages(oldFiles)).toBeLessThan(pagesOf(oldFiles))
    expect(distinctPages([...oldFiles, ...newFiles])).toBeLessThan(
      distinctPages(oldFiles) + distinctPages(newFiles),
    )
  })

  it.each(["image", "verify"] as const)("share nothing where sharing is off (trust: %s)", async (trust) => {
    const pool = await newPool("none")
    const images = [older, younger].map((name): [Image, Listed[]] => [
      mountFixture(pool, name, { trust }),
      filesIn(name),
    ])
    expect(framesOfReading(pool, images)).toBe(pagesOf(oldFiles) + pagesOf(newFiles))
    expect(pool.stats()).toMatchObject({ pagesShared: 0, pagesSaved: 0 })
  })

  it.each(["image", "verify"] as const)("share within themselves (trust: %s)", async (trust) => {
    for (const name of [older, younger]) {
      const pool = await newPool("fingerprint")
      const image = mountFixture(pool, name, { trust })
      expect(framesOfReading(pool, [[image, filesIn(name)]])).toBe(distinctPages(filesIn(name)))
    }
  })

  it.each(directions)("share across two of a domain: %s first, then %s", async (first, second) => {
    for (const trust of ["image", "verify"] as const) {
      const pool = await newPool("fingerprint")
      const options: MountOptions = { domain: "one", trust }
      const a = mountFixture(pool, first, options)
      const b = mountFixture(pool, second, options)
      const [filesA, filesB] = [filesIn(first), filesIn(second)]
      const frames = framesOfReading(pool, [[a, filesA]])
      expect(frames).toBe(distinctPages(filesA))
      // The second takes frames only for what the first has not.
      expect(framesOfReading(pool, [[b, filesB]])).toBe(distinctPages([...filesA, ...filesB]) - frames)
      // And it needs no page of the first's source any more: the first goes, the pages stay.
      a.closeSync()
      const { pagesFilled } = pool.stats()
      for (const { path, digest } of filesB) expect(sha256(b.readFileSync(path))).toBe(digest)
      expect(pool.stats().pagesFilled).toBe(pagesFilled)
    }
  })

  it("share nothing across domains, whatever these are called", async () => {
    for (const [one, two] of [
      ["one", "two"],
      ["", "one"],
      ["one", "one "],
      ["sha256:", ""],
    ] as [string, string][]) {
      const pool = await newPool("fingerprint")
      const images = [older, younger].map((name, i): [Image, Listed[]] => [
        mountFixture(pool, name, { domain: i === 0 ? one : two }),
        filesIn(name),
      ])
      expect(framesOfReading(pool, images)).toBe(distinctPages(oldFiles) + distinctPages(newFiles))
    }
  })

  it("share nothing between those that are believed and those that are verified", async () => {
    const pool = await newPool("fingerprint")
    const images = (["image", "verify"] as const).map((trust): [Image, Listed[]] => [
      mountFixture(pool, older, { trust }),
      oldFiles,
    ])
    expect(framesOfReading(pool, images)).toBe(2 * distinctPages(oldFiles))
  })
})

it("the same image mounted twice takes its files' frames once", async () => {
  const pool = await newPool("fingerprint")
  const files = listOf("share-old-lz4")
  const images = [1, 2, 3].map((): [Image, Listed[]] => [mountFixture(pool, "share-old-lz4"), files])
  expect(framesOfReading(pool, images)).toBe(distinctPages(files))
})

it("compressed and uncompressed copies take the same frames", async () => {
  const pool = await newPool("fingerprint")
  const images = FORMS.map((form): [Image, Listed[]] => [
    mountFixture(pool, `share-old-${form}`),
    listOf(`share-old-${form}`),
  ])
  expect(framesOfReading(pool, images)).toBe(distinctPages(images.flatMap(([, files]) => files)))
})
