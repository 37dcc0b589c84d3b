// SPDX-License-Identifier: MIT
/** LZ4: our decoder against lz4-wasm and the installed liblz4. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { pathToFileURL } from "node:url"
import { Bench, type Fn } from "tinybench"
import { compiler, Lz4Native, liblz4 } from "../../test/support/lz4-native.js"
import { LENGTH_BYTES, Lz4Wasm } from "../../test/support/lz4-wasm.js"
import { corpora } from "../data.js"

export interface SuiteResult {
  title: string
  rows: { group: string; name: string; mbPerSecond: number; ratio?: number }[]
  notes: string[]
}

/** A piece of a corpus that fills one pcluster. */
export interface Piece {
  prefixed: Uint8Array
  length: number
}

const PCLUSTERS = [4 << 10, 64 << 10]
const { BENCH_ROUNDS = 9, BENCH_BYTES = 8 << 20 } = process.env
const ROUNDS = Number(BENCH_ROUNDS)
const ROUND_MILLISECONDS = 50
const BYTES_EACH = Number(BENCH_BYTES)
const SLACK = 128
const SOURCES = 1 << 20
const WORKSPACE = 1 << 16
const OK = 0

/** The folder of package.json, from the source tree as from the compiled one. */
const root = new URL(import.meta.url.includes("/build/js/") ? "../../../../" : "../../", import.meta.url)

/** Cuts `bytes` into the largest pieces whose compressed form fits into `pcluster` bytes. */
export function cut(lz4: Lz4Wasm, bytes: Uint8Array, pcluster: number): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0, guess = 2 * pcluster; at < bytes.length; ) {
    const encode = (length: number): Uint8Array => lz4.encodePrefixed(bytes.subarray(at, at + length))
    const fits = (block: Uint8Array): boolean => block.length - LENGTH_BYTES <= pcluster
    const most = bytes.length - at
    // Step outwards from the last answer until the border is between `low` (fits) and `high`.
    let [low, high, step] = [0, most + 1, pcluster >> 3]
    let best: Uint8Array = new Uint8Array()
    for (let length = Math.min(guess, most); high - low > 1; ) {
      const block = encode(length)
      if (fits(block)) [low, best] = [length, block]
      else high = length
      if (low > 0 && high <= most) length = (low + high) >> 1
      else length = Math.max(1, Math.min(most, low > 0 ? low + step : high - step))
      step *= 2
    }
    pieces.push({ prefixed: best, length: low })
    at += low
    guess = low
  }
  return pieces
}

export type Decode = (
  source: number,
  sourceLength: number,
  target: number,
  targetLength: number,
  slack: number,
  workspace: number,
  partial: boolean,
) => number

/** A build of the core with all pieces in its memory; decodes them one behind the other. */
export class Core {
  readonly #decode: Decode
  readonly #bytes: Uint8Array
  readonly #sources: number[] = []
  readonly #target: number
  readonly #pieces: Piece[]

  constructor(variant: "shared" | "plain", pieces: Piece[]) {
    this.#pieces = pieces
    let at = SOURCES
    for (const { prefixed } of pieces) {
      this.#sources.push(at)
      at += prefixed.length - LENGTH_BYTES
    }
    this.#target = (at + 4095) & ~4095
    const pages = (this.#target + 2 * BYTES_EACH + SOURCES) >> 16
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: variant === "shared" })
    this.#bytes = new Uint8Array(memory.buffer)
    pieces.forEach(({ prefixed }, i) => {
      this.#bytes.set(prefixed.subarray(LENGTH_BYTES), this.#sources[i])
    })
    const file = new URL(`build/core.${variant}.wasm`, root)
    const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), { env: { memory } })
    const { decodeLz4 } = instance.exports
    this.#decode = decodeLz4 as Decode
  }

  run(slack: number, partial: boolean): void {
    const decode = this.#decode
    const sources = this.#sources
    const pieces = this.#pieces
    let to = this.#target
    for (let i = 0; i < pieces.length; i++) {
      const { prefixed, length } = pieces[i] as Piece
      const sourceLength = prefixed.length - LENGTH_BYTES
      const status = decode(sources[i] as number, sourceLength, to, length, slack, WORKSPACE, partial)
      if (status !== OK) throw new Error(`piece ${i}: status ${status}`)
      to += length
    }
  }

  /** Decodes and compares with the corpus. */
  verify(slack: number, partial: boolean, expected: Uint8Array): void {
    const output = this.#bytes.subarray(this.#target, this.#target + expected.length)
    output.fill(0)
    this.run(slack, partial)
    if (Buffer.compare(output, expected) !== 0) throw new Error("output differs from the corpus")
  }
}

/** The native program, waiting to be told to decode all pieces once. */
export class NativeTimer {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>

  constructor(native: Lz4Native, pieces: Piece[], partial: boolean) {
    const blocks = pieces.map(({ prefixed, length }) => ({
      source: prefixed.subarray(LENGTH_BYTES),
      targetLength: length,
      partial,
    }))
    const file = native.write(blocks, `blocks-${partial}`)
    this.#child = spawn(native.program, ["time", file])
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** Milliseconds of one pass. */
  async run(): Promise<number> {
    this.#child.stdin.write("x")
    const { value } = await this.#lines.next()
    return Number(value) / 1e6
  }

  dispose(): void {
    this.#child.stdin.end()
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

/** Runs all rivals in turn, several times; best of all passes, as the machine may be busy. */
export async function suite(): Promise<SuiteResult> {
  const lz4 = new Lz4Wasm()
  const native = compiler && liblz4 ? new Lz4Native() : undefined
  const rows: SuiteResult["rows"] = []
  const ratios = new Map<string, number[]>()
  for (const pcluster of PCLUSTERS) {
    for (const { name: corpus, bytes } of corpora(BYTES_EACH)) {
      const group = `${corpus}, ${pcluster >> 10} KiB pclusters`
      const pieces = cut(lz4, bytes, pcluster)
      const shared = new Core("shared", pieces)
      const plain = new Core("plain", pieces)
      const timers = native ? [false, true].map((partial) => new NativeTimer(native, pieces, partial)) : []
      for (const core of [shared, plain]) {
        for (const slack of [0, SLACK]) {
          for (const partial of [false, true]) core.verify(slack, partial, bytes)
        }
      }
      let at = 0
      for (const { prefixed, length } of pieces) {
        const output = lz4.decodePrefixed(prefixed)
        if (Buffer.compare(output, bytes.subarray(at, at + length)) !== 0) throw new Error("lz4-wasm differs")
        at += length
      }

      const rivals: Record<string, Fn> = {}
      timers.forEach((timer, i) => {
        rivals[`liblz4, ${i === 0 ? "whole" : "partial"}`] = async () => ({
          overriddenDuration: await timer.run(),
        })
      })
      rivals["ours, exact tail"] = () => shared.run(0, false)
      rivals["ours, slack"] = () => shared.run(SLACK, false)
      rivals["ours, exact tail, partial"] = () => shared.run(0, true)
      rivals["ours, slack, partial"] = () => shared.run(SLACK, true)
      rivals["ours, slack, plain memory"] = () => plain.run(SLACK, false)
      rivals["lz4-wasm"] = () => {
        for (const { prefixed } of pieces) lz4.decodePrefixed(prefixed)
      }

      const times = new Map(Object.keys(rivals).map((name) => [name, [] as number[]]))
      for (let round = 0; round <= ROUNDS; round++) {
        const bench = new Bench({ time: ROUND_MILLISECONDS, iterations: 5, warmup: false })
        for (const [name, run] of Object.entries(rivals)) bench.add(name, run)
        await bench.run()
        if (round === 0) continue // warms up
        for (const { name, result } of bench.tasks) {
          if (result.state !== "completed") throw new Error(`${name}: ${result.state}`)
          times.get(name)?.push(result.latency.min)
        }
      }
      for (const timer of timers) timer.dispose()

      const reference = Math.min(...(times.get(native ? "liblz4, whole" : "lz4-wasm") ?? []))
      for (const [name, each] of times) {
        const best = Math.min(...each)
        const ratio = reference / best
        rows.push({ group, name, mbPerSecond: bytes.length / best / 1e3, ratio })
        const key = `${pcluster >> 10} KiB: ${name}`
        ratios.set(key, [...(ratios.get(key) ?? []), ratio])
      }
    }
  }
  const notes = [
    native
      ? `Ratio: to liblz4 ${native.version}, whole mode.`
      : "Ratio: to lz4-wasm (no C compiler or no liblz4).",
    `Best of ${ROUNDS} interleaved rounds of ${ROUND_MILLISECONDS} ms; ${BYTES_EACH >> 20} MiB of each corpus.`,
    ...[...ratios].map(([key, each]) => `Median over corpora, ${key}: ${median(each).toFixed(2)}`),
  ]
  native?.dispose()
  return { title: "LZ4 decoding", rows, notes }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { title, rows, notes } = await suite()
  console.log(`# ${title}`)
  let last = ""
  for (const { group, name, mbPerSecond, ratio } of rows) {
    if (group !== last) console.log(`\n${group}`)
    last = group
    console.log(
      `  ${name.padEnd(28)}${mbPerSecond.toFixed(0).padStart(7)} MB/s${ratio?.toFixed(2).padStart(7)}`,
    )
  }
  console.log(`\n${notes.join("\n")}`)
}
