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
const FFLATE = "fflate"
const REFERENCE = "node:zlib"
const SLACK = 512
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

  run(slack: number, verify?: Uint8Array): void {
    let at = 0
    for (const [i, { stream, length }] of this.#pieces.entries()) {
      const source = this.#sources[i] ?? 0
      const status = this.#decode(source, stream.length, this.#target, length, slack, WORKSPACE, false)
      if (status !== OK) throw new Error(`piece ${i}: status ${status}`)
      if (verify) {
        const output = this.#bytes.slice(this.#target, this.#target + length)
        if (Buffer.compare(output, verify.subarray(at, at + length)) !== 0)
          throw new Error(`piece ${i} differs`)
        at += length
      }
    }
  }
}

/** Decodes all pieces. */
function each(pieces: Piece[], decode: (piece: Piece) => Uint8Array): void {
  for (const piece of pieces) decode(piece)
}

/** Requires of a rival that it gives back the corpus. */
function verifyRival(pieces: Piece[], bytes: Uint8Array, decode: (piece: Piece) => Uint8Array): void {
  let at = 0
  for (const piece of pieces) {
    if (Buffer.compare(decode(piece), bytes.subarray(at, at + piece.length)) !== 0)
      throw new Error("rival differs")
    at += piece.length
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

/** Runs all rivals in turn, several times; best of all passes, as the machine may be busy. */
export async function suite(): Promise<SuiteResult> {
  const native = NativeProgram.compile()
  const rows: SuiteResult["rows"] = []
  const ratios = new Map<string, number[]>()
  for (const pcluster of PCLUSTERS) {
    for (const level of LEVELS) {
      for (const { name: corpus, bytes } of corpora(BYTES_EACH)) {
        const pieces = cut(bytes, pcluster, level)
        const rivals: Record<string, Fn> = {}

        const shared = new Core("shared", pieces)
        const plain = new Core("plain", pieces)
        for (const core of [shared, plain]) for (const slack of [0, SLACK]) core.run(slack, bytes)
        rivals["ours, exact"] = () => shared.run(0)
        rivals["ours, slack"] = () => shared.run(SLACK)
        rivals["ours, plain memory"] = () => plain.run(0)

        const largest = Math.max(...pieces.map(({ length }) => length))
        const out = new Uint8Array(largest)
        const withFflate = ({ stream, length }: Piece) =>
          inflateSync(stream, { out: out.subarray(0, length) })
        const withNode = ({ stream }: Piece) => inflateRawSync(stream)
        const withNodeAtOnce = ({ stream, length }: Piece) =>
          inflateRawSync(stream, { chunkSize: Math.max(64, length) })
        for (const decode of [withFflate, withNode, withNodeAtOnce]) verifyRival(pieces, bytes, decode)
        rivals[FFLATE] = () => each(pieces, withFflate)
        rivals[REFERENCE] = () => each(pieces, withNode)
        rivals["node:zlib, one chunk"] = () => each(pieces, withNodeAtOnce)

        const timers: NativeTimer[] = []
        for (const library of ["zlib", "libdeflate"] satisfies NativeLibrary[]) {
          const timer = await native?.start(library, pieces)
          if (!timer) continue
          timers.push(timer)
          rivals[`native ${library}`] = async () => ({ overriddenDuration: await timer.pass() })
        }

        const times = new Map(Object.keys(rivals).map((name) => [name, [] as number[]]))
        for (let round = 0; round <= ROUNDS; round++) {
          const bench = new Bench({ time: ROUND_MILLISECONDS, iterations: 3, warmup: false })
          for (const [name, run] of Object.entries(rivals)) bench.add(name, run)
          await bench.run()
          if (round === 0) continue // warms up
          for (const { name, result } of bench.tasks) {
            if (result.state !== "completed") throw new Error(`${name}: ${result.state}`)
            times.get(name)?.push(result.latency.min)
          }
        }
        for (const timer of timers) timer.dispose()

        const reference = Math.min(...(times.get(REFERENCE) ?? []))
        for (const [name, passes] of times) {
          const best = Math.min(...passes)
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
    `Best of ${ROUNDS} interleaved rounds of ${ROUND_MILLISECONDS} ms; ${BYTES_EACH >> 20} MiB of each corpus.`,
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
