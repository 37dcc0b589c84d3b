// SPDX-License-Identifier: MIT
/** Under which name, and as which bytes, a file's identity is found. */
import { describe, expect, it } from "vitest"
import { bufferSource, type Image, PagePool } from "../src/index.js"
import { type BuildNode, buildImage, directory, file } from "./support/build-image.js"
import { filesOf, manifestOf, mountFixture, sha256 } from "./support/open.js"
import { Random } from "./support/random.js"

const PAGE = 4096
const CONTENT = new Random(41).bytes(6 * PAGE)
const newPool = () => PagePool.create({ bytes: 2 << 20 })

/** Reads `/file` of images with these attributes, mounted under these options; answers the pages that are shared. */
async function sharedPages(
  files: BuildNode[],
  options: { fingerprint?: string; domain?: string }[],
): Promise<{ shared: number; conflicts: number }> {
  const pool = await newPool()
  const images = files.map((node, i) =>
    pool.mountSync(bufferSource(buildImage(directory({ file: node }))), options[i] ?? options[0] ?? {}),
  )
  for (const [i, image] of images.entries()) {
    expect(Buffer.compare(image.readFileSync("/file"), (files[i] as BuildNode).content)).toBe(0)
  }
  const { pagesShared: shared, sizeConflicts: conflicts } = pool.stats()
  return { shared, conflicts }
}

const marked = (name: string, value: string | Uint8Array, content = CONTENT) =>
  file(content, { xattrs: { [name]: value } })

describe("a name that the caller gives", () => {
  it.each([
    "trusted.erofs.fingerprint",
    "trusted.overlay.metacopy",
    "user.fingerprint",
    "user.x",
    "security.digest",
  ])("%s", async (fingerprint) => {
    const pair = [marked(fingerprint, "value"), marked(fingerprint, "value")]
    expect(await sharedPages(pair, [{ fingerprint }])).toEqual({ shared: 6, conflicts: 0 })
    expect((await sharedPages(pair, [{}])).shared).toBe(0)
    expect((await sharedPages(pair, [{ fingerprint: `${fingerprint}2` }])).shared).toBe(0)
  })

  it("may be another for every image: it is the value that counts", async () => {
    const pair = [marked("user.a", "value"), marked("trusted.b", "value")]
    const options = [{ fingerprint: "user.a" }, { fingerprint: "trusted.b" }]
    expect((await sharedPages(pair, options)).shared).toBe(6)
  })

  it("of an image of mkfs whose superblock names none, with binary digests as overlayfs writes them", async () => {
    const manifest = manifestOf("share-new-metacopy")
    const pool = await newPool()
    const options = { fingerprint: "trusted.overlay.metacopy" }
    const images = [1, 2].map(() => mountFixture(pool, "share-new-metacopy", options)) as [Image, Image]
    for (const image of images) {
      for (const path of filesOf(manifest))
        expect(sha256(image.readFileSync(path))).toBe(manifest[path]?.sha256)
    }
    expect(pool.stats().pagesShared).toBeGreaterThan(20)
    const [path] = filesOf(manifest).filter((one) => images[0].describeSync(one).fingerprint)
    const value = images[0].getxattrSync(path as string, "trusted.overlay.metacopy")
    expect(images[0].describeSync(path as string).fingerprint).toEqual(value)
  })
})

describe("a fingerprint is opaque bytes", () => {
  const name = "user.fp"
  const options = [{ fingerprint: name }]

  it.each([
    ["a zero byte", Uint8Array.of(0)],
    ["zero bytes within", Uint8Array.of(1, 0, 0, 2)],
    ["no text at all", Uint8Array.of(0xff, 0xfe, 0x80, 0xc0)],
    ["1024 bytes, the most", new Uint8Array(1024).fill(9)],
  ])("%s", async (_, value) => {
    expect((await sharedPages([marked(name, value), marked(name, value)], options)).shared).toBe(6)
    const longer = new Uint8Array(value.length + 1)
    longer.set(value)
    const shorter = value.slice(0, -1)
    const other = value.slice()
    other[value.length - 1] = (other.at(-1) as number) ^ 1
    // Compared whole, with its length: neither the beginning nor a trailing zero is enough.
    for (const near of [longer, shorter, other]) {
      expect((await sharedPages([marked(name, value), marked(name, near)], options)).shared).toBe(0)
    }
  })

  it("longer than 1024 bytes, or empty, is none", async () => {
    for (const value of [new Uint8Array(1025).fill(9), new Uint8Array(0)]) {
      expect((await sharedPages([marked(name, value), marked(name, value)], options)).shared).toBe(0)
    }
  })

  it("never runs into the domain: what is value here and domain there is not the same", async () => {
    const cases: [string, string, string, string][] = [
      ["ab", "c", "a", "bc"],
      ["abc", "", "", "abc"],
      ["\u0001\u0000\u0000\u0000", "x", "\u0001", "\u0000\u0000\u0000x"],
    ]
    for (const [valueA, domainA, valueB, domainB] of cases) {
      const pair = [marked(name, valueA), marked(name, valueB)]
      const domains = [domainA, domainB].map((domain) => ({ fingerprint: name, domain }))
      expect((await sharedPages(pair, domains)).shared).toBe(0)
    }
  })

  it("with another size does not share, and is counted", async () => {
    for (const other of [CONTENT.subarray(1), CONTENT.subarray(0, 5 * PAGE), new Random(1).bytes(7 * PAGE)]) {
      const pair = [marked(name, "same"), marked(name, "same", other as Uint8Array<ArrayBuffer>)]
      expect(await sharedPages(pair, options)).toEqual({ shared: 0, conflicts: 1 })
    }
  })

  it("of what is no regular file, or empty, is not looked at", async () => {
    const pool = await newPool()
    const attributes = { xattrs: { [name]: "same" } }
    const root = directory({
      a: directory({ b: file("text") }, attributes),
      empty: file("", attributes),
      c: marked(name, "same"),
    })
    const image = pool.mountSync(bufferSource(buildImage(root)), { fingerprint: name })
    expect(image.readdirSync("/a")).toEqual(["b"])
    expect(image.readFileSync("/empty")).toHaveLength(0)
    expect(Buffer.compare(image.readFileSync("/c"), CONTENT)).toBe(0)
    expect(pool.stats()).toMatchObject({ sizeConflicts: 0, pagesShared: 0 })
  })
})

it("streams and range reads go through the shared pages", async () => {
  const pool = await newPool()
  const bytes = buildImage(directory({ file: marked("user.fp", "same") }))
  const [a, b] = [1, 2].map(() =>
    pool.mountSync(bufferSource(bytes), { fingerprint: "user.fp" }).openSync("/file"),
  )
  const pieces: Uint8Array[] = []
  for await (const piece of (a as NonNullable<typeof a>).stream({ start: 100, end: 5 * PAGE }))
    pieces.push(piece)
  expect(Buffer.compare(Buffer.concat(pieces), CONTENT.subarray(100, 5 * PAGE))).toBe(0)
  const { pagesFilled, misses } = pool.stats()
  const into = new Uint8Array(3 * PAGE)
  expect((b as NonNullable<typeof b>).readSync(into, 777)).toBe(into.length)
  expect(Buffer.compare(into, CONTENT.subarray(777, 777 + into.length))).toBe(0)
  const streamed: Uint8Array[] = []
  for await (const piece of (b as NonNullable<typeof b>).stream({ end: 5 * PAGE })) streamed.push(piece)
  expect(Buffer.concat(streamed)).toHaveLength(5 * PAGE)
  expect(pool.stats()).toMatchObject({ pagesFilled, misses })
})
