// SPDX-License-Identifier: MIT
import { ErofsError } from "./errors.js"
import { isAsyncSource, isSyncSource, type Source } from "./source/source.js"

/** One further device of an image, as its table describes it, and the source that stands for it. */
export interface Device {
  /** Free text or digest naming the device. */
  tag: string
  /** Bytes, as the table says. */
  size: number
  /** First byte in the unified address space; 0 = not mapped there. */
  unifiedOffset: number
  /** Undefined if the user gave none. */
  source: Source | undefined
}

/** A piece of a range that lies on one source. */
interface Piece {
  source: Source
  offset: number
  length: number
}

/** The devices of an image: the primary one, and those of its table. Reads ranges from them. */
export class Devices {
  readonly primary: Source
  /** Reads of sources under way; who waits for there to be none. */
  #reads = 0
  #idleWaiters: (() => void)[] = []
  #further: readonly Device[]
  /** Told how many bytes every read brought. */
  readonly #count: (bytes: number) => void

  constructor(primary: Source, further: readonly Device[], count: (bytes: number) => void) {
    this.primary = primary
    this.#further = further
    this.#count = count
  }

  /** Those of the image's device table. */
  get further(): readonly Device[] {
    return this.#further
  }

  /** Sets the further devices, once the table has been read from the primary one. */
  add(further: readonly Device[]): void {
    this.#further = further
  }

  /**
   * Closes all sources: at once, or as soon as no read of them is under way. When the image is closed there may be one
   * for another image that shares a page.
   */
  closeSync(): void {
    if (this.#reads > 0) this.#idleWaiters.push(() => this.closeSync())
    else for (const source of this.sources) source.close?.()
  }

  /** Like {@link closeSync}, and waits for it. */
  async close(): Promise<void> {
    while (this.#reads > 0) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
    for (const source of this.sources) await source.close?.()
  }

  /** All sources, the primary first. */
  get sources(): Source[] {
    return [this.primary, ...this.further.flatMap((device) => device.source ?? [])]
  }

  /** Fills `target` from a device. Throws EIO for bytes that are not there, ENOTSUP for an asynchronous source. */
  readSync(id: number, offset: number, target: Uint8Array): void {
    if (id === 0 && this.further.length === 0) {
      this.#readPieceSync(this.primary, offset, target)
      return
    }
    for (const [{ source, offset: at }, part] of this.#pieces(id, offset, target)) {
      this.#readPieceSync(source, at, part)
    }
  }

  /** Like {@link readSync}, later; falls back to reading at once where a source cannot do otherwise. */
  async read(id: number, offset: number, target: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    this.#reads++
    try {
      await this.#readPieces(id, offset, target, signal)
    } finally {
      this.#reads--
      if (this.#reads === 0) this.#announceIdle()
    }
  }

  /**
   * Tells sources that bytes of a device will be read soon, unless the signal is aborted; see {@link AsyncSource.expect}.
   * Never throws.
   */
  expect(id: number, offset: number, length: number, signal: AbortSignal): void {
    try {
      const { source, offset: at } = this.#locate(id, offset, length)
      if (isAsyncSource(source)) source.expect?.(at, length, { signal })
    } catch {
      // What is wrong is told to who reads.
    }
  }

  #announceIdle(): void {
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const wake of waiters) wake()
  }

  async #readPieces(
    id: number,
    offset: number,
    target: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    for (const [piece, part] of this.#pieces(id, offset, target)) {
      const count = isAsyncSource(piece.source)
        ? await piece.source.read(part, piece.offset, { signal })
        : piece.source.readSync(part, piece.offset)
      this.#count(count)
      requireAll(piece.source, piece.offset, piece.length, count)
    }
  }

  /** Fills `target` from one source at once and tells how many bytes came. */
  #readPieceSync(source: Source, offset: number, target: Uint8Array): void {
    const { length } = target
    requireWithin(source, offset, length)
    if (!isSyncSource(source)) {
      throw new ErofsError("ENOTSUP", `${nameOf(source)} cannot be read synchronously`)
    }
    const count = source.readSync(target, offset)
    this.#count(count)
    requireAll(source, offset, length, count)
  }

  /** Cuts a range where it passes from one device to another in the unified address space. */
  *#pieces(id: number, offset: number, target: Uint8Array): Generator<[Piece, Uint8Array]> {
    let done = 0
    while (done < target.length) {
      const piece = this.#locate(id, offset + done, target.length - done)
      yield [piece, target.subarray(done, done + piece.length)]
      done += piece.length
    }
  }

  /** Where byte `offset` of device `id` lies, and how much of what follows lies there too. */
  #locate(id: number, offset: number, length: number): Piece {
    if (id > 0) {
      const device = this.further[id - 1]
      if (!device) throw new ErofsError("EUCLEAN", `the image has no device ${id}`)
      return onSource(sourceOf(device, id), offset, length)
    }
    for (const [i, device] of this.further.entries()) {
      const start = device.unifiedOffset
      if (start === 0 || offset < start || offset >= start + device.size) continue
      const left = start + device.size - offset
      return onSource(sourceOf(device, i + 1), offset - start, Math.min(length, left))
    }
    return onSource(this.primary, offset, length)
  }
}

function requireAll(source: Source, offset: number, length: number, count: number): void {
  if (count === length) return
  throw new ErofsError("EIO", `${nameOf(source)} gave ${count} of ${length} bytes`, { offset })
}

/** The source of a device, or an error that names what is missing. */
function sourceOf(device: Device, id: number): Source {
  if (device.source) return device.source
  const tag = device.tag === "" ? "without a tag" : `'${device.tag}'`
  throw new ErofsError("EIO", `device ${id} (${tag}) is needed and was not given`)
}

/** A piece of one source; it must be there completely. */
function onSource(source: Source, offset: number, length: number): Piece {
  requireWithin(source, offset, length)
  return { source, offset, length }
}

function requireWithin(source: Source, offset: number, length: number): void {
  if (offset + length <= source.size) return
  const reason = `bytes ${offset} to ${offset + length} lie beyond the end of ${nameOf(source)}`
  throw new ErofsError("EIO", reason, { offset })
}

function nameOf(source: Source): string {
  return source.name ?? "the source"
}
