// SPDX-License-Identifier: MIT
/** Before the tests: the package packed and installed into an empty folder, and the runtimes it is tried in. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { TestProject } from "vitest/node"
import { requireBuilt } from "../support/built.js"
import { prepareTools, run, SCRATCH } from "./scratch.js"

declare module "vitest" {
  interface ProvidedContext {
    /** Folder of a user's program, with the package installed. */
    app: string
    /** Runtimes that could not be had, and why. */
    missing: Record<string, string>
  }
}

const root = fileURLToPath(new URL("../../", import.meta.url))

export default function setup(project: TestProject): () => void {
  requireBuilt()
  const missing = prepareTools()
  for (const [name, reason] of Object.entries(missing)) {
    console.error(`NOT TESTED with ${name}: it cannot be installed from here (${reason})`)
  }
  const app = mkdtempSync(join(SCRATCH, "app-"))
  const packed = run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", app], root)
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }]
  writeFileSync(join(app, "package.json"), '{ "name": "app", "private": true, "type": "module" }\n')
  run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", `./${filename}`], app)
  mkdirSync(join(app, "images"))
  for (const file of ["images/four-algorithms.erofs", "demo/aurora-1.0.erofs"]) {
    cpSync(join(root, "test/fixtures", file), join(app, "images", basename(file)))
  }
  cpSync(join(root, "test/runtime/programs"), app, { recursive: true })
  project.provide("app", app)
  project.provide("missing", missing)
  return () => rmSync(app, { recursive: true, force: true })
}
