// SPDX-License-Identifier: MIT
/** Several workers on one pool: decoding an image together, and reading what is cached side by side. */
import { once } from "node:events"
import { cpus } from "node:os"
import { Worker } from "node:worker_threads"
import { openFileSync, PagePool } from "../../src/index.node.js"
import type { Row, SuiteOptions, SuiteResult } from "../report.js"
import { median } from "../rounds.js"
import { findTool } from "../tools.js"
import { POOL_BYTES } from "./reader.js"
import { makeFileTree, makeImage, makeTree } from "./tree.js"
import type { Order, WorkerData } from "./worker.js"

const FORMATS = [
  { name: "lz4-4k", options: ["-zlz4", "-C4096"] },
  { name: "lz4-64k", options: ["-zlz4", "-C65536"] },
]
const QUICK_PART = 0.1
const ROUNDS = 7
const QUICK_ROUNDS = 3
const DECODE_GOAL = 1.8
const CACHED_GOAL = 0.9
const CACHED_BYTES = 8 << 20
const CACHED_MILLISECONDS = 400
const MAX_READERS = 4

/** Measures one and two workers decoding, and readers of cached pages, one up to the number of cores. */
export async function suite({ quick }: SuiteOptions): Promise<SuiteResult> {
  const title = "Workers on one pool"
  if (!findTool("mkfs.erofs")) return { title, rows: [], notes: ["Skipped: mkfs.erofs is not installed."] }
  const rounds = quick ? QUICK_ROUNDS : ROUNDS
  const rows: Row[] = []
  for (const { name, options } of FORMATS) {
    const image = makeImage(makeTree(quick ? QUICK_PART : 1), name, options) as string
    rows.push(...(await measureDecoding(`${name}: every file as views`, image, rounds)))
  }
  rows.push(...(await measureCached(rounds)))
  const notes = [
    `Medians of ${rounds} rounds, ${cpus().length} cores. Decoding: ratio to one worker.`,
    "Cached reads: 4 KiB copied out of the pool; throughput of each worker, ratio to one worker alone.",
  ]
  return { title, rows, notes }
}

/** Threads that share a pool of that size and an image. */
class Team {
  readonly #workers: Worker[] = []
  readonly #pool: PagePool

  private constructor(pool: PagePool) {
    this.#pool = pool
  }

  static async start(path: string, bytes: number, count: number): Promise<Team> {
    const pool = await PagePool.create({ bytes })
    const image = await pool.mount(openFileSync(path))
    const team = new Team(pool)
    for (let i = 0; i < count; i++) {
      const handle = pool.share()
      const workerData: WorkerData = { pool: handle, image: image.share(), path }
      const worker = new Worker(new URL("worker.js", import.meta.url), {
        workerData,
        transferList: [handle.port as never],
      })
      await answerOf(worker)
      team.#workers.push(worker)
    }
    return team
  }

  /** Gives the first `count` workers an order each; answers what they say. */
  run(count: number, order: Order): Promise<number[]> {
    return Promise.all(
      this.#workers.slice(0, count).map(async (worker) => {
        const answer = answerOf(worker)
        worker.postMessage(order)
        return (await answer) as number
      }),
    )
  }

  /** Throws out all pages, so that the next pass has to decode. */
  drop(): void {
    this.#pool.drop()
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}

/** The next message of a worker. Throws what the worker dies of. */
async function answerOf(worker: Worker): Promise<unknown> {
  const [answer] = await once(worker, "message")
  return answer
}

async function measureDecoding(group: string, image: string, rounds: number): Promise<Row[]> {
  const team = await Team.start(image, POOL_BYTES, 2)
  const times: Record<number, number[]> = { 1: [], 2: [] }
  for (let round = 0; round <= rounds; round++) {
    for (const count of [1, 2]) {
      team.drop()
      const start = performance.now()
      await team.run(count, { kind: "decode", next: new SharedArrayBuffer(4) })
      if (round > 0) times[count]?.push(performance.now() - start)
    }
  }
  await team.end()
  const one = median(times[1] as number[])
  const two = median(times[2] as number[])
  return [
    { group, name: "one worker", milliseconds: one, ratio: 1 },
    { group, name: "two workers", milliseconds: two, ratio: one / two, goal: DECODE_GOAL },
  ]
}

async function measureCached(rounds: number): Promise<Row[]> {
  const tree = makeFileTree(CACHED_BYTES)
  const path = makeImage(tree, "plain", []) as string
  const most = Math.min(MAX_READERS, cpus().length)
  const team = await Team.start(path, 4 * CACHED_BYTES, most)
  const order: Order = { kind: "cached", file: tree.file, milliseconds: CACHED_MILLISECONDS }
  const times = new Map<number, number[]>()
  for (let round = 0; round <= rounds; round++) {
    for (let count = 1; count <= most; count++) {
      const reads = await team.run(count, order)
      const slowest = (CACHED_MILLISECONDS * 1e6) / Math.min(...reads)
      if (round > 0) times.set(count, [...(times.get(count) ?? []), slowest])
    }
  }
  await team.end()
  const group = "cached 4 KiB reads, the slowest worker"
  const alone = median(times.get(1) as number[])
  return [...times].map(([count, all]) => {
    const nanoseconds = median(all)
    const name = count === 1 ? "one worker" : `${count} workers at once`
    return { group, name, nanoseconds, ratio: alone / nanoseconds, ...(count > 1 && { goal: CACHED_GOAL }) }
  })
}
