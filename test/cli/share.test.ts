// SPDX-License-Identifier: MIT
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { PageOracle, type TouchedRange } from "../oracle/pages.js"
import { type BuildNode, directory, file, symlink } from "../support/build-image.js"
import { cli, fixturePath, imageFile, output, scratch } from "../support/cli.js"
import { filesOf, manifestOf, openFixture, sha256 } from "../support/open.js"

interface Table {
  images: { image: string; workload: string | null; files: number; pages: number; missing: number }[]
  evidence: "residency" | "digests"
  pages: { off: number; fingerprint: number; content: number }
  bytes: { off: number; fingerprint: number; content: number }
  reduction: { fingerprint: number; content: number }
  bookkeepingBytes: number
}

async function share(...argv: string[]): Promise<Table> {
  return JSON.parse(await output("share", "--json", ...argv)) as Table
}

/** Contents of an image's files, which must be what Linux sees. Of inodes with several names, one. */
async function contentsOf(name: string): Promise<Map<string, Uint8Array>> {
  const { image } = await openFixture(name)
  const manifest = manifestOf(name)
  const first = filesOf(manifest).filter((path) => manifest[path]?.link_of === undefined)
  return new Map(
    first.map((path) => {
      const bytes = image.readFileSync(path)
      expect(sha256(bytes)).toBe(manifest[path]?.sha256)
      return [path, bytes]
    }),
  )
}

const SETS = [
  ["share-old-plain", "share-new-plain"],
  ["share-new-lz4", "share-old-lz4"],
  ["share-old-metabox", "share-new-metabox"],
  ["share-old-default-name", "share-new-default-name"],
  ["share-old-plain", "share-new-lz4", "share-new-metabox", "share-old-default-name"],
  ["share-new-plain"],
]

describe.each(SETS.map((names) => ({ names })))("share of $names", ({ names }) => {
  const paths = names.map((name) => fixturePath(`${name}.erofs`))

  it.each(["residency", "digests"] as const)("is what hashing the trees gives, by %s", async (evidence) => {
    const oracle = new PageOracle()
    const images = []
    for (const [i, name] of names.entries()) {
      const contents = [...(await contentsOf(name)).values()]
      const before = oracle.off
      for (const content of contents) oracle.addFile(content)
      images.push({ image: paths[i], pages: oracle.off - before })
    }
    const table = await share(...(evidence === "digests" ? ["--memory", "4K"] : []), ...paths)
    expect(table).toMatchObject({ evidence, pages: oracle.pages, images })
    expect(oracle.content).toBeLessThan(oracle.fingerprint)
    expect(oracle.fingerprint).toBeLessThan(oracle.off)
  })
})

/** Text that no other file has, `length` bytes long. */
const own = (name: string, length: number): string =>
  `${name} `.repeat(Math.ceil(length / name.length)).slice(0, length)

const prefixed = (tree: Record<string, BuildNode>): string => imageFile(directory(tree))
const stamped = (content: string, stamp: string): BuildNode =>
  file(content, { xattrs: { "user.stamp": stamp } })

describe("share", () => {
  it("counts an inode once whatever its names, and nothing for what has no pages", async () => {
    const twice = file(own("twice", 9000))
    const image = prefixed({ a: twice, b: directory({ c: twice }), d: symlink("a"), e: file("") })
    const { pages, images } = await share(image)
    expect(pages).toEqual({ off: 3, fingerprint: 3, content: 3 })
    expect(images).toMatchObject([{ files: 2, pages: 3, beside: { directories: 2, symlinks: 1, others: 0 } }])
  })

  it("counts pages that repeat once, whatever the file", async () => {
    const zeros = "\0".repeat(100 * 4096)
    const image = prefixed({
      a: file(zeros),
      b: file(zeros + own("b", 4096) + zeros),
      c: file(own("b", 4096).repeat(60)),
      d: file(zeros.slice(0, 5), { isInline: true }),
    })
    for (const memory of ["1G", "0"]) {
      const { pages } = await share("--memory", memory, image)
      expect(pages).toEqual({ off: 100 + 201 + 60 + 1, fingerprint: 362, content: 2 })
    }
  })

  it("has nothing to count in an empty image", async () => {
    const table = await share(prefixed({ a: file("") }))
    expect(table.pages).toEqual({ off: 0, fingerprint: 0, content: 0 })
    expect(table.reduction).toEqual({ fingerprint: 0, content: 0 })
  })

  it("shows how far it is", async () => {
    const { stderr } = await cli(["share", "--progress", "json", fixturePath("share-old-plain.erofs")])
    const { entries, total } = JSON.parse(stderr.trimEnd().split("\n").at(-1) as string)
    expect([entries, total]).toEqual([3 * 19, 3 * 19])
  })

  it("takes the ends of last pages for zeros", async () => {
    const image = prefixed({ a: file(`${own("x", 5000)}`), b: file(`${own("x", 5000)}${"\0".repeat(1000)}`) })
    const oracle = new PageOracle()
    for (const zeros of [0, 1000])
      oracle.addFile(Buffer.from(own("x", 5000) + "\0".repeat(zeros)), undefined, false)
    expect(oracle.pages).toEqual({ off: 4, fingerprint: 4, content: 1 + 1 })
    expect((await share(image)).pages).toEqual(oracle.pages)
  })

  it.each([[], ["--memory", "0"]])(
    "believes a fingerprint only with the size it has first %j",
    async (...memory) => {
      const options = ["--fingerprint", "user.stamp", ...memory]
      const first = prefixed({ a: stamped(own("one", 8192), "S"), b: stamped(own("one", 8192), "S") })
      const second = prefixed({ c: stamped(own("two", 4096), "S"), d: stamped(own("two", 4096), "S") })
      const { pages } = await share(...options, first, second)
      // c and d say that they are a, which they cannot be: they have pages of their own.
      expect(pages).toMatchObject({ off: 6, fingerprint: 4 })
      expect((await share(...options, second, first)).pages).toMatchObject({ off: 6, fingerprint: 5 })
    },
  )

  it("counts the tables of the pool in", async () => {
    const table = await share(fixturePath("share-old-plain.erofs"), fixturePath("share-new-plain.erofs"))
    const { pages, bytes, reduction, bookkeepingBytes } = table
    expect(bookkeepingBytes).toBeGreaterThan(0)
    expect(bytes.off).toBe(pages.off * 4096)
    expect(bytes.content).toBe(pages.content * 4096 + bookkeepingBytes)
    expect(reduction.content).toBeCloseTo(100 * (1 - bytes.content / bytes.off), 1)
    expect(bytes.fingerprint).toBeGreaterThan(pages.fingerprint * 4096)
  })

  it("finds the further devices of each image", async () => {
    const [flat, blob] = ["chunk-blobdev.erofs", "chunk-blobdev.blob"].map(fixturePath) as [string, string]
    const plain = fixturePath("share-old-plain.erofs")
    const oracle = new PageOracle()
    for (const name of ["share-old-plain", "chunk-blobdev"]) {
      for (const content of (await contentsOf(name)).values()) {
        oracle.addFile(content, undefined, name !== "chunk-blobdev")
      }
    }
    expect((await share("--device", blob, plain, flat)).pages).toEqual(oracle.pages)
    const { code, stderr } = await cli(["share", "--device", blob, plain])
    expect([code, stderr]).toEqual([2, expect.stringContaining("no image has a further device")])
  })

  it("takes fingerprints from sidecars, or makes them", async () => {
    const contents = [own("common", 30000), own("first", 9000), own("second", 9000)].map((text) =>
      Buffer.from(text),
    )
    const [common, first, second] = contents as [Buffer, Buffer, Buffer]
    const images = [
      prefixed({ a: file(common), b: file(first), c: file(first) }),
      prefixed({ a: file(second), z: file(common) }),
    ]
    const oracle = new PageOracle()
    for (const content of [common, first, first, second, common]) oracle.addFile(content)
    expect(oracle.fingerprint).toBeLessThan(oracle.off)
    const bare = await share(...images)
    expect(bare.pages).toEqual({ ...oracle.pages, fingerprint: oracle.off })
    const sidecars = images.map(() => join(scratch(), "sidecar"))
    for (const [i, image] of images.entries()) await output("fingerprint", "-o", sidecars[i] as string, image)
    const given = sidecars.flatMap((file) => ["--sidecar", file])
    for (const options of [given, ["--digest"], ["--digest", "--memory", "0"]]) {
      expect((await share(...options, ...images)).pages).toEqual(oracle.pages)
    }
    const wrong = await cli(["share", "--sidecar", sidecars[1] as string, images[0] as string])
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("EINVAL") })
    const few = await cli(["share", "--sidecar", sidecars[0] as string, ...images])
    expect(few).toMatchObject({ code: 2, stderr: expect.stringContaining("give one each") })
    const both = await cli(["share", "--digest", "--sidecar", sidecars[0] as string, images[0] as string])
    expect(both.code).toBe(2)
  })

  it("prints a table", async () => {
    const text = await output(
      "share",
      fixturePath("share-old-plain.erofs"),
      fixturePath("share-new-plain.erofs"),
    )
    const { pages, reduction } = await share(
      fixturePath("share-old-plain.erofs"),
      fixturePath("share-new-plain.erofs"),
    )
    expect(text).toMatch(new RegExp(`^not shared +${pages.off} +\\d+\\.\\d *$`, "m"))
    expect(text).toMatch(new RegExp(`^by fingerprint +${pages.fingerprint} `, "m"))
    expect(text).toMatch(
      new RegExp(`^by content +${pages.content} +\\d+\\.\\d +${reduction.content.toFixed(1)} %$`, "m"),
    )
  })

  it("has no table for an image that is damaged", async () => {
    const image = prefixed({ a: file("x".repeat(10), { isInline: false, startBlock: 100000 }) })
    const { code, stdout, stderr } = await cli(["share", "--json", image])
    expect([code, stdout.length]).toEqual([1, 0])
    expect(stderr).toContain("EIO")
  })
})

describe("a workload", () => {
  const write = (...lines: string[]): string => {
    const path = join(scratch(), "workload.txt")
    writeFileSync(path, Buffer.from(lines.join("\n"), "latin1"))
    return path
  }
  const a = Buffer.from(own("alpha", 50000))
  const b = Buffer.from(own("beta", 10000))
  const tree = (extra: Record<string, BuildNode> = {}): string =>
    prefixed({ a: file(a), dir: directory({ b: file(b), link: symlink("../a") }), ...extra })

  it("counts the pages that its lines touch, once", async () => {
    const image = tree()
    const touched: Record<string, TouchedRange[]> = {
      "/a": [
        { position: 4095, length: 2 },
        { position: 0, length: 1 },
        { position: 20480, length: 4096 },
        { position: 24576, length: 0 },
        { position: 49152, length: 1 << 20 },
        { position: 900000, length: 5 },
      ],
    }
    const lines = Object.entries(touched).flatMap(([path, ranges]) =>
      ranges.map(({ position, length }) => `${path}\t${position}\t${length}`),
    )
    // The same file by another name, and without the slash in front.
    const workload = write(...lines, "dir/link\t20480\t1", "dir/b", "")
    const oracle = new PageOracle()
    oracle.addFile(a, touched["/a"], false)
    oracle.addFile(b, undefined, false)
    expect(oracle.off).toBe(4 + 3)
    for (const memory of ["1G", "0"]) {
      const table = await share("--workload", workload, "--memory", memory, image)
      expect(table).toMatchObject({ pages: oracle.pages, images: [{ files: 2, workload, missing: 0 }] })
    }
  })

  it("given once serves all images, given for each has its own", async () => {
    const images = [tree(), tree({ more: file(own("more", 4096)) })] as const
    const [first, second] = [write("/a\t0\t4096", "/more"), write("/a\t4096\t8192", "/dir/b")]
    const once = await cli(["share", "--json", "--workload", first, ...images])
    expect(JSON.parse(once.stdout.toString())).toMatchObject({
      pages: { off: 3, fingerprint: 3, content: 2 },
      images: [{ missing: 1 }, { missing: 0 }],
    })
    expect(once.stderr).toContain("1 paths of the workload are not in")
    const each = await share("--workload", second, "--workload", first, ...images)
    expect(each.pages.off).toBe(2 + 3 + 2)
    const { code, stderr } = await cli([
      "share",
      "--workload",
      second,
      "--workload",
      first,
      ...[...images].reverse(),
    ])
    expect([code, stderr]).toEqual([1, expect.stringContaining("line 2: '/more' is in no image")])
  })

  it("takes names as bytes", async () => {
    const image = imageFile(directory([[Uint8Array.of(0x61, 0xff, 0x09, 0x62), file(own("odd", 5000))]]))
    expect((await share("--workload", write("/a\xff\tb\t4096\t1"), image)).pages.off).toBe(1)
  })

  it.each([
    [["/a\t5"], "line 1 is neither"],
    [["/a", "/a\t-1\t5"], "line 2 is neither"],
    [["/a\t9007199254740991\t1"], "line 1: the range ends beyond 2^53"],
    [[""], "the workload is empty"],
    [["/nothing"], "line 1: '/nothing' is in no image"],
    [["/dir"], "line 1: '/dir' is no regular file"],
  ])("%j is refused", async (lines, reason) => {
    const { code, stdout, stderr } = await cli(["share", "--workload", write(...lines), tree()])
    expect([code, stdout.length, stderr]).toEqual([1, 0, expect.stringContaining(reason)])
    expect(stderr).toContain("workload.txt")
  })

  it("is for one image or all", async () => {
    const workload = write("/a")
    const argv = ["share", "--workload", workload, "--workload", workload, tree(), tree(), tree()]
    expect(await cli(argv)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("give one, or one each"),
    })
  })
})
