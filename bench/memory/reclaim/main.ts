// SPDX-License-Identifier: MIT
/**
 * How often reclaim keeps the page that is used next: hit ratios of the pool, of textbook policies and of the offline
 * optimum, on recordings of real programs.
 *
 *     npm run bench:reclaim -- [--only RECORDING]... [--json] [--plot FILE]
 */
import { writeFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { drawLines } from "../../plot.js"
import { emptyReport, headLines } from "../../report.js"
import { clock, lru, optimum, type Policy, s3fifo, sieve } from "./policies.js"
import { poolHits, SMALLEST_POOL } from "./pool.js"
import { type PageUses, pageUses, readTrace } from "./trace.js"

/** Recordings and what they are of. */
const RECORDINGS = {
  walk: "npm lists what is installed, in seven projects",
  random: "lookups in a database",
  scan: "a bundler, whole trees read in between",
  versions: "24 starts of two versions each of four programs",
} as const
type Name = keyof typeof RECORDINGS

/** Sizes of pools, as shares of all pages that a recording uses. */
const SHARES = [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8]

/** Hit ratios by policy, in the order of the shares. */
interface Result {
  name: Name
  uses: number
  pages: number
  frames: number[]
  ratios: Record<string, number[]>
}

/** CLOCK that takes unshared and cold pages first: those of files that several images have in common come in warm. */
function sharedWarm({ places, spaceUsers }: PageUses): Policy {
  return clock((page) => ((spaceUsers[(places[page] as { space: number }).space] ?? 0) > 1 ? 1 : 0))
}

async function study(name: Name): Promise<Result> {
  const uses = pageUses(readTrace(name), true)
  const pages = uses.places.length
  const frames = SHARES.map((share) => Math.max(SMALLEST_POOL, Math.round(pages * share)))
  const policies: Record<string, (frames: number) => number | Promise<number>> = {
    optimum: (count) => optimum(uses.uses, count, pages),
    LRU: (count) => lru(uses.uses, count, pages),
    SIEVE: (count) => sieve(uses.uses, count, pages),
    "S3-FIFO": (count) => s3fifo(uses.uses, count, pages),
    CLOCK: (count) => clock()(uses.uses, count, pages),
    "unshared first": (count) => sharedWarm(uses)(uses.uses, count, pages),
    "the pool": (count) => poolHits(uses, count),
  }
  const ratios: Result["ratios"] = {}
  for (const [policy, hits] of Object.entries(policies)) {
    const values: number[] = []
    for (const count of frames) values.push((await hits(count)) / uses.uses.length)
    ratios[policy] = values
  }
  return { name, uses: uses.uses.length, pages, frames, ratios }
}

function printResult({ name, uses, pages, frames, ratios }: Result): void {
  console.log(`\n# ${name}: ${RECORDINGS[name]} (${uses} uses of ${pages} pages)\n`)
  console.log(
    `${"frames".padEnd(18)}${frames.map((count) => String(count).padStart(8)).join("")}${"mean".padStart(8)}`,
  )
  for (const [policy, values] of Object.entries(ratios)) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    console.log(`${policy.padEnd(18)}${[...values, mean].map(percent).join("")}`)
  }
}

function percent(ratio: number): string {
  return `${(100 * ratio).toFixed(1)} %`.padStart(8)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      plot: { type: "string" },
    },
  })
  const names = (Object.keys(RECORDINGS) as Name[]).filter(
    (name) => values.only.length === 0 || values.only.includes(name),
  )
  if (names.length === 0) throw new Error(`no recording '${values.only[0]}'`)
  const results: Result[] = []
  for (const name of names) results.push(await study(name))
  if (values.json) {
    const { suites: _, ...head } = emptyReport()
    console.log(JSON.stringify({ ...head, results }, undefined, 2))
  } else {
    console.log(headLines(emptyReport()).join("\n"))
    for (const result of results) printResult(result)
  }
  if (values.plot === undefined) return
  const policies = Object.keys(results[0]?.ratios ?? {})
  const svg = drawLines({
    title: "Uses that find their page in the pool",
    xLabel: "frames, of all pages used",
    yLabel: "hits",
    names: policies,
    panels: results.map(({ name, ratios }) => ({
      name,
      x: SHARES,
      lines: policies.map((one) => ratios[one] ?? []),
    })),
    format: (value) => `${Math.round(value * 100)} %`,
  })
  writeFileSync(values.plot, svg)
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
