// SPDX-License-Identifier: MIT
import { type Advice, type AdviseOptions, follow } from "./advice.js"
import type { Content } from "./content.js"
import { mapOne } from "./describe.js"
import type { Operation } from "./drive.js"
import { ErofsError, withDetails } from "./errors.js"
import type { Filesystem } from "./filesystem.js"
import type { Inode } from "./format/inode.js"
import { nidToBigInt } from "./format/nid.js"
import type { Node } from "./inodes.js"
import { Mapping } from "./mapping.js"
import { type Abortable, checkArray, checkOptions, toPosition } from "./options.js"
import { PAGE_SIZE } from "./page.js"
import { copyBytes, copyBytesSync, copyDirect, copyResident, visitDirectSync } from "./read.js"
import { ReadAhead } from "./read-ahead.js"
import { BigIntStats, Stats } from "./stats.js"
import { MappedView } from "./view.js"

/** How a file is read. */
export interface ReadOptions {
  /**
   * Past the pool, as O_DIRECT: bytes come from the image and not from the pool, no page of the file enters the pool
   * and none leaves it. For what is read once and not again, or must not push others out. Default false.
   */
  direct?: boolean
}

/** Bytes of one piece of {@link OpenFile.stream}. */
const STREAM_PIECE = 256 << 10

/** An open regular file. Close it, or declare it with `using` or `await using`. */
export class OpenFile {
  /** Path that it was opened by. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  readonly #filesystem: Filesystem
  readonly #node: Node
  readonly #content: Content
  readonly #readAhead = new ReadAhead()
  #isOpen = true

  /** @internal Takes over one use of the node. */
  constructor(filesystem: Filesystem, node: Node, content: Content, path: string) {
    this.#filesystem = filesystem
    this.#node = node
    this.#content = content
    this.path = path
    this.size = content.size
  }

  /** The inode's number in the image. */
  get nid(): bigint {
    return nidToBigInt(this.#node.inode.nid)
  }

  /**
   * Reads into `into` from byte `position` of the file on. Answers how many bytes: as many as fit, fewer only at
   * the end of the file. Throws EUCLEAN or EIO, with `offset`, if any byte of them cannot be had.
   */
  async read(
    into: Uint8Array,
    position: number | bigint = 0,
    options: ReadOptions & Abortable = {},
  ): Promise<number> {
    checkOptions(options, ["direct", "signal"])
    options.signal?.throwIfAborted()
    const from = this.#checked("read", position)
    const length = this.#clip(into, from)
    if (options.direct) {
      await this.#filesystem.run("read", this.path, this.#readDirect(into, from, length), options.signal)
      return length
    }
    const done = this.#readResident(into, from, length)
    if (done < length) {
      const rest = this.#readRest(into, from, done, length)
      await this.#filesystem.run("read", this.path, rest, options.signal)
    }
    return length
  }

  /** Like {@link read}, at once. Throws ENOTSUP if bytes must be fetched from an asynchronous source. */
  readSync(into: Uint8Array, position: number | bigint = 0, options?: ReadOptions): number {
    const from = this.#checked("read", position)
    const length = this.#clip(into, from)
    if (options) {
      checkOptions(options, ["direct"])
      if (options.direct) {
        this.#filesystem.runSync("read", this.path, this.#readDirect(into, from, length))
        return length
      }
    }
    const done = this.#readResident(into, from, length)
    if (done < length) {
      const rest = into.subarray(done, length)
      this.#filesystem.atOnce("read", this.path, () =>
        copyBytesSync(
          this.#filesystem.engine,
          this.#content,
          rest,
          from + done,
          rest.length,
          this.#readAhead,
        ),
      )
    }
    return length
  }

  /**
   * A lazy window on `length` bytes from byte `position` on, a multiple of 4096; see {@link MappedView}. Reads
   * nothing, so there is no separate synchronous form. A view outlives the file it was made from. Throws EINVAL for
   * a position that is no multiple of 4096 or a range beyond the file.
   */
  map(position: number | bigint = 0, length?: number): MappedView {
    const from = this.#checked("map", position)
    const bytes = length ?? this.size - from
    if (from % PAGE_SIZE !== 0) {
      throw new ErofsError("EINVAL", `position ${from} is no multiple of ${PAGE_SIZE}`, this.#where("map"))
    }
    if (!Number.isSafeInteger(bytes) || bytes < 0 || from + bytes > this.size) {
      throw new ErofsError(
        "EINVAL",
        `bytes ${from} to ${from} + ${bytes} are not in the file`,
        this.#where("map"),
      )
    }
    const { inodes } = this.#filesystem
    const node = inodes.hold(this.#node)
    const release = () => inodes.unhold(node)
    return new MappedView(
      new Mapping(
        {
          path: this.path,
          fingerprint: node.fingerprint,
          position: from,
          length: bytes,
          filesystem: this.#filesystem,
          content: this.#content,
          readAhead: this.#readAhead.another(),
        },
        release,
      ),
    )
  }

  /**
   * The file's bytes from `start` to before `end` as a byte stream of ordinary memory, in pieces of 256 KiB or into
   * the reader's own buffers. Nothing is read ahead of the reader; cancelling it, or aborting the signal, ends it.
   */
  stream(
    options: ReadOptions & Abortable & { start?: number; end?: number } = {},
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { start, end: until, ...rest } = options
    checkOptions(rest, ["direct", "signal"])
    let at = this.#checked("read", start ?? 0)
    const end = Math.min(toPosition(until ?? this.size, "end"), this.size)
    return new ReadableStream(
      {
        type: "bytes",
        start(controller) {
          if (at >= end) controller.close()
        },
        pull: async (controller) => {
          const request = controller.byobRequest
          const room = request?.view
            ? bytesOf(request.view)
            : new Uint8Array(Math.min(STREAM_PIECE, end - at))
          const piece = room.subarray(0, end - at)
          at += await this.read(piece, at, rest)
          if (request) request.respond(piece.length)
          else controller.enqueue(piece)
          // At once: the reader's next call need not come here to learn of it.
          if (at >= end) controller.close()
        },
      },
      { highWaterMark: 0 },
    )
  }

  /**
   * Tells how the file will be read, as posix_fadvise() does; see {@link Advice}. Views made from the file later
   * follow its advice too. Throws EINVAL for an unknown advice; for "willneed" what reading the range would throw.
   */
  async advise(advice: Advice, options: AdviseOptions = {}): Promise<void> {
    this.#checked("fadvise", 0)
    await this.#filesystem.run("fadvise", this.path, this.#follow(advice, options), options.signal)
  }

  /** Like {@link advise}, at once. Throws ENOTSUP if bytes must be fetched from an asynchronous source. */
  adviseSync(advice: Advice, options: AdviseOptions = {}): void {
    this.#checked("fadvise", 0)
    this.#filesystem.runSync("fadvise", this.path, this.#follow(advice, options))
  }

  /** What the inode says. Throws EOVERFLOW for numbers beyond 2^53: `{ bigint: true }` gives those. */
  async stat(options: { bigint: true }): Promise<BigIntStats>
  async stat(options?: { bigint?: false }): Promise<Stats>
  async stat(options: { bigint?: boolean } = {}): Promise<Stats | BigIntStats> {
    return this.statSync(options as { bigint?: false })
  }

  /** Like {@link stat}; the inode is known, so nothing is read. */
  statSync(options: { bigint: true }): BigIntStats
  statSync(options?: { bigint?: false }): Stats
  statSync(options: { bigint?: boolean } = {}): Stats | BigIntStats {
    checkOptions(options, ["bigint"])
    this.#checked("fstat", 0)
    const { superblock, mount } = this.#filesystem.image
    const exact = new BigIntStats(this.#node.inode, superblock, mount)
    return options.bigint ? exact : new Stats(exact)
  }

  /** @internal What the inode says. */
  get inode(): Inode {
    return this.#node.inode
  }

  /**
   * @internal Shows bytes past the pool, from `position` on, a multiple of the page size below the file's size, and as many as
   * come at a time; only during the call, in which nothing else may be read: for who passes them on, without a copy.
   * Answers where they end.
   */
  visitSync(position: number, use: (piece: Uint8Array, position: number) => void): number {
    this.#checked("read", position)
    const { engine } = this.#filesystem
    return this.#filesystem.atOnce("read", this.path, () =>
      visitDirectSync(engine, this.#content, position, use),
    )
  }

  /** @internal Where the hole ends that byte `position` lies in; `position` itself if it lies in none. Throws as reading does. */
  holeEnd(position: number): Promise<number> {
    return this.#filesystem.run("read", this.path, this.#holeEnd(position))
  }

  /** @internal Like {@link holeEnd}, at once. */
  holeEndSync(position: number): number {
    return this.#filesystem.runSync("read", this.path, this.#holeEnd(position))
  }

  /** Lets the file go. Views of it stay usable. Closing twice does nothing. */
  async close(): Promise<void> {
    this.closeSync()
  }

  /** Like {@link close}. */
  closeSync(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#filesystem.inodes.unhold(this.#node)
  }

  [Symbol.dispose](): void {
    this.closeSync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closeSync()
  }

  /** Copies what is in the pool up to the first page that is not: the way that never reaches an operation. */
  #readResident(into: Uint8Array, position: number, length: number): number {
    if (length === 0) return 0
    const end = Math.ceil((position + length) / PAGE_SIZE)
    const isUse = this.#readAhead.note(Math.floor(position / PAGE_SIZE), end)
    return copyResident(this.#filesystem.engine, this.#content, into, position, length, isUse)
  }

  #readDirect(into: Uint8Array, position: number, length: number): Operation<void> {
    return copyDirect(this.#filesystem.engine, this.#content, into, position, length)
  }

  *#holeEnd(position: number): Operation<number> {
    const { kind, logical, length } = yield* mapOne(this.#filesystem, this.#content, position)
    return kind === "hole" ? logical + length : position
  }

  #follow(advice: Advice, options: AdviseOptions): Operation<void> {
    return follow(this.#filesystem.engine, this.#content, this.#readAhead, advice, options)
  }

  #readRest(into: Uint8Array, position: number, done: number, length: number): Operation<void> {
    const { engine } = this.#filesystem
    const rest = into.subarray(done, length)
    return copyBytes(engine, this.#content, rest, position + done, rest.length, this.#readAhead)
  }

  #checked(syscall: string, position: number | bigint): number {
    if (!this.#isOpen || !this.#filesystem.isOpen) {
      throw new ErofsError("EBADF", "the file is closed", this.#where(syscall))
    }
    if (typeof position === "number" && Number.isSafeInteger(position) && position >= 0) return position
    try {
      return toPosition(position, "position")
    } catch (error) {
      throw withDetails(error, this.#where(syscall))
    }
  }

  #clip(into: Uint8Array, position: number): number {
    if (!(into instanceof Uint8Array)) checkArray(into, this.#where("read"))
    return Math.max(0, Math.min(into.length, this.size - position))
  }

  #where(syscall: string) {
    return { syscall, path: this.path, nid: this.nid }
  }
}

/** The bytes of a view of any kind. */
function bytesOf(view: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
