// SPDX-License-Identifier: MIT
/** What a page downloads: sizes as they cross the network, minified and in gzip, must stay within a budget. */
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"
import { describe, expect, it } from "vitest"

const KB = 1000
const index = fileURLToPath(new URL("../src/index.ts", import.meta.url))

/** Bytes of every file that a program becomes, by its name. */
async function sizesOf(program: string): Promise<Record<string, number>> {
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
  return Object.fromEntries(
    output.map((file) => [
      file.fileName,
      gzipSync("code" in file ? file.code : file.source, { level: 9 }).length,
    ]),
  )
}

/** What is downloaded when pools lie in one kind of memory: all but the core for the other. */
function download(sizes: Record<string, number>, variant: "shared" | "plain"): number {
  const other = variant === "shared" ? "plain.js" : "shared.js"
  expect(Object.keys(sizes)).toEqual(expect.arrayContaining(["plain.js", "shared.js"]))
  return Object.entries(sizes).reduce((sum, [file, size]) => sum + (file === other ? 0 : size), 0)
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
    const size = download(await sizesOf(READ), variant)
    expect(size).toBeLessThanOrEqual(60 * KB)
    expect(size).toBeGreaterThan(20 * KB)
  })

  it("all of the package, with all codecs, is at most 90 KB", async () => {
    const size = download(await sizesOf(EVERYTHING), variant)
    expect(size).toBeLessThanOrEqual(90 * KB)
  })
})
