// SPDX-License-Identifier: MIT
/** What `bench` prints for people. */
import type { Measured, Measurement, Results } from "./measurements.js"
import { counted, countedKinds } from "./print.js"

type Name = keyof Measured

/** All measurements, in the order of the table. */
const TITLES: Record<Name, string> = {
  mountFirst: "mount, first",
  mount: "mount",
  walkFirst: "walk with stats, first",
  walk: "walk with stats",
  viewsFirst: "files as views, first",
  views: "files as views",
  direct: "files past the pool",
  cachedView: "cached page, view",
  cachedCopy: "cached page, copy",
  random: "random page, not cached",
}

/** The table, in lines. MB are 10^6 bytes. */
export function linesOf(results: Results): string[] {
  const { image, path, machine, pool, mode, found, measurements } = results
  const kind = `${pool.shared ? "shared" : "plain"} memory, read ${mode === "sync" ? "at once" : "asynchronously"}`
  const lines = [
    `${path === "/" ? image : `${image} ${path}`}: ${counted(found.entries, "entry", "entries")}`,
    countedKinds(found).join(", "),
    [machine.runtime, ...(machine.processor === null ? [] : [machine.processor.trim()])].join(", "),
    `Pool of ${pool.bytes / 2 ** 20} MiB in ${kind}`,
    "",
    row("", ["passes", "time", "rate", "fetched", "decoded", "hits"]),
  ]
  for (const [name, title] of Object.entries(TITLES) as [Name, string][]) {
    const measurement = measurements[name]
    if (measurement) lines.push(row(title, cellsOf(name, measurement)))
  }
  lines.push("", ...notesOf(results))
  return lines
}

function notesOf({ found, isWalked, isRead, measurements, mode }: Results): string[] {
  const { views, random } = measurements
  const notes = [
    `A pass over the files reads ${counted(views.count, "file")}, ${counted(views.bytes, "byte")}. Times are medians.`,
  ]
  if (mode === "async") notes.push(`A pass of files as views takes ${counted(views.requests, "request")}.`)
  if (!isWalked)
    notes.push(`Time sufficed for ${counted(found.entries, "entry", "entries")} only: --seconds gives more.`)
  if (!isRead) notes.push("Time did not suffice for all bytes of the files: --seconds gives more.")
  if (!random) notes.push("No file has pages that could be read one by one.")
  return notes
}

const WIDTHS = [8, 12, 18, 11, 11, 8]

function row(title: string, cells: readonly string[]): string {
  return (title.padEnd(24) + cells.map((cell, i) => cell.padStart(WIDTHS[i] as number)).join("")).trimEnd()
}

function cellsOf(name: Name, measurement: Measurement): string[] {
  const { unit, count, nanoseconds, passes, bytesFetched, bytesDecoded, hits, misses } = measurement
  // Of what is done many times the time of one tells more than that of all.
  const time = unit === "read" ? nanoseconds / count : nanoseconds
  return [
    String(passes),
    timeText(time),
    rateText(measurement),
    bytesText(bytesFetched),
    bytesText(bytesDecoded),
    HITTING.has(name) && hits + misses > 0 ? `${((100 * hits) / (hits + misses)).toFixed(1)} %` : "",
  ]
}

/** Measurements in which uses of pages are mostly those of contents. */
const HITTING: ReadonlySet<Name> = new Set(["viewsFirst", "views", "cachedCopy", "random"])

/** How fast it is: bytes in a second where files are read as a whole, else how many things. */
function rateText({ unit, count, bytes, nanoseconds }: Measurement): string {
  if (unit === "mount" || nanoseconds === 0) return ""
  if (unit === "file") return bytes === 0 ? "" : `${((bytes * 1e3) / nanoseconds).toFixed(1)} MB/s`
  return `${countText((count * 1e9) / nanoseconds)} ${unit === "entry" ? "entries" : "reads"}/s`
}

function countText(count: number): string {
  if (count < 1e4) return count.toFixed(0)
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} k` : `${(count / 1e6).toFixed(1)} M`
}

const bytesText = (bytes: number): string => (bytes === 0 ? "" : `${(bytes / 1e6).toFixed(2)} MB`)

function timeText(nanoseconds: number): string {
  if (nanoseconds < 1e4) return `${nanoseconds.toFixed(nanoseconds < 100 ? 1 : 0)} ns`
  if (nanoseconds < 1e6) return `${(nanoseconds / 1e3).toFixed(1)} us`
  return nanoseconds < 1e9 ? `${(nanoseconds / 1e6).toFixed(2)} ms` : `${(nanoseconds / 1e9).toFixed(2)} s`
}
