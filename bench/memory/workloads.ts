// SPDX-License-Identifier: MIT
/** Recordings of what the starts of applications touch; record.ts makes them. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { packageFolder } from "../data.js"
import type { Application } from "./applications.js"
import type { Touched } from "./images.js"

/** Where the recording of a version lies. */
export function workloadPath({ name }: Application, version: string): string {
  return join(packageFolder, "bench/memory/workloads", `${name}-${version}.txt`)
}

/** What a recording says, read apart from the command that uses it. */
export function readTouched(path: string): Touched {
  const touched: Touched = new Map()
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line === "") continue
    const [name, position, length] = line.split("\t") as [string, string?, string?]
    if (position === undefined || length === undefined) touched.set(name, undefined)
    else if (!touched.has(name)) touched.set(name, [{ position: Number(position), length: Number(length) }])
    else touched.get(name)?.push({ position: Number(position), length: Number(length) })
  }
  return touched
}
