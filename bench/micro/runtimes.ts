// SPDX-License-Identifier: MIT
/** LZ4 in Node, Chromium, Deno and Bun beside the installed liblz4. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { prepareTools, tool } from "../../test/runtime/scratch.js"
import { findChromium } from "../../test/support/chromium.js"
import { compiler, Lz4Native, liblz4 } from "../../test/support/lz4-native.js"
import { LENGTH_BYTES, Lz4Wasm } from "../../test/support/lz4-wasm.js"
import { corpora, packageFolder } from "../data.js"
import type { Row, SuiteOptions, SuiteResult } from "../report.js"
import { median } from "../rounds.js"
import { type Rival, startChromium, startProcess } from "../runtime/rivals.js"
import { cut, NativeTimer, type Piece } from "./lz4.js"

const PCLUSTER = 64 << 10
/** What the other runtimes should reach of native speed. */
const GOAL = 0.85
const TURN_MILLISECONDS = 60

/** Writes what runtimes read. */
function writeWork(folder: string, pieces: readonly Piece[], expected: Uint8Array): void {
  mkdirSync(folder)
  copyFileSync(join(packageFolder, "build/core.shared.wasm"), join(folder, "core.wasm"))
  writeFileSync(
    join(folder, "encoded"),
    Buffer.concat(pieces.map((piece) => piece.prefixed.subarray(LENGTH_BYTES))),
  )
  const lengths = pieces.flatMap((piece) => [piece.prefixed.length - LENGTH_BYTES, piece.length])
  writeFileSync(join(folder, "lengths"), new Uint8Array(Uint32Array.from(lengths).buffer))
  writeFileSync(join(folder, "expected"), expected)
}

/** The native library as a rival. Each turn has as long as the others have. */
function startNative(native: Lz4Native, pieces: Piece[]): Rival {
  const timer = new NativeTimer(native, pieces, false)
  return {
    name: `liblz4 ${native.version}`,
    async best(milliseconds) {
      let best = Number.POSITIVE_INFINITY
      for (const end = performance.now() + milliseconds; performance.now() < end; ) {
        best = Math.min(best, await timer.run())
      }
      return best
    },
    async dispose() {
      timer.dispose()
    },
  }
}

/** Every runtime that can be had. Notes name the others. */
async function startRivals(native: Lz4Native | undefined, pieces: Piece[], work: string, notes: Set<string>) {
  const rivals: Rival[] = []
  if (native) rivals.push(startNative(native, pieces))
  rivals.push(startProcess(`Node ${process.version}`, process.execPath, [], work))
  const missing = prepareTools(["deno", "bun"])
  for (const [name, args] of [
    ["deno", ["run", "--no-prompt", "--allow-read"]],
    ["bun", ["run"]],
  ] as const) {
    if (missing[name]) notes.add(`Not measured: ${name} cannot be installed from here (${missing[name]}).`)
    else rivals.push(startProcess(name === "deno" ? "Deno" : "Bun", tool(".bin", name), args, work))
  }
  if (findChromium()) rivals.push(await startChromium(work))
  else notes.add("Not measured: Chromium is not installed.")
  return rivals
}

/** Runs all in turn; best of all turns, as the machine may be busy. */
export async function suite({ quick }: SuiteOptions): Promise<SuiteResult> {
  const bytesEach = quick ? 4 << 20 : 8 << 20
  const rounds = quick ? 4 : 12
  const lz4 = new Lz4Wasm()
  const native = compiler && liblz4 ? new Lz4Native() : undefined
  const folder = mkdtempSync(join(tmpdir(), "erofs-wasm-bench-"))
  const rows: Row[] = []
  const notes = new Set<string>()
  const ratios = new Map<string, number[]>()
  try {
    for (const { name: corpus, bytes } of corpora(bytesEach)) {
      const pieces = cut(lz4, bytes, PCLUSTER)
      const work = join(folder, corpus)
      writeWork(work, pieces, bytes)
      const rivals = await startRivals(native, pieces, work, notes)
      const best = new Map(rivals.map(({ name }) => [name, Number.POSITIVE_INFINITY]))
      for (let round = 0; round < rounds; round++) {
        for (const rival of rivals) {
          const time = await rival.best(TURN_MILLISECONDS)
          best.set(rival.name, Math.min(best.get(rival.name) as number, time))
        }
      }
      for (const rival of rivals) await rival.dispose()
      const reference = best.get(rivals[0]?.name as string) as number
      for (const [name, time] of best) {
        const ratio = reference / time
        ratios.set(name, [...(ratios.get(name) ?? []), ratio])
        const row = {
          group: `${corpus}, ${PCLUSTER >> 10} KiB pclusters`,
          name,
          mbPerSecond: bytes.length / time / 1e3,
          ratio,
        }
        rows.push(/^(Deno|Bun|Chromium)/.test(name) ? { ...row, goal: GOAL } : row)
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
    native?.dispose()
  }
  notes.add(native ? "Ratio: to liblz4." : "Ratio: to Node (no C compiler or no liblz4).")
  notes.add(`Best of ${rounds} turns of ${TURN_MILLISECONDS} ms each; ${bytesEach >> 20} MiB of each corpus.`)
  for (const [name, each] of ratios) notes.add(`Median over corpora, ${name}: ${median(each).toFixed(2)}`)
  return { title: "LZ4 decoding in other runtimes", rows, notes: [...notes] }
}
