// SPDX-License-Identifier: MIT
/** The typed wrapper of the core's exports; the only file that knows pointers. */
import { ErofsError } from "./errors.js"
import { coreModule, type Variant } from "./wasm/module.js"

/** log2 of the pool's page size. */
export const PAGE_BITS = 12
/** Bytes of a page of the pool, whatever an image's block size. */
export const PAGE_SIZE = 1 << PAGE_BITS

/** Kinds of address space keys; see assembly/pool/intern.ts. */
export const TAG_INODE = 1
export const TAG_DEVICE = 2
export const TAG_FINGERPRINT = 3
export const TAG_DOMAIN = 4
export const TAG_VERIFIED = 5

/** How the bytes of an extent get into the frames; see KIND_ in assembly/slot.ts. */
export const EXTENT_KINDS = ["raw", "hole", "inline", "fragment", "plain", "compressed"] as const

/** Fill slots of a worker; number 0 is the one for synchronous fills. */
export const SLOT_COUNT = 8
const REQUEST_STEAL = 1
const REQUEST_DIRECT = 2
const REQUEST_SEIZE = 4
const REQUEST_VERIFY = 8

const SLOT_NEED_PAGE = 0
const SLOT_NEED_COUNT = 1
const SLOT_RANGE_COUNT = 2
const SLOT_ERROR_OFFSET = 3
const SLOT_HINT_EXTENT = 4
const SLOT_HINT_ADDRESS = 5
const SLOT_FAILED_RANGE = 6
const SLOT_WANT = 7
const SLOT_RUN_PAGE = 8
const SLOT_RUN_LENGTH = 9

interface CoreExports {
  poolBytes(frames: number, spaces: number, workers: number): number
  createPool(frames: number, spaces: number, workers: number): void
  takePlace(): number
  joinPool(place: number, mayWait: boolean): number
  freePlace(worker: number, place: number): void
  fillEpochAt(): number
  nextMount(): number
  exchangeAt(worker: number): number
  slotAt(worker: number, slot: number): number
  openSpace(
    worker: number,
    tag: number,
    owner: number,
    keyLength: number,
    size: number,
    mount: number,
    domain: number,
  ): number
  releaseSpace(worker: number, space: number, mount: number): void
  acquire(worker: number, space: number, page: number, count: number, isUse: boolean): number
  release(worker: number, address: number, count: number): void
  copy(worker: number, space: number, position: number, length: number, target: number): number
  missingPage(worker: number): number
  firstMissing(space: number, from: number, to: number): number
  planFill(worker: number, slot: number, page: number, want: number, request: number): number
  finishFill(slot: number): number
  directAt(slot: number): number
  abortFill(slot: number): void
  mapAt(slot: number, position: number): number
  slotField(slot: number, field: number): number
  rangeField(slot: number, range: number, field: number): number
  extentField(slot: number, field: number): number
  failRange(slot: number, range: number): void
  dropAll(worker: number): number
  dropRange(worker: number, space: number, from: number, to: number, reader: number): number
  dropMount(worker: number, mount: number, device: number): number
  resizePool(worker: number, frames: number): number
  describeFrames(worker: number, first: number, count: number, target: number): number
  describeAliases(worker: number, first: number, count: number, target: number): number
  describeSpace(worker: number, space: number, target: number, limit: number): number
  statistics(worker: number): void
  sha256Blocks(state: number, data: number, count: number): void
  sha256Pages(state: number, data: number, pages: number, pageBytes: number, states: number): void
  xxh32(address: number, length: number, seed: number): number
}

/** Identity of an address space: kind, whose it is, and bytes; and who asks for it. */
export interface SpaceKey {
  tag: number
  owner: number
  key: Uint8Array
  /** Of the file, in bytes. */
  size: number
  /** Mount that refers to it. */
  mount: number
  /** Number of the domain: pages of different ones never lie in one frame. */
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

/** Bytes of a state of SHA-256, and of the blocks that it hashes. */
export const HASH_STATE_BYTES = 32
const HASH_BLOCK_BYTES = 64

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
export class Core {
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
    const worker = exports.joinPool(place, this.maySleep)
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
  static async create(variant: Variant, { frames, spaces, workers }: PoolSizes): Promise<Core> {
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
    exports.createPool(frames, spaces, workers)
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

  /** Sleeps, or spins where threads may not sleep, until another fill has ended, at the longest so many milliseconds. */
  sleepForFill(epoch: number, milliseconds: number): void {
    if (this.maySleep) {
      Atomics.wait(this.#epoch, 0, epoch, milliseconds)
      return
    }
    const until = performance.now() + milliseconds
    while (this.fillEpoch === epoch && performance.now() < until) {}
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

/** One fill slot: a plan, its ranges, and what the core says of them. */
export class Slot {
  /** Whether this is the slot of synchronous fills, which take pages over rather than wait for them. */
  readonly isSync: boolean
  readonly core: Core
  readonly #exports: CoreExports
  readonly #worker: number
  readonly #address: number
  readonly #words: Uint32Array

  /** @internal */
  constructor(core: Core, exports: CoreExports, worker: number, address: number, isSync: boolean) {
    this.core = core
    this.isSync = isSync
    this.#exports = exports
    this.#worker = worker
    this.#address = address
    this.#words = new Uint32Array(core.buffer, address, CONTENT_WORDS)
  }

  /**
   * Plans to fill `want` pages from `page` on of the content described. `seizes`: takes pages over that another worker is
   * filling; `verifies`: {@link finish} will be given what was verified. Answers a status.
   */
  plan(
    content: ContentDescription,
    page: number,
    want: number,
    { seizes = false, verifies = false }: { seizes?: boolean; verifies?: boolean } = {},
  ): number {
    writeDescription(this.#words, content)
    this.core.epochAtPlan = this.core.fillEpoch
    const request =
      (this.isSync ? REQUEST_STEAL : 0) | (seizes ? REQUEST_SEIZE : 0) | (verifies ? REQUEST_VERIFY : 0)
    return this.#exports.planFill(this.#worker, this.#address, page, want, request)
  }

  /** Like {@link plan}, past the pool: no page enters it or leaves it. See {@link directPages} after {@link finish}. */
  planDirect(content: ContentDescription, page: number, want: number): number {
    writeDescription(this.#words, content)
    return this.#exports.planFill(this.#worker, this.#address, page, want, REQUEST_DIRECT)
  }

  /** The pages that a fill past the pool brought, from the one asked for on: valid until the slot's next plan. */
  get directPages(): Uint8Array {
    const length = this.#field(SLOT_WANT) * PAGE_SIZE
    return new Uint8Array(this.core.buffer, this.#exports.directAt(this.#address), length)
  }

  /** Maps one byte of the content described. Answers a status; see {@link extent}. */
  map(content: ContentDescription, position: number): number {
    writeDescription(this.#words, content)
    return this.#exports.mapAt(this.#address, position)
  }

  /**
   * Decodes, copies and publishes. `proof`, where the plan verifies: the states of SHA-256 at the beginning of every
   * page of the file and behind the last; pages that are not those are not published. Answers a status.
   */
  finish(proof?: Uint8Array): number {
    if (proof) {
      const first = this.#field(SLOT_RUN_PAGE)
      const end = first + this.#field(SLOT_RUN_LENGTH) + 1
      const states = proof.subarray(first * HASH_STATE_BYTES, end * HASH_STATE_BYTES)
      this.core.bytes.set(states, this.core.exchange)
    }
    return this.#exports.finishFill(this.#address)
  }

  /** Gives the plan up. */
  abort(): void {
    this.#exports.abortFill(this.#address)
  }

  /** First page that a plan found missing in the metadata space or the packed inode, and how many it needs. */
  get needPage(): number {
    return this.#field(SLOT_NEED_PAGE)
  }
  get needCount(): number {
    return this.#field(SLOT_NEED_COUNT)
  }

  /** The range that could not be read, if that is what the last status is about. */
  get failedRange(): number {
    return this.#field(SLOT_FAILED_RANGE)
  }

  /** Byte of the file at which the extent begins that the last status is about. */
  get errorOffset(): number {
    return this.#field(SLOT_ERROR_OFFSET)
  }

  /** The extent up to which addresses of encoded extents have been summed up, and its address. */
  get hint(): { extent: number; address: number } {
    return { extent: this.#field(SLOT_HINT_EXTENT), address: this.#field(SLOT_HINT_ADDRESS) }
  }

  /** How many device ranges the plan needs. */
  get rangeCount(): number {
    return this.#field(SLOT_RANGE_COUNT)
  }

  /** Byte offset on its device, length, address in memory and device id of a range. */
  rangeOffset(range: number): number {
    return this.#exports.rangeField(this.#address, range, 0)
  }
  rangeTarget(range: number): Uint8Array {
    const length = this.#exports.rangeField(this.#address, range, 1)
    const address = this.#exports.rangeField(this.#address, range, 2)
    return new Uint8Array(this.core.buffer, address, length)
  }
  rangeDevice(range: number): number {
    return this.#exports.rangeField(this.#address, range, 3)
  }

  /** Notes that a range could not be read. */
  failRange(range: number): void {
    this.#exports.failRange(this.#address, range)
  }

  /** The extent that {@link map} found. Bytes; `physical` on its device, in the metadata space or packed inode. */
  extent(): MappedExtent {
    const field = (number: number): number => this.#exports.extentField(this.#address, number)
    return {
      logical: field(0),
      physical: field(1),
      length: field(2),
      encodedLength: field(3),
      kind: EXTENT_KINDS[field(4)] as MappedExtent["kind"],
      algorithm: field(5),
      device: field(6),
      isPartial: (field(7) & 1) !== 0,
      isInterlaced: (field(7) & 2) !== 0,
      isInline: (field(7) & 4) !== 0,
    }
  }

  #field(number: number): number {
    return this.#exports.slotField(this.#address, number)
  }
}

/** Where a piece of a file lies. */
export interface MappedExtent {
  logical: number
  physical: number
  length: number
  encodedLength: number
  kind: (typeof EXTENT_KINDS)[number]
  algorithm: number
  device: number
  isPartial: boolean
  isInterlaced: boolean
  /** The stored bytes lie in the metadata, behind the indexes. */
  isInline: boolean
}

/**
 * What the core must know of a content to map it: the head of the Slot record of assembly/slot.ts. Whoever makes
 * one sets what its layout needs.
 */
export class ContentDescription {
  space = 0
  metaSpace = 0
  packedSpace = 0
  layout = 0
  size = 0
  start = 0
  tail = 0
  index = 0
  fragment = 0
  extentCount = 0
  metaSize = 0
  packedSize = 0
  blockBits = 0
  clusterBits = 0
  advise = 0
  flags = 0
  algorithms = 0
  available = 0
  inlineSize = 0
  recordSize = 0
  deviceMask = 0
  mount = 0
  /** Encoded extents of 4 bytes: up to which extent addresses have been summed up, and its address. */
  hintExtent = 0
  hintAddress = 0
  /** Which of the files that share the address space this is; 0 = the only one. Told by the pages it brings in. */
  reader = 0
}

/** LAYOUT_ and CONTENT_ numbers of assembly/slot.ts. */
export const LAYOUT_FLAT = 0
export const LAYOUT_CHUNK = 1
export const LAYOUT_FULL = 2
export const LAYOUT_COMPACT = 3
export const LAYOUT_EXTENTS = 4
export const LAYOUT_FRAGMENT = 5
export const CONTENT_HOLE = 1
export const CONTENT_INLINE_TAIL = 2
export const CONTENT_ZERO_PADDED = 4
export const CONTENT_CHUNK_INDEXES = 8
export const CONTENT_CHUNK_48BIT = 16
export const CONTENT_IS_PACKED = 32
export const CONTENT_MERGE = 64

/** Words of a description. */
export const CONTENT_WORDS = 35
const HINT_WORD = 30

/** Writes a description into the head of a slot, in 32-bit words; 64-bit fields take two, low part first. */
export function writeDescription(words: Uint32Array, d: ContentDescription): void {
  words[0] = d.space
  words[1] = d.metaSpace
  words[2] = d.packedSpace
  words[3] = d.layout
  writeWide(words, 4, d.size)
  writeWide(words, 6, d.start)
  writeWide(words, 8, d.tail)
  writeWide(words, 10, d.index)
  writeWide(words, 12, d.fragment)
  writeWide(words, 14, d.extentCount)
  writeWide(words, 16, d.metaSize)
  writeWide(words, 18, d.packedSize)
  words[20] = d.blockBits
  words[21] = d.clusterBits
  words[22] = d.advise
  words[23] = d.flags
  words[24] = d.algorithms
  words[25] = d.available
  words[26] = d.inlineSize
  words[27] = d.recordSize
  words[28] = d.deviceMask
  words[29] = d.mount
  writeWide(words, HINT_WORD, d.hintExtent)
  writeWide(words, HINT_WORD + 2, d.hintAddress)
  words[34] = d.reader
}

/** Storing takes a number modulo 2^32 and drops its fraction. */
function writeWide(words: Uint32Array, at: number, value: number): void {
  words[at] = value
  words[at + 1] = value / 2 ** 32
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

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): CoreExports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as CoreExports
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
