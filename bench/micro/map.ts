// SPDX-License-Identifier: MIT
/** Block mapping: from a byte of a file to the pcluster that holds it, for every kind of index. */
import { join } from "node:path"
import type { Content } from "../../src/content.js"
import { CONTENT_WORDS, writeDescription } from "../../src/content-description.js"
import { Core } from "../../src/core.js"
import { mapOne } from "../../src/describe.js"
import { driveSync } from "../../src/drive.js"
import { Engine } from "../../src/engine.js"
import { mountImage } from "../../src/mount.js"
import { openFileSync } from "../../src/source/file.js"
import { coreModule } from "../../src/wasm/module.js"
import { packageFolder } from "../data.js"
import { makeFileTree, makeImage } from "../image/tree.js"
import type { Row, SuiteOptions, SuiteResult } from "../report.js"
import { sample } from "../rounds.js"

/** Kinds of index, with the options of mkfs.erofs that make them. */
const INDEXES = [
  { name: "full indexes", options: ["-zlz4", "-C65536", "-Elegacy-compress"] },
  { name: "compact indexes", options: ["-zlz4", "-C65536"] },
  { name: "compact indexes, 4 KiB pclusters", options: ["-zlz4", "-C4096"] },
  { name: "encoded extents, 16 bytes", options: ["-zlz4", "-C65536", "-E48bit"] },
]
/** An image and file for machines without mkfs.erofs. */
const FIXTURE = { image: "test/fixtures/images/lz4-legacy.erofs", file: "text-300k" }
const FILE_BYTES = 64 << 20
const FRAMES = 16384
const BATCH = 1024
const ROUNDS = 7
const QUICK_ROUNDS = 2
const OK = 0

/** The mapper's exports; see assembly/index.ts. */
interface RawCore {
  joinPool(): number
  slotAt(worker: number, slot: number): number
  mapAt(slot: number, position: number): number
}

/** Maps bytes in order and at random, through the wrapper and through the core's export alone. */
export async function suite({ quick }: SuiteOptions): Promise<SuiteResult> {
  const rows: Row[] = []
  const notes = [
    "Nanoseconds of one lookup, all metadata in the pool. Raw: the core's export without the wrapper.",
  ]
  const tree = makeFileTree(FILE_BYTES)
  for (const { name, options } of INDEXES) {
    const path = makeImage(tree, name.replaceAll(/[^\w]+/g, "-"), options)
    if (path) rows.push(...(await measure(name, path, tree.file, quick)))
  }
  if (rows.length === 0) {
    notes.push("mkfs.erofs is not installed: a small image of the tests.")
    rows.push(...(await measure("full indexes", join(packageFolder, FIXTURE.image), FIXTURE.file, quick)))
  }
  return { title: "Block mapping", rows, notes }
}

async function measure(group: string, path: string, file: string, quick: boolean): Promise<Row[]> {
  const core = await Core.create("shared", { frames: FRAMES, spaces: FRAMES, workers: 2 })
  const engine = new Engine(core, new Set())
  const filesystem = driveSync(mountImage(engine, openFileSync(path), {}, () => 0))
  const { node } = driveSync(filesystem.paths.find(file, true))
  const content = driveSync(filesystem.inodes.contentOf(node))
  const extents = mapAll(engine, content)
  const slot = core.slot(0)
  const raw = await rawMapper(core, content)
  const random = scattered(content.size, BATCH)
  const starts = Array.from({ length: BATCH }, (_, i) => extents[i % extents.length] as number)
  const each = (positions: number[], map: (position: number) => number) => () => {
    for (const position of positions) if (map(position) !== OK) throw new Error(`cannot map ${position}`)
  }
  const wrapped = (position: number): number => slot.map(content.description, position)
  const rivals = {
    "in order, raw": each(starts, raw),
    "in order": each(starts, wrapped),
    "random, raw": each(random, raw),
    random: each(random, wrapped),
  }
  const times = await sample(rivals, BATCH, quick ? QUICK_ROUNDS : ROUNDS)
  return [...times].map(([name, nanoseconds]) => ({ group, name, nanoseconds }))
}

/** Where the content's extents begin; brings all its indexes into the pool. */
function mapAll(engine: Engine, content: Content): number[] {
  const starts: number[] = []
  for (let position = 0; position < content.size; ) {
    const { logical, length } = driveSync(mapOne({ engine }, content, position))
    starts.push(position)
    position = logical + length
  }
  return starts
}

/** The mapper of a second instance on the pool's memory, its slot describing the content. */
async function rawMapper({ memory }: Core, { description }: Content): Promise<(position: number) => number> {
  const instance = new WebAssembly.Instance(await coreModule("shared"), { env: { memory } })
  const { joinPool, slotAt, mapAt } = instance.exports as unknown as RawCore
  const own = slotAt(joinPool(), 0)
  writeDescription(new Uint32Array(memory.buffer, own, CONTENT_WORDS), description)
  return (position) => mapAt(own, position)
}

/** Positions below `limit`, each time the same ones, in no order. */
function scattered(limit: number, count: number): number[] {
  let state = 1
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  })
}
