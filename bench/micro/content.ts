// SPDX-License-Identifier: MIT
/** What sharing by content costs when a page comes in, beside what decoding that page takes. */
import { type Image, openFileSync, PagePool } from "../../src/index.node.js"
import { Lz4Wasm } from "../../test/support/lz4-wasm.js"
import { corpora } from "../data.js"
import { makeImage, makeTree } from "../image/tree.js"
import type { Row, SuiteOptions, SuiteResult } from "../report.js"
import { alternate, sample } from "../rounds.js"
import { timeHere } from "../tools.js"
import { Core, cut } from "./lz4.js"

const PAGE = 4096
const PCLUSTER = 4 << 10
/** Holds all of the tree twice, so that nothing is thrown out. */
const POOL_BYTES = 128 << 20
const TREE_PART = 0.1
const ROUNDS = 21
const QUICK_ROUNDS = 7
const GOAL = 0.3

/** Reads an LZ4 image with and without looking for equal pages: all pages new to the pool, then all there already. */
export async function suite({ quick }: SuiteOptions): Promise<SuiteResult> {
  const title = "Sharing by content"
  const path = makeImage(makeTree(TREE_PART), "lz4-4k", ["-zlz4", "-C4096"])
  if (!path) return { title, rows: [], notes: ["Skipped: mkfs.erofs is not installed."] }
  const rounds = quick ? QUICK_ROUNDS : ROUNDS
  const decode = await decodeTime(rounds)
  const [none, fresh, full] = await Promise.all(
    (["none", "content", "content"] as const).map((sharing) =>
      PagePool.create({ bytes: POOL_BYTES, sharing }),
    ),
  )
  readAll((full as PagePool).mountSync(openFileSync(path)))
  const pass = (pool: PagePool, drops: boolean) => () => {
    if (drops) pool.drop()
    const image = pool.mountSync(openFileSync(path))
    const duration = timeHere(() => readAll(image))
    image.closeSync()
    return duration
  }
  const pages = countPages(none as PagePool, path)
  const times = await alternate(
    {
      none: pass(none as PagePool, true),
      new: pass(fresh as PagePool, true),
      equal: pass(full as PagePool, false),
    },
    rounds,
  )
  const group = `${pages} pages of an LZ4 image, nanoseconds a page`
  const perPage = (name: string) => ((times.get(name)?.wall ?? Number.NaN) * 1e6) / pages
  const rows: Row[] = [{ group, name: "LZ4 decode, 4 KiB pclusters", nanoseconds: decode }]
  for (const kind of ["new", "equal"]) {
    const nanoseconds = perPage(kind) - perPage("none")
    rows.push({
      group,
      name: `sharing by content, ${kind} pages`,
      nanoseconds,
      ratio: nanoseconds / decode,
      goal: GOAL,
    })
  }
  const notes = [
    "What reading takes longer when it looks for equal pages. Ratio: share of the decode of the same page; to stay below",
    "the goal.",
  ]
  return { title, rows, notes }
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

function readAll(image: Image): void {
  for (const entry of image.walkSync()) {
    if (!entry.isFile()) continue
    using file = image.openSync(entry)
    using view = file.map()
    for (let page = 0; page < view.pageCount; page++) view.pageSync(page)
  }
}

/** Pages of all files of an image. */
function countPages(pool: PagePool, path: string): number {
  const image = pool.mountSync(openFileSync(path))
  let pages = 0
  for (const entry of image.walkSync())
    if (entry.isFile()) pages += Math.ceil(Number(entry.stats.size) / PAGE)
  image.closeSync()
  return pages
}
