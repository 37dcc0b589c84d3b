// SPDX-License-Identifier: MIT
/** Everything that holds of a pool at rest, that is, while nobody works on it. A violation is a sentence. */
import { constantsOf, textOf } from "./core-layout.js"
import { PAGE, type PoolCore } from "./pool-core.js"
import { type Fields, type PageName, PoolRecords } from "./pool-records.js"

const bits = constantsOf(textOf("assembly/pool/frames.ts"))
const [READY, BUSY, KEPT, OFFLINE, PIN_BITS] = [
  ...["READY", "BUSY_FRAME", "KEPT_FRAME", "OFFLINE_FRAME", "PIN_BITS"].map((name) => bits.get(name)),
] as [number, number, number, number, number]
const PIN_MASK = 2 ** PIN_BITS - 1
const KEY_INLINE = constantsOf(textOf("assembly/layout.ts")).get("SPACE_KEY_INLINE") as number
/** Set in links of the page index that lead to an alias. */
const ALIAS_LINK = 2 ** 31

/** What whoever asks knows of a pool. */
export interface Expectation {
  /** Places whose workers have ended and been freed: they hold nothing. */
  gone: readonly number[]
  /** The byte that fills a page; undefined = not known. */
  byteOf(space: number, page: number): number | undefined
}

/** What does not hold. Looks for pages as the given worker does, which pins none afterwards. */
export function violationsOf(pool: PoolCore, expectation: Expectation): string[] {
  const check = new Check(pool, expectation)
  if (check.records.lock !== 0) return [`place ${check.records.lock - 1} holds the lock`]
  check.frames()
  check.aliases()
  check.pageIndex()
  check.contentChains()
  check.spaces()
  check.members()
  check.places()
  return check.violations
}

class Check {
  readonly violations: string[] = []
  readonly records: PoolRecords
  readonly #pool: PoolCore
  readonly #expectation: Expectation
  readonly #frameCount: number
  /** Pages found in frames and aliases, by their spaces. */
  readonly #pages = new Map<number, Set<number>>()

  constructor(pool: PoolCore, expectation: Expectation) {
    this.#pool = pool
    this.#expectation = expectation
    this.records = new PoolRecords(pool.memory)
    this.#frameCount = this.records.control("frameCount")
  }

  /** States, the bitmap, pins, pages, and what is counted of them. */
  frames(): void {
    let [free, offline] = [0, 0]
    for (let frame = 0; frame < this.#frameCount; frame++) {
      const record = this.records.frame(frame)
      const state = record("state")
      const kind = state === 0 ? "free" : this.#kindOf(state)
      if (kind === "free") free++
      if (kind === "offline") offline++
      if (kind === undefined) this.#say(`frame ${frame} has the state 0x${state.toString(16)}`)
      if ((kind === "free") !== this.records.isFree(frame)) {
        this.#say(`frame ${frame} is ${kind}, and the bitmap says otherwise`)
      }
      if (kind === "busy") this.#say(`frame ${frame} is being filled by place ${state & PIN_MASK}`)
      this.#pins(frame, kind === "ready" ? state & PIN_MASK : 0)
      const name = this.records.nameOf("frame", frame)
      if (kind === "ready") this.#page(`frame ${frame}`, name, frame)
      else if (name.space !== 0 && kind !== "busy") this.#say(`frame ${frame} is ${kind} and has a page`)
    }
    this.#count("free frames", this.records.guarded("freeFrames"), free)
    this.#count("frames in use", this.records.guarded("onlineFrames"), this.#frameCount - offline)
  }

  /** The aliases in use: their frames, the lists on these, and the free list. */
  aliases(): void {
    const hung = new Set<number>()
    for (let frame = 0; frame < this.#frameCount; frame++) {
      if (!(this.records.frame(frame)("state") & READY)) continue
      let elder = 0
      for (const number of this.#list(this.records.content(frame)("aliases"), (n) =>
        this.records.alias(n)("sibling"),
      )) {
        const alias = this.records.alias(number)
        if (alias("frame") !== frame) this.#say(`alias ${number} hangs on frame ${frame} and names another`)
        if (alias("elder") !== elder) this.#say(`alias ${number} has a wrong elder`)
        if (hung.has(number)) this.#say(`alias ${number} hangs on two lists`)
        hung.add(number)
        elder = number
      }
    }
    const top = this.records.guarded("aliasTop")
    let used = 0
    for (let number = 1; number <= top; number++) {
      const name = this.records.nameOf("alias", number)
      if ((name.space !== 0) !== hung.has(number)) this.#say(`alias ${number} is in use or hangs, not both`)
      if (name.space === 0) continue
      used++
      this.#page(`alias ${number}`, name, this.records.alias(number)("frame"))
    }
    this.#count("aliases in use", this.records.guarded("usedAliases"), used)
    const free = this.#list(this.records.guarded("freeAlias"), (n) => this.records.alias(n)("next"))
    if (free.some((number) => this.records.nameOf("alias", number).space !== 0))
      this.#say("a free alias is in use")
    this.#count("aliases ever used", top, used + free.length)
  }

  /** Each page is in the index, once, and nothing else is. */
  pageIndex(): void {
    const links: number[] = []
    for (const first of this.records.buckets("buckets"))
      links.push(...this.#list(first, (n) => this.#next(n)))
    if (new Set(links).size !== links.length) this.#say("a page is in the index twice")
    for (const link of links) {
      const [table, number] =
        link >= ALIAS_LINK ? (["alias", link - ALIAS_LINK] as const) : (["frame", link - 1] as const)
      if (this.records.nameOf(table, number).space === 0) {
        this.#say(`${table} ${number} is in the index without a page`)
      }
    }
    const pages = [...this.#pages.values()].reduce((sum, { size }) => sum + size, 0)
    this.#count("pages in the index", links.length, pages)
  }

  /** Each frame with a hash is in the chain of that hash, once. */
  contentChains(): void {
    const chained = new Set<number>()
    for (const [bucket, first] of this.records.buckets("contentBuckets").entries()) {
      for (const link of this.#list(first, (n) => this.records.content(n - 1)("next"))) {
        if (this.#bucketOf(this.records.content(link - 1)("hash")) !== bucket) {
          this.#say(`frame ${link - 1} is in the chain of another hash`)
        }
        if (chained.has(link - 1)) this.#say(`frame ${link - 1} is in two chains of hashes`)
        chained.add(link - 1)
      }
    }
    for (let frame = 0; frame < this.#frameCount; frame++) {
      const hasHash = this.records.content(frame)("hash") !== 0
      if (hasHash !== chained.has(frame)) this.#say(`frame ${frame} has a hash or is in its chain, not both`)
      if (hasHash && !(this.records.frame(frame)("state") & READY)) {
        this.#say(`frame ${frame} is found by content and holds no page`)
      }
    }
  }

  /** Spaces are in use by pages or references, in one chain, counted right, and have their keys. */
  spaces(): void {
    const chained: number[] = []
    for (const first of this.records.buckets("spaceBuckets")) {
      chained.push(...this.#list(first, (n) => this.records.space(n)("next")))
    }
    const top = this.records.guarded("spaceTop")
    let [used, keyFrames] = [0, 0]
    const ofDomain = new Map<number, number>()
    for (let space = 1; space <= top; space++) {
      const record = this.records.space(space)
      if (record("tag") === 0 || record("domain") === space) continue
      ofDomain.set(record("domain"), (ofDomain.get(record("domain")) ?? 0) + 1)
    }
    for (let space = 1; space <= top; space++) {
      const record = this.records.space(space)
      if (record("tag") === 0) continue
      used++
      keyFrames += this.#keyFrames(space, record)
      if (chained.filter((n) => n === space).length !== 1) this.#say(`space ${space} is not in one chain`)
      const pages = (this.#pages.get(space)?.size ?? 0) + (ofDomain.get(space) ?? 0)
      this.#count(`pages of space ${space}, or spaces of that domain`, record("pages"), pages)
      if (record("pages") === 0 && record("members") === 0) this.#say(`space ${space} is left over`)
    }
    for (const space of this.#pages.keys()) {
      if (space > top || this.records.space(space)("tag") === 0) this.#say(`free space ${space} has pages`)
    }
    this.#count("spaces in chains", chained.length, used)
    this.#count("spaces in use", this.records.guarded("usedSpaces"), used)
    const free = this.#list(this.records.guarded("freeSpace"), (n) => this.records.space(n)("next"))
    this.#count("spaces ever used", top, used + free.length)
    const kept = this.#frameNumbers.filter((frame) => this.records.frame(frame)("state") & KEPT).length
    this.#count("frames of keys", this.records.guarded("keyFrames"), keyFrames)
    this.#count("frames kept for keys", kept, keyFrames)
  }

  /** Members are on a list each, have references, and are nobody's who is gone. */
  members(): void {
    const isKnown = new Set<number>()
    const next = (number: number) => this.records.member(number)("next")
    for (let space = 1; space <= this.records.guarded("spaceTop"); space++) {
      const record = this.records.space(space)
      if (record("tag") === 0) continue
      for (const number of this.#list(record("members"), next)) {
        const { place, references } = this.records.holdingOf(number)
        if (isKnown.has(number)) this.#say(`member ${number} is on two lists`)
        if (references === 0) this.#say(`member ${number} of space ${space} has no reference`)
        if (this.#expectation.gone.includes(place)) this.#say(`space ${space} has a member that is gone`)
        isKnown.add(number)
      }
    }
    const free = this.#list(this.records.guarded("freeMember"), next)
    if (free.some((number) => isKnown.has(number))) this.#say("a free member is in use")
    this.#count("members ever used", this.records.guarded("memberTop"), isKnown.size + free.length)
  }

  /** Places that are gone are free. */
  places(): void {
    for (const place of this.#expectation.gone) {
      if (this.records.isTaken(place)) this.#say(`place ${place} is taken`)
    }
  }

  get #frameNumbers(): number[] {
    return Array.from({ length: this.#frameCount }, (_, frame) => frame)
  }

  #kindOf(state: number): "ready" | "busy" | "kept" | "offline" | undefined {
    const kinds = { ready: READY, busy: BUSY, kept: KEPT, offline: OFFLINE }
    const found = Object.entries(kinds).filter(([, bit]) => state & bit)
    return found.length === 1 ? (found[0]?.[0] as keyof typeof kinds) : undefined
  }

  /** A frame's pins are those that its holders' tables tell. */
  #pins(frame: number, pins: number): void {
    let held = 0
    for (let place = 0; place < this.records.control("workerCount"); place++) {
      const own = this.records.pins(place, frame)
      held += own
      if (own !== 0 && this.#expectation.gone.includes(place))
        this.#say(`gone place ${place} pins frame ${frame}`)
    }
    this.#count(`pins of frame ${frame}`, pins, held)
  }

  /** Whoever looks for the page of a record finds it in that frame, with its bytes. */
  #page(name: string, { space, page }: PageName, frame: number): void {
    if (space === 0) {
      this.#say(`${name} holds a page of no space`)
      return
    }
    const pages = this.#pages.get(space) ?? new Set()
    if (pages.has(page)) this.#say(`page ${page} of space ${space} is there twice, once by ${name}`)
    this.#pages.set(space, pages.add(page))
    const { core, worker, bytes } = this.#pool
    const address = core.acquire(worker, space, page, 1, false) >>> 0
    const expected = this.records.control("frames") + frame * PAGE
    if (address !== expected) this.#say(`page ${page} of space ${space} is not found where it lies, ${name}`)
    if (address === 0) return
    const byte = this.#expectation.byteOf(space, page)
    const isRight = bytes[address] === byte && bytes[address + PAGE - 1] === byte
    if (byte !== undefined && !isRight) this.#say(`page ${page} of space ${space}, ${name}, has wrong bytes`)
    core.release(worker, address, 1)
  }

  /** Frames that a space's key has for itself. */
  #keyFrames(space: number, record: Fields): number {
    const length = record("keyLength")
    const count = length > KEY_INLINE ? Math.ceil(length / PAGE) : 0
    for (let i = 0; i < count; i++) {
      const frame = record("keyFrame") + i
      if (!(this.records.frame(frame)("state") & KEPT))
        this.#say(`frame ${frame} of space ${space}'s key is not kept`)
    }
    return count
  }

  /** The bucket of a hash of contents. */
  #bucketOf(hash: number): number {
    const count = this.records.control("bucketCount")
    const bits = 32 - Math.clz32(count - 1)
    const bucket = hash % 2 ** bits
    return bucket < count ? bucket : hash % 2 ** (bits - 1)
  }

  #next(link: number): number {
    if (link >= ALIAS_LINK) return this.records.alias(link - ALIAS_LINK)("next")
    return this.records.frame(link - 1)("next")
  }

  /** The members of a list, from the first to the one whose next is 0. */
  #list(first: number, next: (number: number) => number): number[] {
    const found: number[] = []
    for (let number = first; number !== 0; number = next(number)) {
      if (found.length > 1 << 12) {
        this.#say(`a list that begins with ${first} has no end`)
        return found
      }
      found.push(number)
    }
    return found
  }

  #count(what: string, counted: number, really: number): void {
    if (counted !== really) this.#say(`${what}: ${counted}, really ${really}`)
  }

  #say(sentence: string): void {
    this.violations.push(sentence)
  }
}
