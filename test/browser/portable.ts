// SPDX-License-Identifier: MIT
/** Which tests of the suite can run in a browser: those that need no more of Node than there are stand-ins for. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const STAND_INS = "test/browser/stand-in"
/** Packages that work in browsers, of those that tests use. */
const PACKAGES = ["vitest", "fast-check", "fflate", "fzstd", "xxhash-wasm"]
/** Tests that look portable and are not. */
const OTHERS: Record<string, string> = {
  "test/fuzz/fuzz.test.ts": "it takes long, and is about the core, which is the same everywhere",
  "test/tar/load.test.ts": "it needs a fresh package for each test, which a page cannot have",
  "test/wasm/module.test.ts": "it needs a fresh package for each test, which a page cannot have",
}

/** What tests import that is about the sources, which a server hands out compiled. */
const SOURCES = "test/support/core-layout.ts"

/** Modules of Node that there are stand-ins for, and the names that each has. */
export function standIns(): Map<string, readonly string[]> {
  const files = readdirSync(join(root, STAND_INS)).filter((file) => file !== "globals.ts")
  return new Map(
    files.map((file) => {
      const text = readFileSync(join(root, STAND_INS, file), "utf8")
      return [
        file.replace(/\.ts$/, ""),
        [...text.matchAll(/^export (?:function|const) (\w+)/gm)].map(([, name]) => name as string),
      ]
    }),
  )
}

/** The suite's tests: those that can run in a browser, and why each of the others cannot. */
export function sortTests(): { portable: string[]; reasons: Record<string, string> } {
  const tests = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts") && !/^(browser|runtime)\//.test(file))
    .map((file) => `test/${file}`)
    .sort()
  const available = standIns()
  const reasons: Record<string, string> = {}
  for (const test of tests) {
    const reason = OTHERS[test] ?? reasonAgainst(test, available, new Set())
    if (reason !== undefined) reasons[test] = reason
  }
  return { portable: tests.filter((test) => !(test in reasons)), reasons }
}

/** What a file, or a file that it imports, needs and a browser does not have. */
function reasonAgainst(
  file: string,
  available: ReadonlyMap<string, readonly string[]>,
  seen: Set<string>,
): string | undefined {
  if (seen.has(file)) return undefined
  seen.add(file)
  if (file === SOURCES) return "it reads the text of the sources"
  const text = readFileSync(join(root, file), "utf8")
  for (const [, clause = "", target = ""] of text.matchAll(
    /^(?:import|export) ([^;"]*?) ?from "([^"]+)"/gms,
  )) {
    if (clause.startsWith("type ")) continue
    if (target.startsWith(".")) {
      const next = join(dirname(file), target).replace(/\.js$/, ".ts")
      const reason = reasonAgainst(next, available, seen)
      if (reason !== undefined) return reason
    } else if (target.startsWith("node:")) {
      const names = available.get(target.slice(5))
      if (!names) return `it needs ${target}`
      const wanted = [...clause.matchAll(/(type )?(\w+)(?: as \w+)?\s*[,}]/g)].filter(([, isType]) => !isType)
      const missing = wanted.find(([, , name]) => !names.includes(name as string))
      if (missing) return `it needs ${missing[2]} of ${target}`
    } else if (!PACKAGES.includes(target)) {
      return `it needs ${target}`
    }
  }
  return undefined
}
