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

/** Files in the order in which they will be read. */
export class ExpectedContents {
  readonly #filesystem: Filesystem
  readonly #nids: bigint[] = []
  /** Sizes of those that have been told to the source and not been read: the bytes that it is ahead. */
  readonly #sizes: number[] = []
  #told = 0
  #reached = 0
  #ahead = 0

  private constructor(filesystem: Filesystem) {
    this.#filesystem = filesystem
  }

  /** For an image whose source gains by it; undefined for others. */
  static of(filesystem: Filesystem): ExpectedContents | undefined {
    const { primary } = filesystem.image.devices
    const isWorthwhile = isLookaheadWorthwhile(filesystem) && isAsyncSource(primary) && primary.expect
    return isWorthwhile ? new ExpectedContents(filesystem) : undefined
  }

  /** Adds a file at the end. */
  add(nid: bigint): void {
    this.#nids.push(nid)
  }

  /** Says that the file with this number comes next; those before it have been read. */
  *reach(file: number): Operation<void> {
    for (; this.#reached < file; this.#reached++) this.#ahead -= this.#sizes[this.#reached] ?? 0
    this.#told = Math.max(this.#told, file)
    // Many at a time: until half of what may be ahead has been read there is nothing to do.
    if (this.#ahead > BYTES_AHEAD / 2 || this.#told - file > FILES_AHEAD / 2) return
    while (
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
    const found: DeviceRange[][] = []
    const sizes: number[] = nids.map(() => 0)
    const look = (nid: bigint, i: number): Operation<void> => this.#locate(nid, i, found, sizes)
    yield new Together(nids.map(look))
    this.#told = first + nids.length
    for (const [i, size] of sizes.entries()) {
      this.#sizes[first + i] = size
      this.#ahead += size
    }
    const { devices } = this.#filesystem.image
    for (const { device, start, end } of found.flat()) devices.expect(device, start, end - start)
  }

  *#locate(nid: bigint, i: number, found: DeviceRange[][], sizes: number[]): Operation<void> {
    const { inodes } = this.#filesystem
    const wanted = nidFromBigInt(nid)
    const node: Node = inodes.hold(inodes.resident(wanted) ?? (yield* inodes.get(wanted)))
    try {
      if (!isRegular(node.inode.mode) || node.inode.size === 0) return
      sizes[i] = node.inode.size
      found[i] = yield* this.#rangesOf(yield* inodes.contentOf(node))
    } finally {
      inodes.unhold(node)
    }
  }

  /** Where a content lies: what is between its first and its last byte, if that is not much more than these. */
  *#rangesOf(content: Content): Operation<DeviceRange[]> {
    const [first, head] = yield* this.#rangeAt(content, 0)
    if (first && head.logical + head.length >= content.size) return [first]
    const [last, tail] = yield* this.#rangeAt(content, content.size - 1)
    // The tail may lie among others' tails; the bytes before it are what most of the file is.
    const before =
      tail.kind === "fragment" && tail.logical > 0
        ? yield* this.#rangeAt(content, tail.logical - 1)
        : undefined
    const end = before ? before[0] : last
    const isRow =
      first &&
      end &&
      first.device === end.device &&
      end.end > first.start &&
      end.end - first.start <= content.size + SLACK
    const body = isRow && first && end ? [{ ...first, end: end.end }] : [first, end]
    return [...body, before ? last : undefined].filter((range) => range !== undefined)
  }

  /** The device's bytes that a byte of a content is made of, if it lies there; and the extent itself. */
  *#rangeAt(content: Content, position: number): Operation<[DeviceRange | undefined, Located]> {
    const extent = yield* mapOne(this.#filesystem, content, position)
    const { kind, physical, device, isInline } = extent
    if (kind === "fragment" && content.packed) {
      const at = physical + (position - extent.logical)
      const [range] = yield* this.#rangeAt(content.packed, at)
      return [range, extent]
    }
    if (kind === "hole" || kind === "inline" || isInline) return [undefined, extent]
    const length = extent.encodedLength || extent.length
    return [{ device, start: physical, end: physical + length }, extent]
  }
}

type Located = { logical: number; length: number; kind: string }
