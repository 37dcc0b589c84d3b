// SPDX-License-Identifier: MIT
/** A pool in which damaged images are mounted beside a good one, and what must hold before, during and after. */
import { createHash } from "node:crypto"
import {
  bufferSource,
  type Image,
  isErofsError,
  loadTar,
  type MappedView,
  type OpenFile,
  PagePool,
  type PoolOptions,
  type Source,
  type WalkEntry,
} from "../../src/index.js"
import type { Random } from "../support/random.js"
import { readTar } from "../support/tar.js"
import type { Mutant } from "./mutate.js"
import type { Subject } from "./structures.js"

/** Milliseconds that no call may take, of an image that takes as much processor time. */
const SLOW = 1000
const MAX_ENTRIES = 300
const MAX_VISITED = 24
/** Pieces of an archive that are looked at: sizes may be anything. */
const MAX_PIECES = 8
const WHOLE = 1 << 20
const PAGE = 4096
/** Pools below this many bytes may be too small for many asynchronous readers. */
const CROWDED = 1 << 20
/** Longest view: what is pinned must leave room in the smallest pool. */
const VIEW = 4 * PAGE

/** How an image is read. */
export type Manner = "sync" | "async"

/** What a read gave, to be asked for again. */
interface Answer {
  target: bigint
  position: number
  length: number
  digest: string
}

/** One pool, used for many images one after the other. */
export class Arena {
  readonly #pool: PagePool
  readonly #good: Image
  readonly #files: { nid: bigint; path: string; digest: string }[] = []
  readonly #canShare: boolean
  #findings: string[] = []
  #slowCalls: string[] = []
  #hasMounted = false
  /** Many read at the same time in a pool that holds less than they ask for. */
  #isCrowded = false

  private constructor(pool: PagePool, good: Image, canShare: boolean) {
    this.#pool = pool
    this.#good = good
    this.#canShare = canShare
  }

  /** A pool with a good image in it. */
  static async create(options: PoolOptions, good: Subject): Promise<Arena> {
    await loadTar()
    const pool = await PagePool.create(options)
    const image = await pool.mount(bufferSource(good.bytes), { devices: good.devices.map(bufferSource) })
    const arena = new Arena(pool, image, options.sharing !== "none")
    for (const entry of image.walkSync("/")) {
      if (!entry.isFile()) continue
      const digest = digestOf(image.readFileSync(entry))
      arena.#files.push({ nid: entry.nid, path: entry.path, digest })
    }
    return arena
  }

  /** Whether the last image could be mounted. */
  get hasMounted(): boolean {
    return this.#hasMounted
  }

  /** Everything wrong that happened while the image was used in every way; empty if nothing did. */
  async use(mutant: Mutant, subject: Subject, random: Random, manner: Manner): Promise<string[]> {
    this.#findings = []
    this.#slowCalls = []
    this.#hasMounted = false
    this.#isCrowded = manner === "async" && this.#pool.bytes < CROWDED
    const before = process.cpuUsage()
    this.#pool.drop()
    const spaces = this.#pool.stats().addressSpaces
    const image = await this.#mount(mutant, subject, random, manner)
    if (image) {
      this.#hasMounted = true
      if (manner === "sync") this.#useSync(image, mutant, random)
      else await this.#useAsync(image, mutant, random)
      this.#call("close", () => image.closeSync())
      if (this.#pool.images.length !== 1) this.#find("the image is still mounted")
    }
    this.#checkGood(random)
    this.#checkPool(spaces)
    const { user, system } = process.cpuUsage(before)
    // The machine may have been busy with something else.
    if ((user + system) / 1000 > SLOW) this.#findings.push(...this.#slowCalls)
    return this.#findings
  }

  async #mount(mutant: Mutant, subject: Subject, random: Random, manner: Manner): Promise<Image | undefined> {
    const devices = random.chance(95) ? subject.devices.map(bufferSource) : []
    const options = { devices, domain: "damaged", ignoreChecksum: random.chance(10) }
    if (manner === "sync") {
      return this.#call("mount", () => this.#pool.mountSync(bufferSource(mutant.bytes), options))
    }
    const source = slowSource(mutant.bytes, random.chance(70))
    return this.#later("mount", () => this.#pool.mount(source, options))
  }

  #useSync(image: Image, mutant: Mutant, random: Random): void {
    const entries: WalkEntry[] = []
    const walk = image.walkSync("/", { onError: (error) => this.#judge("walk", error) })
    while (entries.length < MAX_ENTRIES) {
      const step = this.#call("walk", () => walk.next())
      if (!step || step.done) break
      entries.push(step.value)
    }
    const answers: Answer[] = []
    for (const target of targetsOf(image, mutant, entries, random))
      this.#visit(image, target, random, answers)
    for (const entry of sample(entries, 6, random)) {
      this.#call("lstat", () => image.lstatSync(entry.path, { bigint: true }))
      this.#call("realpath", () => image.realpathSync(entry.path))
    }
    this.#askAgain(image, answers)
    if (random.chance(25)) this.#archive(image)
  }

  /** The archive of an image is one whatever is damaged in it. */
  #archive(image: Image): void {
    const archive = image.tarSync("/", { onError: (error) => this.#judge("tar", error) })
    const pieces: Uint8Array[] = []
    while (pieces.length < MAX_PIECES) {
      const step = this.#call("tar", () => archive.next())
      if (!step) return
      if (step.done) {
        this.#call("reading the archive", () => readTar(Buffer.concat(pieces)))
        return
      }
      pieces.push(step.value)
    }
    archive.return()
  }

  /** Calls everything there is on one inode. */
  #visit(image: Image, target: { nid: bigint }, random: Random, answers: Answer[]): void {
    const stats = this.#call("stat", () => image.statSync(target, { bigint: true }))
    if (!stats) return
    this.#call("describe", () => image.describeSync(target, { extents: true }))
    const names = this.#call("listxattr", () =>
      image.listxattrSync(target, { hidden: true, encoding: "buffer" }),
    )
    for (const name of (names ?? []).slice(0, 20)) {
      this.#call("getxattr", () => image.getxattrSync(target, name))
    }
    if (stats.isSymbolicLink())
      this.#call("readlink", () => image.readlinkSync(target, { encoding: "buffer" }))
    if (stats.isDirectory()) {
      const list = this.#call("readdir", () => image.readdirSync(target, { withFileTypes: true }))
      for (const { nid } of sample(list ?? [], 3, random)) this.#call("stat", () => image.statSync({ nid }))
    }
    if (!stats.isFile()) return
    const file = this.#call("open", () => image.openSync(target))
    if (!file) return
    for (const [position, length] of rangesOf(file.size, random)) {
      const bytes = new Uint8Array(length)
      const count = this.#call("read", () => file.readSync(bytes, position))
      if (count === undefined) continue
      const got = bytes.subarray(0, count)
      answers.push({ target: target.nid, position, length, digest: digestOf(got) })
      if (random.chance(40)) this.#lookThrough(file, got, position, random)
    }
    this.#call("close", () => file.closeSync())
  }

  /** Views of bytes that were read must show the same. */
  #lookThrough(file: OpenFile, whole: Uint8Array, position: number, random: Random): void {
    const read = whole.subarray(0, VIEW)
    if (read.length === 0) return
    const start = Math.floor(position / PAGE) * PAGE
    const view = this.#call("map", () => file.map(start, position - start + read.length))
    if (!view) return
    const from = position - start
    const to = from + read.length
    const way = random.pick(["bytes", "segments", "page", "copy"] as const)
    const seen = this.#call(`view ${way}`, () => lookAt(view, way, from, to))
    if (seen && !Buffer.from(seen.buffer, seen.byteOffset, seen.length).equals(read)) {
      this.#find(`view ${way} of ${file.path} at ${position} shows other bytes than read`)
    }
    this.#call("dispose", () => view.dispose())
  }

  /**
   * What was handed out once must not come differently again, from an empty pool too. It may not come at all: how much
   * of a damaged extent is decoded depends on what else is wanted of it.
   */
  #askAgain(image: Image, answers: readonly Answer[]): void {
    if (this.#canShare) return
    this.#pool.drop()
    for (const { target, position, length, digest } of answers) {
      const bytes = new Uint8Array(length)
      const count = this.#call("read again", () => {
        using file = image.openSync({ nid: target })
        return file.readSync(bytes, position)
      })
      if (count !== undefined && digestOf(bytes.subarray(0, count)) !== digest) {
        this.#find(`nid ${target} at ${position}, ${length} bytes: other bytes when read again`)
      }
    }
  }

  async #useAsync(image: Image, mutant: Mutant, random: Random): Promise<void> {
    const entries: WalkEntry[] = []
    const walk = image.walk("/", { onError: (error) => this.#judge("walk", error) })
    while (entries.length < MAX_ENTRIES) {
      const step = await this.#later("walk", () => walk.next())
      if (!step || step.done) break
      entries.push(step.value)
    }
    const targets = targetsOf(image, mutant, entries, random)
    await Promise.all(targets.map((target) => this.#visitLater(image, target, random)))
  }

  async #visitLater(image: Image, target: { nid: bigint }, random: Random): Promise<void> {
    const stats = await this.#later("stat", () => image.stat(target, { bigint: true }))
    if (!stats) return
    const jobs: Promise<unknown>[] = [
      this.#later("describe", () => image.describe(target, { extents: true })),
      this.#later("listxattr", () => image.listxattr(target, { hidden: true })),
    ]
    if (stats.isSymbolicLink()) jobs.push(this.#later("readlink", () => image.readlink(target)))
    if (stats.isDirectory()) jobs.push(this.#later("readdir", () => image.readdir(target)))
    if (stats.isFile()) jobs.push(this.#readLater(image, target, random))
    await Promise.all(jobs)
  }

  async #readLater(image: Image, target: { nid: bigint }, random: Random): Promise<void> {
    const file = await this.#later("open", () => image.open(target))
    if (!file) return
    const seen = new Map<string, string>()
    const reads = rangesOf(file.size, random).map(async ([position, length]) => {
      const bytes = new Uint8Array(length)
      const count = await this.#later("read", () => file.read(bytes, position))
      if (count !== undefined) seen.set(`${position} ${length}`, digestOf(bytes.subarray(0, count)))
      // A synchronous reader comes in between, and may not get what is only to be had later.
      const again = new Uint8Array(length)
      const now = this.#call("read", () => file.readSync(again, position))
      if (now !== undefined && count !== undefined && !this.#canShare && !Buffer.from(again).equals(bytes)) {
        this.#find(`nid ${target.nid} at ${position}: other bytes synchronously than asynchronously`)
      }
      const view = file.map(0)
      await this.#later("view page", async () => void (await view.page(Math.floor(position / PAGE))))
      this.#call("dispose", () => view.dispose())
    })
    await Promise.all(reads)
    this.#call("close", () => file.closeSync())
  }

  /** A good file in the same pool still reads right. */
  #checkGood(random: Random): void {
    const file = random.pick(this.#files)
    const bytes = this.#call("read of the good image", () => this.#good.readFileSync({ nid: file.nid }))
    if (!bytes || digestOf(bytes) !== file.digest) this.#find(`${file.path} of the good image reads wrong`)
  }

  #checkPool(spaces: number): void {
    const { framesPinned } = this.#pool.stats()
    if (framesPinned !== 0) this.#find(`${framesPinned} frames are still pinned`)
    this.#pool.drop()
    const stats = this.#pool.stats()
    if (stats.framesUsed !== 0) this.#find(`${stats.framesUsed} frames are still busy`)
    if (stats.addressSpaces > spaces + this.#files.length) {
      this.#find(`${stats.addressSpaces} address spaces, ${spaces} before`)
    }
  }

  /** Runs a call; undefined if it threw. What it throws is judged. */
  #call<T>(what: string, call: () => T): T | undefined {
    const start = performance.now()
    try {
      return call()
    } catch (error) {
      this.#judge(what, error)
      return undefined
    } finally {
      const time = performance.now() - start
      if (time > SLOW) this.#slowCalls.push(`${what} took ${Math.round(time)} ms`)
    }
  }

  /** Like {@link #call}, later. Others run meanwhile, so no time is taken: the whole image's is. */
  async #later<T>(what: string, call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call()
    } catch (error) {
      this.#judge(what, error)
      return undefined
    }
  }

  #judge(what: string, error: unknown): void {
    if (isErofsError(error) && error.code !== "ENOMEM") return
    // A damaged size may ask for more than there is; no frame may be missing to a single reader.
    if (isErofsError(error, "ENOMEM") && error.reason.startsWith("no array of")) return
    if (isErofsError(error, "ENOMEM") && this.#isCrowded) return
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#find(`${what}: ${text}`)
  }

  #find(text: string): void {
    this.#findings.push(text)
  }
}

/** The inodes outside the tree, those whose own structures were damaged, and some of the tree. */
function targetsOf(
  image: Image,
  mutant: Mutant,
  entries: readonly WalkEntry[],
  random: Random,
): { nid: bigint }[] {
  const { packedNid, metaboxNid } = image.superblock
  const special = [packedNid, metaboxNid ?? 0].filter((nid) => nid > 0).map((nid) => BigInt(nid))
  const nids = [...mutant.nids, ...special.filter((nid) => nid < 1n << 52n)]
  for (const { nid } of sample(entries, MAX_VISITED, random)) nids.push(nid)
  return [...new Set(nids)].map((nid) => ({ nid }))
}

/** All items if they are few, else so many of them. */
function sample<T>(items: readonly T[], count: number, random: Random): T[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, () => random.pick(items))
}

/** Which bytes to read of a file: all if that is little, and pieces. */
function rangesOf(size: number, random: Random): [position: number, length: number][] {
  if (size === 0) return [[0, 10]]
  const ranges: [number, number][] = size <= WHOLE ? [[0, size]] : []
  const count = size <= WHOLE ? 2 : 5
  for (let i = 0; i < count; i++) {
    const position = random.chance(20) ? Math.max(0, size - random.below(PAGE)) : random.below(size)
    ranges.push([position, random.between(1, random.pick([100, PAGE, 40_000]))])
  }
  return ranges
}

function lookAt(
  view: MappedView,
  way: "bytes" | "segments" | "page" | "copy",
  from: number,
  to: number,
): Uint8Array {
  if (way === "bytes") return view.bytesSync(from, to)
  if (way === "segments") return Buffer.concat(view.segmentsSync(from, to))
  if (way === "copy") return view.copySync(from, to)
  const pages: Uint8Array[] = []
  for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) pages.push(view.pageSync(page))
  return Buffer.concat(pages).subarray(from % PAGE, (from % PAGE) + to - from)
}

/** A source that answers a little later, and at once too if it can. */
function slowSource(bytes: Uint8Array<ArrayBuffer>, canSync: boolean): Source {
  const fast = bufferSource(bytes)
  const read = async (target: Uint8Array, offset: number): Promise<number> => {
    if ((offset & PAGE) === 0) await new Promise(setImmediate)
    return fast.readSync(target, offset)
  }
  return canSync ? { ...fast, read } : { size: fast.size, read }
}

function digestOf(bytes: Uint8Array): string {
  return bytes.length < 64
    ? Buffer.from(bytes).toString("hex")
    : createHash("sha1").update(bytes).digest("base64")
}
