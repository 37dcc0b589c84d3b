// SPDX-License-Identifier: MIT
/** Reading through a store: what is kept comes from there, the rest is fetched and kept. */
import { ErofsError, isErofsError } from "../errors.js"
import {
  type BlockPlace,
  bytesOfPage,
  CACHE_BLOCK,
  CACHE_PAGE,
  type CachedPages,
  type Checksum,
  decodeBlock,
  encodeBlock,
  PAGES_PER_BLOCK,
} from "./cache-block.js"
import { type CacheStore, dropWhere } from "./cache-store.js"
import type { AsyncSource, SourceStats } from "./source.js"
import { nextTask } from "./task.js"

/** A source whose bytes are kept. */
export interface CachedSource extends AsyncSource {
  stats(): SourceStats
  /** Waits until everything that was fetched has been kept, and closes the source behind. */
  close(): Promise<void>
}

/** Blocks whose pages are at hand without asking the store. */
const BLOCKS_AT_HAND = 64
/** Blocks that may wait to be written; beyond, reading waits for the store. */
const MAX_WRITES = 128

/** A block in memory. */
interface Block {
  pages: CachedPages
  /** Whether it has pages that are not kept yet. */
  isWaiting: boolean
}

/** Pages in a row, counted from the beginning of the file, that are not kept. */
interface MissingRun {
  page: number
  end: number
}

/** Reads a source by pages that are kept in a store. */
export class CachingReader implements CachedSource {
  readonly size: number
  readonly identity: string
  readonly isRemote = true
  readonly granularity: number
  readonly #source: AsyncSource
  readonly #store: CacheStore
  readonly #identity: Uint8Array
  readonly #prefix: string
  readonly #checksum: Checksum
  /** By number, the one that was used last last. */
  readonly #blocks = new Map<number, Promise<Block>>()
  readonly #writes = new Map<number, Promise<void>>()
  #cachedBytes = 0
  /** Fulfilled when everything that was announced has been passed on, in its order. */
  #expected: Promise<void> = Promise.resolve()
  #stale: unknown

  /** `prefix`: of the keys of this source's blocks. */
  constructor(source: AsyncSource, store: CacheStore, identity: string, prefix: string, checksum: Checksum) {
    this.size = source.size
    this.identity = identity
    this.granularity = source.granularity ?? CACHE_BLOCK
    this.#source = source
    this.#store = store
    this.#identity = new TextEncoder().encode(identity)
    this.#prefix = prefix
    this.#checksum = checksum
  }

  get name(): string {
    return this.#source.name ?? "a cached source"
  }

  async read(
    target: Uint8Array,
    offset: number,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<number> {
    const length = Math.max(0, Math.min(target.length, this.size - offset))
    if (length === 0) return 0
    if (this.#stale) throw this.#stale
    const first = Math.floor(offset / CACHE_PAGE)
    const end = Math.ceil((offset + length) / CACHE_PAGE)
    const missing: MissingRun[] = []
    for (let page = first; page < end; page++) {
      const bytes = await this.#page(page)
      options.signal?.throwIfAborted()
      const last = missing.at(-1)
      if (bytes) this.#cachedBytes += copyOverlap(target, offset, length, bytes, page * CACHE_PAGE)
      else if (last?.end === page) last.end++
      else missing.push({ page, end: page + 1 })
    }
    await this.#fetch(
      missing,
      (bytes, position) => copyOverlap(target, offset, length, bytes, position),
      options,
    )
    return length
  }

  /** Tells the source what is not kept of it. */
  expect(offset: number, length: number, options: { signal?: AbortSignal | undefined } = {}): void {
    if (!this.#source.expect) return
    // The store is asked at once, and may answer in any order.
    const missing = this.#missing(offset, length, options.signal)
    this.#expected = this.#expected.then(async () => {
      for (const { page, end } of await missing) {
        const position = page * CACHE_PAGE
        this.#source.expect?.(position, Math.min(end * CACHE_PAGE, this.size) - position, options)
      }
    })
  }

  /** Pages of a range that are not kept; as many as were found before the signal was aborted. */
  async #missing(offset: number, length: number, signal: AbortSignal | undefined): Promise<MissingRun[]> {
    const end = Math.ceil(Math.min(offset + length, this.size) / CACHE_PAGE)
    const missing: MissingRun[] = []
    for (let page = Math.floor(offset / CACHE_PAGE); page < end && !signal?.aborted; page++) {
      const last = missing.at(-1)
      if (await this.#page(page)) continue
      if (last?.end === page) last.end++
      else missing.push({ page, end: page + 1 })
    }
    return missing
  }

  stats(): SourceStats {
    return { ...(this.#source.stats?.() ?? { requests: 0, bytes: 0 }), cachedBytes: this.#cachedBytes }
  }

  async close(): Promise<void> {
    while (this.#writes.size > 0) await Promise.all(this.#writes.values())
    await this.#source.close?.()
  }

  /** Fetches runs of pages, shows them, and keeps them. */
  async #fetch(
    runs: readonly MissingRun[],
    use: (bytes: Uint8Array, position: number) => void,
    options: { signal?: AbortSignal | undefined },
  ): Promise<void> {
    const fetches = runs.map(async ({ page, end }) => {
      const position = page * CACHE_PAGE
      const bytes = new Uint8Array(Math.min(end * CACHE_PAGE, this.size) - position)
      const count = await this.#source.read(bytes, position, options)
      if (count !== bytes.length)
        throw new ErofsError("EIO", `${this.name}: ${count} bytes came of ${bytes.length}`)
      return { bytes, page }
    })
    // All of them first: once the promise is rejected, nothing may be written to the target any more.
    const outcomes = await Promise.allSettled(fetches)
    for (const outcome of outcomes)
      if (outcome.status === "rejected") throw await this.#failed(outcome.reason)
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") continue
      const { bytes, page } = outcome.value
      use(bytes, page * CACHE_PAGE)
      await this.#keep(bytes, page)
    }
  }

  /** What is kept of a version that is no more goes. */
  async #failed(error: unknown): Promise<unknown> {
    if (isErofsError(error, "ESTALE") && !this.#stale) {
      this.#stale = error
      this.#blocks.clear()
      await Promise.all(this.#writes.values())
      await dropWhere(this.#store, (key) => key.startsWith(this.#prefix))
    }
    return error
  }

  /** A page of the file, if it is kept. */
  async #page(page: number): Promise<Uint8Array | undefined> {
    const { pages } = await this.#block(Math.floor(page / PAGES_PER_BLOCK))
    return pages[page % PAGES_PER_BLOCK]
  }

  #block(number: number): Promise<Block> {
    const known = this.#blocks.get(number) ?? this.#load(number)
    this.#blocks.delete(number)
    this.#blocks.set(number, known)
    for (const other of this.#blocks.keys()) {
      if (this.#blocks.size <= BLOCKS_AT_HAND) break
      // What is still to be written must not be read again from where it is not yet.
      if (!this.#writes.has(other) && other !== number) this.#blocks.delete(other)
    }
    return known
  }

  async #load(number: number): Promise<Block> {
    const key = this.#prefix + number
    try {
      const bytes = await this.#store.get(key)
      const pages = bytes && decodeBlock(bytes, this.#place(number), this.#checksum)
      if (bytes && !pages) await this.#store.delete(key)
      return { pages: pages ?? [], isWaiting: false }
    } catch {
      return { pages: [], isWaiting: false }
    }
  }

  /** Puts pages into their blocks, and has those written. */
  async #keep(bytes: Uint8Array<ArrayBuffer>, firstPage: number): Promise<void> {
    for (let at = 0; at < bytes.length; at += CACHE_PAGE) {
      const page = firstPage + at / CACHE_PAGE
      const number = Math.floor(page / PAGES_PER_BLOCK)
      const block = await this.#block(number)
      block.pages[page % PAGES_PER_BLOCK] = bytes.slice(
        at,
        at + bytesOfPage(this.#place(number), page % PAGES_PER_BLOCK),
      )
      this.#write(number, block)
    }
    if (this.#writes.size > MAX_WRITES) await Promise.all(this.#writes.values())
  }

  /** Has a block written, after what is being written of it already. Pages that come until then go with it. */
  #write(number: number, block: Block): void {
    if (block.isWaiting) return
    block.isWaiting = true
    const write = this.#writeLater(number, block, this.#writes.get(number))
    this.#writes.set(number, write)
    write.then(() => this.#writes.get(number) === write && this.#writes.delete(number))
  }

  async #writeLater(number: number, block: Block, before: Promise<void> | undefined): Promise<void> {
    await before
    await new Promise<void>((resolve) => nextTask(resolve))
    block.isWaiting = false
    if (this.#stale) return
    const bytes = encodeBlock(this.#place(number), block.pages, this.#checksum)
    // A store that fails costs a request the next time.
    await this.#store.set(this.#prefix + number, bytes).catch(() => {})
  }

  #place(number: number): BlockPlace {
    return { identity: this.#identity, number, size: this.size }
  }
}

/** Copies what of `bytes`, which lie at `position`, belongs to a read of `length` bytes from `offset` on. Answers how many. */
function copyOverlap(
  target: Uint8Array,
  offset: number,
  length: number,
  bytes: Uint8Array,
  position: number,
): number {
  const from = Math.max(offset, position)
  const to = Math.min(offset + length, position + bytes.length)
  if (from >= to) return 0
  target.set(bytes.subarray(from - position, to - position), from - offset)
  return to - from
}
