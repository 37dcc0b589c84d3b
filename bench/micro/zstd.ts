// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { decompress as fzstd } from "fzstd"
import { Bench } from "tinybench"
import { ZSTDDecoder } from "zstddec"
import { NativeZstd, type Piece } from "../../test/support/zstd.js"
import { corpora } from "../data.js"

export interface SuiteResult {
  title: string
  rows: {
    group: string
    name: string
    mbPerSecond: number
    /** Against the group's reference, native libzstd. */
    ratio?: number
  }[]
  notes: string[]
}

/** Bytes of each corpus; the whole takes about two minutes. */
const CORPUS_BYTES = 4 << 20
const LEVELS = [3, 15]
const PCLUSTERS = [4 << 10, 64 << 10]
const ROUNDS = 10
const WARM_UP_MILLISECONDS = 3000
const NATIVE_SECONDS = 0.15

const WORKSPACE = 1 << 20
const SOURCES = 2 << 20
const SLACK = 128
const MEMORY_PAGES = 1024

/** Decodes each piece of a set once. */
type Run = (check: boolean) => void

type DecodeZstd = (
  source: number,
  sourceLength: number,
  target: number,
  targetLength: number,
  slack: number,
  workspace: number,
  partial: boolean,
) => number

/** The core, one for all sets so that it is optimized once. */
class Core {
  readonly #bytes: Uint8Array
  readonly #decode: DecodeZstd

  constructor() {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES, shared: true })
    const module = new WebAssembly.Module(readFileSync(findBuild()))
    const { exports } = new WebAssembly.Instance(module, { env: { memory } })
    const { decodeZstd } = exports as { decodeZstd: DecodeZstd }
    this.#decode = decodeZstd
    this.#bytes = new Uint8Array(memory.buffer)
  }

  /** Decoding of pieces from and to the core's memory. They replace those of the call before. */
  load(pieces: readonly Piece[]): Run {
    const bytes = this.#bytes
    let end = SOURCES
    const sources = pieces.map(({ frame }) => {
      const at = end
      bytes.set(frame, at)
      end += frame.length + 64
      return at
    })
    const target = (end + 4095) & ~4095
    return (check) => {
      pieces.forEach(({ content, frame }, index) => {
        const { length } = content
        const source = sources[index] as number
        const status = this.#decode(source, frame.length, target, length, SLACK, WORKSPACE, false)
        if (status || (check && Buffer.compare(bytes.subarray(target, target + length), content))) {
          throw new Error("wrong output")
        }
      })
    }
  }
}

function findBuild(): URL {
  for (let url = new URL("./", import.meta.url); ; url = new URL("../", url)) {
    const file = new URL("build/core.shared.wasm", url)
    try {
      readFileSync(file)
      return file
    } catch {
      if (url.pathname === "/") throw new Error("build/core.shared.wasm not found: npm run build:core")
    }
  }
}

function rival(pieces: readonly Piece[], decode: (frame: Uint8Array, length: number) => Uint8Array): Run {
  return (check) => {
    for (const { content, frame } of pieces) {
      const out = decode(frame, content.length)
      if (check && Buffer.compare(out, content)) throw new Error("wrong output")
    }
  }
}

/** Runs until the engine has surely optimized the code, even with both processors busy. */
function warmUp(run: Run): void {
  for (const end = performance.now() + WARM_UP_MILLISECONDS; performance.now() < end; ) run(false)
}

/** Zstandard frames that fit pclusters, decoded by the core, by native libzstd and by npm packages. */
export async function suite(): Promise<SuiteResult> {
  const native = NativeZstd.build()
  if (!native) {
    return {
      title: "Zstandard",
      rows: [],
      notes: ["Skipped: needs a C compiler and libzstd to make frames."],
    }
  }
  const zstddec = new ZSTDDecoder()
  await zstddec.init()
  const core = new Core()
  const rows: SuiteResult["rows"] = []
  for (const { name, bytes } of corpora(CORPUS_BYTES)) {
    for (const size of PCLUSTERS) {
      for (const level of LEVELS) {
        const pieces = native.fit(bytes, level, size)
        const total = pieces.reduce((sum, { content }) => sum + content.length, 0)
        const output = new Uint8Array(Math.max(...pieces.map(({ content }) => content.length)))
        const runs: Record<string, Run> = {
          "erofs-wasm": core.load(pieces),
          zstddec: rival(pieces, (frame, length) => zstddec.decode(frame, length)),
          fzstd: rival(pieces, (frame, length) => fzstd(frame, output.subarray(0, length))),
        }
        for (const run of Object.values(runs)) run(true)
        if (!rows.length) warmUp(runs["erofs-wasm"] as Run)
        // Interleaved rounds; the best of each, as other load only ever slows down.
        const best: Record<string, number> = { "libzstd (native)": 0 }
        for (let round = 0; round < ROUNDS; round++) {
          best["libzstd (native)"] = Math.max(
            best["libzstd (native)"] ?? 0,
            native.bench(pieces, NATIVE_SECONDS),
          )
          const bench = new Bench({ time: 20, iterations: 3, warmup: round === 0 })
          for (const [key, run] of Object.entries(runs)) {
            if (key !== "fzstd" || round === 0) bench.add(key, () => run(false))
          }
          await bench.run()
          for (const task of bench.tasks) {
            const { result } = task
            if (!("latency" in result)) throw new Error(`${task.name} failed`)
            best[task.name] = Math.max(best[task.name] ?? 0, total / result.latency.min / 1000)
          }
        }
        const reference = best["libzstd (native)"] as number
        for (const [key, mbPerSecond] of Object.entries(best)) {
          const group = `${name}, ${size >> 10} KiB pclusters, level ${level}`
          rows.push({ group, name: key, mbPerSecond, ratio: mbPerSecond / reference })
        }
      }
    }
  }
  native.dispose()
  return {
    title: "Zstandard",
    rows,
    notes: ["libzstd: ZSTD_decompressDCtx with one context. Best of interleaved rounds. MB/s of output."],
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { title, rows, notes } = await suite()
  console.log(title)
  for (const { group, name, mbPerSecond, ratio } of rows) {
    console.log(
      `${group.padEnd(40)} ${name.padEnd(18)} ${mbPerSecond.toFixed(0).padStart(6)} ${ratio?.toFixed(2)}`,
    )
  }
  for (const note of notes) console.log(note)
}
