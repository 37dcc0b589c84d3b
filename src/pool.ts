// SPDX-License-Identifier: MIT
import xxhash from "xxhash-wasm"
import { Core } from "./core.js"
import { driveAsync, driveSync, type Operation } from "./drive.js"
import { Engine, type Forgery, type Leak } from "./engine.js"
import { ErofsError, isErofsError, withDetails } from "./errors.js"
import type { Filesystem } from "./filesystem.js"
import { enter, type PoolHandle, whenClosed } from "./handle.js"
import { Image } from "./image.js"
import { type MountOptions, mountImage } from "./mount.js"
import { type Abortable, checkOptions } from "./options.js"
import { PAGE_SIZE } from "./page.js"
import { checkBytes, checkPoolOptions, type PoolLayout, type PoolOptions } from "./pool-options.js"
import { describeResidency, type Residency } from "./residency.js"
import type { Source } from "./source/source.js"
import type { Xxh32 } from "./xattrs.js"

/** A live view of a mounted image. */
export interface MapEntry {
  image: Image
  /** That the user opened. */
  path: string
  /** Bytes of the file. */
  position: number
  length: number
  /** Under which the file shares its pages; undefined: it does not. */
  fingerprint: Uint8Array | undefined
}

/** What a pool has done and holds. Counts are since its birth. */
export interface PoolStats {
  /** Frames of 4096 bytes: all, those in use, and those that views hold. */
  frames: number
  framesUsed: number
  framesPinned: number
  /** Frames that are being filled. */
  framesBusy: number
  /** File identities that have pages or users. */
  addressSpaces: number
  /** Frames whose page belongs to more than one file of the mounted images, and pages that this saves. */
  pagesShared: number
  pagesSaved: number
  /** Pages that lie in the frame of an equal one of another file: now, and how often that was found in all. */
  pagesAliased: number
  pagesMerged: number
  /** Uses of pages that were there, and fills because one was not. */
  hits: number
  misses: number
  /** Pages brought in, and pages thrown out for others. */
  pagesFilled: number
  pagesReclaimed: number
  /** Bytes read from sources, and in how many reads; bytes that decoders made. */
  bytesFetched: number
  fetches: number
  bytesDecoded: number
  /** Requests that sources sent to servers, and bytes that came over the wire for them. */
  requests: number
  bytesReceived: number
  /** Bytes of all of the pool's tables, as far as they are in use; those for files that are open, and for workers, too. */
  bookkeepingBytes: number
  /** How often the pool was put in order after a worker that was terminated in the middle of a change. */
  repairs: number
  /** Files that carry a fingerprint already known with another size, and so do not share. */
  sizeConflicts: number
  /** Files whose content is not what their fingerprint claims, of images mounted with `trust: "verify"`; the first of them. */
  filesForged: number
  forgeries: readonly Forgery[]
  /** Views that were collected without having been disposed of. */
  viewsLeaked: number
}

/** Address spaces beyond one a frame: open files without pages. */
const EXTRA_SPACES = 16384

/**
 * A pool of pages, in one WebAssembly memory, that every image mounted into it shares. Files with the same content
 * in different images occupy memory once, if they carry the same fingerprint.
 *
 *     const pool = await PagePool.create({ bytes: 64 * 1024 * 1024 })
 *     const image = await pool.mount(await openFile("rootfs.erofs"))
 *     console.log(await image.readFile("/etc/os-release", "utf8"))
 */
export class PagePool {
  readonly #hold: Engine
  /** Bytes that it may be made as large as. */
  readonly #maxBytes: number
  /** Says that this worker leaves the pool that it was let into; undefined where the pool was made. */
  readonly #leave: (() => void) | undefined
  /** Places and ports of the workers that the pool was shared with, by the serial numbers of their handles. */
  readonly #others = new Map<number, { place: number; port: MessagePort }>()
  #handles = 0
  readonly #xxh32: Xxh32
  readonly #images = new Map<Image, Filesystem>()
  /** Mounts under way, those too that were aborted and have not yet given back what they hold. */
  #mounting = 0
  /** Whether the place in the pool has been given back. */
  #hasLeft = false

  private constructor(engine: Engine, xxh32: Xxh32, maxBytes: number, leave?: () => void) {
    this.#hold = engine
    this.#xxh32 = xxh32
    this.#maxBytes = maxBytes
    this.#leave = leave
  }

  /** Makes a pool. Throws ENOMEM if its memory cannot be had, EINVAL for sizes that make no sense. */
  static async create(options: PoolOptions = {}): Promise<PagePool> {
    const { frames, ...layout } = checkPoolOptions(options)
    const core = await createCore(layout)
    const xxh32 = await loadXxh32(core)
    core.resize(frames)
    const engine = new Engine(core, layout.sharing)
    engine.onLeak = options.onLeak ?? warnOfLeak
    return new PagePool(engine, xxh32, layout.maxFrames * PAGE_SIZE)
  }

  /**
   * Comes into a pool that another worker made, by a handle of its {@link share}. Images are mounted by each worker for
   * itself; what they share lies in memory once. A handle is for one worker and one time: throws EBUSY the second time.
   */
  static async attach(handle: PoolHandle): Promise<PagePool> {
    if (!handle?.memory) {
      throw new ErofsError("EINVAL", "not a pool")
    }
    // First of all: from then on the other side notices when this worker ends.
    const leave = await enter(handle.port)
    try {
      return await PagePool.#join(handle, leave)
    } catch (error) {
      leave()
      throw error
    }
  }

  static async #join(handle: PoolHandle, leave: () => void): Promise<PagePool> {
    const core = await Core.join(handle.module, handle.memory, handle.place)
    const xxh32 = await loadXxh32(core)
    const engine = new Engine(core, new Set(handle.sharing))
    engine.hasOthers = true
    // As long as anything of the pool is in use here: the port's end would tell that this worker has gone.
    engine.anchor = handle.port
    engine.onLeak = warnOfLeak
    return new PagePool(engine, xxh32, handle.maxBytes, leave)
  }

  /**
   * A place in the pool for one other worker: post it there with its port transferred,
   * `worker.postMessage(handle, [handle.port])`, and give it to {@link attach}. The place is free again when that worker
   * closes its pool or ends, however it ends. Throws ENOTSUP for a pool in plain memory or where this worker did not make
   * the pool, EBUSY when every place is taken.
   */
  share(): PoolHandle {
    const { core, sharing } = this.#engine
    if (!core.isShared)
      throw new ErofsError("ENOTSUP", "a pool in plain memory cannot be shared with workers")
    if (this.#leave) throw new ErofsError("ENOTSUP", "only the worker that made a pool can share it")
    const place = core.takePlace()
    if (place < 0) throw new ErofsError("EBUSY", "every worker place of the pool is taken")
    const { port1, port2 } = new MessageChannel()
    this.#engine.hasOthers = true
    const serial = ++this.#handles
    this.#others.set(serial, { place, port: port1 })
    whenClosed(port1, () => this.#free(serial))
    const { memory, module } = core
    return { memory, module, place, serial, maxBytes: this.#maxBytes, sharing: [...sharing], port: port2 }
  }

  /**
   * Frees the place of a handle whose worker has ended, with everything that it held; does nothing if it is free already.
   * Only needed where runtimes do not tell of the end of a worker by closing its ports, and in browsers for a worker that
   * ended before it had attached; never call it while that worker may still run.
   */
  detach(handle: Pick<PoolHandle, "serial">): void {
    this.#free(handle.serial)
  }

  /** Bytes for pages. */
  get bytes(): number {
    return this.#engine.core.statistics().frames * PAGE_SIZE
  }

  /**
   * Makes the pool larger or smaller, for all its workers. Pages that no longer fit are thrown out. Memory that was used
   * once is not given back to the system (WebAssembly cannot), but not used any more. Throws EINVAL beyond `maxBytes`,
   * EBUSY if views hold more pages than would fit: then the size stays as it was.
   */
  resize(bytes: number): void {
    const { core } = this.#engine
    checkBytes(bytes)
    if (Math.floor(bytes / PAGE_SIZE) * PAGE_SIZE > this.#maxBytes) {
      throw new ErofsError("EINVAL", `the pool was made for at most ${this.#maxBytes} bytes`)
    }
    const before = core.statistics().frames
    const frames = Math.floor(bytes / PAGE_SIZE)
    const after = core.resize(frames)
    if (after === frames) return
    core.resize(before)
    throw new ErofsError("EBUSY", `${after} pages are held by views or being filled`)
  }

  /** Whether the pool lies in shared memory. */
  get isShared(): boolean {
    return this.#engine.core.isShared
  }

  /** Images that are mounted. */
  get images(): readonly Image[] {
    return [...this.#images.keys()]
  }

  /**
   * Opens the image on a source. The source belongs to the image from then on, if this succeeds: closing the image
   * closes it. Throws EINVAL for what is no EROFS image, EUCLEAN for a damaged one, ENOTSUP, naming the feature, for
   * one that is too new.
   */
  async mount(source: Source, options: MountOptions & Abortable = {}): Promise<Image> {
    const { signal, ...rest } = options
    checkMountOptions(rest)
    try {
      const operation = this.#mounted(mountImage(this.#engine, source, rest, this.#xxh32), signal)
      return await driveAsync(operation, signal)
    } catch (error) {
      throw withDetails(error, whereOf(source))
    }
  }

  /** Like {@link mount}, at once. Throws ENOTSUP for an asynchronous source. */
  mountSync(source: Source, options: MountOptions = {}): Image {
    checkMountOptions(options)
    try {
      return driveSync(this.#mounted(mountImage(this.#engine, source, options, this.#xxh32)))
    } catch (error) {
      throw withDetails(error, whereOf(source))
    }
  }

  /** What the pool has done and holds. */
  stats(): PoolStats {
    const { spaces, ...core } = this.#engine.core.statistics()
    const { counters, traffic, forgeries } = this.#engine
    return {
      ...core,
      addressSpaces: spaces,
      ...counters,
      ...traffic,
      forgeries: forgeries.map((forgery) => ({ ...forgery })),
    }
  }

  /**
   * Every live view of the mounted images, by the path that its user opened, as /proc/self/maps does: it is those
   * that keep an image from being closed.
   */
  maps(): MapEntry[] {
    return [...this.#images].flatMap(([image, { holders }]) =>
      [...holders].map(({ path, position, length, fingerprint }) => ({
        image,
        path,
        position,
        length,
        fingerprint: fingerprint?.slice(),
      })),
    )
  }

  /** Throws out every page that no view holds. Answers how many. */
  drop(): number {
    return this.#engine.core.dropAll()
  }

  /** What lies in the frames, and which of this worker's images use it. */
  residency(): Residency {
    return describeResidency(this.#engine.core, this.images)
  }

  /**
   * Closes all images of this worker. In a worker that was attached, the place is given back: nothing of the pool may be
   * used there any more (EBADF). Throws EBUSY as closing an image does, and while something is being mounted. Closing
   * twice does nothing.
   */
  async close(): Promise<void> {
    this.#requireNoMounts()
    for (const image of this.images) await image.close()
    if (!this.#leave || this.#hasLeft) return
    // Sources take their time to close: what has been mounted meanwhile lives on.
    this.#requireNoMounts()
    if (this.#images.size > 0) throw new ErofsError("EBUSY", "an image was mounted meanwhile", CLOSE)
    this.#giveBack()
  }

  /** Like {@link close}; sources that close later are not waited for. */
  closeSync(): void {
    this.#requireNoMounts()
    for (const image of this.images) image.closeSync()
    this.#giveBack()
  }

  [Symbol.dispose](): void {
    this.closeSync()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The hold on the pool, as long as this worker has a place in it. */
  get #engine(): Engine {
    if (this.#hasLeft) throw new ErofsError("EBADF", "the pool is closed")
    return this.#hold
  }

  /** Frees the place that a handle stands for, once. */
  #free(serial: number): void {
    const other = this.#others.get(serial)
    if (!other) return
    this.#others.delete(serial)
    other.port.close()
    this.#engine.core.freePlace(other.place)
  }

  /** An image of what is mounted; the mount counts as under way until it has come to its end, aborted or not. */
  *#mounted(operation: Operation<Filesystem>, signal?: AbortSignal): Operation<Image> {
    this.#mounting++
    try {
      const filesystem = yield* operation
      if (signal?.aborted) {
        // Its last bytes came nevertheless; nobody waits for it any more.
        filesystem.close()
        throw signal.reason
      }
      const image = new Image(filesystem, (closed) => this.#images.delete(closed))
      this.#images.set(image, filesystem)
      return image
    } finally {
      this.#mounting--
    }
  }

  /** Gives back the place of a worker that was attached, once. */
  #giveBack(): void {
    if (!this.#leave || this.#hasLeft) return
    this.#hasLeft = true
    this.#leave()
  }

  #requireNoMounts(): void {
    if (this.#mounting > 0) throw new ErofsError("EBUSY", "something is being mounted", CLOSE)
  }
}

const CLOSE = { syscall: "close" }

/** A core with the first number of places that there is memory for. Throws ENOMEM if there is none. */
async function createCore({
  variant,
  maxFrames,
  workers,
  sharing,
}: Omit<PoolLayout, "frames">): Promise<Core> {
  const sizes = {
    frames: maxFrames,
    spaces: maxFrames + EXTRA_SPACES,
    content: sharing.has("content"),
  }
  for (const count of workers.slice(0, -1)) {
    try {
      return await Core.create(variant, { ...sizes, workers: count })
    } catch (error) {
      if (!isErofsError(error, "ENOMEM")) throw error
    }
  }
  return await Core.create(variant, { ...sizes, workers: workers.at(-1) as number })
}

/** The hash of name filters. Hosts that were given the core since they compile nothing refuse its module, too: the core has it. */
async function loadXxh32(core: Core): Promise<Xxh32> {
  try {
    const hashes = await xxhash()
    return (input, seed) => hashes.h32Raw(input.slice(), seed)
  } catch {
    return (input, seed) => core.xxh32(input, seed)
  }
}

function checkMountOptions(options: MountOptions): void {
  checkOptions(options, [
    "domain",
    "devices",
    "fingerprint",
    "fingerprints",
    "trust",
    "image",
    "ignoreChecksum",
  ])
}

function whereOf(source: Source): { syscall: string; path?: string } {
  return source?.name === undefined ? { syscall: "mount" } : { syscall: "mount", path: source.name }
}

/** What is known of a process where there is one. */
interface WithProcess {
  process?: { emitWarning?: (message: string, options: { type: string; code: string }) => void }
}

function warnOfLeak({ path, position, length }: Leak): void {
  const message = `a view of '${path}' (${length} bytes from ${position} on) was never disposed of`
  const { process } = globalThis as WithProcess
  if (process?.emitWarning) process.emitWarning(message, { type: "ErofsWarning", code: "EROFS_VIEW_LEAK" })
  else console.warn(`erofs-wasm: ${message}`)
}
