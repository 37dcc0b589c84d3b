// SPDX-License-Identifier: MIT
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { type Tree, WORK_FOLDER } from "../image/tree.js"
import type { Application } from "./applications.js"
import { writeLock } from "./locks.js"

/** Files that tell where and when a tree was installed. */
const TRACES = ["package.json", "package-lock.json", "node_modules/.package-lock.json"]

/** Where the tree of a version lies, once it is installed. */
function treeOf({ name }: Application, version: string): Tree {
  const versioned = `${name}-${version}`
  return { name: versioned, path: join(WORK_FOLDER, "applications", versioned) }
}

/** Whether the tree of a version is there. */
export function isInstalled(application: Application, version: string): boolean {
  return existsSync(treeOf(application, version).path)
}

/**
 * The tree of a version, installed with npm if it is not there: the locked packages, without those that are for one
 * kind of machine only. No script of any package is run. Throws if npm fails.
 */
export function installVersion(application: Application, version: string): Tree {
  const tree = treeOf(application, version)
  const { path } = tree
  if (!isInstalled(application, version)) {
    const unfinished = `${path}.part`
    rmSync(unfinished, { recursive: true, force: true })
    mkdirSync(unfinished, { recursive: true })
    writeLock(application, version, unfinished)
    const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-bin-links", "--omit=optional"]
    execFileSync("npm", ["ci", ...options], { cwd: unfinished, stdio: ["ignore", "ignore", "inherit"] })
    for (const file of TRACES) rmSync(join(unfinished, file))
    renameSync(unfinished, path)
  }
  return tree
}
