// SPDX-License-Identifier: MIT
/** Recorded reads of files, in the order of time, and the uses of pages that they come to. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import { packageFolder } from "../../data.js"

const PAGE = 4096
const FOLDER = join(packageFolder, "bench/memory/reclaim/traces")

/** A file that was read, and a number that files of the same content have in common. */
export interface TracedFile {
  path: string
  content: number
}

/** One read: which file of the list, where, how much, in bytes. */
export interface TracedRead {
  file: number
  position: number
  length: number
}

/** A recording: lines `PATH<TAB>CONTENT`, an empty line, lines `FILE POSITION LENGTH`, packed with gzip. */
export interface Trace {
  files: TracedFile[]
  reads: TracedRead[]
}

/** Writes a recording; reads that go on where the one before ended are written as one. */
export function writeTrace(name: string, { files, reads }: Trace): void {
  const merged: TracedRead[] = []
  for (const read of reads) {
    const last = merged.at(-1)
    if (last && last.file === read.file && last.position + last.length === read.position)
      last.length += read.length
    else merged.push({ ...read })
  }
  const lines = [
    ...files.map(({ path, content }) => `${path}\t${content}`),
    "",
    ...merged.map(({ file, position, length }) => `${file} ${position} ${length}`),
  ]
  writeFileSync(join(FOLDER, `${name}.txt.gz`), gzipSync(lines.join("\n"), { level: 9 }))
}

/** Reads a recording. */
export function readTrace(name: string): Trace {
  const text = gunzipSync(readFileSync(join(FOLDER, `${name}.txt.gz`))).toString()
  const [files, reads] = text.split("\n\n") as [string, string]
  return {
    files: files.split("\n").map((line) => {
      const [path, content] = line.split("\t") as [string, string]
      return { path, content: Number(content) }
    }),
    reads: reads.split("\n").map((line) => {
      const [file, position, length] = line.split(" ").map(Number) as [number, number, number]
      return { file, position, length }
    }),
  }
}

/** Uses of pages, in order. Pages count from 0 in the order of their first use. */
export interface PageUses {
  uses: Uint32Array
  /** Space and page within it, by the number of the page. Spaces count from 0. */
  places: { space: number; page: number }[]
  /** Pages of each space, up to the last that is used. */
  spaceSizes: number[]
  /** How many files have the space in common. */
  spaceUsers: number[]
}

/** The uses of a recording; `isShared`: files of equal content are one space, as with fingerprints. */
export function pageUses({ files, reads }: Trace, isShared: boolean): PageUses {
  const spaces = new Map<string, number>()
  const spaceOf = files.map(({ content }, file) => {
    const key = isShared ? `content ${content}` : `file ${file}`
    if (!spaces.has(key)) spaces.set(key, spaces.size)
    return spaces.get(key) as number
  })
  const spaceUsers = new Array<number>(spaces.size).fill(0)
  for (const space of spaceOf) spaceUsers[space] = (spaceUsers[space] as number) + 1
  const spaceSizes = new Array<number>(spaces.size).fill(0)
  const numbers = new Map<number, number>()
  const places: PageUses["places"] = []
  const uses: number[] = []
  for (const { file, position, length } of reads) {
    const space = spaceOf[file] as number
    for (let page = Math.floor(position / PAGE); page * PAGE < position + length; page++) {
      const key = space * 2 ** 24 + page
      let number = numbers.get(key)
      if (number === undefined) {
        number = places.length
        numbers.set(key, number)
        places.push({ space, page })
        spaceSizes[space] = Math.max(spaceSizes[space] as number, page + 1)
      }
      // Pieces of one page in a row are one use of it.
      if (uses.at(-1) !== number) uses.push(number)
    }
  }
  return { uses: Uint32Array.from(uses), places, spaceSizes, spaceUsers }
}
