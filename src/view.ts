// SPDX-License-Identifier: MIT

import type { Operation } from "./drive.js"
import { ErofsError } from "./errors.js"
import { failure } from "./failure.js"
import { fill, fillSync } from "./fill.js"
import type { Mapping } from "./mapping.js"
import { type Abortable, checkOptions } from "./options.js"
import { PAGE_BITS, PAGE_SIZE } from "./page.js"
import { TOO_SMALL } from "./status.js"

/** Fills in a row that another worker may undo before the pool counts as too small. */
const ATTEMPTS = 64

/**
 * A window on a file, like mmap: nothing is read until it is touched, and what was touched stays where it is
 * until the view is disposed of. Its bytes are the pool's own, in shared memory (in a pool made with
 * `shared: false`: in plain memory), and many web APIs refuse such arrays: use {@link copy} or {@link text} for
 * those. Never write to them.
 *
 * Pages count from the beginning of the view. Dispose of every view, and keep it as long as its bytes are in use:
 * pinned pages cannot be reclaimed, an image with live views cannot be closed, and a view that is collected without
 * having been disposed of is a leak, which is given back and reported (`onLeak` of the pool).
 */
export class MappedView {
  readonly #mapping: Mapping

  /** @internal */
  constructor(mapping: Mapping) {
    this.#mapping = mapping
    mapping.watch(this)
  }

  /** Path that the file was opened by. */
  get path(): string {
    return this.#mapping.path
  }

  /** Byte of the file at which the view begins, a multiple of 4096. */
  get position(): number {
    return this.#mapping.position
  }

  /** Bytes. */
  get length(): number {
    return this.#mapping.length
  }

  /** Pages in the view; the last one may be shorter than 4096 bytes. */
  get pageCount(): number {
    return this.#mapping.pageCount
  }

  /** The bytes of one page, brought in and pinned. Throws EINVAL for a page that is not in the view. */
  async page(index: number, options: Abortable = {}): Promise<Uint8Array> {
    options.signal?.throwIfAborted()
    const resident = this.#residentPage(index)
    return resident ?? this.#run(this.#readPage(index), options)
  }

  /** Like {@link page}, at once. Throws ENOTSUP if the bytes are not in the pool and their source is asynchronous. */
  pageSync(index: number): Uint8Array {
    return this.#residentPage(index) ?? this.#atOnce(() => this.#pageNow(index))
  }

  /**
   * Bytes `from` .. `to` of the view, brought in and pinned: the pool's own bytes where they lie in a row there,
   * otherwise a copy. Throws EINVAL for a range that is not in the view.
   */
  bytes(from = 0, to = this.length, options: Abortable = {}): Promise<Uint8Array> {
    return this.#run(this.#readRange(from, to), options)
  }

  /** Like {@link bytes}, at once. */
  bytesSync(from = 0, to = this.length): Uint8Array {
    return this.#residentRange(from, to) ?? this.#atOnce(() => whole(this.#segmentsNow(from, to), to - from))
  }

  /** The view's bytes `from` .. `to` as the pieces that lie in a row in the pool, brought in and pinned. No copies. */
  segments(from = 0, to = this.length, options: Abortable = {}): Promise<Uint8Array[]> {
    return this.#run(this.#readSegments(from, to), options)
  }

  /** Like {@link segments}, at once. */
  segmentsSync(from = 0, to = this.length): Uint8Array[] {
    return this.#atOnce(() => this.#segmentsNow(from, to))
  }

  /** Bytes `from` .. `to` as ordinary memory of the caller's own. */
  async copy(from = 0, to = this.length, options: Abortable = {}): Promise<Uint8Array<ArrayBuffer>> {
    return join(await this.segments(from, to, options), to - from)
  }

  /** Like {@link copy}, at once. */
  copySync(from = 0, to = this.length): Uint8Array<ArrayBuffer> {
    return join(this.segmentsSync(from, to), to - from)
  }

  /** Bytes `from` .. `to` as text in UTF-8. */
  async text(from = 0, to = this.length, options: Abortable = {}): Promise<string> {
    return new TextDecoder().decode(await this.copy(from, to, options))
  }

  /** Like {@link text}, at once. */
  textSync(from = 0, to = this.length): string {
    return new TextDecoder().decode(this.copySync(from, to))
  }

  /** Unpins all pages. The arrays handed out must not be used any more. Disposing twice does nothing. */
  dispose(): void {
    this.#mapping.release()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** The page if no byte has to be fetched for it. */
  #residentPage(index: number): Uint8Array | undefined {
    const address = this.#mapping.isLive && this.#hasPage(index) ? this.#mapping.pin(index, 1) : 0
    if (address === 0) return undefined
    this.#noteResident(index, index + 1)
    return this.#slice(address, this.#bytesOfPage(index))
  }

  /** The range if it lies within one page that is in the pool, or in pages in a row that are. */
  #residentRange(from: number, to: number): Uint8Array | undefined {
    if (!this.#mapping.isLive || !(from >= 0 && to > from && to <= this.length)) return undefined
    if (!Number.isInteger(from) || !Number.isInteger(to)) return undefined
    const first = from >>> PAGE_BITS
    if (to > 2 ** 31) return undefined
    const last = (to - 1) >>> PAGE_BITS
    const start = this.#mapping.pin(first, last - first + 1)
    if (start === 0) return undefined
    for (let page = first + 1; page <= last; page++) {
      if (this.#mapping.pin(page, last - page + 1) !== start + (page - first) * PAGE_SIZE) return undefined
    }
    this.#noteResident(first, last + 1)
    return this.#slice(start + (from & (PAGE_SIZE - 1)), to - from)
  }

  /** Pages that were there are part of a row of reads, too: who goes through a view page by page meets them most of the time. */
  #noteResident(page: number, end: number): void {
    const { firstPage, readAhead } = this.#mapping
    readAhead.note(firstPage + page, firstPage + end)
  }

  #hasPage(index: number): boolean {
    return Number.isInteger(index) && index >= 0 && index < this.pageCount
  }

  *#readPage(index: number): Operation<Uint8Array> {
    const [from, to] = this.#rangeOfPage(index)
    const [page] = yield* this.#readSegments(from, to)
    return page as Uint8Array
  }

  #pageNow(index: number): Uint8Array {
    const [from, to] = this.#rangeOfPage(index)
    return this.#segmentsNow(from, to)[0] as Uint8Array
  }

  *#readRange(from: number, to: number): Operation<Uint8Array> {
    return whole(yield* this.#readSegments(from, to), to - from)
  }

  *#readSegments(from: number, to: number): Operation<Uint8Array[]> {
    this.#noteRead(from, to)
    const segments: Uint8Array[] = []
    let at = from
    for (let failures = 0; failures < ATTEMPTS; failures++) {
      const reached = this.#gather(segments, at, to)
      if (reached === to) return segments
      if (reached > at) failures = 0
      at = reached
      const page = this.#pageAt(at)
      yield fill(this.#mapping.engine, this.#mapping.content, page, this.#want(page, to))
      if (!this.#mapping.isLive) throw disposed()
    }
    throw failure(TOO_SMALL, this.#mapping.content, this.position + at)
  }

  /** Like #readSegments, without an operation. */
  #segmentsNow(from: number, to: number): Uint8Array[] {
    this.#noteRead(from, to)
    const segments: Uint8Array[] = []
    let at = from
    for (let failures = 0; failures < ATTEMPTS; failures++) {
      const reached = this.#gather(segments, at, to)
      if (reached === to) return segments
      if (reached > at) failures = 0
      at = reached
      const page = this.#pageAt(at)
      fillSync(this.#mapping.engine, this.#mapping.content, page, this.#want(page, to))
    }
    throw failure(TOO_SMALL, this.#mapping.content, this.position + at)
  }

  /** Checks a range that is to be read, and notes it for read-ahead. */
  #noteRead(from: number, to: number): void {
    if (!this.#mapping.isLive) throw disposed()
    if (!Number.isInteger(from) || !Number.isInteger(to) || !(from >= 0 && from <= to && to <= this.length)) {
      throw new ErofsError("EINVAL", `bytes ${from} to ${to} are not in a view of ${this.length} bytes`)
    }
    this.#mapping.readAhead.note(this.#pageAt(from), this.#endPage(to))
  }

  /**
   * Pins pages and adds the pieces of bytes `from` .. `to` that they hold, up to the first page that is not in the
   * pool. Answers the byte it got to.
   */
  #gather(segments: Uint8Array[], from: number, to: number): number {
    const end = Math.ceil(to / PAGE_SIZE)
    let at = from
    let start = 0
    let length = 0
    while (at < to) {
      const page = Math.floor(at / PAGE_SIZE)
      const address = this.#mapping.pin(page, end - page)
      if (address === 0) break
      const next = Math.min((page + 1) * PAGE_SIZE, to)
      const begin = address + at - page * PAGE_SIZE
      if (begin !== start + length) {
        if (length > 0) this.#addSegment(segments, start, length)
        start = begin
        length = 0
      }
      length += next - at
      at = next
    }
    if (length > 0) this.#addSegment(segments, start, length)
    return at
  }

  /** Adds a piece, to the last one if it lies behind that. */
  #addSegment(segments: Uint8Array[], address: number, length: number): void {
    const last = segments[segments.length - 1]
    if (last && last.byteOffset + last.length === address) {
      segments[segments.length - 1] = this.#slice(last.byteOffset, last.length + length)
    } else {
      segments.push(this.#slice(address, length))
    }
  }

  /** Page of the file that holds byte `at` of the view; the page behind those that hold the bytes before `to`. */
  #pageAt(at: number): number {
    return this.#mapping.firstPage + Math.floor(at / PAGE_SIZE)
  }
  #endPage(to: number): number {
    return this.#mapping.firstPage + Math.ceil(to / PAGE_SIZE)
  }

  /** Pages to bring in from page `page` of the file on, for the bytes before `to`. */
  #want(page: number, to: number): number {
    return this.#mapping.readAhead.want(this.#endPage(to) - page)
  }

  /** The bytes of a page. */
  #rangeOfPage(index: number): [from: number, to: number] {
    if (this.#mapping.isLive && !this.#hasPage(index)) {
      throw new ErofsError("EINVAL", `page ${index} is not in a view of ${this.pageCount} pages`)
    }
    const from = index * PAGE_SIZE
    return [from, from + this.#bytesOfPage(index)]
  }

  #bytesOfPage(index: number): number {
    return Math.min(PAGE_SIZE, this.length - index * PAGE_SIZE)
  }

  #slice(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#mapping.engine.core.buffer, address, length)
  }

  async #run<T>(operation: Operation<T>, options: Abortable): Promise<T> {
    checkOptions(options, ["signal"])
    const { signal } = options
    return this.#mapping.filesystem.run("map", this.path, operation, signal)
  }

  #atOnce<T>(read: () => T): T {
    return this.#mapping.filesystem.atOnce("map", this.path, read)
  }
}

function disposed(): ErofsError {
  return new ErofsError("EBADF", "the view has been disposed of")
}

/** The only piece, or all of them in ordinary memory. */
function whole(segments: Uint8Array[], length: number): Uint8Array {
  return segments.length === 1 ? (segments[0] as Uint8Array) : join(segments, length)
}

/** The pieces as one array of ordinary memory. */
function join(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
