// SPDX-License-Identifier: MIT
/** Commands that share their work with other threads, as processes of their own: threads need the built package. */
import { spawnSync } from "node:child_process"
import { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, vi } from "vitest"
import { explain, reasonOf } from "../../src/cli/exit.js"
import { type ExtentDescription, type Image, openFile, PagePool } from "../../src/index.node.js"
import { type BuildNode, directory, file, symlink } from "../support/build-image.js"
import { describeTree, fixturePath, imageFile, namesBelow, scratch } from "../support/cli.js"
import { allFixtures, type Fixture, readManifest } from "../support/flat-image.js"
import { openFixture } from "../support/open.js"

vi.setConfig({ testTimeout: 60_000 })

const main = new URL("../../dist/cli/main.js", import.meta.url).pathname

function run(...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...argv], { encoding: "utf8" })
  return { code: status, stdout, stderr }
}

/** A tree of more files than fit one batch, a large one among them. */
function manyFiles(): BuildNode {
  const files = Array.from({ length: 300 }, (_, i) => [`f${i}`, file(`content ${i} `.repeat(i + 1))] as const)
  const large = new Uint8Array(3 << 20).map((_, i) => (i * 2654435761) >>> 24)
  return directory({
    d: directory(Object.fromEntries(files), { mode: 0o555 }),
    large: file(large, { mode: 0o444 }),
  })
}

describe("extract with several threads", () => {
  it.each(
    ["lz4-legacy", "zstd-48bit-dedupe-fragments", "zstd-all-metabox", "chunk-blobdev"].map(
      (name) => allFixtures.find((one) => one.name === name) as Fixture,
    ),
  )("makes of $name what the kernel shows", (fixture) => {
    const target = join(scratch(), "tree")
    const devices = fixture.extra.flatMap((one) => ["--device", fixturePath(one)])
    const { code, stderr } = run("extract", "--jobs", "3", fixturePath(fixture.file), target, ...devices)
    expect([code, stderr.replace(/^.*warning.*\n/gm, "")]).toEqual([0, ""])
    const found = describeTree(target)
    for (const [path, entry] of Object.entries(readManifest(fixture.manifest))) {
      if (entry.type === "socket") continue
      const { sha256, target: link, mode, mtime, link_of } = entry
      const time = [mtime[0], Math.floor(mtime[1] / 1000) * 1000]
      expect([path, found.get(path)]).toMatchObject([
        path,
        { mode, mtime: time, ...(sha256 && { sha256 }), ...(link !== undefined && { target: link }) },
      ])
      if (link_of !== undefined) expect(inodeOf(join(target, path))).toBe(inodeOf(join(target, link_of)))
    }
  })

  const inodeOf = (path: string): number => lstatSync(path).ino

  it("makes the same as one thread", () => {
    const image = imageFile(manyFiles())
    const [one, three] = [join(scratch(), "tree"), join(scratch(), "tree")]
    expect(run("extract", "--jobs", "1", image, one)).toEqual({ code: 0, stdout: "", stderr: "" })
    expect(run("extract", "--jobs", "3", image, three)).toEqual({ code: 0, stdout: "", stderr: "" })
    expect(describeTree(three)).toEqual(describeTree(one))
    const { stderr } = run("extract", "--jobs", "3", "--progress=json", image, join(scratch(), "tree"))
    // All but the directory that is extracted into.
    expect(JSON.parse(stderr.trim().split("\n").at(-1) as string)).toMatchObject({
      entries: describeTree(one).size - 1,
      bytes:
        (3 << 20) +
        Array.from({ length: 300 }, (_, i) => `content ${i} `.length * (i + 1)).reduce((a, b) => a + b),
    })
  })

  it("reports what cannot be written, whichever thread finds it, and goes on", () => {
    const image = imageFile(manyFiles())
    const target = join(scratch(), "tree")
    mkdirSync(join(target, "d"), { recursive: true })
    for (const name of ["f7", "f150", "f299"]) writeFileSync(join(target, "d", name), "mine")
    const all = namesBelow(target).length
    const refused = run("extract", "--jobs", "3", image, target)
    expect(refused.code).toBe(1)
    // The directory is there already, and so is nothing in it made.
    expect(refused.stderr).toContain("'/d': file already exists (EEXIST)")
    expect(namesBelow(target)).toHaveLength(all + 1)

    const blocked = join(scratch(), "tree")
    mkdirSync(join(blocked, "d", "f150"), { recursive: true })
    const { code, stderr } = run("extract", "--jobs", "3", "--overwrite", image, blocked)
    expect(code).toBe(1)
    expect(stderr.trim().split("\n")).toEqual([
      "erofs-wasm extract: '/d/f150': there is a directory at its place (EISDIR)",
    ])
    expect(namesBelow(blocked)).toHaveLength(1 + 1 + 300 + 1)
    expect(readFileSync(join(blocked, "d", "f299"), "utf8")).toBe("content 299 ".repeat(300))
  })

  it.each(["1", "3"])(
    "makes all further names of a file whose first ones it cannot make, with %s",
    (jobs) => {
      const [shared, other] = [file("one inode"), file("another")]
      const names = ["a", "b", "c", "d", "e"]
      const image = imageFile(
        directory({
          ...Object.fromEntries(names.map((name) => [name, shared])),
          ...Object.fromEntries(names.map((name) => [`other-${name}`, other])),
          many: manyFiles(),
        }),
      )
      const target = join(scratch(), "tree")
      mkdirSync(target)
      for (const name of ["a", "b", "other-a"]) writeFileSync(join(target, name), "mine")
      const { code, stderr } = run("extract", "--jobs", jobs, image, target)
      expect(code).toBe(1)
      expect(stderr.trim().split("\n").sort()).toEqual(
        ["a", "b", "other-a"].map((name) => `erofs-wasm extract: '/${name}': file already exists (EEXIST)`),
      )
      expect(readFileSync(join(target, "a"), "utf8")).toBe("mine")
      for (const [first, rest, content] of [
        ["c", ["d", "e"], "one inode"],
        ["other-b", ["other-c", "other-d", "other-e"], "another"],
      ] as const) {
        expect(readFileSync(join(target, first), "utf8")).toBe(content)
        for (const name of rest) expect(inodeOf(join(target, name))).toBe(inodeOf(join(target, first)))
        expect(lstatSync(join(target, first)).nlink).toBe(1 + rest.length)
      }
    },
  )

  it.each(["1", "3"])("says of all names of a damaged file that it is damaged, with %s", (jobs) => {
    const damaged = file("x".repeat(10_000), { startBlock: 1 << 20 })
    const names = ["a", "b", "c", "d"]
    const image = imageFile(
      directory({ ...Object.fromEntries(names.map((name) => [name, damaged])), sound: file("sound") }),
    )
    const target = join(scratch(), "tree")
    const { code, stderr } = run("extract", "--jobs", jobs, image, target)
    expect(code).toBe(1)
    const lines = stderr.trim().split("\n")
    expect(lines).toHaveLength(names.length)
    for (const [i, name] of names.entries()) {
      expect(lines[i]).toMatch(new RegExp(`^erofs-wasm extract: '/${name}': .*\\(E\\w+, nid \\d+`))
    }
    expect(namesBelow(target)).toEqual(["/", "/sound"])
  })

  it("says of all names of a file that its attributes are damaged", () => {
    const damaged = file("content", { xattrs: { "user.unique": "value" } })
    const names = ["a", "b", "c"]
    const tree = directory({ ...Object.fromEntries(names.map((name) => [name, damaged])), sound: file("x") })
    const image = imageFile(tree, (bytes) => {
      const name = Buffer.from(bytes.buffer).indexOf("unique")
      // The length of the name: it leaves the attributes behind.
      bytes[name - 4] = 255
    })
    const target = join(scratch(), "tree")
    const { code, stderr } = run("extract", "--jobs", "1", image, target)
    expect(code).toBe(1)
    const lines = stderr.trim().split("\n")
    expect(lines).toHaveLength(names.length)
    for (const [i, name] of names.entries()) {
      expect(lines[i]).toMatch(new RegExp(`^erofs-wasm extract: '/${name}': .*\\(EUCLEAN, nid \\d+`))
    }
    expect(namesBelow(target)).toEqual(["/", "/sound"])
  })

  it("names damage that another thread finds", () => {
    const path = fixturePath("lz4-legacy.erofs")
    const bytes = new Uint8Array(readFileSync(path))
    const whole = join(scratch(), "tree")
    expect(run("extract", "--jobs", "1", path, whole).code).toBe(0)
    // Zeros where data lies are no stream of LZ4.
    bytes.fill(0, bytes.length - 64 * 1024)
    const damaged = join(scratch(), "damaged.erofs")
    writeFileSync(damaged, bytes)
    const results = ["1", "3"].map((jobs) => {
      const target = join(scratch(), "tree")
      const { code, stderr } = run("extract", "--jobs", jobs, damaged, target)
      return { code, lines: stderr.trim().split("\n").sort(), tree: describeTree(target) }
    })
    expect(results[0]?.code).toBe(1)
    expect(results[0]?.lines.join("\n")).toMatch(/'\/.*': .* \(EUCLEAN, nid \d+, offset \d+\)/)
    expect(results[1]).toEqual(results[0])
  })

  it("writes nothing outside of the target, whatever names and links say", () => {
    const folder = scratch()
    const [outside, target] = [join(folder, "outside"), join(folder, "target")]
    mkdirSync(outside)
    writeFileSync(join(outside, "precious"), "mine")
    const attacks: [string, BuildNode][][] = [
      [
        ["a", symlink("../outside")],
        ["a", directory({ precious: file("evil"), more: file("evil") })],
      ],
      [
        ["a", symlink("../outside/precious")],
        ["a", file("evil")],
      ],
      [
        ["..", file("evil")],
        ["good", file("good")],
      ],
      [
        ["../outside/evil", file("evil")],
        ["z", file("z")],
      ],
    ]
    for (const entries of attacks) {
      for (const options of [[], ["--overwrite"]]) {
        const padding = Array.from({ length: 64 }, (_, i): [string, BuildNode] => [
          `f${i}`.padEnd(4),
          file("x"),
        ])
        run("extract", "--jobs", "3", ...options, imageFile(directory([...entries, ...padding])), target)
        expect(namesBelow(outside)).toEqual(["/", "/precious"])
        expect(readFileSync(join(outside, "precious"), "utf8")).toBe("mine")
        expect(namesBelow(folder).filter((path) => !path.startsWith("/target"))).toEqual([
          "/",
          "/outside",
          "/outside/precious",
        ])
      }
    }
  })

  it("takes only sensible numbers", () => {
    for (const jobs of ["0", "33", "-1", "two"]) {
      expect(
        run("extract", `--jobs=${jobs}`, fixturePath("lz4-legacy.erofs"), join(scratch(), "x")).code,
      ).toBe(2)
    }
  })
})

describe("check with several threads", () => {
  it("prints what one thread prints, damage in the order of the tree", () => {
    const bytes = new Uint8Array(readFileSync(fixturePath("lz4-legacy.erofs")))
    bytes.fill(0, bytes.length - 64 * 1024)
    const damaged = join(scratch(), "damaged.erofs")
    writeFileSync(damaged, bytes)
    const images = [fixturePath("lz4-legacy.erofs"), fixturePath("share-new-default-name.erofs"), damaged]
    for (const image of [...images, imageFile(manyFiles())]) {
      for (const options of [[], ["--json"], ["--digest"]]) {
        const one = run("check", "--jobs", "1", ...options, image)
        expect(run("check", "--jobs", "3", ...options, image)).toEqual(one)
        expect(one.code).toBe(image === damaged ? 1 : 0)
        expect(one.stderr).toBe("")
      }
    }
  })

  it("counts what all threads have read", () => {
    const image = imageFile(manyFiles())
    const last = ["1", "3"].map((jobs) => {
      const { stderr } = run("check", "--jobs", jobs, "--progress=json", image)
      return JSON.parse(stderr.trim().split("\n").at(-1) as string)
    })
    expect(last[1]).toEqual(last[0])
    expect(last[0]).toMatchObject({ entries: 303 })
  })
})

describe("fingerprint with several threads", () => {
  const JOBS = ["1", "2", "3"]

  /** The sidecar that the command writes; undefined if it writes none. */
  function fingerprint(jobs: string, ...argv: string[]) {
    const path = join(scratch(), "fingerprints")
    const result = run("fingerprint", "--jobs", jobs, "-o", path, ...argv)
    return { ...result, sidecar: existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined }
  }

  function extentOf(image: Image, path: string, index: number): ExtentDescription {
    return image.describeSync(path, { extents: true }).extents?.at(index) as ExtentDescription
  }

  const mounted = async (path: string): Promise<Image> =>
    (await PagePool.create({ bytes: 4 << 20 })).mount(await openFile(path))

  it.each([
    "lz4-legacy",
    "zstd-48bit-dedupe-fragments",
    "zstd-all-metabox",
    "chunk-blobdev",
    "share-old-plain",
  ])("writes of %s what the image itself gives", async (name) => {
    const fixture = allFixtures.find((one) => one.name === name) as Fixture
    const devices = fixture.extra.flatMap((one) => ["--device", fixturePath(one)])
    const { image } = await openFixture(name)
    const sidecar = image.fingerprintsSync()
    expect(sidecar.length).toBeGreaterThan(64)
    for (const jobs of JOBS) {
      const result = fingerprint(jobs, fixturePath(fixture.file), ...devices)
      expect(result).toEqual({ code: 0, stdout: "", stderr: "", sidecar })
    }
  })

  it("hashes many files, further names of one once, and counts what all threads have read", async () => {
    const twice = file("one content, two names")
    const path = imageFile(directory({ a: twice, empty: file(""), many: manyFiles(), z: twice }))
    const image = await mounted(path)
    let totals: object | undefined
    const sidecar = await image.fingerprints({
      onProgress: ({ files, totalFiles, bytes }) => {
        totals = { entries: files, total: totalFiles, bytes }
      },
    })
    expect(totals).toMatchObject({ entries: 302, total: 302 })
    for (const jobs of JOBS) {
      const { code, stderr, ...result } = fingerprint(jobs, "--progress=json", path)
      expect([code, result.sidecar]).toEqual([0, sidecar])
      expect(JSON.parse(stderr.trim().split("\n").at(-1) as string)).toEqual(totals)
    }
  })

  it("names what is damaged as the image itself does, in the order of the tree", async () => {
    const lost = { isInline: false, startBlock: 100000 }
    const entries = Array.from({ length: 200 }, (_, i): [string, BuildNode] => [
      `f${String(i).padStart(3, "0")}`,
      file(`content ${i}`, i % 70 === 69 ? lost : {}),
    ])
    const far = new Uint8Array(3 << 20).map((_, i) => (i * 2654435761) >>> 24)
    const damagedDirectory = directory([["x/y", file("")]])
    const trees = [
      directory([...entries, ["large", file(far, { isInline: false, size: 4n << 20n })]]),
      directory([["a", file("text")], ["d", damagedDirectory], ...entries]),
    ]
    const compressed = new Uint8Array(readFileSync(fixturePath("lz4-ztailpacking.erofs")))
    const { image: whole } = await openFixture("lz4-ztailpacking")
    const { offset = 0, encodedLength } = extentOf(whole, "/text-300k", -2)
    compressed.fill(0xff, offset, offset + encodedLength)
    const compressedPath = join(scratch(), "damaged.erofs")
    writeFileSync(compressedPath, compressed)
    for (const path of [...trees.map((tree) => imageFile(tree)), compressedPath]) {
      const image = await mounted(path)
      const first = await image.fingerprints().catch(explain)
      const lines: string[] = []
      const sidecar = image.fingerprintsSync({
        onError: (error, where) =>
          void lines.push(`erofs-wasm fingerprint: '${where}': ${reasonOf(error)}\n`),
      })
      expect(lines.length).toBeGreaterThan(0)
      for (const jobs of JOBS) {
        expect(fingerprint(jobs, path)).toEqual({
          code: 1,
          stdout: "",
          stderr: `erofs-wasm fingerprint: ${first}\n`,
          sidecar: undefined,
        })
        const going = { code: 1, stdout: "", stderr: lines.join(""), sidecar }
        expect(fingerprint(jobs, "--keep-going", path)).toEqual(going)
      }
    }
  })

  it("takes only sensible numbers", () => {
    for (const jobs of ["0", "33", "-1", "two"])
      expect(fingerprint(jobs, fixturePath("lz4-legacy.erofs"))).toMatchObject({
        code: 2,
        sidecar: undefined,
      })
  })
})
