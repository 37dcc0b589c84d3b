// SPDX-License-Identifier: MIT
// MicroLZMA: the core against liblzma and lzma1. Run: node build/js/bench/micro/lzma.js
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { Bench } from "tinybench"
import { decodeLzma1, encodeLzma1, lzmaFile } from "../../test/support/lzma1.js"
import { NativeLzma } from "../../test/support/microlzma.js"
import { type Corpus, corpora } from "../data.js"

export interface SuiteResult {
  title: string
  rows: { group: string; name: string; mbPerSecond: number; ratio?: number }[]
  notes: string[]
}

interface Block {
  stream: Uint8Array
  plain: Uint8Array
}

type Decode = (
  source: number,
  sourceLength: number,
  target: number,
  targetLength: number,
  slack: number,
  workspace: number,
  partial: boolean,
) => number

const BYTES_EACH = 4 << 20
const PCLUSTERS = [4096, 65536]
/** Rounds in which all rivals take their turn; the best time of any round counts. */
const ROUNDS = 4
const MILLISECONDS = 400
/** Processor time for all rivals: on a machine with other work the clock on the wall measures that work too. */
const processorTime = {
  name: "processor time",
  fn: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
  fromMs: (value: number) => value,
  toMs: Number,
}
const WORKSPACE = 1 << 20
const SOURCES = 2 << 20
/** Plain bytes per pcluster byte where only lzma1 can encode, which knows no limit of the output. */
const GUESSED_RATIO = 3
const PRESET = 6

/** Decodes blocks that fill pclusters of 4 KiB and 64 KiB with every decoder at hand. */
export async function suite(): Promise<SuiteResult> {
  const native = NativeLzma.build()
  const rows: SuiteResult["rows"] = []
  const notes = native
    ? ["liblzma: lzma_microlzma_decoder of the installed library; ratios are against it"]
    : ["no C compiler or no liblzma: blocks encoded by lzma1, ratios are against lzma1"]
  notes.push(
    "processor time of the whole process, best round; for lzma1 that includes threads collecting its garbage",
  )
  for (const corpus of corpora(BYTES_EACH)) {
    for (const pcluster of PCLUSTERS) {
      const blocks = cut(corpus, pcluster, native)
      const speeds = await measure(blocks, native)
      const reference = speeds.get("liblzma") ?? speeds.get("lzma1")
      for (const [name, mbPerSecond] of speeds) {
        const group = `${corpus.name}, ${pcluster >> 10} KiB pclusters`
        rows.push({ group, name, mbPerSecond, ...(reference && { ratio: mbPerSecond / reference }) })
      }
    }
  }
  return { title: "MicroLZMA decoding", rows, notes }
}

/** The streams of a corpus, each holding as much as fits a pcluster. */
function cut(corpus: Corpus, pcluster: number, native: NativeLzma | undefined): Block[] {
  const blocks: Block[] = []
  if (native) {
    let at = 0
    const how = { limit: pcluster, lc: 3, lp: 0, pb: 2, preset: PRESET }
    for (const { code, bytes } of native.run([{ what: "cut", plain: corpus.bytes, ...how }])) {
      if (!bytes) throw new Error("the encoder refused")
      blocks.push({ stream: bytes, plain: corpus.bytes.subarray(at, at + code) })
      at += code
    }
    if (at !== corpus.bytes.length) throw new Error("the encoder left bytes over")
    return blocks
  }
  for (let at = 0; at < corpus.bytes.length; at += pcluster * GUESSED_RATIO) {
    const plain = corpus.bytes.subarray(at, at + pcluster * GUESSED_RATIO)
    blocks.push({ stream: encodeLzma1(plain, PRESET), plain })
  }
  return blocks
}

/** MB/s by rival; each has decoded all blocks to the right bytes before. */
async function measure(blocks: Block[], native: NativeLzma | undefined): Promise<Map<string, number>> {
  const total = blocks.reduce((sum, { plain }) => sum + plain.length, 0)
  const best = new Map<string, number>()
  const count = (name: string, mbPerSecond: number): void => {
    best.set(name, Math.max(best.get(name) ?? 0, mbPerSecond))
  }
  const core = prepareCore(blocks)
  const files = blocks.map(({ stream, plain }) => lzmaFile(stream, plain.length))
  files.forEach((file, i) => {
    if (Buffer.compare(decodeLzma1(file), (blocks[i] as Block).plain)) throw new Error("lzma1: other bytes")
  })
  const folder = mkdtempSync(join(tmpdir(), "lzma-blocks-"))
  try {
    const file = join(folder, "blocks")
    writeFileSync(file, Buffer.concat(blocks.flatMap(asRecord)))
    if (native) checkNative(native, blocks)
    for (let round = 0; round < ROUNDS; round++) {
      if (native) count("liblzma", native.time(MILLISECONDS / 1000, file).mbPerSecond)
      const bench = new Bench({
        time: MILLISECONDS,
        iterations: 2,
        warmup: round === 0,
        timestampProvider: processorTime,
      })
      bench.add("erofs-wasm", core)
      bench.add("lzma1", () => {
        for (const one of files) decodeLzma1(one)
      })
      for (const { name, result } of await bench.run()) {
        if (result.state !== "completed") throw new Error(`${name}: ${result.state}`)
        count(name, total / result.latency.min / 1000)
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return best
}

/** Puts all blocks into the memory of a core and checks what it makes of them. */
function prepareCore(blocks: Block[]): () => void {
  const streams = blocks.reduce((sum, { stream }) => sum + stream.length, 0)
  const largest = Math.max(...blocks.map(({ plain }) => plain.length))
  const target = (SOURCES + streams + 0xffff) & ~0xffff
  const pages = ((target + 2 * largest) >> 16) + 2
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  const wasm = new WebAssembly.Module(readFileSync(findCore()))
  const decode = new WebAssembly.Instance(wasm, { env: { memory } }).exports.decodeLzma as Decode
  const bytes = new Uint8Array(memory.buffer)
  let at = SOURCES
  const placed = blocks.map(({ stream, plain }) => {
    bytes.set(stream, at)
    at += stream.length
    return { from: at - stream.length, length: stream.length, plain }
  })
  const one = ({ from, length, plain }: (typeof placed)[number]): void => {
    if (decode(from, length, target, plain.length, 0, WORKSPACE, false)) throw new Error("erofs-wasm refused")
  }
  for (const block of placed) {
    one(block)
    const decoded = bytes.subarray(target, target + block.plain.length)
    if (Buffer.compare(decoded, block.plain)) throw new Error("erofs-wasm: other bytes")
  }
  return () => {
    for (const block of placed) one(block)
  }
}

function checkNative(native: NativeLzma, blocks: Block[]): void {
  const jobs = blocks.map(({ stream, plain }) => ({
    what: "whole" as const,
    stream,
    targetLength: plain.length,
  }))
  native.run(jobs).forEach(({ bytes }, i) => {
    if (!bytes || Buffer.compare(bytes, (blocks[i] as Block).plain)) throw new Error("liblzma: other bytes")
  })
}

/** As `microlzma time` reads them: lengths of stream and plain text, the stream. */
function asRecord({ stream, plain }: Block): Uint8Array[] {
  return [new Uint8Array(Uint32Array.of(stream.length, plain.length).buffer), stream]
}

/** The built core, from the source tree as from the compiled one. */
function findCore(): string {
  for (let url = new URL("./", import.meta.url); ; url = new URL("../", url)) {
    const path = fileURLToPath(new URL("build/core.shared.wasm", url))
    if (existsSync(path)) return path
    if (url.pathname === "/") throw new Error("build the core first: npm run build:core")
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { title, rows, notes } = await suite()
  console.log(title)
  for (const { group, name, mbPerSecond, ratio } of rows) {
    const figures = `${mbPerSecond.toFixed(1).padStart(8)} MB/s ${ratio?.toFixed(2).padStart(6) ?? ""}`
    console.log(`${group.padEnd(28)} ${name.padEnd(12)} ${figures}`)
  }
  for (const note of notes) console.log(note)
}
