// SPDX-License-Identifier: MIT
/** Reading what is in the pool, beside reading the same file from the system's page cache. */
import { closeSync, openSync, readSync } from "node:fs"
import { join } from "node:path"
import { type OpenFile, openFileSync, PagePool } from "../../src/index.node.js"
import { makeFileTree, makeImage } from "../image/tree.js"
import type { Row, SuiteOptions, SuiteResult } from "../report.js"
import { sample } from "../rounds.js"

const PAGE = 4096
const FILE_BYTES = 64 << 20
const POOL_BYTES = 128 << 20
/** Operations of one sample. */
const BATCH = 256
const LARGE_BATCH = 16
const ROUNDS = 7
const QUICK_ROUNDS = 2
const READ_SYNC = "fs.readSync"

/** What is read: how much at once, where, and which ratio to fs.readSync is aimed at. */
interface Case {
  group: string
  length: number
  positions: number[]
  goals: { view?: number; shared?: number; plain?: number }
}

/** Reads 4 KiB and 1 MiB as views and as copies, from pools in shared and in plain memory. */
export async function suite({ quick }: SuiteOptions): Promise<SuiteResult> {
  const title = "Cached reads"
  const tree = makeFileTree(FILE_BYTES)
  const path = makeImage(tree, "plain", [])
  if (!path) return { title, rows: [], notes: ["Skipped: mkfs.erofs is not installed."] }
  const shared = await openWarm(path, tree.file, true)
  const plain = await openWarm(path, tree.file, false)
  const fd = openSync(join(tree.path, tree.file), "r")
  const rows: Row[] = []
  for (const one of casesOf()) rows.push(...(await measure(one, shared, plain, fd, quick)))
  closeSync(fd)
  const notes = [
    "Nanoseconds of one read, median of rounds in turn. Ratio: to fs.readSync of the unpacked file.",
  ]
  return { title, rows, notes }
}

function casesOf(): Case[] {
  const goals = { view: 10, shared: 2, plain: 4 }
  return [
    { group: "4 KiB within 1 MiB, hot", length: PAGE, positions: scattered(1 << 20, PAGE, BATCH), goals },
    {
      group: "4 KiB within 64 MiB, random",
      length: PAGE,
      positions: scattered(FILE_BYTES, PAGE, 8192),
      goals,
    },
    {
      group: "1 MiB within 64 MiB",
      length: 1 << 20,
      positions: scattered(FILE_BYTES, 1 << 20, 64),
      goals: {},
    },
  ]
}

async function measure(
  { group, length, positions, goals }: Case,
  shared: OpenFile,
  plain: OpenFile,
  fd: number,
  quick: boolean,
): Promise<Row[]> {
  const batch = length === PAGE ? BATCH : LARGE_BATCH
  const into = new Uint8Array(length)
  let at = 0
  /** Calls `read` for the next positions, going round. */
  const each = (read: (position: number) => unknown) => () => {
    for (let i = 0; i < batch; i++) {
      if (at === positions.length) at = 0
      read(positions[at++] as number)
    }
  }
  const view = shared.map()
  const rivals = {
    [READ_SYNC]: each((position) => readSync(fd, into, 0, length, position)),
    ...(length === PAGE && { "view, page of one map": each((position) => view.pageSync(position / PAGE)) }),
    "view, bytes of one map": each((position) => view.bytesSync(position, position + length)),
    "view, map to dispose": each((position) => {
      const one = shared.map(position, length)
      one.bytesSync()
      one.dispose()
    }),
    "copy, shared memory": each((position) => shared.readSync(into, position)),
    "copy, plain memory": each((position) => plain.readSync(into, position)),
  }
  const times = await sample(rivals, batch, quick ? QUICK_ROUNDS : ROUNDS)
  view.dispose()
  const goalOf: Record<string, number | undefined> = {
    "view, page of one map": goals.view,
    "copy, shared memory": goals.shared,
    "copy, plain memory": goals.plain,
  }
  const reference = times.get(READ_SYNC) as number
  return [...times].map(([name, nanoseconds]) => {
    const goal = goalOf[name]
    return { group, name, nanoseconds, ratio: reference / nanoseconds, ...(goal !== undefined && { goal }) }
  })
}

/** The file of an image, all of it in a pool. */
async function openWarm(path: string, name: string, shared: boolean): Promise<OpenFile> {
  const pool = await PagePool.create({ bytes: POOL_BYTES, shared })
  const file = (await pool.mount(openFileSync(path))).openSync(name)
  file.readSync(new Uint8Array(file.size))
  return file
}

/** `count` multiples of `step` below `limit`, each time the same ones, in no order. */
function scattered(limit: number, step: number, count: number): number[] {
  let state = 1
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return ((state >>> 8) % (limit / step)) * step
  })
}
