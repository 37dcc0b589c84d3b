// SPDX-License-Identifier: MIT
import type { Content } from "./content.js"
import type { Engine } from "./engine.js"
import type { Filesystem, Holder } from "./filesystem.js"
import { PAGE_SIZE } from "./page.js"
import type { ReadAhead } from "./read-ahead.js"

/** Pages whose addresses are noted together. */
const GROUP_BITS = 9
const GROUP_MASK = (1 << GROUP_BITS) - 1

/** Gives back what views hold that were collected without having been disposed of, on hosts that tell (workerd may not). */
const leaks =
  typeof FinalizationRegistry === "undefined"
    ? undefined
    : new FinalizationRegistry<Mapping>((mapping) => mapping.leak())

/**
 * Views made in this turn of the event loop, and their mappings. Nothing is told to be collected before it ends, and by
 * then most views have been disposed of: only those that are left are worth being registered, which takes a while.
 */
const newViews: object[] = []
const newMappings: Mapping[] = []
/** Whether {@link registerViews} will be called when this turn ends. */
let endsTurn = false

/** Registers the views that have outlived the turn that made them. */
function registerViews(): void {
  endsTurn = false
  for (const [i, mapping] of newMappings.entries()) mapping.register(newViews[i] as object)
  newViews.length = 0
  newMappings.length = 0
}

/**
 * What a view holds: its place in the file, and the pages that it has pinned. Apart from the view itself, so that
 * a view that is forgotten can be collected, and what it held be given back.
 */
export class Mapping implements Holder {
  /** Path that the file was opened by. */
  readonly path: string
  readonly fingerprint: Uint8Array | undefined
  /** Byte of the file at which it begins, a multiple of 4096, and bytes. */
  readonly position: number
  readonly length: number
  readonly filesystem: Filesystem
  readonly content: Content
  readonly readAhead: ReadAhead
  /** Number of its first page in the file. */
  readonly firstPage: number
  readonly #release: () => void
  /** Addresses of pinned pages, 0 = not pinned; by groups, as a view may be much longer than what is touched. */
  /** All groups, once there are several. */
  #groups: Map<number, Uint32Array> | undefined
  #lastGroup: Uint32Array | undefined
  #lastGroupNumber = -1
  #isLive = true
  /** Its place among the new ones; -1: it is registered. */
  #newAt = -1

  constructor(
    what: Pick<
      Mapping,
      "path" | "fingerprint" | "position" | "length" | "filesystem" | "content" | "readAhead"
    >,
    release: () => void,
  ) {
    this.path = what.path
    this.fingerprint = what.fingerprint
    this.position = what.position
    this.length = what.length
    this.filesystem = what.filesystem
    this.content = what.content
    this.readAhead = what.readAhead
    this.firstPage = what.position / PAGE_SIZE
    this.#release = release
    this.filesystem.holders.add(this)
  }

  /** Whether it has not been released. */
  get isLive(): boolean {
    return this.#isLive
  }

  get engine(): Engine {
    return this.filesystem.engine
  }

  get pageCount(): number {
    return Math.ceil(this.length / PAGE_SIZE)
  }

  /** Sees to it that this is released when its view has been collected. */
  watch(view: object): void {
    if (!endsTurn) queueMicrotask(registerViews)
    endsTurn = true
    this.#newAt = newViews.length
    newViews.push(view)
    newMappings.push(this)
  }

  /** Waits from now on for the view to be collected. */
  register(view: object): void {
    this.#newAt = -1
    leaks?.register(view, this, this)
  }

  #unwatch(): void {
    const at = this.#newAt
    if (at < 0) {
      leaks?.unregister(this)
      return
    }
    // The last one takes its place.
    const view = newViews.pop() as object
    const mapping = newMappings.pop() as Mapping
    if (mapping === this) return
    newViews[at] = view
    newMappings[at] = mapping
    mapping.#newAt = at
  }

  /** Address of a page that is or now becomes pinned, with up to `count` that lie behind it; 0: not in the pool. */
  pin(page: number, count: number): number {
    const group = this.#group(page)
    const at = page & GROUP_MASK
    const pinned = group[at] as number
    if (pinned !== 0) return pinned
    // Not across the end of the group, and not over pages that are pinned already.
    let free = 1
    const limit = Math.min(count, GROUP_MASK + 1 - at)
    while (free < limit && group[at + free] === 0) free++
    const { core } = this.engine
    const { makesWarmer } = this.readAhead
    const address = core.acquire(this.content.space, this.firstPage + page, free, makesWarmer)
    if (address === 0) return 0
    for (let i = core.runLength - 1; i >= 0; i--) group[at + i] = address + i * PAGE_SIZE
    return address
  }

  /** Unpins all pages and lets the file go. Releasing twice does nothing. */
  release(): void {
    if (!this.#isLive) return
    this.#isLive = false
    this.#unwatch()
    if (this.#groups) for (const group of this.#groups.values()) this.#unpinGroup(group)
    else if (this.#lastGroup) this.#unpinGroup(this.#lastGroup)
    this.#groups = undefined
    this.#lastGroup = undefined
    this.#lastGroupNumber = -1
    this.filesystem.holders.delete(this)
    this.#release()
  }

  /** Releases this for a view that was collected, and tells of it. */
  leak(): void {
    if (!this.#isLive) return
    this.release()
    this.engine.counters.viewsLeaked++
    const { path, position, length } = this
    this.engine.onLeak({ path, position, length })
  }

  #group(page: number): Uint32Array {
    const number = Math.floor(page / (GROUP_MASK + 1))
    if (number === this.#lastGroupNumber) return this.#lastGroup as Uint32Array
    let group = this.#groups?.get(number)
    if (!group) {
      const pages = Math.min(GROUP_MASK + 1, this.pageCount - number * (GROUP_MASK + 1))
      group = new Uint32Array(pages)
      if (this.#lastGroup) this.#groups ??= new Map([[this.#lastGroupNumber, this.#lastGroup]])
      this.#groups?.set(number, group)
    }
    this.#lastGroup = group
    this.#lastGroupNumber = number
    return group
  }

  #unpinGroup(group: Uint32Array): void {
    const { core } = this.engine
    for (let at = 0; at < group.length; ) {
      const address = group[at] as number
      let run = 1
      if (address !== 0) {
        while (group[at + run] === address + run * PAGE_SIZE) run++
        core.release(address, run)
      }
      at += run
    }
  }
}
