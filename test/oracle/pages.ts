// SPDX-License-Identifier: MIT
/**
 * What the pages of trees come to if equal ones are kept once, found by hashing files with node:crypto. Knows nothing
 * of images, and uses nothing of the reader.
 */
import { createHash } from "node:crypto"
import { lstatSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const PAGE = 4096

/** Bytes of a file that were touched; undefined for the whole file. */
export interface TouchedRange {
  position: number
  length: number
}

/** Counts pages of files, three ways at the same time. */
export class PageOracle {
  /** Pages of all files. */
  off = 0
  readonly #named = new Set<string>()
  readonly #contents = new Set<string>()
  #own = 0

  /** Pages if files of equal content have them in common. */
  get fingerprint(): number {
    return this.#named.size
  }

  /** Pages if equal pages of any files are one. */
  get content(): number {
    return this.#contents.size
  }

  get pages(): { off: number; fingerprint: number; content: number } {
    const { off, fingerprint, content } = this
    return { off, fingerprint, content }
  }

  /** Counts a file, or what of it was touched. Files without a fingerprint (`isNamed` false) are all different. */
  addFile(content: Uint8Array, touched?: readonly TouchedRange[], isNamed = true): void {
    const whole = createHash("sha256").update(content).digest("hex")
    const name = isNamed ? `${whole} ${content.length}` : `own ${this.#own++}`
    for (const page of touchedPages(content.length, touched)) {
      const padded = Buffer.alloc(PAGE)
      padded.set(content.subarray(page * PAGE, (page + 1) * PAGE))
      this.off++
      this.#named.add(`${name} ${page}`)
      this.#contents.add(createHash("sha256").update(padded).digest("base64"))
    }
  }

  /**
   * Counts the regular files below a directory, further names of an inode not again. With `touched`, only the files
   * that it has, by their paths from the directory on ("/a/b"), and of each what it says.
   */
  addTree(root: string, touched?: ReadonlyMap<string, readonly TouchedRange[] | undefined>): void {
    const inodes = new Map<string, { path: string; ranges: TouchedRange[] | undefined }>()
    for (const path of filesBelow(root)) {
      const name = path.slice(root.length)
      if (touched && !touched.has(name)) continue
      const { dev, ino } = lstatSync(path, { bigint: true })
      const known = inodes.get(`${dev} ${ino}`)
      const ranges = touched?.get(name)
      if (!known) inodes.set(`${dev} ${ino}`, { path, ranges: ranges && [...ranges] })
      else if (ranges && known.ranges) known.ranges.push(...ranges)
      else known.ranges = undefined
    }
    for (const { path, ranges } of inodes.values()) this.addFile(readFileSync(path), ranges)
  }
}

/** Numbers of the pages that ranges of a file of so many bytes touch. */
function touchedPages(
  size: number,
  ranges: readonly TouchedRange[] = [{ position: 0, length: size }],
): Set<number> {
  const pages = new Set<number>()
  for (const { position, length } of ranges) {
    for (let at = position; at < Math.min(size, position + length); at = (Math.floor(at / PAGE) + 1) * PAGE) {
      pages.add(Math.floor(at / PAGE))
    }
  }
  return pages
}

function* filesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* filesBelow(path)
    else if (entry.isFile()) yield path
  }
}
