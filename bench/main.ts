// SPDX-License-Identifier: MIT
/**
 * Runs the benchmarks: every module of micro/, image/ and memory/ that exports a suite.
 *
 *     npm run bench -- [--only NAME]... [--quick] [--json]
 */
import { readdirSync } from "node:fs"
import { basename } from "node:path"
import { parseArgs } from "node:util"
import { emptyReport, headLines, type Suite, suiteLines } from "./report.js"

const FOLDERS = ["micro", "image", "memory"]

/** All suites by the names of their modules. */
async function loadSuites(): Promise<Map<string, Suite>> {
  const suites = new Map<string, Suite>()
  for (const folder of FOLDERS) {
    const url = new URL(`${folder}/`, import.meta.url)
    for (const file of readdirSync(url).sort()) {
      if (!file.endsWith(".js")) continue
      const module: Partial<Suite> = await import(new URL(file, url).href)
      if (module.suite) suites.set(basename(file, ".js"), { suite: module.suite })
    }
  }
  return suites
}

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
  },
})
const { json, quick, only } = values
const suites = await loadSuites()
const unknown = only.filter((name) => !suites.has(name))
if (unknown.length > 0) {
  console.error(`no suite '${unknown[0]}': there are ${[...suites.keys()].join(", ")}`)
  process.exit(2)
}
const report = emptyReport()
if (!json) console.log(headLines(report).join("\n"))
for (const [name, { suite }] of suites) {
  if (only.length > 0 && !only.includes(name)) continue
  const result = await suite({ quick })
  report.suites.push({ name, ...result })
  if (!json) console.log(suiteLines(result).join("\n"))
}
if (json) console.log(JSON.stringify(report, undefined, 2))
