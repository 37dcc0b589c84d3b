// SPDX-License-Identifier: MIT
/** What a page downloads: sizes as they cross the network, minified and in gzip, must stay within a budget. */
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"
import { describe, expect, it } from "vitest"

const KB = 1000
const index = fileURLToPath(new URL("../src/index.ts", import.meta.url))

/** A file that a program becomes: its bytes in gzip, and the names of those that it loads at once and perhaps later. */
interface Part {
  name: string
  size: number
  imports: string[]
  later: string[]
}

async function partsOf(program: string): Promise<Part[]> {
  const bundle = await rolldown({
    input: "program",
    platform: "browser",
    logLevel: "silent",
    plugins: [
      {
        name: "program",
        resolveId: (id) => (id === "program" ? id : id === "erofs-wasm" ? index : undefined),
        load: (id) => (id === "program" ? program : undefined),
      },
    ],
  })
  const { output } = await bundle.generate({ format: "esm", minify: true, chunkFileNames: "[name].js" })
  await bundle.close()
  return output.map((file) => {
    const isCode = "code" in file
    const { length } = gzipSync(isCode ? file.code : file.source, { level: 9 })
    const [imports, later] = isCode ? [file.imports, file.dynamicImports] : [[], []]
    return { name: file.fileName, size: length, imports, later }
  })
}

/** Bytes of all parts but the core for the other kind of memory. */
function sizeOfAll(parts: readonly Part[], variant: "shared" | "plain"): number {
  const other = variant === "shared" ? "plain.js" : "shared.js"
  return parts.reduce((sum, { name, size }) => sum + (name === other ? 0 : size), 0)
}

/** The parts that are downloaded in any case: the program and what it imports. */
function partsAtOnce(parts: readonly Part[]): Part[] {
  const wanted = new Set(["program.js"])
  for (const name of wanted) {
    for (const imported of parts.find((part) => part.name === name)?.imports ?? []) wanted.add(imported)
  }
  return parts.filter(({ name }) => wanted.has(name))
}

const READ = `
  import { blobSource, PagePool } from "erofs-wasm"
  export async function read(blob, path) {
    const pool = await PagePool.create()
    const image = await pool.mount(blobSource(blob))
    return image.readFile(path)
  }`
const EVERYTHING = `export * from "erofs-wasm"`

describe.each(["shared", "plain"] as const)("in %s memory", (variant) => {
  it("all that reading an LZ4 image takes is at most 60 KB", async () => {
    const parts = await partsOf(READ)
    const atOnce = partsAtOnce(parts)
    // What is loaded later is the core, of which one is used, and what reading does without.
    const later = [...new Set(atOnce.flatMap((part) => part.later))]
    expect(later.sort()).toEqual(["plain.js", "shared.js", "writer.js"])
    const core = parts.find(({ name }) => name === `${variant}.js`) as Part
    const size = sizeOfAll([...atOnce, core], variant)
    expect(size).toBeLessThanOrEqual(60 * KB)
    expect(size).toBeGreaterThan(20 * KB)
  })

  it("all of the package, with all codecs, is at most 90 KB", async () => {
    const parts = await partsOf(EVERYTHING)
    expect(parts.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["plain.js", "shared.js", "writer.js"]),
    )
    expect(sizeOfAll(parts, variant)).toBeLessThanOrEqual(90 * KB)
  })
})

describe("what reading does without", () => {
  it("writing archives is loaded by those who write one", async () => {
    const parts = await partsOf(READ)
    const writer = parts.find(({ name }) => name === "writer.js") as Part
    expect(writer.size).toBeGreaterThan(3 * KB)
    const rest = partsAtOnce(parts)
    expect(rest).not.toContain(writer)
  })
})
