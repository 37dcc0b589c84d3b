// SPDX-License-Identifier: MIT
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { directory, file, symlink } from "../support/build-image.js"
import { cli, fixturePath, imageFile, output, scratch } from "../support/cli.js"
import { allFixtures, readFixture, readManifest } from "../support/flat-image.js"
import { HttpServer } from "../support/http-server.js"
import { manifestOf } from "../support/open.js"

interface Measurement {
  unit: string
  count: number
  bytes: number
  passes: number
  nanoseconds: number
  hits: number
  misses: number
  fetches: number
  bytesFetched: number
  bytesDecoded: number
  requests: number
  bytesReceived: number
}

interface Results {
  image: string
  path: string
  machine: { runtime: string; processor: string | null }
  pool: { bytes: number; shared: boolean }
  mode: string
  found: Record<string, number>
  isWalked: boolean
  isRead: boolean
  measurements: Record<string, Measurement | null>
}

const KEYS: (keyof Measurement)[] = [
  "unit",
  "count",
  "bytes",
  "passes",
  "nanoseconds",
  "hits",
  "misses",
  "fetches",
  "bytesFetched",
  "bytesDecoded",
  "requests",
  "bytesReceived",
]
const READINGS = ["viewsFirst", "views", "direct"]
const NAMES = ["mountFirst", "mount", "walkFirst", "walk", ...READINGS, "cachedView", "cachedCopy", "random"]
const RANDOM_READS = 256

const small = fixturePath("share-old-plain.erofs")
const damaged = new URL("../fixtures/demo/aurora-damaged.erofs", import.meta.url).pathname

const main = new URL("../../dist/cli/main.js", import.meta.url).pathname

/** Measures so that nothing is cut off, however busy the machine; what is small is done long before. */
async function bench(...argv: string[]): Promise<Results> {
  return JSON.parse(await output("bench", "--json", "--seconds", "30", ...argv)) as Results
}

/** A measurement that must be there. */
function of(results: Results, name: string): Measurement {
  const measurement = results.measurements[name]
  if (!measurement) throw new Error(`no measurement ${name}`)
  return measurement
}

const SAMPLES = ["share-old-plain", "small-b512", "lz4-dedupe-fragments", "chunk-blobdev"]

describe.each(allFixtures.filter(({ name }) => SAMPLES.includes(name)))("bench of $name", (fixture) => {
  it("counts what Linux sees", async () => {
    const entries = Object.values(readManifest(fixture.manifest))
    const count = (...types: string[]): number => entries.filter(({ type }) => types.includes(type)).length
    const contents = entries.filter(({ type, link_of }) => type === "file" && link_of === undefined)
    const bytes = contents.reduce((sum, { size }) => sum + size, 0)
    const pages = contents.reduce((sum, { size }) => sum + Math.ceil(size / 4096), 0)
    const devices = fixture.extra.flatMap((one) => ["--device", fixturePath(one)])
    const results = await bench(fixturePath(fixture.file), ...devices)
    expect(results).toMatchObject({
      image: fixturePath(fixture.file),
      path: "/",
      machine: { runtime: expect.stringMatching(/^\w+ \d+\./) },
      pool: { bytes: 64 << 20, shared: true },
      mode: "sync",
      found: {
        entries: entries.length,
        files: count("file"),
        directories: count("dir"),
        symlinks: count("symlink"),
        others: count("char", "block", "fifo", "socket"),
        bytes,
      },
      isWalked: true,
      isRead: true,
    })
    expect(Object.keys(results.measurements)).toEqual(NAMES)
    for (const name of NAMES) {
      const measurement = of(results, name)
      expect(Object.keys(measurement).sort()).toEqual([...KEYS].sort())
      for (const key of KEYS.slice(1)) expect(measurement[key]).toSatisfy(Number.isSafeInteger)
      expect(measurement.passes).toBeGreaterThan(0)
      expect(measurement).toMatchObject({ requests: 0, bytesReceived: 0 })
    }
    for (const name of ["walkFirst", "walk"]) {
      expect(of(results, name)).toMatchObject({ unit: "entry", count: entries.length, bytes: 0 })
    }
    for (const name of READINGS) {
      expect(of(results, name)).toMatchObject({ unit: "file", count: contents.length, bytes })
      expect(of(results, name).bytesFetched).toBeGreaterThan(0)
      expect(of(results, name).bytesDecoded > 0).toBe(fixture.name.startsWith("lz4"))
    }
    for (const name of ["mountFirst", "walkFirst", "viewsFirst"]) expect(of(results, name).passes).toBe(1)
    expect(of(results, "random")).toMatchObject({ unit: "read", count: Math.min(RANDOM_READS, pages) })
    // What is said to be cached is: nothing had to be brought in while it was measured.
    for (const name of ["cachedView", "cachedCopy"]) {
      expect(of(results, name)).toMatchObject({ unit: "read", count: 1024, misses: 0, bytesFetched: 0 })
    }
    expect(of(results, "random").misses).toBeGreaterThan(0)
  })
})

describe("bench", () => {
  it("prints a line for each measurement", async () => {
    const lines = (await output("bench", "--seconds", "0.01", small)).split("\n")
    expect(lines[0]).toMatch(`${small}: `)
    for (const title of ["mount, first", "walk with stats", "files as views", "files past the pool"]) {
      expect(lines.filter((line) => line.startsWith(`${title}  `))).toHaveLength(1)
    }
    for (const title of ["cached page, view", "cached page, copy", "random page, not cached"]) {
      expect(lines.find((line) => line.startsWith(title))).toMatch(/ (ns|us|ms) .* reads\/s/)
    }
  })

  it("reads one directory or file, through links", async () => {
    const image = imageFile(
      directory({
        a: directory({ b: file("x".repeat(5000)), c: file("y") }),
        d: file("z".repeat(100)),
        link: symlink("a"),
      }),
    )
    expect(await bench(image, "/link")).toMatchObject({
      path: "/a",
      found: { entries: 3, files: 2, directories: 1, bytes: 5001 },
      measurements: { views: { count: 2, bytes: 5001 }, random: { count: 3, bytes: 5001 } },
    })
    expect(await bench(image, "/a/b")).toMatchObject({
      found: { entries: 1, files: 1, bytes: 5000 },
      measurements: { direct: { count: 1, bytes: 5000 }, random: { count: 2, bytes: 5000 } },
    })
    const { code, stderr } = await cli(["bench", image, "/none"])
    expect([code, stderr]).toEqual([1, expect.stringContaining("'/none'")])
  })

  it("reads an inode once, whatever its names", async () => {
    const twice = file("x".repeat(9000))
    const { found, measurements } = await bench(
      imageFile(directory({ a: twice, b: directory({ c: twice }) })),
    )
    expect(found).toMatchObject({ entries: 4, files: 2, bytes: 9000 })
    for (const name of READINGS) expect(measurements[name]).toMatchObject({ count: 1, bytes: 9000 })
  })

  it.runIf(existsSync(main))("is in the built command", () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, "bench", "--seconds", "0", small])
    expect([status, stderr.toString()]).toEqual([0, ""])
    expect(stdout.toString()).toContain("files as views, first")
  })

  it("has few things to measure in an image without contents", async () => {
    for (const root of [directory({}), directory({ a: file(""), b: symlink("a") })]) {
      const image = imageFile(root)
      const { found, measurements } = await bench(image)
      expect([found.bytes, measurements.views?.bytes]).toEqual([0, 0])
      expect(measurements).toMatchObject({ cachedView: null, cachedCopy: null, random: null })
      expect(await output("bench", "--seconds", "0", image)).toContain("0 bytes")
    }
  })

  it("names what is damaged, leaves it out and measures the rest", async () => {
    const { code, stdout, stderr } = await cli(["bench", "--json", "--seconds", "30", damaged])
    const results = JSON.parse(stdout.toString()) as Results
    expect(code).toBe(1)
    const errors = stderr.trimEnd().split("\n")
    expect(errors.map((line) => /^erofs-wasm bench: '([^']*)': .*EUCLEAN/.exec(line)?.[1])).toEqual([
      "/usr/share",
      "/usr/src/erofs-wasm/README.md",
    ])
    const facts = JSON.parse((await cli(["check", "--json", damaged])).stdout.toString())
    expect(results.found).toMatchObject({ files: facts.files, directories: facts.directories })
    const { count } = of(results, "viewsFirst")
    for (const name of READINGS) expect(of(results, name).count).toBe(count)
    const lost = imageFile(
      directory({ a: file("x".repeat(10), { isInline: false, startBlock: 100000 }), b: file("good") }),
    )
    const one = await cli(["bench", "--json", "--seconds", "30", lost])
    expect([one.code, one.stderr]).toEqual([1, expect.stringMatching(/^erofs-wasm bench: '\/a': .*\n$/)])
    expect(of(JSON.parse(one.stdout.toString()), "views")).toMatchObject({ count: 1, bytes: 4 })
  })

  it("cuts off what takes longer than it may, and says so", async () => {
    const hole = { isInline: false, startBlock: 2 ** 48 - 1, size: 1n << 50n }
    const files = Array.from({ length: 100 }, (_, i) => [`f${i + 100}`, file("content")] as const)
    const image = imageFile(directory([["a", file("", hole)], ...files]))
    const results = JSON.parse(await output("bench", "--json", "--seconds", "0", image)) as Results
    expect(results).toMatchObject({ isWalked: false, isRead: false })
    expect(results.found.entries).toBeLessThan(100)
    const { count, bytes } = of(results, "views")
    expect([count, bytes % 4096]).toEqual([1, 0])
    expect(bytes).toBeLessThanOrEqual(4 << 20)
    for (const name of READINGS) expect(of(results, name)).toMatchObject({ count, bytes })
    expect(of(results, "walk").count).toBe(results.found.entries)
    const text = await output("bench", "--seconds", "0", image)
    expect(text).toContain("entries only")
    expect(text).toContain("did not suffice for all bytes")
  })

  it("takes pools of any size and kind", async () => {
    const image = fixturePath("lz4-max-extent.erofs")
    const whole = await bench("--plain", image)
    expect(whole.pool).toEqual({ bytes: 64 << 20, shared: false })
    const tight = await bench("--pool", "256K", small)
    expect(tight.pool).toEqual({ bytes: 256 << 10, shared: true })
    expect(tight.isRead).toBe(true)
    expect(of(tight, "views").bytes).toBe(of(await bench(small), "views").bytes)
  })

  it("measures images inside other files", async () => {
    const path = join(scratch(), "disk")
    writeFileSync(path, Buffer.concat([Buffer.alloc(8192), readFileSync(small)]))
    expect((await bench("--offset", "8K", path)).found).toEqual((await bench(small)).found)
  })

  it("measures what is fetched asynchronously", async () => {
    const server = await HttpServer.start(readFixture("share-old-plain.erofs"))
    const results = await bench(server.url)
    const bytes = Object.values(manifestOf("share-old-plain"))
      .filter(({ type, link_of }) => type === "file" && link_of === undefined)
      .reduce((sum, { size }) => sum + size, 0)
    expect(results).toMatchObject({ mode: "async", isWalked: true, isRead: true, found: { bytes } })
    for (const name of READINGS) {
      expect(of(results, name).bytes).toBe(bytes)
      expect(of(results, name).requests).toBeGreaterThan(0)
      expect(of(results, name).bytesReceived).toBeGreaterThan(0)
    }
    expect(of(results, "mountFirst").requests).toBeGreaterThan(0)
    expect(results.measurements.mount).toBeNull()
    expect(await output("bench", "--seconds", "0", server.url)).toContain("asynchronously")
  })

  it("says how far it is", async () => {
    const { stderr } = await cli(["bench", "--seconds", "0", small], { isTerminal: true })
    expect(stderr).toContain("of 10 measurements")
    const { stderr: json } = await cli(["bench", "--seconds", "0", "--progress", "json", small])
    const { entries, total } = JSON.parse(json.trimEnd().split("\n").at(-1) as string)
    expect([entries, total]).toEqual([10, 10])
  })

  it.each([
    [["--seconds", "soon", small], "--seconds takes a number, not 'soon'"],
    [["--seconds=-1", small], "--seconds takes a number"],
    [["--pool", "4K", small], "at least 262144 are needed"],
    [["--pool", "much", small], "--pool takes a number of bytes"],
    [[small, "/", "/"], "too many arguments"],
  ])("%j is wrong", async (argv, message) => {
    const { code, stdout, stderr } = await cli(["bench", ...argv])
    expect([code, stdout.length]).toEqual([2, 0])
    expect(stderr).toContain(message)
  })
})
