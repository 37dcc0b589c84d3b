// SPDX-License-Identifier: MIT
/** What sharing by content costs when a page comes in, beside what decoding that page takes. */
import { type Image, openFileSync, PagePool } from "../../src/index.node.js"
import { Lz4Wasm } from "../../test/support/lz4-wasm.js"
import { corpora } from "../data.js"
import { makeImage, makeTree } from "../image/tree.js"
import type { Row, SuiteOptions, SuiteResult } from "../report.js"
import { sample } from "../rounds.js"
import { Core, cut } from "./lz4.js"

const PAGE = 4096
const PCLUSTER = 4 << 10
/** Holds all of the tree twice, so that nothing is thrown out. */
const POOL_BYTES = 96 << 20
const TREE_PART = 0.1
/** Pages of its beginning that stay in the processor's cache while they are read again and again, and how often that is. */
const FEW_PAGES = 400
const REPEATS = 10
const ROUNDS = 21
const QUICK_ROUNDS = 7
const GOAL = 0.3

/**
 * Reads an LZ4 image with and without looking for equal pages: all pages are new to the pool; all are there already, but
 * in memory only, as so many others were used since; and a few are, in the processor's cache.
 */
export async function suite({ quick }: SuiteOptions): Promise<SuiteResult> {
  const title = "Sharing by content"
  const path = makeImage(makeTree(TREE_PART), "lz4-4k", ["-zlz4", "-C4096"])
  if (!path) return { title, rows: [], notes: ["Skipped: mkfs.erofs is not installed."] }
  const rounds = quick ? QUICK_ROUNDS : ROUNDS
  const decode = await decodeTime(rounds)
  const rivals = {
    none: await Pass.prepare(path, "none"),
    new: await Pass.prepare(path, "content"),
    equal: await Pass.prepare(path, "content", { isThere: true }),
    fewNone: await Pass.prepare(path, "none", { limit: FEW_PAGES }),
    fewEqual: await Pass.prepare(path, "content", { limit: FEW_PAGES, isThere: true }),
  }
  for (let round = 0; round < rounds; round++) for (const pass of Object.values(rivals)) pass.run()
  const { pages } = rivals.none
  const group = `${pages} pages of an LZ4 image, nanoseconds a page`
  const rows: Row[] = [{ group, name: "LZ4 decode, 4 KiB pclusters", nanoseconds: decode }]
  for (const [name, kind, without] of [
    ["new pages", rivals.new, rivals.none],
    ["equal pages, in memory", rivals.equal, rivals.none],
    ["equal pages, in the cache", rivals.fewEqual, rivals.fewNone],
  ] as const) {
    const nanoseconds = kind.nanoseconds - without.nanoseconds
    rows.push({
      group,
      name: `sharing by content, ${name}`,
      nanoseconds,
      ratio: nanoseconds / decode,
      goal: GOAL,
    })
  }
  const notes = [
    "What reading takes longer when it looks for equal pages, each file at its fastest. Ratio: share of the decode of",
    "the same page; to stay below the goal. To be compared, an equal page that is in memory only is fetched from there.",
  ]
  return { title, rows, notes }
}

/** Passes over the first `limit` pages; `isThere`: the pool has equal ones already, else it has none. */
class Pass {
  readonly #path: string
  readonly #pool: PagePool
  readonly #limit: number
  readonly #isThere: boolean
  /** The shortest time of each file, in milliseconds: what else the machine did meanwhile is in the longer ones. */
  readonly #times: number[] = []
  pages = 0

  private constructor(path: string, pool: PagePool, limit: number, isThere: boolean) {
    this.#path = path
    this.#pool = pool
    this.#limit = limit
    this.#isThere = isThere
  }

  static async prepare(
    path: string,
    sharing: "none" | "content",
    { limit = Number.POSITIVE_INFINITY, isThere = false } = {},
  ): Promise<Pass> {
    const pass = new Pass(path, await PagePool.create({ bytes: POOL_BYTES, sharing }), limit, isThere)
    if (isThere) pass.#read(pass.#pool.mountSync(openFileSync(path)))
    return pass
  }

  /** Reads the pages once, or several times if they are few. */
  run(): void {
    for (let i = 0; i < (this.#limit === FEW_PAGES ? REPEATS : 1); i++) {
      if (!this.#isThere) this.#pool.drop()
      const image = this.#pool.mountSync(openFileSync(this.#path))
      for (const [file, time] of this.#read(image).entries()) {
        this.#times[file] = Math.min(time, this.#times[file] ?? Number.POSITIVE_INFINITY)
      }
      image.closeSync()
    }
  }

  /** What reading a page took. */
  get nanoseconds(): number {
    return (this.#times.reduce((sum, time) => sum + time, 0) * 1e6) / this.pages
  }

  /** Reads files; answers how long each took. */
  #read(image: Image): number[] {
    const times: number[] = []
    this.pages = 0
    for (const entry of image.walkSync()) {
      if (!entry.isFile()) continue
      const start = performance.now()
      using file = image.openSync(entry)
      using view = file.map()
      if (this.pages + view.pageCount > this.#limit) break
      for (let page = 0; page < view.pageCount; page++) view.pageSync(page)
      times.push(performance.now() - start)
      this.pages += view.pageCount
    }
    return times
  }
}

/** Nanoseconds that the decoder takes for a page, as the mean over the three kinds of data. */
async function decodeTime(rounds: number): Promise<number> {
  let sum = 0
  const all = corpora()
  for (const { name, bytes } of all) {
    const pieces = cut(new Lz4Wasm(), bytes, PCLUSTER)
    const core = new Core("shared", pieces)
    const times = await sample({ [name]: () => core.run(128, false) }, 1, rounds)
    sum += ((times.get(name) as number) * PAGE) / pieces.reduce((total, { length }) => total + length, 0)
  }
  return sum / all.length
}
