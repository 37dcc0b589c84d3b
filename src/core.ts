// SPDX-License-Identifier: MIT
/** One instance of the core, typed; only this file and slot.ts know pointers. */
import { type CoreExports, HASH_STATE_BYTES, instantiate } from "./core-exports.js"
import { ErofsError } from "./errors.js"
import { PAGE_BITS, PAGE_SIZE } from "./page.js"
import { Slot, type SlotHome } from "./slot.js"
import { coreModule, type Variant } from "./wasm/module.js"

/** Kinds of address space keys; see assembly/pool/spaces.ts. */
export const TAG_INODE = 1
export const TAG_DEVICE = 2
export const TAG_FINGERPRINT = 3
export const TAG_DOMAIN = 4
export const TAG_VERIFIED = 5

/** Bytes of the blocks that SHA-256 hashes. */
const HASH_BLOCK_BYTES = 64

/** Identity of an address space: kind, whose it is, and bytes; and who asks for it. */
export interface SpaceKey {
  tag: number
  owner: number
  key: Uint8Array
  /** Of the file, in bytes. */
  size: number
  /** Mount that refers to it. */
  mount: number
  /** Space of the domain, 0 = none: pages of different ones never lie in one frame. */
  domain: number
}

/** Who uses an address space. */
export interface SpaceDescription {
  pages: number
  /** Whether it is the metadata of an image rather than a file. */
  isDevice: boolean
  mounts: number[]
}

/** What {@link Core.describeFrames} says of frames that hold none of the pool's pages. */
export const KEPT_FRAME = 0xffffffff
/** Frames described by one call: as many as fit the exchange area. */
const FRAMES_AT_ONCE = 32 << 10
/** Aliases likewise. */
const ALIASES_AT_ONCE = 16 << 10
/** Members of an address space that are told. */
const MAX_MEMBERS = 1024

/** How big a pool is laid out. */
export interface PoolSizes {
  /** Frames of 4096 bytes. */
  frames: number
  /** Address space records. */
  spaces: number
  /** Instances that may join. */
  workers: number
  /** Whether equal pages will share frames: their tables then count from the beginning. Default: false. */
  content?: boolean
}

/** What the pool has done and holds; all counts since the pool's birth. */
export interface PoolStatistics {
  frames: number
  framesUsed: number
  framesPinned: number
  framesBusy: number
  spaces: number
  pagesShared: number
  pagesSaved: number
  pagesAliased: number
  pagesMerged: number
  hits: number
  misses: number
  bytesDecoded: number
  pagesFilled: number
  pagesReclaimed: number
  bookkeepingBytes: number
  repairs: number
}

/** Fields of {@link PoolStatistics} in the order of the core's record. */
const STATISTICS_FIELDS = [
  "frames",
  "framesUsed",
  "framesPinned",
  "framesBusy",
  "spaces",
  "pagesShared",
  "pagesSaved",
  "pagesAliased",
  "pagesMerged",
  "hits",
  "misses",
  "bytesDecoded",
  "pagesFilled",
  "pagesReclaimed",
  "bookkeepingBytes",
  "repairs",
] as const

/** Bytes of the longest piece of metadata whose array is kept: an extended inode. */
const MAX_KEPT_PIECE = 64
const WASM_PAGE_BITS = 16
const MAX_WASM_PAGES = 65536
/** As many as all of the largest memory; the core counts them in 32 bits. */
const MAX_FRAMES = (MAX_WASM_PAGES * 2 ** WASM_PAGE_BITS) / PAGE_SIZE

/** One instance of the core on a pool's memory. Addresses are byte positions in that memory. */
export class Core implements SlotHome {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  /** Number of this instance's place among the pool's workers. */
  readonly place: number
  /** All of the memory; asked for once, as it never grows, and asking takes longer than a cached read. */
  readonly buffer: ArrayBufferLike
  readonly bytes: Uint8Array
  readonly isShared: boolean
  /** Whether this thread may sleep until another has done something. */
  readonly maySleep: boolean
  /** Fills that had ended when the last plan was made. */
  epochAtPlan = 0
  /** Where the exchange area lies: keys and small pieces of metadata pass through it. */
  readonly exchange: number
  readonly #exports: CoreExports
  readonly #worker: number
  readonly #words: Uint32Array
  readonly #runLength: number
  /** Arrays over the beginning of the exchange area, by their lengths. */
  readonly #pieces: (Uint8Array | undefined)[] = new Array(MAX_KEPT_PIECE + 1).fill(undefined)
  readonly #epoch: Int32Array

  private constructor(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    place: number,
    isShared: boolean,
  ) {
    const exports = instantiate(module, memory)
    this.maySleep = isShared && maySleep()
    const worker = exports.joinPool(place)
    if (worker === 0) throw new ErofsError("EINVAL", "there is no pool in this memory")
    this.module = module
    this.memory = memory
    this.place = place
    this.buffer = memory.buffer
    this.bytes = new Uint8Array(this.buffer)
    this.isShared = isShared
    this.#words = new Uint32Array(this.buffer)
    this.#exports = exports
    this.#worker = worker
    this.#runLength = worker >>> 2
    this.#epoch = new Int32Array(this.buffer, exports.fillEpochAt(), 1)
    this.exchange = exports.exchangeAt(worker)
  }

  /** A new memory with an empty pool in it. Throws ENOMEM if memory of that size cannot be had. */
  static async create(
    variant: Variant,
    { frames, spaces, workers, content = false }: PoolSizes,
  ): Promise<Core> {
    const module = await coreModule(variant)
    const isShared = variant === "shared"
    // A scratch instance answers how much memory the sizes need: the layout is the core's business.
    const bytes = instantiate(module, newMemory(2, isShared)).poolBytes(frames, spaces, workers)
    const pages = frames > MAX_FRAMES ? 0 : Math.ceil(bytes / 2 ** WASM_PAGE_BITS)
    if (pages === 0 || pages > MAX_WASM_PAGES) {
      throw new ErofsError("ENOMEM", `a pool of ${frames} pages does not fit one memory`)
    }
    const memory = newMemory(pages, isShared)
    const exports = instantiate(module, memory)
    exports.createPool(frames, spaces, workers, content)
    return new Core(module, memory, exports.takePlace(), isShared)
  }

  /** Another instance on the memory of a pool that exists, in a place that {@link takePlace} took for it. */
  static async join(module: WebAssembly.Module, memory: WebAssembly.Memory, place: number): Promise<Core> {
    return new Core(module, memory, place, true)
  }

  /** Takes a place for another worker; answers its number, or -1 if all are taken. */
  takePlace(): number {
    return this.#exports.takePlace()
  }

  /** Frees the place of a worker that runs no more, and everything it held. */
  freePlace(place: number): void {
    this.#exports.freePlace(this.#worker, place)
  }

  /** How many fills have ended, of all workers. */
  get fillEpoch(): number {
    return Atomics.load(this.#epoch, 0)
  }

  /** Sleeps until another fill has ended, at the longest so many milliseconds. Only where threads may sleep. */
  sleepForFill(epoch: number, milliseconds: number): void {
    Atomics.wait(this.#epoch, 0, epoch, milliseconds)
  }

  /** Resolves when another fill has ended, at the latest after so many milliseconds. */
  async waitForFill(epoch: number, milliseconds: number): Promise<void> {
    if (Atomics.waitAsync) {
      const { value } = Atomics.waitAsync(this.#epoch, 0, epoch, milliseconds)
      // Waiting alone keeps no process of Node alive, a timer does.
      const timer = setTimeout(() => {}, milliseconds)
      await value
      clearTimeout(timer)
      return
    }
    for (let slept = 0, nap = 1; slept < milliseconds && this.fillEpoch === epoch; slept += nap, nap *= 2) {
      await new Promise((resolve) => setTimeout(resolve, nap))
    }
  }

  /** The fill slot with that number. */
  slot(number: number): Slot {
    const address = this.#exports.slotAt(this.#worker, number)
    return new Slot(this, this.#exports, this.#worker, address, number === 0)
  }

  /** A number for a mount, or for a file among those that share a space, that no other has or had. */
  nextMount(): number {
    return this.#exports.nextMount()
  }

  /**
   * Finds or makes the address space with a key and refers to it. Answers its number, or minus a status
   * (SIZE_DIFFERS, NO_SPACE, NO_FRAME).
   */
  openSpace({ tag, owner, key, size, mount, domain }: SpaceKey): number {
    this.bytes.set(key, this.exchange)
    return this.#exports.openSpace(this.#worker, tag, owner, key.length, size, mount, domain)
  }

  /** Gives a mount's reference to an address space back. */
  releaseSpace(space: number, mount: number): void {
    this.#exports.releaseSpace(this.#worker, space, mount)
  }

  /**
   * Pins up to `count` pages that lie in a row from `page` on. Answers the address of the first, 0 if it is
   * not in the pool; their number is in `runLength` until the next call.
   */
  acquire(space: number, page: number, count: number, isUse: boolean): number {
    return this.#exports.acquire(this.#worker, space, page, count, isUse) >>> 0
  }

  /** Pages that the last {@link acquire} pinned. */
  get runLength(): number {
    return this.#words[this.#runLength] as number
  }

  /** Unpins pages that lie in a row from an address on. */
  release(address: number, count: number): void {
    this.#exports.release(this.#worker, address, count)
  }

  /**
   * Bytes of a space by way of the exchange area: valid until the next call that uses it, at most 128 KiB.
   * Undefined if a page of them is not in the pool: then `missingPage` tells which.
   */
  peek(space: number, position: number, length: number): Uint8Array | undefined {
    if (this.#exports.copy(this.#worker, space, position, length, this.exchange) === 0) return undefined
    return this.#exchanged(length)
  }

  /** The first bytes of the exchange area; arrays of the short lengths that records have are made once. */
  #exchanged(length: number): Uint8Array {
    if (length >= this.#pieces.length) return new Uint8Array(this.buffer, this.exchange, length)
    this.#pieces[length] ??= new Uint8Array(this.buffer, this.exchange, length)
    return this.#pieces[length]
  }

  /** The first page that the last {@link peek} missed. */
  get missingPage(): number {
    return this.#exports.missingPage(this.#worker)
  }

  /** The first page from `from` to before `to` that is neither in the pool nor on its way; `to` if there is none. */
  firstMissing(space: number, from: number, to: number): number {
    return this.#exports.firstMissing(space, from, to)
  }

  /** xxHash32 of at most 128 KiB, by way of the exchange area. */
  xxh32(bytes: Uint8Array, seed: number): number {
    this.bytes.set(bytes, this.exchange)
    return this.#exports.xxh32(this.exchange, bytes.length, seed) >>> 0
  }

  /** Drops all unpinned pages. Answers how many. */
  dropAll(): number {
    return this.#exports.dropAll(this.#worker)
  }

  /**
   * Drops the unpinned pages of a space from page `from` to before `to`; only those that a reader brought in if it is
   * not 0. Answers how many.
   */
  dropRange(space: number, from: number, to: number, reader: number): number {
    return this.#exports.dropRange(this.#worker, space, from, to, reader)
  }

  /** Drops the unpinned pages that only this mount can use, unless another worker uses it. Answers how many. */
  dropMount(mount: number, device: number): number {
    return this.#exports.dropMount(this.#worker, mount, device)
  }

  /** Sets how many frames are in use. Answers how many are: more than wanted if the others are pinned or busy. */
  resize(frames: number): number {
    return this.#exports.resizePool(this.#worker, frames)
  }

  /** The address space of the page in each frame: 0 = free, {@link KEPT_FRAME} = none of the pool's pages. */
  describeFrames(): Uint32Array {
    const pieces: Uint32Array[] = []
    for (let first = 0, count = FRAMES_AT_ONCE; count === FRAMES_AT_ONCE; first += count) {
      count = this.#exports.describeFrames(this.#worker, first, FRAMES_AT_ONCE, this.exchange)
      pieces.push(new Uint32Array(this.buffer, this.exchange, count).slice())
    }
    return joinWords(pieces)
  }

  /** Frame and address space, one after the other, of each page that lies in the frame of an equal one; space 0: none. */
  describeAliases(): Uint32Array {
    const pieces: Uint32Array[] = []
    for (let first = 1, count = ALIASES_AT_ONCE; count === ALIASES_AT_ONCE; first += count) {
      count = this.#exports.describeAliases(this.#worker, first, ALIASES_AT_ONCE, this.exchange)
      pieces.push(new Uint32Array(this.buffer, this.exchange, 2 * count).slice())
    }
    return joinWords(pieces)
  }

  /** What an address space is; undefined if there is none of that number. */
  describeSpace(space: number): SpaceDescription | undefined {
    const count = this.#exports.describeSpace(this.#worker, space, this.exchange, MAX_MEMBERS)
    if (count === 0) return undefined
    const [pages = 0, isDevice = 0, ...mounts] = new Uint32Array(this.buffer, this.exchange, count)
    return { pages, isDevice: isDevice === 1, mounts: [...new Set(mounts)] }
  }

  /**
   * Mixes pages in this memory into a state of SHA-256 (32 bytes), in place. Answers the states after each of them,
   * 32 bytes each, valid until the exchange area is used again. At most 1024 pages.
   */
  hashPages(state: Uint8Array, pages: Uint8Array): Uint8Array {
    const { bytes, exchange } = this
    const count = pages.length >>> PAGE_BITS
    const states = exchange + HASH_STATE_BYTES
    bytes.set(state, exchange)
    this.#exports.sha256Pages(exchange, pages.byteOffset, count, PAGE_SIZE, states)
    state.set(bytes.subarray(exchange, states))
    return bytes.subarray(states, states + count * HASH_STATE_BYTES)
  }

  /** Mixes a message of whole blocks of 64 bytes, at most 64 KiB, into a state of SHA-256, in place. */
  hashBlocks(state: Uint8Array, blocks: Uint8Array): void {
    const { bytes, exchange } = this
    const data = exchange + HASH_STATE_BYTES
    bytes.set(state, exchange)
    bytes.set(blocks, data)
    this.#exports.sha256Blocks(exchange, data, blocks.length / HASH_BLOCK_BYTES)
    state.set(bytes.subarray(exchange, data))
  }

  /** Counts what the pool holds and adds up what all workers did. */
  statistics(): PoolStatistics {
    this.#exports.statistics(this.#worker)
    const words = new BigUint64Array(this.buffer, this.exchange, STATISTICS_FIELDS.length)
    const values = STATISTICS_FIELDS.map((field, i) => [field, Number(words[i])] as const)
    return Object.fromEntries(values) as unknown as PoolStatistics
  }
}

/** The pieces as one array. */
function joinWords(pieces: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

/** Whether this thread may sleep: a browser's main thread may not. */
function maySleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0)
    return true
  } catch {
    return false
  }
}

function newMemory(pages: number, shared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared })
  } catch (cause) {
    throw new ErofsError("ENOMEM", `no memory of ${pages} WASM pages can be had`, { cause })
  }
}
