// SPDX-License-Identifier: MIT
/** What of an image is read: every file, or what a program touched. */
import { readFileSync } from "node:fs"
import { ErofsError } from "../errors.js"
import { decodeName } from "../format/names.js"
import type { Image } from "../image.js"
import { PAGE_SIZE } from "../page.js"
import { type PageRange, type PageSet, pageSet } from "./page-ranges.js"

/** Pages of one regular file that are read. Files that are not read, or are empty, have none. */
export interface Reading {
  nid: bigint
  /** One of the file's paths. */
  path: string
  pages: PageSet
}

/** What a tree holds beside the pages of regular files; these are not counted as pages. */
export interface Beside {
  directories: number
  symlinks: number
  others: number
}

/** One line of a workload. */
interface Touch {
  path: string
  /** Bytes; the whole file if undefined. */
  range: { position: number; length: number } | undefined
  line: number
}

/**
 * What a program touched of an image: a file with one `PATH` or `PATH<TAB>POSITION<TAB>LENGTH` a line, positions and
 * lengths in bytes. Paths begin at the root of the image, names are bytes. Empty lines say nothing.
 */
export class Workload {
  readonly file: string
  readonly #touches: readonly Touch[]

  private constructor(file: string, touches: readonly Touch[]) {
    this.file = file
    this.#touches = touches
  }

  /** Reads a workload. Throws what node:fs throws, EINVAL for a line that makes no sense or if there is none. */
  static open(file: string): Workload {
    const lines = decodeName(readFileSync(file)).split("\n")
    const touches = lines.flatMap((text, i) => (text === "" ? [] : [parseTouch(text, i + 1, file)]))
    if (touches.length === 0) throw new ErofsError("EINVAL", "the workload is empty", where(file))
    return new Workload(file, touches)
  }

  /**
   * The pages of an image that the workload touches, those of a file together. Symlinks are followed; ranges end with
   * the file. Paths that lead to nothing are told to `onMissing`. Throws EINVAL for one that leads to no regular file.
   */
  async readings(image: Image, onMissing: (path: string, line: number) => void): Promise<Reading[]> {
    const files = new Map<bigint, { path: string; ranges: PageRange[] }>()
    for (const { path, range, line } of this.#touches) {
      const stats = await image.stat(path, { bigint: true, throwIfNoEntry: false })
      if (!stats) {
        onMissing(path, line)
        continue
      }
      if (!stats.isFile()) {
        throw new ErofsError("EINVAL", `line ${line}: '${path}' is no regular file`, where(this.file))
      }
      const file = files.get(stats.nid) ?? { path, ranges: [] }
      files.set(stats.nid, file)
      file.ranges.push(pagesOf(sizeOf(stats.size, path), range))
    }
    return [...files].map(([nid, { path, ranges }]) => ({ nid, path, pages: pageSet(ranges) }))
  }
}

/** All pages of all regular files of an image, those of an inode once however many names it has. */
export async function wholeReadings(image: Image): Promise<{ readings: Reading[]; beside: Beside }> {
  const readings = new Map<bigint, Reading>()
  const beside: Beside = { directories: 0, symlinks: 0, others: 0 }
  for await (const entry of image.walk("/")) {
    if (entry.isDirectory()) beside.directories++
    else if (entry.isSymbolicLink()) beside.symlinks++
    else if (!entry.isFile()) beside.others++
    else if (!readings.has(entry.nid)) {
      const { nid, path, stats } = entry
      readings.set(nid, { nid, path, pages: pageSet([pagesOf(sizeOf(stats.size, path), undefined)]) })
    }
  }
  return { readings: [...readings.values()], beside }
}

const RANGE = /^(.*)\t(\d+)\t(\d+)$/s

function parseTouch(text: string, line: number, file: string): Touch {
  const [, path, position, length] = RANGE.exec(text) ?? []
  if (path === undefined) {
    if (text.includes("\t")) {
      throw new ErofsError("EINVAL", `line ${line} is neither PATH nor PATH, POSITION, LENGTH`, where(file))
    }
    return { path: text, range: undefined, line }
  }
  const range = { position: Number(position), length: Number(length) }
  if (!Number.isSafeInteger(range.position + range.length)) {
    throw new ErofsError("EINVAL", `line ${line}: the range ends beyond 2^53`, where(file))
  }
  return { path, range, line }
}

/** The pages that hold a range of bytes of a file, or all of it. */
function pagesOf(size: number, range: Touch["range"]): PageRange {
  const { position, length } = range ?? { position: 0, length: size }
  const end = Math.min(size, position + length)
  if (length === 0 || position >= end) return { from: 0, to: 0 }
  return { from: Math.floor(position / PAGE_SIZE), to: Math.ceil(end / PAGE_SIZE) }
}

function sizeOf(size: bigint, path: string): number {
  if (size <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(size)
  throw new ErofsError("EOVERFLOW", "file is too large to be read here", { syscall: "read", path })
}

function where(path: string): { syscall: string; path: string } {
  return { syscall: "use", path }
}
