// SPDX-License-Identifier: MIT
/**
 * Contents of files that will be read one after the other, of images whose source answers slowly: where they lie is
 * found out before their turn, and told to the source, so that it can fetch many of them at once. Nothing here fails: what
 * cannot be had is told when it is asked for.
 */
import type { Content } from "./content.js"
import { mapOne } from "./describe.js"
import { type Operation, Together } from "./drive.js"
import type { Filesystem } from "./filesystem.js"
import { isRegular } from "./format/mode.js"
import { nidFromBigInt } from "./format/nid.js"
import type { Node } from "./inodes.js"
import { isLookaheadWorthwhile } from "./lookahead.js"
import { PAGE_SIZE } from "./page.js"
import { isAsyncSource } from "./source/source.js"

/** Bytes of contents to look ahead, and files; and files that are looked at together. */
const BYTES_AHEAD = 16 << 20
const FILES_AHEAD = 512
const TOGETHER = 64
/** Bytes between the first and the last extent of a file, beyond those of its content, that count as none. */
const SLACK = 64 << 10

/** Bytes of a device. */
interface DeviceRange {
  device: number
  start: number
  end: number
}

/** Where a file lies: what of it is its own, and its tail in the packed inode. */
interface Place {
  size: number
  body: DeviceRange[]
  tail: DeviceRange[]
}

/** Files in the order in which they will be read. To be closed when no more are: then nothing is fetched of the rest. */
export class ExpectedContents {
  readonly #filesystem: Filesystem
  readonly #nids: bigint[] = []
  /** Sizes of those that have been told to the source and not been read: the bytes that it is ahead. */
  readonly #sizes: number[] = []
  #told = 0
  #reached = 0
  #ahead = 0
  /** Bytes of the packed inode that have been told, up to the last ones. */
  #tails = { start: 0, end: 0 }
  /** Aborted when no more is read. */
  readonly #end = new AbortController()

  private constructor(filesystem: Filesystem) {
    this.#filesystem = filesystem
  }

  /**
   * For an image whose source gains by it; undefined for others. So it is where files are verified: each is read as a whole
   * before it is known where its pages lie.
   */
  static of(filesystem: Filesystem): ExpectedContents | undefined {
    const { devices, verifier } = filesystem.image
    const { primary } = devices
    const canExpect = isAsyncSource(primary) && primary.expect !== undefined && !verifier
    return canExpect && isLookaheadWorthwhile(filesystem) ? new ExpectedContents(filesystem) : undefined
  }

  /** Adds a file at the end. */
  add(nid: bigint): void {
    this.#nids.push(nid)
  }

  /** Forgets everything that has been told and not been read. */
  close(): void {
    this.#end.abort()
  }

  /** Says that the file with this number comes next; those before it have been read. */
  *reach(file: number): Operation<void> {
    for (; this.#reached < file; this.#reached++) this.#ahead -= this.#sizes[this.#reached] ?? 0
    this.#told = Math.max(this.#told, file)
    // Many at a time: until half of what may be ahead has been read there is nothing to do.
    if (this.#ahead > BYTES_AHEAD / 2 || this.#told - file > FILES_AHEAD / 2) return
    while (
      !this.#end.signal.aborted &&
      this.#told < this.#nids.length &&
      this.#ahead < BYTES_AHEAD &&
      this.#told - this.#reached < FILES_AHEAD
    ) {
      yield* this.#tell(this.#nids.slice(this.#told, this.#told + TOGETHER))
    }
  }

  /** Finds out where some files lie, and tells the source in their order. */
  *#tell(nids: readonly bigint[]): Operation<void> {
    const first = this.#told
    const found: Place[] = nids.map(() => ({ size: 0, body: [], tail: [] }))
    yield new Together(nids.map((nid, i) => this.#locate(nid, found[i] as Place)))
    this.#told = first + nids.length
    for (const [i, { size }] of found.entries()) {
      this.#sizes[first + i] = size
      this.#ahead += size
    }
    const { devices } = this.#filesystem.image
    // Those of neighbours are neighbours, but not of the rest of the files: so they can be fetched together.
    const tails = found.flatMap(({ tail }) => tail).filter((range) => this.#isNewTail(range))
    for (const { device, start, end } of [...tails, ...found.flatMap(({ body }) => body)]) {
      devices.expect(device, start, end - start, this.#end.signal)
    }
  }

  /** Whether a range of the packed inode has not been told: many files' tails lie in the same extent. */
  #isNewTail({ start, end }: DeviceRange): boolean {
    const { start: from, end: until } = this.#tails
    if (start >= from && end <= until) return false
    this.#tails = { start: start >= from && start <= until ? from : start, end }
    return true
  }

  *#locate(nid: bigint, place: Place): Operation<void> {
    const { inodes } = this.#filesystem
    const wanted = nidFromBigInt(nid)
    const node: Node = inodes.hold(inodes.resident(wanted) ?? (yield* inodes.get(wanted)))
    try {
      const { mode, size } = node.inode
      if (!isRegular(mode) || size === 0) return
      const content = yield* inodes.contentOf(node)
      const from = this.#firstMissing(content, 0, size)
      if (from >= size) return
      place.size = size - from
      const last = yield* mapOne(this.#filesystem, content, size - 1)
      const isFragment = last.kind === "fragment" && content.packed !== undefined
      const end = isFragment ? last.logical : size
      if (end > from) place.body = yield* this.#row(content, from, end)
      if (!isFragment || !content.packed) return
      const tailEnd = last.physical + size - last.logical
      if (this.#firstMissing(content.packed, last.physical, tailEnd) >= tailEnd) return
      place.tail = yield* this.#row(content.packed, last.physical, tailEnd)
    } finally {
      inodes.unhold(node)
    }
  }

  /** The first of a content's bytes `from` .. `to` that is not in the pool; `to` or more if all are. */
  #firstMissing(content: Content, from: number, to: number): number {
    const pages = [Math.floor(from / PAGE_SIZE), Math.ceil(to / PAGE_SIZE)] as const
    return Math.max(from, this.#filesystem.engine.core.firstMissing(content.space, ...pages) * PAGE_SIZE)
  }

  /** Where bytes of a content lie: what is between the first and the last, if that is not much more than these. */
  *#row(content: Content, from: number, to: number): Operation<DeviceRange[]> {
    const first = yield* this.#rangeAt(content, from)
    const last = yield* this.#rangeAt(content, to - 1)
    if (!first || !last) return [first ?? last].filter((range) => range !== undefined)
    const length = last.end - first.start
    const isRow = first.device === last.device && last.start >= first.start && length <= to - from + SLACK
    return isRow ? [{ ...first, end: last.end }] : [first, last]
  }

  /** The device's bytes that a byte of a content is made of, if it lies there. */
  *#rangeAt(content: Content, position: number): Operation<DeviceRange | undefined> {
    const extent = yield* mapOne(this.#filesystem, content, position)
    const { kind, physical, device, isInline, encodedLength, length } = extent
    if (kind === "hole" || kind === "inline" || kind === "fragment" || isInline) return undefined
    return { device, start: physical, end: physical + (encodedLength || length) }
  }
}
