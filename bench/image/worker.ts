// SPDX-License-Identifier: MIT
/** A thread of the benchmark of workers: reads what it is told to from a pool that several share. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads"
import {
  type Image,
  type ImageHandle,
  openFileSync,
  PagePool,
  type PoolHandle,
  type WalkEntry,
} from "../../src/index.node.js"

/** What a thread gets. */
export interface WorkerData {
  pool: PoolHandle
  image: ImageHandle
  path: string
}

/** What a thread is told to do. */
export type Order =
  | {
      kind: "decode" /** The number of the file that comes next, for all threads. */
      next: SharedArrayBuffer
    }
  | { kind: "cached"; file: string; milliseconds: number }

/** Files that a thread takes at once. */
const BATCH = 32
const PAGE = 4096

/** Obtains all bytes of the files that no other thread has taken, as views. */
function decode(image: Image, entries: readonly WalkEntry[], next: SharedArrayBuffer): number {
  const counter = new Int32Array(next)
  let bytes = 0
  for (;;) {
    const from = Atomics.add(counter, 0, BATCH)
    if (from >= entries.length) return bytes
    for (const entry of entries.slice(from, from + BATCH)) {
      using file = image.openSync(entry)
      using view = file.map()
      for (const segment of view.segmentsSync()) bytes += segment.length
    }
  }
}

/** Copies pages that are in the pool into one buffer; answers how many in the time given. */
function readCached(image: Image, name: string, milliseconds: number): number {
  using file = image.openSync(name)
  const pages = Math.floor(file.size / PAGE)
  const into = new Uint8Array(PAGE)
  const until = performance.now() + milliseconds
  let reads = 0
  for (let page = 1; performance.now() < until; ) {
    for (let i = 0; i < 256; i++) {
      page = (page * 1103515245 + 12345) % pages
      file.readSync(into, page * PAGE)
    }
    reads += 256
  }
  return reads
}

/** Answers orders until the thread is ended. */
async function serve(port: MessagePort, { pool: handle, image: sameImage, path }: WorkerData): Promise<void> {
  const pool = await PagePool.attach(handle)
  const image = await pool.mount(openFileSync(path), { image: sameImage })
  const entries = [...image.walkSync()].filter((entry) => entry.isFile())
  port.on("message", (order: Order) => {
    port.postMessage(
      order.kind === "decode"
        ? decode(image, entries, order.next)
        : readCached(image, order.file, order.milliseconds),
    )
  })
  port.postMessage("ready")
}

// The program of the benchmarks looks for suites in here, too.
if (parentPort) await serve(parentPort, workerData as WorkerData)
