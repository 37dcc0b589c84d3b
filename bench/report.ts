// SPDX-License-Identifier: MIT
/** What suites answer, and how it is shown: a table for people, JSON for programs. */
import { execFileSync } from "node:child_process"
import { cpus, release, totalmem } from "node:os"
import { toolVersions } from "./tools.js"

/** How thoroughly a suite measures. */
export interface SuiteOptions {
  /** Fewer rounds and smaller data: does it run, and roughly how fast? */
  quick: boolean
}

/** One figure: exactly one of the measures is given. */
export interface Row {
  /** Rows of a group were measured in turn in the same run, so that they can be compared. */
  group: string
  name: string
  /** Throughput, in 10^6 bytes of output a second. */
  mbPerSecond?: number
  /** Time of one operation. */
  nanoseconds?: number
  /** Time of one pass over everything. */
  milliseconds?: number
  /** Pages of 4096 bytes in memory. */
  pages?: number
  /** How many times better than the group's reference, which has 1. */
  ratio?: number
  /** The ratio that is aimed at. */
  goal?: number
}

/** What one suite found. */
export interface SuiteResult {
  title: string
  rows: Row[]
  notes: string[]
}

/** A module of a suite; older ones ignore the options. */
export interface Suite {
  suite(options: SuiteOptions): Promise<SuiteResult>
}

/** What was measured where, with what. */
export interface Report {
  date: string
  commit: string | undefined
  machine: { cpu: string; cores: number; memory: number; system: string }
  node: string
  tools: Record<string, string>
  suites: (SuiteResult & { name: string })[]
}

/** A report without suites: date, commit, machine and versions. */
export function emptyReport(): Report {
  const [cpu] = cpus()
  return {
    date: new Date().toISOString(),
    commit: commit(),
    machine: {
      cpu: cpu?.model ?? "unknown",
      cores: cpus().length,
      memory: totalmem(),
      system: `${process.platform} ${release()} ${process.arch}`,
    },
    node: process.version,
    tools: toolVersions(),
    suites: [],
  }
}

/** The report's head as lines of text. */
export function headLines({ date, commit, machine, node, tools }: Report): string[] {
  const { cpu, cores, memory, system } = machine
  return [
    `${date}  commit ${commit ?? "unknown"}`,
    `${cpu}, ${cores} cores, ${(memory / 2 ** 30).toFixed(0)} GiB, ${system}`,
    [`node ${node}`, ...Object.entries(tools).map(([name, version]) => `${name} ${version}`)].join(", "),
  ]
}

/** A suite's result as lines of text. */
export function suiteLines({ title, rows, notes }: SuiteResult): string[] {
  const lines = ["", `# ${title}`]
  const width = Math.max(0, ...rows.map(({ name }) => name.length)) + 2
  let group: string | undefined
  for (const row of rows) {
    if (row.group !== group) lines.push("", row.group)
    group = row.group
    const ratio = row.ratio === undefined ? "" : `${row.ratio.toFixed(2)} x`
    const goal = row.goal === undefined ? "" : `  goal ${row.goal.toFixed(2)}`
    lines.push(`  ${row.name.padEnd(width)}${measureOf(row).padStart(16)}${ratio.padStart(10)}${goal}`)
  }
  if (notes.length > 0) lines.push("", ...notes)
  return lines
}

function measureOf({ mbPerSecond, nanoseconds, milliseconds, pages }: Row): string {
  if (mbPerSecond !== undefined) return `${mbPerSecond.toFixed(mbPerSecond < 100 ? 1 : 0)} MB/s`
  if (nanoseconds !== undefined) return `${nanoseconds.toFixed(nanoseconds < 100 ? 1 : 0)} ns`
  if (milliseconds !== undefined) return `${milliseconds.toFixed(1)} ms`
  return pages === undefined ? "" : `${pages} pages`
}

function commit(): string | undefined {
  try {
    const git = (...args: string[]): string =>
      execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : " (modified)")
  } catch {
    return undefined
  }
}
