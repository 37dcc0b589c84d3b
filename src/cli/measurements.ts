// SPDX-License-Identifier: MIT
/** What `bench` measures of one image. */
import type { OpenFile } from "../file.js"
import { PAGE_SIZE } from "../page.js"
import type { PagePool } from "../pool.js"
import type { MappedView } from "../view.js"
import type { WalkEntry } from "../walk.js"
import type { Place, Reader, ReadFile } from "./readers.js"
import { scatter, somePages } from "./scattered.js"
import type { Stopwatch, Timing } from "./stopwatch.js"

/** Passes of one kind. */
export interface Measurement extends Timing {
  /** What a pass consists of, and of how many. */
  unit: "mount" | "entry" | "file" | "read"
  count: number
  /** Bytes of files that a pass obtains. */
  bytes: number
}

/** What the tree holds, as far as it was walked; bytes of inodes that have several names count once. */
export interface Found {
  entries: number
  files: number
  directories: number
  symlinks: number
  others: number
  bytes: bigint
}

/** Whether that is all there is. */
export interface Completeness {
  /** Whether the time sufficed for the whole tree, and for all bytes of its files. */
  isWalked: boolean
  isRead: boolean
}

/** Measurements by their names, in the order in which they are made; null where there is nothing to measure. */
export interface Measured {
  mountFirst: Measurement
  mount: Measurement | null
  walkFirst: Measurement
  walk: Measurement
  viewsFirst: Measurement
  views: Measurement
  direct: Measurement
  cachedView: Measurement | null
  cachedCopy: Measurement | null
  random: Measurement | null
}

/** All that is known of an image, and where it was measured. */
export interface Results extends Completeness {
  image: string
  /** Where the walks began. */
  path: string
  machine: { runtime: string; processor: string | null }
  pool: { bytes: number; shared: boolean }
  mode: Reader["mode"]
  found: Found
  measurements: Measured
}

/** Pages that are in the pool, in the order in which they are used. */
interface Cached {
  view: MappedView
  pages: readonly number[]
  places: readonly Place[]
}

/** Told of what cannot be read. */
type OnError = (error: unknown, path: string) => void

/** Bytes of a file that are in the pool at once, at most, and of one read past the pool. */
const WINDOW = 4 << 20
const DIRECT_PIECE = 1 << 20
/** Of a pool no more than its fourth part is pinned. */
const WINDOWS_OF_POOL = 4
/** Bytes of cached reads, and how many of them make a pass. */
const CACHED_BYTES = 1 << 20
const CACHED_READS = 1024
/** Such passes are short. */
const CACHED_PASSES = 500
/** Random reads that make a pass. */
const RANDOM_READS = 256
/** Entries of a walk after which the clock is looked at. */
const CLOCK_ENTRIES = 32

const never = (): boolean => false

/**
 * Measures one image in one pool, one kind of passes after the other: each that comes for the first time is told apart, as
 * its code is cold. What takes longer than the time of a measurement is cut off, and later passes stop at the same place.
 */
export class Measurements {
  readonly #pool: PagePool
  readonly #reader: Reader
  readonly #stopwatch: Stopwatch
  readonly #onError: OnError
  readonly #window: number
  #files: ReadFile[] = []
  /** Bytes that the last pass over the files obtained. */
  #bytes = 0
  readonly found: Found = { entries: 0, files: 0, directories: 0, symlinks: 0, others: 0, bytes: 0n }
  readonly completeness: Completeness = { isWalked: true, isRead: true }

  /** `onError` is told of each file that cannot be read; it is left out from then on. */
  constructor(pool: PagePool, reader: Reader, stopwatch: Stopwatch, onError: OnError) {
    this.#pool = pool
    this.#reader = reader
    this.#stopwatch = stopwatch
    this.#onError = onError
    const share = Math.floor(pool.bytes / WINDOWS_OF_POOL / PAGE_SIZE) * PAGE_SIZE
    this.#window = Math.min(WINDOW, share)
  }

  /** The first walk, with stats of each entry. */
  async walkFirst(start: string): Promise<Measurement> {
    const isOver = this.#stopwatch.timer()
    const seen = new Set<bigint>()
    const visit = (entry: WalkEntry): boolean => {
      this.#note(entry, seen)
      // Without a file there would be nothing to read.
      const mayEnd = this.found.entries % CLOCK_ENTRIES === 0 && this.#files.length > 0
      this.completeness.isWalked = !(mayEnd && isOver())
      return this.completeness.isWalked
    }
    this.#pool.drop()
    const timing = await this.#stopwatch.once(() =>
      this.#reader.walk(start, visit, { onError: this.#onError }),
    )
    return { unit: "entry", count: this.found.entries, bytes: 0, ...timing }
  }

  /** Further walks. */
  async walk(start: string): Promise<Measurement> {
    const { entries } = this.found
    let count = 0
    const visit = (entry: WalkEntry): boolean => {
      void entry.stats.size
      return ++count < entries
    }
    const timing = await this.#stopwatch.repeat(
      () => {
        count = 0
        return this.#reader.walk(start, visit, { onError: () => {} })
      },
      { prepare: () => this.#pool.drop() },
    )
    return { unit: "entry", count, bytes: 0, ...timing }
  }

  /** The first reading of the files, as views. */
  async viewsFirst(): Promise<Measurement> {
    const isOver = this.#stopwatch.timer()
    const read = (file: ReadFile) => this.#reader.views(file, this.#window, isOver)
    this.#pool.drop()
    const timing = await this.#stopwatch.once(() => this.#readFiles(read, isOver))
    return this.#ofFiles(timing)
  }

  /** Further readings as views, each into an empty pool. */
  async views(): Promise<Measurement> {
    const read = (file: ReadFile) => this.#reader.views(file, this.#window, never)
    const timing = await this.#stopwatch.repeat(() => this.#readFiles(read), {
      prepare: () => this.#pool.drop(),
    })
    return this.#ofFiles(timing)
  }

  /** Readings past the pool. */
  async direct(): Promise<Measurement> {
    const buffer = new Uint8Array(DIRECT_PIECE)
    const read = (file: ReadFile) => this.#reader.direct(file, buffer)
    const timing = await this.#stopwatch.repeat(() => this.#readFiles(read), {
      prepare: () => this.#pool.drop(),
    })
    return this.#ofFiles(timing)
  }

  /** Uses of pages that are in the pool, as views. Null if no file has any. */
  async cachedView(): Promise<Measurement | null> {
    return await this.#cached(({ view, pages }) => this.#reader.pages(view, pages))
  }

  /** Uses of pages that are in the pool, copied into a buffer. Null if no file has any. */
  async cachedCopy(): Promise<Measurement | null> {
    const buffer = new Uint8Array(PAGE_SIZE)
    return await this.#cached(async ({ places }) => void (await this.#reader.copies(places, buffer, never)))
  }

  /** Brings in the beginning of the largest file and uses its pages in no order. */
  async #cached(use: (cached: Cached) => void | Promise<void>): Promise<Measurement | null> {
    const [first, ...others] = this.#files
    if (!first) return null
    const largest = others.reduce((most, file) => (file.length > most.length ? file : most), first)
    if (largest.length === 0) return null
    using file = await this.#reader.open(largest)
    const length = Math.min(largest.length, CACHED_BYTES, this.#window)
    using view = file.map(0, length)
    // Holds them all, so that none has to be brought in again.
    await this.#reader.bringIn(view)
    const count = Math.ceil(length / PAGE_SIZE)
    const pages = scatter(Array.from({ length: CACHED_READS }, (_, i) => i % count))
    const places = pages.map((page) => ({ file, position: page * PAGE_SIZE }))
    const bytes = places.reduce((sum, place) => sum + bytesAt(place), 0)
    const timing = await this.#stopwatch.repeat(() => use({ view, pages, places }), { most: CACHED_PASSES })
    return { unit: "read", count: CACHED_READS, bytes, ...timing }
  }

  /** Reads of single pages, scattered over all files, from an empty pool. Null if no file has any. */
  async random(): Promise<Measurement | null> {
    const opened: OpenFile[] = []
    try {
      let places = await this.#randomPlaces(opened)
      if (places.length === 0) return null
      const buffer = new Uint8Array(PAGE_SIZE)
      this.#pool.drop()
      // Some come from so far that time suffices for few only.
      places = places.slice(0, await this.#reader.copies(places, buffer, this.#stopwatch.timer()))
      const timing = await this.#stopwatch.repeat(
        async () => void (await this.#reader.copies(places, buffer, never)),
        { prepare: () => this.#pool.drop() },
      )
      const bytes = places.reduce((sum, place) => sum + bytesAt(place), 0)
      return { unit: "read", count: places.length, bytes, ...timing }
    } finally {
      for (const file of opened) file.closeSync()
    }
  }

  /** Pages for {@link random}; adds the files that it opens for them to `opened`. */
  async #randomPlaces(opened: OpenFile[]): Promise<Place[]> {
    const pagesOf = ({ length }: ReadFile): number => Math.ceil(length / PAGE_SIZE)
    const total = this.#files.reduce((sum, file) => sum + pagesOf(file), 0)
    const pages = somePages(total, RANDOM_READS)
    const places: Place[] = []
    let first = 0
    for (const file of this.#files) {
      const end = first + pagesOf(file)
      const from = places.length
      let to = from
      while (to < pages.length && (pages[to] as number) < end) to++
      if (to > from) {
        const open = await this.#reader.open(file)
        opened.push(open)
        for (const page of pages.slice(from, to)) {
          places.push({ file: open, position: (page - first) * PAGE_SIZE })
        }
      }
      first = end
    }
    return scatter(places)
  }

  /** Reads the files one after the other until time is over. What cannot be read is told, and left out from then on. */
  async #readFiles(read: (file: ReadFile) => number | Promise<number>, isOver = never): Promise<void> {
    const files = this.#files
    const done: ReadFile[] = []
    this.#bytes = 0
    for (const [i, file] of files.entries()) {
      try {
        const count = read(file)
        // Waiting takes longer than reading what is small.
        file.length = typeof count === "number" ? count : await count
        this.#bytes += file.length
        done.push(file)
      } catch (error) {
        this.#onError(error, file.entry.path)
      }
      if (!isOver()) continue
      const isWhole = done.at(-1) !== file || BigInt(file.length) === file.entry.stats.size
      this.completeness.isRead = isWhole && i + 1 === files.length
      break
    }
    this.#files = done
  }

  #ofFiles(timing: Timing): Measurement {
    return { unit: "file", count: this.#files.length, bytes: this.#bytes, ...timing }
  }

  #note(entry: WalkEntry, seen: Set<bigint>): void {
    const { found } = this
    const { size } = entry.stats
    found.entries++
    if (entry.isDirectory()) found.directories++
    else if (entry.isSymbolicLink()) found.symlinks++
    else if (!entry.isFile()) found.others++
    else {
      found.files++
      if (seen.has(entry.nid)) return
      seen.add(entry.nid)
      found.bytes += size
      this.#files.push({ entry, length: Number.POSITIVE_INFINITY })
    }
  }
}

/** Bytes of a page of a file: of the last one, what is left. */
function bytesAt({ file, position }: Place): number {
  return Math.min(PAGE_SIZE, file.size - position)
}
