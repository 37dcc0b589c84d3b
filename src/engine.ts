// SPDX-License-Identifier: MIT
import type { Content } from "./content.js"
import type { Core, SpaceKey } from "./core.js"
import type { Need } from "./drive.js"
import { Proofs } from "./proofs.js"
import { SLOT_COUNT, type Slot } from "./slot.js"
import type { Source } from "./source/source.js"
import { NO_FRAME, NO_SPACE } from "./status.js"

/**
 * Which pages lie in memory once: "fingerprint" those of files that claim the same content, "content" those of any files
 * whose bytes turn out to be equal.
 */
export type Sharing = "fingerprint" | "content"

/** Milliseconds that another worker may take for a page until one that waits brings it in itself. */
export const SEIZE_AFTER = 3000
/** Milliseconds of waiting at once. */
const NAP = 100

/** Counts that the core does not keep. */
export interface EngineCounters {
  /** Bytes read from sources, and in how many reads. */
  bytesFetched: number
  fetches: number
  /** Files that carry a fingerprint already known with another size, and so do not share. */
  sizeConflicts: number
  /** Files whose content is not what their fingerprint claims, of images that are verified. */
  filesForged: number
  /** Views that were collected without having been disposed of. */
  viewsLeaked: number
}

/** A file that claims a digest which its content does not have. */
export interface Forgery {
  /** Name of the image's source; empty if it has none. */
  image: string
  /** The inode, and a path that it was opened by, if any. */
  nid: bigint
  path: string | undefined
  /** SHA-256 that it claims, in hexadecimal digits. */
  claim: string
}

/** A view that was collected without having been disposed of; its pages have been given back. */
export interface Leak {
  /** Path that its file was opened by. */
  path: string
  /** Bytes of the file that the view was of. */
  position: number
  length: number
}

/** What sources did whose reading goes by requests. */
export interface Traffic {
  /** Requests that were sent. */
  requests: number
  /** Bytes that came over the wire. */
  bytesReceived: number
}

/** Proofs that are kept though nobody uses them: bytes for each frame of the pool, and at the least. */
const PROOF_BYTES_PER_FRAME = 64
const MIN_PROOF_BYTES = 1 << 20

/** Somebody who keeps address spaces that it could do without. */
export interface SpaceKeeper {
  /** Gives back every address space that is not in use. */
  relieve(): void
}

/** One worker's hold on a pool: its core, its fill slots, and who waits for what. */
export class Engine {
  readonly core: Core
  readonly sharing: ReadonlySet<Sharing>
  /** Whether other workers may be at work on the pool. */
  hasOthers = false
  readonly counters: EngineCounters = {
    bytesFetched: 0,
    fetches: 0,
    sizeConflicts: 0,
    filesForged: 0,
    viewsLeaked: 0,
  }
  /** Asked for address spaces when none is left. */
  readonly keepers = new Set<SpaceKeeper>()
  /** Sources of the mounted images. */
  readonly #sources = new Set<Source>()
  /** What sources did that are not mounted any more. */
  readonly #past: Traffic = { requests: 0, bytesReceived: 0 }
  /** The slot of synchronous fills, which never overlap. */
  readonly syncSlot: Slot
  /** Files that claimed what they are not, the first of them. */
  readonly forgeries: Forgery[] = []
  /** What proves the pages of verified files. */
  readonly proofs: Proofs
  /** The open files of each shared address space, of all images of this worker. */
  readonly #members = new Map<number, Set<Content>>()
  /** Told of views that were forgotten. */
  onLeak: (leak: Leak) => void = () => {}
  /** What must not be collected while anything of the pool is in use. */
  anchor: unknown
  readonly #freeSlots: Slot[]
  readonly #slotWaiters: ((slot: Slot) => void)[] = []
  #settleWaiters: (() => void)[] = []

  constructor(core: Core, sharing: ReadonlySet<Sharing>) {
    this.core = core
    this.sharing = sharing
    this.proofs = new Proofs(Math.max(MIN_PROOF_BYTES, core.statistics().frames * PROOF_BYTES_PER_FRAME))
    this.syncSlot = core.slot(0)
    this.#freeSlots = Array.from({ length: SLOT_COUNT - 1 }, (_, i) => core.slot(i + 1))
  }

  /** Needs a fill slot. */
  readonly slot: Need = { now: () => this.syncSlot, later: () => this.takeSlot() }

  /** A slot for a fill that waits, as soon as one is free. Give it back with {@link returnSlot}. */
  takeSlot(): Promise<Slot> {
    return new Promise((resolve) => {
      const slot = this.#freeSlots.pop()
      if (slot) resolve(slot)
      else this.#slotWaiters.push(resolve)
    })
  }

  /** Like {@link Core.openSpace}; when no space is left, those that are only kept for later are given up first. */
  openSpace(key: SpaceKey): number {
    const space = this.core.openSpace(key)
    if (space !== -NO_SPACE && space !== -NO_FRAME) return space
    for (const keeper of this.keepers) keeper.relieve()
    return this.core.openSpace(key)
  }

  /** Counts a file among those that can supply the pages of the address space it shares. */
  addMember(content: Content): void {
    const members = this.#members.get(content.space)
    if (members) members.add(content)
    else this.#members.set(content.space, new Set([content]))
  }

  /** Takes a file out of those that can supply the pages of its address space. */
  removeMember(content: Content): void {
    const members = this.#members.get(content.space)
    if (members?.delete(content) && members.size === 0) this.#members.delete(content.space)
  }

  /** Other files that can supply the pages of a content's address space. */
  othersOf(content: Content): Content[] {
    const members = this.#members.get(content.space)
    return members?.has(content) ? [...members].filter((member) => member !== content) : []
  }

  /** Gives a slot back to the next in the queue. */
  returnSlot(slot: Slot): void {
    if (slot.isSync) return
    const waiter = this.#slotWaiters.shift()
    if (waiter) waiter(slot)
    else this.#freeSlots.push(slot)
  }

  /**
   * Needs some fill to end, after a plan found its page busy. Synchronous operations only ever wait for other workers,
   * and where threads may sleep: the suspended fills of their own they take over.
   */
  readonly settled: Need = {
    now: () => this.core.sleepForFill(this.core.epochAtPlan, NAP),
    later: () =>
      this.hasOthers
        ? this.core.waitForFill(this.core.epochAtPlan, NAP)
        : new Promise<void>((resolve) => this.#settleWaiters.push(resolve)),
  }

  /** Says that a fill has ended, well or not. */
  announceSettled(): void {
    if (this.#settleWaiters.length === 0) return
    const waiters = this.#settleWaiters
    this.#settleWaiters = []
    for (const wake of waiters) wake()
  }

  /** Counts from now on what these sources do, and have done. */
  addSources(sources: readonly Source[]): void {
    for (const source of sources) this.#sources.add(source)
  }

  /** Counts only what these sources have done so far. */
  removeSources(sources: readonly Source[]): void {
    for (const source of sources) if (this.#sources.delete(source)) addTraffic(this.#past, source)
  }

  /** What the sources of all images did, of closed ones too. */
  get traffic(): Traffic {
    const sum = { ...this.#past }
    for (const source of this.#sources) addTraffic(sum, source)
    return sum
  }

  /** Counts a read of a source. */
  countFetch(bytes: number): void {
    this.counters.bytesFetched += bytes
    this.counters.fetches++
  }
}

function addTraffic(sum: Traffic, source: Source): void {
  const { requests, bytes } = source.stats?.() ?? { requests: 0, bytes: 0 }
  sum.requests += requests
  sum.bytesReceived += bytes
}
