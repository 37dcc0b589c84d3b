// SPDX-License-Identifier: MIT
/** Versions of an application in one pool. */
import type { Application } from "./applications.js"
import { compareTrees, type Kind, type Table } from "./images.js"
import { installVersion } from "./install.js"
import { readTouched, workloadPath } from "./workloads.js"

/** Some versions together, and what they take. */
export interface Result {
  application: string
  versions: string[]
  table: Table
}

/**
 * Versions of an application together, as images of each kind: all their files, or what a start of each touches. Throws
 * if a table is not what hashing the installed files gives; so those of all kinds are the same.
 */
export async function compareVersions(
  application: Application,
  versions: readonly string[],
  kinds: readonly Kind[],
  isStart: boolean,
): Promise<Result> {
  const trees = versions.map((version) => installVersion(application, version))
  const workloads = isStart ? versions.map((version) => workloadPath(application, version)) : []
  const touched = workloads.map(readTouched)
  let table: Table | undefined
  for (const kind of kinds) {
    const found = await compareTrees(trees, kind, workloads, touched)
    table ??= found
  }
  return { application: application.name, versions: [...versions], table: table as Table }
}
