// SPDX-License-Identifier: MIT
/** DEFLATE: our decoder against fflate, node:zlib, and native zlib and libdeflate. */
import { readFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { deflateRawSync, inflateRawSync } from "node:zlib"
import { inflateSync } from "fflate"
import { Bench, type Fn } from "tinybench"
import { corpora } from "../data.js"
import { type NativeLibrary, NativeProgram, type NativeTimer, type Piece } from "./deflate-native.js"

export interface SuiteResult {
  title: string
  rows: { group: string; name: string; mbPerSecond: number; ratio?: number }[]
  notes: string[]
}

const { BENCH_ROUNDS = "5", BENCH_BYTES = String(4 << 20) } = process.env
const ROUNDS = Number(BENCH_ROUNDS)
const BYTES_EACH = Number(BENCH_BYTES)
const ROUND_MILLISECONDS = 40
const PCLUSTERS = [4 << 10, 64 << 10]
const LEVELS = [6, 9]
const REFERENCE = "node:zlib"
const SLACK = 512
/** The smallest `chunkSize` that node:zlib takes. */
const SMALLEST_CHUNK = 64
const WORKSPACE = 1 << 16
const SOURCES = 1 << 20
const OK = 0

/** The folder of package.json, from the source tree as from the compiled one. */
const root = new URL(import.meta.url.includes("/build/js/") ? "../../../../" : "../../", import.meta.url)

/** Cuts `bytes` into pieces of the largest length whose stream fits into `pcluster` bytes, nearly. */
function cut(bytes: Uint8Array, pcluster: number, level: number): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0, guess = 2 * pcluster; at < bytes.length; ) {
    let [low, high] = [0, bytes.length - at + 1]
    let stream: Uint8Array = new Uint8Array()
    let length = Math.min(guess, high - 1)
    // What is left free is below a hundredth, or the data ends, or nothing lies between.
    while (high - low > 1 && stream.length < pcluster * 0.99) {
      const trial = deflateRawSync(bytes.subarray(at, at + length), { level })
      if (trial.length <= pcluster) [low, stream] = [length, trial]
      else high = length
      const aim = Math.floor((length * (pcluster - (pcluster >> 8))) / trial.length)
      length = Math.min(high - 1, Math.max(low + 1, aim))
    }
    pieces.push({ stream, length: low })
    at += low
    guess = low
  }
  return pieces
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

/** A build of the core with all pieces in its memory; decodes each into the same target. */
class Core {
  readonly #decode: Decode
  readonly #bytes: Uint8Array
  readonly #pieces: Piece[]
  readonly #sources: number[] = []
  readonly #target: number

  constructor(variant: "shared" | "plain", pieces: Piece[]) {
    const memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: variant === "shared" })
    const module = new WebAssembly.Module(readFileSync(new URL(`build/core.${variant}.wasm`, root)))
    const instance = new WebAssembly.Instance(module, { env: { memory } })
    const { decodeDeflate } = instance.exports
    this.#decode = decodeDeflate as Decode
    this.#bytes = new Uint8Array(memory.buffer)
    this.#pieces = pieces
    let at = SOURCES
    for (const { stream } of pieces) {
      this.#bytes.set(stream, at)
      this.#sources.push(at)
      at += stream.length
    }
    this.#target = (at + 4096) & ~4095
  }

  /** Decodes the piece of this index; gives back the view of its output that `verifyRival` wants, if asked. */
  decode(index: number, slack: number, view = false): Uint8Array | undefined {
    const piece = this.#pieces[index]
    if (!piece) throw new RangeError(`no piece ${index}`)
    const { stream, length } = piece
    const source = this.#sources[index] ?? 0
    const status = this.#decode(source, stream.length, this.#target, length, slack, WORKSPACE, false)
    if (status !== OK) throw new Error(`piece ${index}: status ${status}`)
    return view ? this.#bytes.slice(this.#target, this.#target + length) : undefined
  }
}

/** The best time of each piece. A busy machine spoils long passes; few pieces are unlucky every time. */
class PieceTimes {
  readonly #best: Float64Array

  constructor(count: number) {
    this.#best = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  }

  /** A task that decodes every piece once and notes how long each took. */
  pass(decode: (index: number) => unknown): Fn {
    const best = this.#best
    return () => {
      for (let i = 0; i < best.length; i++) {
        const from = performance.now()
        decode(i)
        const time = performance.now() - from
        if (time < (best[i] ?? 0)) best[i] = time
      }
    }
  }

  get total(): number {
    return this.#best.reduce((sum, time) => sum + time, 0)
  }
}

/** Requires of a rival that it gives back the corpus. */
function verifyRival(
  pieces: Piece[],
  bytes: Uint8Array,
  decode: (index: number) => Uint8Array | undefined,
): void {
  let at = 0
  for (const [i, { length }] of pieces.entries()) {
    const output = decode(i)
    if (!output || Buffer.compare(output, bytes.subarray(at, at + length)) !== 0)
      throw new Error(`piece ${i} differs`)
    at += length
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

/** Runs all rivals in turn, several times, and adds up the best times of the pieces. */
export async function suite(): Promise<SuiteResult> {
  const native = NativeProgram.compile()
  const rows: SuiteResult["rows"] = []
  const ratios = new Map<string, number[]>()
  for (const pcluster of PCLUSTERS) {
    for (const level of LEVELS) {
      for (const { name: corpus, bytes } of corpora(BYTES_EACH)) {
        const pieces = cut(bytes, pcluster, level)
        const shared = new Core("shared", pieces)
        const plain = new Core("plain", pieces)
        const out = new Uint8Array(Math.max(...pieces.map(({ length }) => length)))
        const pieceOf = (index: number): Piece => pieces[index] ?? { stream: out, length: 0 }
        const rivals: Record<string, (index: number, view?: boolean) => Uint8Array | undefined> = {
          "ours, exact": (i, view) => shared.decode(i, 0, view),
          "ours, slack": (i, view) => shared.decode(i, SLACK, view),
          "ours, plain memory": (i, view) => plain.decode(i, 0, view),
          fflate: (i) => inflateSync(pieceOf(i).stream, { out: out.subarray(0, pieceOf(i).length) }),
          [REFERENCE]: (i) => inflateRawSync(pieceOf(i).stream),
          "node:zlib, one chunk": (i) =>
            inflateRawSync(pieceOf(i).stream, { chunkSize: Math.max(SMALLEST_CHUNK, pieceOf(i).length) }),
        }
        const tasks = new Map<string, Fn>()
        const totals = new Map<string, () => number>()
        for (const [name, decode] of Object.entries(rivals)) {
          verifyRival(pieces, bytes, (i) => decode(i, true))
          const times = new PieceTimes(pieces.length)
          tasks.set(name, times.pass(decode))
          totals.set(name, () => times.total)
        }
        const timers: NativeTimer[] = []
        for (const library of ["zlib", "libdeflate"] satisfies NativeLibrary[]) {
          const timer = await native?.start(library, pieces)
          if (!timer) continue
          timers.push(timer)
          tasks.set(`native ${library}`, () => timer.pass())
          totals.set(`native ${library}`, () => timer.total)
        }

        for (let round = 0; round < ROUNDS; round++) {
          const bench = new Bench({ time: ROUND_MILLISECONDS, iterations: 3, warmup: false })
          for (const [name, task] of tasks) bench.add(name, task)
          await bench.run()
          for (const { name, result } of bench.tasks) {
            if (result.state !== "completed") throw new Error(`${name}: ${result.state}`)
          }
        }
        for (const timer of timers) timer.dispose()

        const reference = totals.get(REFERENCE)?.() ?? Number.NaN
        for (const [name, total] of totals) {
          const best = total()
          const ratio = reference / best
          const group = `${corpus}, ${pcluster >> 10} KiB pclusters, level ${level}`
          rows.push({ group, name, mbPerSecond: bytes.length / best / 1e3, ratio })
          const key = `${pcluster >> 10} KiB: ${name}`
          ratios.set(key, [...(ratios.get(key) ?? []), ratio])
        }
      }
    }
  }
  native?.dispose()
  const notes = [
    `Ratio: to ${REFERENCE}'s inflateRawSync.${native ? "" : " No native rivals (needs cc and zlib.h)."}`,
    `Best times of each piece in ${ROUNDS} interleaved rounds of ${ROUND_MILLISECONDS} ms; ${BYTES_EACH >> 20} MiB of each corpus.`,
    ...[...ratios].map(([key, each]) => `Median over corpora and levels, ${key}: ${median(each).toFixed(2)}`),
  ]
  return { title: "DEFLATE decoding", rows, notes }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { title, rows, notes } = await suite()
  console.log(`# ${title}`)
  let last = ""
  for (const { group, name, mbPerSecond, ratio } of rows) {
    if (group !== last) console.log(`\n${group}`)
    last = group
    console.log(
      `  ${name.padEnd(24)}${mbPerSecond.toFixed(0).padStart(7)} MB/s${ratio?.toFixed(2).padStart(7)}`,
    )
  }
  console.log(`\n${notes.join("\n")}`)
}
