// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs"
import { CONTENT_WORDS, ContentDescription, writeDescription } from "../../src/content-description.js"
import type { CoreExports } from "../../src/core-exports.js"

/** The three builds of the core; `debug` is for shared memory and has its assertions on. */
export const BUILDS = ["shared", "plain", "debug"] as const
export type Build = (typeof BUILDS)[number]

export const PAGE = 4096

/** What the core exports, as it stands; see assembly/index.ts. */
export type RawCore = CoreExports

/** The folder of package.json, from the source tree as from the compiled one. */
const root = new URL(import.meta.url.includes("/build/js/") ? "../../../../" : "../../", import.meta.url)

/** The file of a build. */
export function coreBytes(build: Build): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`build/core.${build}.wasm`, root)))
}

const modules = new Map<Build, WebAssembly.Module>()

/** The compiled module of a build. */
export function moduleOf(build: Build): WebAssembly.Module {
  const module = modules.get(build) ?? new WebAssembly.Module(coreBytes(build))
  modules.set(build, module)
  return module
}

/** A memory of its own kind for a build. */
export function memoryFor(build: Build, wasmPages: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages, shared: build !== "plain" })
}

/** An instance of a build on a memory. */
export function instantiate(build: Build, memory: WebAssembly.Memory): RawCore {
  return new WebAssembly.Instance(moduleOf(build), { env: { memory } }).exports as unknown as RawCore
}

/** Writes what a device holds from byte `offset` on. */
export type Device = (target: Uint8Array, offset: number) => void

/** A device whose bytes tell where they lie. */
export const patternDevice: Device = (target, offset) => {
  for (let i = 0; i < target.length; i++) target[i] = patternByte(offset + i)
}

/** Byte `offset` of {@link patternDevice}. */
export function patternByte(offset: number): number {
  const page = Math.floor(offset / PAGE)
  return (Math.imul(page, 0x9e3779b1) >>> 19) ^ (offset & 0xff)
}

export const TAG_INODE = 1
export const TAG_DEVICE = 2
export const TAG_FINGERPRINT = 3
export const TAG_DOMAIN = 4

/** Names of the numbers that statistics() writes, in their order. */
const STATISTICS = [
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

export interface PoolSizes {
  frames: number
  spaces?: number
  workers?: number
}

/** One worker's instance of the core on a pool, driven through its raw exports. */
export class PoolCore {
  readonly build: Build
  readonly memory: WebAssembly.Memory
  readonly core: RawCore
  readonly bytes: Uint8Array
  readonly place: number
  readonly worker: number

  private constructor(build: Build, memory: WebAssembly.Memory, core: RawCore) {
    this.build = build
    this.memory = memory
    this.core = core
    this.bytes = new Uint8Array(memory.buffer)
    this.place = core.takePlace()
    if (this.place < 0) throw new Error("no worker place")
    this.worker = core.joinPool(this.place)
  }

  /** A new pool and its first worker. */
  static create(build: Build, { frames, spaces = 64, workers = 1 }: PoolSizes): PoolCore {
    const bytes = instantiate(build, memoryFor(build, 2)).poolBytes(frames, spaces, workers)
    const memory = memoryFor(build, Math.ceil(bytes / 65536))
    const core = instantiate(build, memory)
    core.createPool(frames, spaces, workers, false)
    return new PoolCore(build, memory, core)
  }

  /** A further worker on the same pool, with an instance of its own or the given one. */
  join(core = instantiate(this.build, this.memory)): PoolCore {
    return new PoolCore(this.build, this.memory, core)
  }

  slot(number = 0): number {
    return this.core.slotAt(this.worker, number)
  }

  /** Opens the space of a key; the answer of the core. */
  openSpace(
    key: Uint8Array | string,
    size: number,
    tag = TAG_FINGERPRINT,
    owner = 0,
    { mount = 1, domain = 0 } = {},
  ): number {
    const bytes = typeof key === "string" ? new TextEncoder().encode(key) : key
    this.bytes.set(bytes, this.core.exchangeAt(this.worker))
    return this.core.openSpace(this.worker, tag, owner, bytes.length, size, mount, domain)
  }

  /** Opens the space of a domain, whose number is the domain's. */
  openDomain(name: string, mount = 1): number {
    return this.openSpace(name, 0, TAG_DOMAIN, 0, { mount })
  }

  /** Gives a reference of {@link openSpace} back. */
  releaseSpace(space: number, mount = 1): void {
    this.core.releaseSpace(this.worker, space, mount)
  }

  /** Drops the pages of a space, of all for 0; how many went. */
  dropPages(space: number): number {
    if (space === 0) return this.core.dropAll(this.worker)
    return this.core.dropRange(this.worker, space, 0, 2 ** 52, 0)
  }

  /** Unpins pages. */
  release(address: number, count: number): void {
    this.core.release(this.worker, address, count)
  }

  /** Describes a content to a slot. */
  describe(description: Partial<ContentDescription>, slot = 0): void {
    const words = describeContent(description)
    new Uint32Array(this.memory.buffer, this.slot(slot), words.length).set(words)
  }

  /** Plans a fill of a described content; the answer of the core. */
  plan(
    description: Partial<ContentDescription>,
    page: number,
    want = 1,
    { slot = 0, steal = true } = {},
  ): number {
    this.describe(description, slot)
    return this.core.planFill(this.worker, this.slot(slot), page, want, steal ? 1 : 0)
  }

  /** Reads what a plan asks for. */
  fetch(device: Device, slot = 0): void {
    const address = this.slot(slot)
    const count = this.core.slotField(address, 2)
    for (let range = 0; range < count; range++) {
      const [offset, length, target] = [0, 1, 2].map((field) => this.core.rangeField(address, range, field))
      const start = target as number
      device(this.bytes.subarray(start, start + (length as number)), offset as number)
    }
  }

  /** Plans, reads and finishes; the status of the plan or of the end. */
  fill(
    description: Partial<ContentDescription>,
    page: number,
    want = 1,
    device: Device = patternDevice,
  ): number {
    const planned = this.plan(description, page, want)
    if (planned !== 0) return planned
    this.fetch(device)
    return this.core.finishFill(this.slot())
  }

  /** Address of a page that is now pinned once more; 0: it is not there. */
  pin(space: number, page: number): number {
    return this.core.acquire(this.worker, space, page, 1, true) >>> 0
  }

  /** A copy of a page, undefined if it is not there. Holds nothing afterwards. */
  read(space: number, page: number): Uint8Array | undefined {
    const address = this.pin(space, page)
    if (address === 0) return undefined
    const copy = this.bytes.slice(address, address + PAGE)
    this.release(address, 1)
    return copy
  }

  statistics(): Record<(typeof STATISTICS)[number], number> {
    this.core.statistics(this.worker)
    const words = new BigUint64Array(this.memory.buffer, this.core.exchangeAt(this.worker), STATISTICS.length)
    return Object.fromEntries(STATISTICS.map((name, i) => [name, Number(words[i])])) as ReturnType<
      PoolCore["statistics"]
    >
  }
}

/** A description as the words that a slot begins with; fields that are not given are 0. */
export function describeContent(fields: Partial<ContentDescription>): Uint32Array {
  const words = new Uint32Array(CONTENT_WORDS)
  writeDescription(words, Object.assign(new ContentDescription(), fields))
  return words
}

/** A flat content of `pages` pages on a device, from byte `start` on. */
export function flat(space: number, pages: number, start: number, mount = 1): Partial<ContentDescription> {
  return { space, layout: 0, size: pages * PAGE, start, blockBits: 12, mount }
}

/** The page that a flat content on {@link patternDevice} has. */
export function patternPage(start: number, page: number): Uint8Array {
  const bytes = new Uint8Array(PAGE)
  patternDevice(bytes, start + page * PAGE)
  return bytes
}
