// SPDX-License-Identifier: MIT
/** What sharing by content costs when a page comes in, beside what decoding that page takes. */
import { CONTENT_MERGE } from "../../src/content-description.js"
import { Lz4Wasm } from "../../test/support/lz4-wasm.js"
import { type Build, flat, PAGE, PoolCore } from "../../test/support/pool-core.js"
import { corpora } from "../data.js"
import type { Row, SuiteOptions, SuiteResult } from "../report.js"
import { sample } from "../rounds.js"
import { Core, cut } from "./lz4.js"

const PCLUSTER = 4 << 10
/** Pages of one fill, the most there may be. */
const WINDOW = 256
const ROUNDS = 9
const QUICK_ROUNDS = 3
const GOAL = 0.3

/** Fills whole windows of pages, with and without looking for equal ones. */
export async function suite({ quick }: SuiteOptions): Promise<SuiteResult> {
  const rounds = quick ? QUICK_ROUNDS : ROUNDS
  const rows: Row[] = []
  for (const { name, bytes } of corpora()) {
    const pieces = cut(new Lz4Wasm(), bytes, PCLUSTER)
    const decoded = pieces.reduce((sum, { length }) => sum + length, 0)
    const lz4 = new Core("shared", pieces)
    const times = await sample(
      {
        "LZ4 decode": () => lz4.run(128, false),
        ...fills("shared", bytes),
      },
      1,
      rounds,
    )
    const group = `${name}, nanoseconds a page`
    const decode = ((times.get("LZ4 decode") as number) * PAGE) / decoded
    const filled = (times.get("fill") as number) / WINDOW
    rows.push({ group, name: "LZ4 decode, 4 KiB pclusters", nanoseconds: decode })
    for (const kind of ["new", "equal"]) {
      const nanoseconds = (times.get(`fill, ${kind}`) as number) / WINDOW - filled
      rows.push({
        group,
        name: `sharing by content, ${kind} pages`,
        nanoseconds,
        ratio: nanoseconds / decode,
        goal: GOAL,
      })
    }
  }
  const notes = [
    "What a fill takes longer when it looks for equal pages. Ratio: share of the decode of the same page; to stay below the goal.",
  ]
  return { title: "Sharing by content", rows, notes }
}

/** Fills of pages from a corpus: plain ones, ones that are new to the pool, ones that all equal pages there. */
function fills(build: Build, bytes: Uint8Array): Record<string, () => void> {
  const make = (isShared: boolean, isFull: boolean) => {
    const pool = PoolCore.create(build, { frames: 8 * WINDOW })
    const device = (target: Uint8Array, offset: number) =>
      target.set(bytes.subarray(offset, offset + target.length))
    const first = pool.openSpace("first", WINDOW * PAGE)
    const second = pool.openSpace("second", WINDOW * PAGE)
    const flags = isShared ? CONTENT_MERGE : 0
    if (isFull) pool.fill({ ...flat(first, WINDOW, 0), flags }, 0, WINDOW, device)
    return () => {
      pool.dropPages(second)
      pool.fill({ ...flat(second, WINDOW, 0), flags }, 0, WINDOW, device)
    }
  }
  return { fill: make(false, false), "fill, new": make(true, false), "fill, equal": make(true, true) }
}
