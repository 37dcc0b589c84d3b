// SPDX-License-Identifier: MIT
/**
 * What sharing saves on versions of real applications: installs them, makes images, prints the tables of
 * `erofs-wasm share` and draws them. Every table must be what hashing the installed files gives, to the page.
 *
 *     npm run bench:memory -- [--only APPLICATION]... [--quick] [--json] [--plots FOLDER]
 *
 * `--quick`: LZ4 images only. Needs mkfs.erofs, and npm with its registry the first time.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { drawBars, drawLines } from "../plot.js"
import { emptyReport, headLines } from "../report.js"
import { applications } from "./applications.js"
import { KINDS, type Kind, WAYS } from "./images.js"
import { compareVersions, type Result } from "./versions.js"

const COLUMNS = [28, 10, 12, 8, 12, 8]

function row(...cells: string[]): string {
  return cells
    .map((cell, i) => (i === 0 ? cell.padEnd(COLUMNS[i] as number) : cell.padStart(COLUMNS[i] as number)))
    .join("")
}

function printTable(title: string, results: readonly Result[]): void {
  console.log(`\n# ${title}\n`)
  console.log(row("pages of 4 KiB", "apart", "fingerprint", "less", "content", "less"))
  for (const { application, versions, table } of results) {
    const { pages, reduction } = table
    const name = `${application} ${versions.length > 2 ? `(${versions.length} versions)` : versions.join(", ")}`
    const { fingerprint, content } = reduction
    console.log(
      row(
        name,
        String(pages.off),
        String(pages.fingerprint),
        `${fingerprint.toFixed(1)} %`,
        String(pages.content),
        `${content.toFixed(1)} %`,
      ),
    )
  }
}

const mib = (pages: number): number => (pages * 4096) / 2 ** 20

function bars(title: string, results: readonly Result[]): string {
  const groups = results.map(({ application, versions, table }) => ({
    name: `${application} ${versions.map((version) => version.replace(/\.\d+$/, "")).join(", ")}`,
    values: WAYS.map((way) => mib(table.pages[way])),
    labels: WAYS.map((way) => (way === "off" ? "" : `−${Math.round(table.reduction[way])} %`)),
  }))
  return drawBars({ title, unit: "MiB", names: ["not shared", "by fingerprint", "by content"], groups })
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      plots: { type: "string" },
    },
  })
  const chosen = applications.filter(({ name }) => values.only.length === 0 || values.only.includes(name))
  if (chosen.length === 0) throw new Error(`no application '${values.only[0]}'`)
  const kinds = values.quick ? (["lz4"] as const) : (Object.keys(KINDS) as Kind[])

  const pairs: Result[] = []
  const starts: Result[] = []
  const series: Result[] = []
  for (const application of chosen) {
    const pair = application.versions.slice(-2)
    pairs.push(await compareVersions(application, pair, kinds, false))
    starts.push(await compareVersions(application, pair, kinds, true))
    for (let count = 1; application.versions.length > 2 && count <= application.versions.length; count++) {
      series.push(await compareVersions(application, application.versions.slice(-count), ["lz4"], false))
    }
  }

  if (values.json) {
    const { suites: _, ...head } = emptyReport()
    console.log(JSON.stringify({ ...head, pairs, starts, series }, undefined, 2))
  } else {
    console.log(headLines(emptyReport()).join("\n"))
    printTable("All files of two versions", pairs)
    printTable("What a start of each of two versions touches", starts)
    for (const { name } of chosen) {
      const last = series.findLast(({ application }) => application === name)
      if (last) printTable(`All files of ${last.versions.length} versions`, [last])
    }
    console.log(
      "\nEvery number of pages is what hashing the installed files gives. The pool's tables are counted in.",
    )
  }
  if (values.plots !== undefined) {
    const draw = (name: string, svg: string): void => writeFileSync(join(values.plots as string, name), svg)
    draw("memory-files.svg", bars("Memory of all files of two versions", pairs))
    draw("memory-starts.svg", bars("Memory of what starting two versions touches", starts))
    if (series.length > 0) {
      const x = series.map(({ versions }) => versions.length)
      const lines = WAYS.map((way) => series.map(({ table }) => mib(table.pages[way])))
      draw(
        "memory-versions.svg",
        drawLines({
          title: `Memory of all files of 1 to ${x.length} versions of ${series[0]?.application}`,
          xLabel: "versions in one pool",
          yLabel: "MiB",
          names: ["not shared", "by fingerprint", "by content"],
          panels: [{ name: "", x, lines }],
          format: String,
        }),
      )
    }
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
