// SPDX-License-Identifier: MIT
/** A pool in use whose workers can be ended at any point, and begun again from the same state as often as wanted. */
import { CONTENT_MERGE } from "../../src/content-description.js"
import { polledCore } from "./polled-core.js"
import { type Device, flat, PAGE, PoolCore, TAG_FINGERPRINT, TAG_INODE } from "./pool-core.js"
import { violationsOf } from "./pool-invariants.js"
import { PoolRecords } from "./pool-records.js"

export const FRAMES = 64
const SPACES = 40
/** More polls than any operation on such a pool needs: whoever needs more goes round in a circle. */
const POLL_LIMIT = 30_000_000

class Ended extends Error {}

/** A worker that ends at the n-th point from now on where an engine may end it. */
export class MortalWorker {
  readonly pool: PoolCore
  polls = 0
  #last = Number.POSITIVE_INFINITY

  constructor(base: PoolCore, core: ReturnType<typeof polledCore>) {
    this.pool = base.join(
      core(base.memory, () => {
        this.polls++
        if (this.polls === this.#last) throw new Ended()
        if (this.polls > POLL_LIMIT) throw new Error("it goes round in a circle")
      }),
    )
  }

  /**
   * Runs until the n-th poll. Answers the functions in which it ended, innermost first; undefined if it came to its
   * end before.
   */
  runUntil(last: number, operation: () => unknown): string | undefined {
    this.polls = 0
    this.#last = last
    try {
      operation()
      return undefined
    } catch (error) {
      if (!(error instanceof Ended)) throw error
      const functions = [...(error.stack ?? "").matchAll(/at assembly\/(?:\w+\/)*([\w-]+\/\w+)[^\n]*wasm/g)]
      return functions.map(([, name]) => name).join(" < ")
    } finally {
      this.#last = Number.POSITIVE_INFINITY
    }
  }
}

/** Spaces of the pool at the beginning. */
export interface StageSpaces {
  /** Fingerprint spaces of the survivor, whose pages are equal to others. */
  small: number
  large: number
  /** Of the victim, who pins two of its pages. */
  pinned: number
  /** Nobody refers to it any more. */
  idle: number
  /** An inode of the victim's mount. */
  inode: number
  /** Has a key of several frames. */
  longKey: number
}

export const VICTIM_MOUNT = 2
const SURVIVOR_MOUNT = 1

export class Stage {
  readonly survivor: PoolCore
  readonly victim: MortalWorker
  /** Frees the victim's place, and can end while it does. */
  readonly helper: MortalWorker
  readonly spaces: StageSpaces
  readonly #survivor: MortalWorker
  /** The domain that all spaces are in. */
  readonly #domain: number
  readonly #snapshot: { at: number; bytes: Uint8Array }[]
  readonly records: PoolRecords
  /** How many different pages a space has, one after the other and from the beginning again. */
  readonly #kinds = new Map<number, number>()
  readonly #kindsBefore: ReadonlyMap<number, number>

  constructor() {
    const core = polledCore()
    const base = PoolCore.create("shared", { frames: FRAMES, spaces: SPACES, workers: 4 })
    this.#survivor = new MortalWorker(base, core)
    this.survivor = this.#survivor.pool
    this.victim = new MortalWorker(base, core)
    this.helper = new MortalWorker(base, core)
    this.#domain = this.survivor.openDomain("domain", SURVIVOR_MOUNT)
    this.spaces = this.#prepare()
    this.records = new PoolRecords(base.memory)
    const heads = [this.survivor, this.victim.pool, this.helper.pool].map(
      ({ worker }) => [worker, worker + PAGE] as const,
    )
    this.#snapshot = [...this.records.regions, ...heads].map(([from, to]) => ({
      at: from,
      bytes: base.bytes.slice(from, to),
    }))
    this.#kindsBefore = new Map(this.#kinds)
  }

  #prepare(): StageSpaces {
    const { survivor } = this
    const victim = this.victim.pool
    const spaces = {
      small: this.addFile(survivor, "small", 8, 5, SURVIVOR_MOUNT),
      large: this.addFile(survivor, "large", 16, 5, SURVIVOR_MOUNT),
      pinned: this.addFile(victim, "pinned", 16, 7),
      idle: this.addFile(survivor, "idle", 4, 9, SURVIVOR_MOUNT),
      inode: this.addFile(survivor, "inode", 8, 3, VICTIM_MOUNT, TAG_INODE),
      longKey: this.addFile(victim, "k".repeat(9000), 4, 4),
    }
    survivor.releaseSpace(spaces.idle, SURVIVOR_MOUNT)
    for (const page of [0, 6]) victim.pin(spaces.pinned, page)
    return spaces
  }

  /** Puts everything back to how it was at the beginning. */
  reset(): void {
    for (const { at, bytes } of this.#snapshot) this.survivor.bytes.set(bytes, at)
    this.#kinds.clear()
    for (const [space, kinds] of this.#kindsBefore) this.#kinds.set(space, kinds)
  }

  /** Opens a space of so many pages, of which so many are different; answers its number. */
  open(
    pool: PoolCore,
    key: string,
    pages: number,
    kinds: number,
    mount = VICTIM_MOUNT,
    tag = TAG_FINGERPRINT,
  ) {
    const owner = tag === TAG_INODE ? mount : 0
    const space = pool.openSpace(key, pages * PAGE, tag, owner, { mount, domain: this.#domain })
    if (space > 0) this.#kinds.set(space, kinds)
    return space
  }

  /** Opens a space and fills all its pages. */
  addFile(
    pool: PoolCore,
    key: string,
    pages: number,
    kinds: number,
    mount = VICTIM_MOUNT,
    tag = TAG_FINGERPRINT,
  ) {
    const space = this.open(pool, key, pages, kinds, mount, tag)
    for (let page = 0; page < pages; page += 8) {
      pool.fill(this.content(space, pages, mount), page, 8, this.device(space))
    }
    return space
  }

  /** A content whose pages share frames with equal ones. */
  content(space: number, pages: number, mount = VICTIM_MOUNT) {
    return { ...flat(space, pages, 0, mount), flags: CONTENT_MERGE }
  }

  /** What a space holds: each page is one byte again and again. */
  device(space: number): Device {
    return (target, offset) => {
      for (let at = 0; at < target.length; at += PAGE) {
        target.fill(this.#byteOf(space, (offset + at) / PAGE) ?? 0, at, at + PAGE)
      }
    }
  }

  #byteOf(space: number, page: number): number | undefined {
    const kinds = this.#kinds.get(space)
    return kinds === undefined ? undefined : 1 + (page % kinds)
  }

  /** What does not hold while all workers are there. */
  violations(): string[] {
    return this.#violations([])
  }

  /**
   * Frees the places of workers that have ended as whoever hears of it does, and looks whether the pool is in order:
   * then, after everything is dropped, and after it was filled again.
   */
  violationsAfter(ended: readonly PoolCore[]): string[] {
    const { survivor } = this
    this.#survivor.polls = 0
    const gone = ended.map(({ place }) => place)
    const holder = this.records.lock - 1
    // Whoever holds the lock first: for another one's place the survivor would wait for it.
    for (const place of gone.toSorted((a, b) => Number(b === holder) - Number(a === holder))) {
      survivor.core.freePlace(survivor.worker, place)
    }
    const found = this.#violations(gone)
    survivor.dropPages(0)
    found.push(...this.#violations(gone).map((sentence) => `after all is dropped: ${sentence}`))
    const [pages, kinds] = [FRAMES, FRAMES - 3]
    this.addFile(survivor, "afterwards", pages, kinds, SURVIVOR_MOUNT)
    found.push(...this.#violations(gone).map((sentence) => `after it is filled again: ${sentence}`))
    return found
  }

  #violations(gone: readonly number[]): string[] {
    return violationsOf(this.survivor, { gone, byteOf: (space, page) => this.#byteOf(space, page) })
  }
}
