// SPDX-License-Identifier: MIT
import type { AsyncSource, SyncSource } from "../../src/index.js"
import { record } from "./bytes.js"

const BLOCK = 4096
const SLOT = 32
const META_BLOCK = 1
const encoder = new TextEncoder()

/** What a tree of a {@link SyntheticImage} is made of. */
export type Item =
  | { kind: "dir"; entries: Record<string, Item>; size?: number; isHole?: boolean }
  | { kind: "file"; data: string | Uint8Array; size?: number }
  /** A file of so many bytes whose content nobody stores: see {@link bigByte}. */
  | { kind: "big"; size: number }
  | { kind: "link"; target: string }
  | { kind: "fifo" }

/** Byte `position` of a big file: each page begins with its number in 8 bytes, and the rest repeats one byte. */
export function bigByte(position: number): number {
  const page = Math.floor(position / BLOCK)
  const within = position % BLOCK
  return within < 8 ? Math.floor(page / 2 ** (8 * within)) % 256 : (page * 7 + 1) & 0xff
}

/** Writes a big file's bytes from `position` on. */
export function writeBig(target: Uint8Array, position: number): void {
  for (let done = 0; done < target.length; ) {
    const at = position + done
    const page = Math.floor(at / BLOCK)
    const piece = Math.min(target.length - done, BLOCK - (at % BLOCK))
    target.fill((page * 7 + 1) & 0xff, done, done + piece)
    for (let i = at % BLOCK; i < Math.min(8, (at % BLOCK) + piece); i++) {
      target[done + i - (at % BLOCK)] = bigByte(page * BLOCK + i)
    }
    done += piece
  }
}

/**
 * An EROFS image made of flat plain extended inodes, written after the format's description: metadata and small
 * files as bytes, big files as a function of the position. `size` of an item lets the inode lie about it.
 */
export class SyntheticImage {
  /** Blocks with bytes, the rest of the device is big files. */
  readonly dense: Uint8Array
  readonly size: number
  readonly #bigs: { start: number; size: number }[] = []

  constructor(root: Item) {
    const items: { item: Item; nid: number; parent: number }[] = []
    const collect = (item: Item, parent: number): number => {
      const nid = items.length * 2
      items.push({ item, nid, parent })
      return nid
    }
    collect(root, 0)
    const children = new Map<number, [name: Uint8Array, nid: number, type: number][]>()
    for (let i = 0; i < items.length; i++) {
      const { item, nid } = items[i] as (typeof items)[number]
      if (item.kind !== "dir") continue
      const named = Object.entries(item.entries).map(
        ([name, child]) => [encoder.encode(name), collect(child, nid), TYPES[child.kind]] as const,
      )
      children.set(nid, named as unknown as [Uint8Array, number, number][])
    }
    const metadataBlocks = Math.ceil((items.length * 2 * SLOT) / BLOCK)
    const blocks: Uint8Array[] = []
    let next = META_BLOCK + metadataBlocks
    const place = (data: Uint8Array): number => {
      const start = next
      next += Math.ceil(data.length / BLOCK)
      blocks.push(data)
      return start
    }
    const inodes: Uint8Array[] = []
    const bigs: { index: number; size: number }[] = []
    for (const { item, nid, parent } of items) {
      let start = 0
      let size = 0
      if (item.kind === "dir") {
        const data = directory([
          [Uint8Array.of(0x2e), nid, 2],
          [Uint8Array.of(0x2e, 0x2e), parent, 2],
          ...(children.get(nid) ?? []),
        ])
        start = item.isHole ? -1 : place(data)
        size = item.size ?? data.length
      } else if (item.kind === "file" || item.kind === "link") {
        const text = item.kind === "file" ? item.data : item.target
        const data = typeof text === "string" ? encoder.encode(text) : text
        start = place(data)
        size = (item.kind === "file" ? item.size : undefined) ?? data.length
      } else if (item.kind === "big") {
        size = item.size
        bigs.push({ index: inodes.length, size })
      }
      inodes.push(inode(MODES[item.kind], size, start))
    }
    this.dense = new Uint8Array(next * BLOCK)
    for (const { index, size } of bigs) {
      this.#bigs.push({ start: next * BLOCK, size })
      new DataView((inodes[index] as Uint8Array).buffer).setUint32(16, next, true)
      next += Math.ceil(size / BLOCK)
    }
    this.size = next * BLOCK
    this.dense.set(superblock(next, items.length), 1024)
    let at = META_BLOCK * BLOCK
    for (const bytes of inodes) {
      this.dense.set(bytes, at)
      at += bytes.length
    }
    at = (META_BLOCK + metadataBlocks) * BLOCK
    for (const data of blocks) {
      this.dense.set(data, at)
      at += Math.ceil(data.length / BLOCK) * BLOCK
    }
  }

  /** Writes the device's bytes from `offset` on. */
  read(target: Uint8Array, offset: number): number {
    if (offset < this.dense.length) {
      const piece = this.dense.subarray(offset, offset + target.length)
      target.set(piece)
      if (piece.length < target.length) this.read(target.subarray(piece.length), offset + piece.length)
      return target.length
    }
    const big = this.#bigs.findLast(({ start }) => start <= offset)
    if (!big) throw new Error("no such byte")
    writeBig(target, offset - big.start)
    return target.length
  }
}

/** A source that counts what is asked of it. */
export class CountingSource implements SyncSource {
  readonly size: number
  readonly reads: { offset: number; length: number }[] = []
  readonly #image: SyntheticImage

  constructor(image: SyntheticImage) {
    this.#image = image
    this.size = image.size
  }

  readSync(target: Uint8Array, offset: number): number {
    this.reads.push({ offset, length: target.length })
    return this.#image.read(target, offset)
  }

  /** Forgets and answers the reads so far. */
  take(): { offset: number; length: number }[] {
    return this.reads.splice(0)
  }
}

/** An asynchronous source whose reads can be held back; held ones end when they are let go or aborted. */
export class StallingSource implements AsyncSource {
  readonly size: number
  isStalled = false
  /** Whether a stalled read ends when its signal is aborted. */
  heedsAbort = true
  readonly #read: (target: Uint8Array, offset: number) => number
  readonly #held: (() => void)[] = []
  count = 0

  constructor(size: number, read: (target: Uint8Array, offset: number) => number) {
    this.size = size
    this.#read = read
  }

  static of(bytes: Uint8Array): StallingSource {
    return new StallingSource(bytes.length, (target, offset) => {
      const piece = bytes.subarray(offset, offset + target.length)
      target.set(piece)
      return piece.length
    })
  }

  async read(target: Uint8Array, offset: number, { signal }: { signal?: AbortSignal }): Promise<number> {
    this.count++
    if (this.isStalled) {
      await new Promise<void>((resolve, reject) => {
        this.#held.push(resolve)
        if (this.heedsAbort) signal?.addEventListener("abort", () => reject(signal.reason))
      })
    } else {
      await null
    }
    return this.#read(target, offset)
  }

  get held(): number {
    return this.#held.length
  }

  letGo(): void {
    this.isStalled = false
    for (const resolve of this.#held.splice(0)) resolve()
  }
}

const TYPES = { dir: 2, file: 1, big: 1, link: 7, fifo: 5 }
const MODES = { dir: 0o40755, file: 0o100644, big: 0o100644, link: 0o120777, fifo: 0o10644 }

function superblock(blocks: number, inodes: number): Uint8Array {
  return record(
    128,
    [0, 4, 0xe0f5e1e2],
    [12, 1, 12],
    [14, 2, 0],
    [16, 8, inodes],
    [36, 4, blocks],
    [40, 4, META_BLOCK],
  )
}

function inode(mode: number, size: number, start: number): Uint8Array {
  const [low, high] = start < 0 ? [0xffffffff, 0xffff] : [start, 0]
  return record(64, [0, 2, 1], [4, 2, mode], [6, 2, high], [8, 8, size], [16, 4, low], [44, 4, 1])
}

/** Directory blocks: records, then names, sorted by their bytes. */
function directory(entries: [name: Uint8Array, nid: number, type: number][]): Uint8Array {
  const sorted = entries.sort(([a], [b]) => Buffer.compare(a, b))
  const blocks: Uint8Array[] = []
  for (let from = 0; from < sorted.length; ) {
    let to = from
    let bytes = 0
    while (to < sorted.length && bytes + 12 + (sorted[to]?.[0].length as number) <= BLOCK) {
      bytes += 12 + (sorted[to]?.[0].length as number)
      to++
    }
    const isLast = to === sorted.length
    const block = new Uint8Array(isLast ? bytes : BLOCK)
    let nameAt = (to - from) * 12
    for (let i = from; i < to; i++) {
      const [name, nid, type] = sorted[i] as (typeof sorted)[number]
      block.set(record(12, [0, 8, nid], [8, 2, nameAt], [10, 1, type]), (i - from) * 12)
      block.set(name, nameAt)
      nameAt += name.length
    }
    blocks.push(block)
    from = to
  }
  return new Uint8Array(Buffer.concat(blocks))
}
