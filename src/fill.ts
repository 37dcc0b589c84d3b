// SPDX-License-Identifier: MIT
/** Bringing pages into the pool, and reading what is there: the way of a byte, as operations. */
import type { Content } from "./content.js"
import { PAGE_BITS, PAGE_SIZE, type Slot } from "./core.js"
import type { Need, Operation } from "./drive.js"
import type { Engine } from "./engine.js"
import { corrupted, ErofsError, isErofsError } from "./errors.js"
import * as status from "./status.js"

/** Plans in a row that may come to nothing (pages reclaimed before their use) before the pool counts as too small. */
const ATTEMPTS = 64
/** Bytes of metadata worth reading at once, unless the source says otherwise. */
const METADATA_WINDOW = 32 << 10

/** Needs the ranges of a plan. Failures are noted in the plan, and kept here for the one who asks why. */
class Fetch implements Need {
  readonly #slot: Slot
  readonly #content: Content
  #errors: Map<number, unknown> | undefined

  constructor(slot: Slot, content: Content) {
    this.#slot = slot
    this.#content = content
  }

  now(): void {
    const slot = this.#slot
    for (let range = 0; range < slot.rangeCount; range++) {
      try {
        const offset = slot.rangeOffset(range)
        this.#content.devices.readSync(slot.rangeDevice(range), offset, slot.rangeTarget(range))
      } catch (error) {
        this.#fail(range, error)
      }
    }
  }

  async later(signal: AbortSignal | undefined): Promise<void> {
    const slot = this.#slot
    const reads = Array.from({ length: slot.rangeCount }, async (_, range) => {
      try {
        const offset = slot.rangeOffset(range)
        await this.#content.devices.read(slot.rangeDevice(range), offset, slot.rangeTarget(range), signal)
      } catch (error) {
        this.#fail(range, error)
      }
    })
    await Promise.all(reads)
  }

  /** Why a range could not be read. */
  reason(range: number): unknown {
    return this.#errors?.get(range)
  }

  #fail(range: number, error: unknown): void {
    this.#slot.failRange(range)
    this.#errors ??= new Map()
    this.#errors.set(range, error)
  }
}

/**
 * Brings in page `page` and, if it pays, up to `want` pages from it on. Returns once the page is in the pool
 * (though another worker may reclaim it at once). Throws EUCLEAN, EIO, ENOTSUP or ENOMEM if it cannot be had.
 */
export function* fill(engine: Engine, content: Content, page: number, want: number): Operation<void> {
  yield* fillOrUse(engine, content, page, want, undefined)
}

/**
 * Like {@link fill}, past the pool: decodes up to `want` pages from `page` on and shows them to `use`, at least one, in
 * memory that is theirs only during the call. Behind the end of the file the last page is zero. No page of the
 * content enters the pool, none leaves it; metadata goes through it as ever.
 */
export function* usePages(
  engine: Engine,
  content: Content,
  page: number,
  want: number,
  use: (pages: Uint8Array) => void,
): Operation<void> {
  yield* fillOrUse(engine, content, page, want, use)
}

/** What becomes of the pages of a fill that goes past the pool; undefined: they go into the pool. */
type Use = ((pages: Uint8Array) => void) | undefined

function* fillOrUse(engine: Engine, content: Content, page: number, want: number, use: Use): Operation<void> {
  try {
    yield* fillAtOnce(engine, content, page, want, use)
  } catch (error) {
    // It may be what lies beyond the page that cannot be had: a range cut short, a fragment, an index.
    if (want === 1 || !isErofsError(error)) throw error
    yield* fillAtOnce(engine, content, page, 1, use)
  }
}

/** Fills as {@link fill} does, but fails with anything that the pages from the first on need. */
function* fillAtOnce(
  engine: Engine,
  content: Content,
  page: number,
  want: number,
  use: Use,
): Operation<void> {
  // Pages of a table that is gone through from front to back are progress, however many they are.
  let farthest = -1
  for (let attempt = 0; attempt < ATTEMPTS; ) {
    const slot = (yield engine.slot) as Slot
    content.useHint(page * PAGE_SIZE)
    const { description } = content
    const planned = use ? slot.planDirect(description, page, want) : slot.plan(description, page, want)
    content.saveHint(slot)
    if (planned === status.OK) {
      yield* carryOut(engine, content, slot, use)
      return
    }
    const { needPage, needCount, errorOffset } = slot
    engine.returnSlot(slot)
    if (planned === status.BUSY) {
      // Not an attempt: where many wait for one page that cannot be had, each finds that out in its turn.
      yield engine.settled
      continue
    }
    attempt++
    switch (planned) {
      case status.RESIDENT:
        return
      case status.NEED_METADATA:
        if (needPage > farthest) attempt = 0
        farthest = Math.max(farthest, needPage)
        yield* fillMetadata(engine, content.metadata as Content, needPage)
        break
      case status.NEED_PACKED:
        yield* fill(engine, content.packed as Content, needPage, needCount)
        break
      default:
        throw failure(planned, content, errorOffset)
    }
  }
  throw failure(status.TOO_SMALL, content, page * PAGE_SIZE)
}

/** Fetches and finishes what was planned. */
function* carryOut(engine: Engine, content: Content, slot: Slot, use: Use): Operation<void> {
  let fetch: Fetch | undefined
  let finished = false
  try {
    if (slot.rangeCount > 0) {
      fetch = new Fetch(slot, content)
      yield fetch
    }
    const answer = slot.finish()
    finished = true
    if (answer === status.OK) {
      use?.(slot.directPages)
      return
    }
    if (answer === status.FETCH_FAILED) {
      const cause = fetch?.reason(slot.failedRange)
      // Another version of the image: what is known of this one must not be mixed with it.
      if (isErofsError(cause, "ESTALE")) engine.core.dropMount(content.description.mount)
      throw fetchFailure(cause, content, slot.errorOffset)
    }
    throw failure(answer, content, slot.errorOffset)
  } finally {
    if (!finished) slot.abort()
    engine.returnSlot(slot)
    engine.announceSettled()
  }
}

/** The error for a status of the core. */
export function failure(code: number, content: Pick<Content, "nid">, offset: number): ErofsError {
  const [errorCode, reason] = status.FAILURES[code] ?? (["EIO", `core status ${code}`] as const)
  return new ErofsError(errorCode, reason, { ...nidOf(content), offset })
}

/** The error for bytes that the source did not give. */
function fetchFailure(cause: unknown, content: Content, offset: number): ErofsError {
  if (isErofsError(cause)) {
    return new ErofsError(cause.code, cause.reason, { ...nidOf(content), offset, cause })
  }
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new ErofsError("EIO", `reading the image failed: ${reason}`, { ...nidOf(content), offset, cause })
}

function nidOf(content: Pick<Content, "nid">): { nid?: bigint } {
  return content.nid === undefined ? {} : { nid: content.nid }
}

/** Brings in a page of metadata and a little more. */
function fillMetadata(engine: Engine, metadata: Content, page: number): Operation<void> {
  const bytes = metadata.devices.primary.granularity ?? METADATA_WINDOW
  return fill(engine, metadata, page, Math.max(1, bytes >>> PAGE_BITS))
}

/**
 * A few bytes of metadata, at most 128 KiB, in shared memory that the next read reuses: parse them before
 * anything else is awaited. Throws EUCLEAN if they do not lie within the metadata.
 */
export function* readMetadata(
  engine: Engine,
  metadata: Content,
  position: number,
  length: number,
): Operation<Uint8Array> {
  if (position + length > metadata.size) {
    throw corrupted("metadata lies beyond its end", { ...nidOf(metadata), offset: position })
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const bytes = engine.core.peek(metadata.space, position, length)
    if (bytes) return bytes
    yield* fillMetadata(engine, metadata, engine.core.missingPage)
  }
  throw failure(status.TOO_SMALL, metadata, position)
}

/** How a row of reads goes on: reads that follow each other get a growing window, others none, unless advice is given. */
export class ReadAhead {
  /** The page behind the last read; a first read at the beginning counts as following. */
  #next = 0
  #isSequential = false
  #window = 0
  #pattern: "normal" | "sequential" | "random" = "normal"
  /** Whether a page that is used again stays in the pool for longer. */
  makesWarmer = true
  static readonly first = 32
  static readonly limit = 256

  /** Takes advice about the reads to come. "noreuse" leaves the pattern as it is, "normal" takes everything back. */
  advise(advice: "normal" | "sequential" | "random" | "noreuse"): void {
    if (advice !== "noreuse") this.#pattern = advice
    if (advice === "noreuse" || advice === "normal") this.makesWarmer = advice === "normal"
  }

  /** A new row of reads under the same advice. */
  another(): ReadAhead {
    const other = new ReadAhead()
    other.#pattern = this.#pattern
    other.makesWarmer = this.makesWarmer
    return other
  }

  /**
   * Notes a read of the pages from `page` to before `end`. Answers whether it makes them warmer: whether it is a new
   * use of its first page, rather than the next piece of the page that the read before ended in.
   */
  note(page: number, end: number): boolean {
    const isContinued = page === this.#next - 1
    this.#isSequential = isContinued || page === this.#next
    if (!this.#isSequential) this.#window = 0
    this.#next = end
    return !isContinued && this.makesWarmer
  }

  /** Pages to bring in at once, at least `needed`. Called when a page of the read noted last is missing. */
  want(needed: number): number {
    if (this.#pattern === "random") return needed
    if (this.#pattern === "sequential") return Math.max(needed, ReadAhead.limit)
    if (this.#isSequential) {
      this.#window = Math.min(Math.max(this.#window * 2, ReadAhead.first), ReadAhead.limit)
    }
    return Math.max(needed, this.#window)
  }
}

/**
 * Copies what is in the pool of bytes `position` .. `position + length` to `into`, up to the first page that
 * is not. Answers how many bytes. The range must lie within the content.
 */
export function copyResident(
  engine: Engine,
  content: Content,
  into: Uint8Array,
  position: number,
  length: number,
  isUse: boolean,
): number {
  const { core } = engine
  let done = 0
  while (done < length) {
    const at = position + done
    const page = Math.floor(at / PAGE_SIZE)
    const within = at - page * PAGE_SIZE
    const pages = (within + length - done + PAGE_SIZE - 1) >>> PAGE_BITS
    const address = core.acquire(content.space, page, pages, isUse)
    if (address === 0) break
    const run = core.runLength
    const count = Math.min(length - done, run * PAGE_SIZE - within)
    into.set(new Uint8Array(core.buffer, address + within, count), done)
    core.release(address, run)
    done += count
  }
  return done
}

/** Copies bytes that lie within the content to `into`, bringing in what is missing. `readAhead` has noted the read. */
export function* copyBytes(
  engine: Engine,
  content: Content,
  into: Uint8Array,
  position: number,
  length: number,
  readAhead: ReadAhead,
): Operation<void> {
  const end = Math.ceil((position + length) / PAGE_SIZE)
  let done = 0
  for (let failures = 0; failures < ATTEMPTS; failures++) {
    const rest = into.subarray(done)
    const { makesWarmer } = readAhead
    const copied = copyResident(engine, content, rest, position + done, length - done, makesWarmer)
    done += copied
    if (done === length) return
    if (copied > 0) failures = 0
    const page = Math.floor((position + done) / PAGE_SIZE)
    yield* fill(engine, content, page, readAhead.want(end - page))
  }
  throw failure(status.TOO_SMALL, content, position + done)
}

/** Copies bytes that lie within the content to `into`, from their source and not from the pool: see {@link usePages}. */
export function* copyDirect(
  engine: Engine,
  content: Content,
  into: Uint8Array,
  position: number,
  length: number,
): Operation<void> {
  let done = 0
  while (done < length) {
    const at = position + done
    const page = Math.floor(at / PAGE_SIZE)
    const within = at - page * PAGE_SIZE
    const left = length - done
    yield* usePages(engine, content, page, Math.ceil((within + left) / PAGE_SIZE), (pages) => {
      const piece = pages.subarray(within, within + left)
      into.set(piece, done)
      done += piece.length
    })
  }
}

/** Bytes of a content as ordinary memory, for structures that are parsed: directory blocks, link targets. */
export function* readBytes(
  engine: Engine,
  content: Content,
  position: number,
  length: number,
): Operation<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  const resident = copyResident(engine, content, bytes, position, length, true)
  if (resident < length) {
    const rest = bytes.subarray(resident)
    yield* copyBytes(engine, content, rest, position + resident, rest.length, new ReadAhead())
  }
  return bytes
}
