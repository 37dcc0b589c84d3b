// SPDX-License-Identifier: MIT
/** Whole images: every file read, beside fsck.erofs decoding all without writing; and extraction beside its own. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { openFileSync, PagePool } from "../../src/index.node.js"
import { packageFolder } from "../data.js"
import type { Row, SuiteOptions, SuiteResult } from "../report.js"
import { alternate } from "../rounds.js"
import { type Duration, findTool, timeHere, timeProgram } from "../tools.js"
import { type Amount, POOL_BYTES, readImage } from "./reader.js"
import { makeImage, makeTree, type Tree } from "./tree.js"

/** Formats measured, with the options of mkfs.erofs and how much of the tree is packed: lzma is slow. */
const FORMATS = [
  { name: "lz4-4k", options: ["-zlz4", "-C4096"], part: 1 },
  { name: "lz4-64k", options: ["-zlz4", "-C65536"], part: 1 },
  { name: "plain", options: [], part: 1 },
  { name: "zstd-64k", options: ["-zzstd", "-C65536"], part: 1 },
  { name: "deflate-64k", options: ["-zdeflate", "-C65536"], part: 1 },
  { name: "lzma-64k", options: ["-zlzma", "-C65536"], part: 0.1 },
]
const QUICK_FORMATS = ["lz4-4k", "lz4-64k"]
const QUICK_PART = 0.1
const ROUNDS = 7
const QUICK_ROUNDS = 3
const FSCK = "fsck.erofs"
const NODE_START = "node -e 0"
/** Free space of the folder in memory that extraction needs, times the bytes of the files. */
const EXTRACT_ROOM = 4
const SHARED_MEMORY = "/dev/shm"

const reader = fileURLToPath(new URL("reader.js", import.meta.url))
const cli = join(packageFolder, "dist/cli/main.js")

/** Reads and extracts images of all formats. */
export async function suite({ quick }: SuiteOptions): Promise<SuiteResult> {
  const title = "Whole images"
  const fsck = findTool("fsck.erofs")
  if (!findTool("mkfs.erofs") || !fsck) {
    return { title, rows: [], notes: ["Skipped: mkfs.erofs and fsck.erofs are not installed."] }
  }
  const rows: Row[] = []
  const notes = ["Medians of passes in turn, the image in the page cache. Ratio: to fsck.erofs."]
  const formats = FORMATS.filter(({ name }) => !quick || QUICK_FORMATS.includes(name))
  for (const { name, options, part } of formats) {
    const tree = makeTree(quick ? QUICK_PART : part)
    const image = makeImage(tree, name, options) as string
    const amount = await verify(image, tree)
    const size = `${amount.files} files, ${(amount.bytes / 1e6).toFixed(0)} MB`
    const rounds = quick ? QUICK_ROUNDS : ROUNDS
    const read = await measureReading(fsck, image, rounds)
    rows.push(...rowsOf(`${name}: read ${size}`, read))
    notes.push(`${name}, processor time: ${cpuTimes(read)}`)
    const folder = extractFolder(amount)
    if (!existsSync(cli) || !folder) continue
    const extract = await measureExtracting(fsck, image, folder, rounds)
    rows.push(...rowsOf(`${name}: extract to ${folder}`, extract))
    notes.push(`${name} extracted, processor time: ${cpuTimes(extract)}`)
  }
  if (!existsSync(cli)) notes.push("Extraction skipped: the command line is not built (npm run build).")
  return { title, rows, notes }
}

/** Reads the image once and compares every file with the tree. Answers how much it was. */
async function verify(path: string, tree: Tree): Promise<Amount> {
  const pool = await PagePool.create({ bytes: POOL_BYTES })
  const image = await pool.mount(openFileSync(path))
  const amount = { files: 0, bytes: 0 }
  for (const entry of image.walkSync()) {
    if (!entry.isFile()) continue
    const bytes = image.readFileSync(entry)
    if (Buffer.compare(bytes, readFileSync(join(tree.path, entry.path))) !== 0) {
      throw new Error(`${path}: ${entry.path} differs from the tree`)
    }
    amount.files++
    amount.bytes += bytes.length
  }
  await image.close()
  return amount
}

async function measureReading(fsck: string, image: string, rounds: number): Promise<Map<string, Duration>> {
  const shared = await PagePool.create({ bytes: POOL_BYTES })
  const plain = await PagePool.create({ bytes: POOL_BYTES, shared: false })
  return alternate(
    {
      // Without a folder to extract to, it decodes and drops.
      [FSCK]: () => timeProgram(fsck, ["--extract", image]),
      "erofs-wasm, warm": () => timeHere(() => readImage(shared, image)),
      "erofs-wasm, warm, plain memory": () => timeHere(() => readImage(plain, image)),
      "erofs-wasm, fresh process": () => timeProgram(process.execPath, [reader, image]),
      [NODE_START]: () => timeProgram(process.execPath, ["-e", "0"]),
    },
    rounds,
  )
}

async function measureExtracting(
  fsck: string,
  image: string,
  folder: string,
  rounds: number,
): Promise<Map<string, Duration>> {
  const into = (run: (target: string) => Duration) => () => {
    const parent = mkdtempSync(join(folder, "erofs-wasm-"))
    try {
      return run(join(parent, "out"))
    } finally {
      rmSync(parent, { recursive: true })
    }
  }
  return alternate(
    {
      [FSCK]: into((target) => timeProgram(fsck, [`--extract=${target}`, image])),
      "erofs-wasm extract": into((target) => timeProgram(process.execPath, [cli, "extract", image, target])),
      [NODE_START]: () => timeProgram(process.execPath, ["-e", "0"]),
    },
    rounds,
  )
}

/** Rows with their ratio to fsck.erofs; what a fresh process takes also without the start of Node. */
function rowsOf(group: string, durations: Map<string, Duration>): Row[] {
  const reference = (durations.get(FSCK) as Duration).wall
  const start = (durations.get(NODE_START) as Duration).wall
  const rows: Row[] = []
  for (const [name, { wall }] of durations) {
    if (name === NODE_START) continue
    const isOurs = name !== FSCK
    rows.push({ group, name, milliseconds: wall, ratio: reference / wall, ...(isOurs && { goal: 1 }) })
    if (!isOurs || name.includes("warm")) continue
    const rest = wall - start
    rows.push({ group, name: `${name}, without Node's start`, milliseconds: rest, ratio: reference / rest })
  }
  return rows
}

function cpuTimes(durations: Map<string, Duration>): string {
  return [...durations].map(([name, { cpu }]) => `${name} ${cpu.toFixed(0)} ms`).join("; ")
}

/** Where to extract to: memory if there is any to be had as files, else the temporary folder; undefined: no room. */
function extractFolder({ bytes }: Amount): string | undefined {
  return [SHARED_MEMORY, tmpdir()].find((folder) => {
    if (!existsSync(folder) || !statSync(folder).isDirectory()) return false
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize > bytes * EXTRACT_ROOM
  })
}
