// SPDX-License-Identifier: MIT
/** Counting pages by what they are, for trees that no pool can hold at once. */
import { createHash } from "node:crypto"
import type { Image } from "../image.js"
import { PAGE_SIZE } from "../page.js"
import { countPages, type PageSet, pageSet, withoutPages } from "./page-ranges.js"
import type { Watcher } from "./residence.js"
import type { Reading } from "./workload.js"

/** Bytes read at a time. */
const PIECE = 1 << 20
const WORDS_OF_KEY = 4
const FIRST_SLOTS = 1 << 16

/** Pages by identity, over all images that were counted. */
export class Census {
  /** Pages of address spaces, those of files with the same fingerprint once. */
  fingerprint = 0
  readonly #contents = new DigestSet()
  /** Pages counted of the content that a fingerprint names; the size is that of the first file that claims it. */
  readonly #claims = new Map<string, { size: number; pages: PageSet }>()
  readonly #buffer = new Uint8Array(PIECE)

  /** Different pages among those of the address spaces. */
  get content(): number {
    return this.#contents.size
  }

  /** Counts the readings of an image. It must know fingerprints and share with no other image of its pool. */
  async add(image: Image, readings: readonly Reading[], watcher: Watcher): Promise<void> {
    for (const reading of readings) {
      watcher.entry()
      if (reading.pages.length === 0) continue
      await using file = await image.open(reading)
      const { fingerprint } = await image.describe(reading)
      const pages = this.#claim(fingerprint, file.size, reading.pages)
      this.fingerprint += countPages(pages)
      for (const { from, to } of pages) {
        const end = Math.min(file.size, to * PAGE_SIZE)
        for (let at = from * PAGE_SIZE; at < end; at += PIECE) {
          const bytes = this.#buffer.subarray(0, Math.min(PIECE, end - at))
          await file.read(bytes, at)
          this.#addPages(bytes)
          watcher.bytes(bytes.length)
        }
      }
    }
  }

  /** Those of the pages that no file with the fingerprint had before. */
  #claim(fingerprint: Uint8Array | undefined, size: number, pages: PageSet): PageSet {
    if (!fingerprint) return pages
    const key = Buffer.from(fingerprint).toString("latin1")
    const claim = this.#claims.get(key)
    if (!claim) {
      this.#claims.set(key, { size, pages })
      return pages
    }
    // As in the pool, a fingerprint that is known with another size shares with nobody.
    if (claim.size !== size) return pages
    const fresh = withoutPages(pages, claim.pages)
    claim.pages = pageSet([...claim.pages, ...fresh])
    return fresh
  }

  #addPages(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PAGE_SIZE) {
      const end = at + PAGE_SIZE
      // As in the pool, the rest of a file's last page is zeros.
      if (end > bytes.length) this.#buffer.fill(0, bytes.length, end)
      this.#contents.add(createHash("sha256").update(this.#buffer.subarray(at, end)).digest())
    }
  }
}

/** A set of digests, of each the first 16 bytes; 24 to 48 bytes of memory a digest. */
class DigestSet {
  size = 0
  #table = new Uint32Array(FIRST_SLOTS * WORDS_OF_KEY)
  readonly #key = new Uint32Array(WORDS_OF_KEY)

  add(digest: Buffer): void {
    for (let i = 0; i < WORDS_OF_KEY; i++) this.#key[i] = digest.readUInt32LE(i * 4)
    if (!insert(this.#table, this.#key, 0)) return
    this.size++
    if (this.size * WORDS_OF_KEY * 1.5 > this.#table.length) this.#grow()
  }

  #grow(): void {
    const grown = new Uint32Array(this.#table.length * 2)
    for (let at = 0; at < this.#table.length; at += WORDS_OF_KEY) {
      if (isFree(this.#table, at)) continue
      insert(grown, this.#table, at)
    }
    this.#table = grown
  }
}

/** Enters the key that begins at `from` of `keys`, with linear probing. Answers false if it is there. */
function insert(table: Uint32Array, keys: Uint32Array, from: number): boolean {
  const slots = table.length / WORDS_OF_KEY
  for (let slot = (keys[from] as number) & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
    const at = slot * WORDS_OF_KEY
    if (isFree(table, at)) {
      for (let i = 0; i < WORDS_OF_KEY; i++) table[at + i] = keys[from + i] as number
      return true
    }
    let i = 0
    while (i < WORDS_OF_KEY && table[at + i] === keys[from + i]) i++
    if (i === WORDS_OF_KEY) return false
  }
}

/** Whether a place is all zeros; no digest that anybody knows begins so. */
function isFree(table: Uint32Array, at: number): boolean {
  for (let i = 0; i < WORDS_OF_KEY; i++) if (table[at + i] !== 0) return false
  return true
}
