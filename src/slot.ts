// SPDX-License-Identifier: MIT
/** Fill slots: how a fill is planned, read and finished by the core. */
import { CONTENT_WORDS, type ContentDescription, writeDescription } from "./content-description.js"
import { type CoreExports, HASH_STATE_BYTES } from "./core-exports.js"
import { PAGE_SIZE } from "./page.js"

/** How the bytes of an extent get into the frames; see KIND_ in assembly/slot.ts. */
export const EXTENT_KINDS = ["raw", "hole", "inline", "fragment", "plain", "compressed"] as const

/** Fill slots of a worker; number 0 is the one for synchronous fills. */
export const SLOT_COUNT = 8
const REQUEST_STEAL = 1
const REQUEST_DIRECT = 2
const REQUEST_SEIZE = 4
const REQUEST_DOUBT = 32
const REQUEST_VERIFY = 8
const REQUEST_SPARE = 16

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

/** What a slot uses of the instance of the core that it belongs to. */
export interface SlotHome {
  readonly buffer: ArrayBufferLike
  readonly bytes: Uint8Array
  /** Address of the exchange area. */
  readonly exchange: number
  /** How many fills have ended, now and when the last plan was made. */
  readonly fillEpoch: number
  epochAtPlan: number
}

/** One fill slot: a plan, its ranges, and what the core says of them. */
export class Slot {
  /** Whether this is the slot of synchronous fills, which take pages over rather than wait for them. */
  readonly isSync: boolean
  readonly #home: SlotHome
  readonly #exports: CoreExports
  readonly #worker: number
  readonly #address: number
  readonly #words: Uint32Array

  /** @internal */
  constructor(home: SlotHome, exports: CoreExports, worker: number, address: number, isSync: boolean) {
    this.#home = home
    this.isSync = isSync
    this.#exports = exports
    this.#worker = worker
    this.#address = address
    this.#words = new Uint32Array(home.buffer, address, CONTENT_WORDS)
  }

  /**
   * Plans to fill `want` pages from `page` on of the content described. `seizes`: takes pages over that another worker is
   * filling; `doubts`: and that worker counts as gone until it does something; `verifies`: {@link finish} will be given what was verified; `isSparing`: nothing is read but what holds bytes of
   * these pages. Answers a status.
   */
  plan(
    content: ContentDescription,
    page: number,
    want: number,
    {
      seizes = false,
      doubts = false,
      verifies = false,
      isSparing = false,
    }: { seizes?: boolean; doubts?: boolean; verifies?: boolean; isSparing?: boolean } = {},
  ): number {
    writeDescription(this.#words, content)
    this.#home.epochAtPlan = this.#home.fillEpoch
    const request =
      (this.isSync ? REQUEST_STEAL : 0) |
      (seizes ? REQUEST_SEIZE : 0) |
      (doubts ? REQUEST_DOUBT : 0) |
      (verifies ? REQUEST_VERIFY : 0) |
      (isSparing ? REQUEST_SPARE : 0)
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
    return new Uint8Array(this.#home.buffer, this.#exports.directAt(this.#address), length)
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
      this.#home.bytes.set(states, this.#home.exchange)
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
    return new Uint8Array(this.#home.buffer, address, length)
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
