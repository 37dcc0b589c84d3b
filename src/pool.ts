// SPDX-License-Identifier: MIT
import xxhash from "xxhash-wasm"
import { Core, PAGE_SIZE } from "./core.js"
import { driveAsync, driveSync } from "./drive.js"
import { Engine, type Leak, type Sharing } from "./engine.js"
import { ErofsError, withDetails } from "./errors.js"
import type { Filesystem } from "./filesystem.js"
import { Image } from "./image.js"
import { type MountOptions, mountImage } from "./mount.js"
import { type Abortable, checkOptions } from "./options.js"
import type { Source } from "./source/source.js"
import { defaultVariant } from "./wasm/module.js"
import type { Xxh32 } from "./xattrs.js"

/** Options of {@link PagePool.create}. */
export interface PoolOptions {
  /** Bytes for pages; default 64 MiB, at least 256 KiB. Tables take about 3 % more, see the README. */
  bytes?: number
  /** Which files share pages; default "fingerprint". */
  sharing?: Sharing
  /**
   * Whether the pool lies in shared memory, default true where there is such a thing. Plain memory cannot be shared
   * with workers, but copying out of it is about three times faster.
   */
  shared?: boolean
  /**
   * Told of views that were collected without having been disposed of, once what they held has been given back.
   * Default: a process warning where there are such, else one on the console.
   */
  onLeak?: (leak: Leak) => void
}

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
  /** File identities that have pages or users. */
  addressSpaces: number
  /** Pages that belong to more than one file of the mounted images, and pages that this saves. */
  pagesShared: number
  pagesSaved: number
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
  /** Files that carry a fingerprint already known with another size, and so do not share. */
  sizeConflicts: number
  /** Views that were collected without having been disposed of. */
  viewsLeaked: number
}

const DEFAULT_BYTES = 64 << 20
const MIN_BYTES = 256 << 10
/** Address spaces beyond one a frame: open files without pages. */
const EXTRA_SPACES = 16384
const WORKERS = 1

/**
 * A pool of pages, in one WebAssembly memory, that every image mounted into it shares. Files with the same content
 * in different images occupy memory once, if they carry the same fingerprint.
 *
 *     const pool = await PagePool.create({ bytes: 64 * 1024 * 1024 })
 *     const image = await pool.mount(await openFile("rootfs.erofs"))
 *     console.log(await image.readFile("/etc/os-release", "utf8"))
 */
export class PagePool {
  readonly #engine: Engine
  readonly #xxh32: Xxh32
  readonly #images = new Map<Image, Filesystem>()

  private constructor(engine: Engine, xxh32: Xxh32) {
    this.#engine = engine
    this.#xxh32 = xxh32
  }

  /** Makes a pool. Throws ENOMEM if its memory cannot be had, EINVAL for sizes that make no sense. */
  static async create(options: PoolOptions = {}): Promise<PagePool> {
    checkOptions(options, ["bytes", "sharing", "shared", "onLeak"])
    const bytes = options.bytes ?? DEFAULT_BYTES
    const sharing = options.sharing ?? "fingerprint"
    const shared = options.shared ?? defaultVariant() === "shared"
    if (!Number.isSafeInteger(bytes) || bytes < MIN_BYTES) {
      throw new ErofsError("EINVAL", `a pool of ${bytes} bytes: at least ${MIN_BYTES} are needed`)
    }
    if (sharing !== "fingerprint" && sharing !== "none") {
      throw new ErofsError("ENOTSUP", `sharing '${sharing}' is not supported`)
    }
    const frames = Math.floor(bytes / PAGE_SIZE)
    const sizes = { frames, spaces: frames + EXTRA_SPACES, workers: WORKERS }
    const core = await Core.create(shared ? "shared" : "plain", sizes)
    const hashes = await xxhash()
    const xxh32: Xxh32 = (input, seed) => hashes.h32Raw(input.slice(), seed)
    const engine = new Engine(core, sharing)
    engine.onLeak = options.onLeak ?? warnOfLeak
    return new PagePool(engine, xxh32)
  }

  /** Bytes for pages. */
  get bytes(): number {
    return this.#engine.core.statistics().frames * PAGE_SIZE
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
      const operation = mountImage(this.#engine, source, rest, this.#xxh32)
      return this.#add(await driveAsync(operation, signal))
    } catch (error) {
      throw withDetails(error, whereOf(source))
    }
  }

  /** Like {@link mount}, at once. Throws ENOTSUP for an asynchronous source. */
  mountSync(source: Source, options: MountOptions = {}): Image {
    checkMountOptions(options)
    try {
      return this.#add(driveSync(mountImage(this.#engine, source, options, this.#xxh32)))
    } catch (error) {
      throw withDetails(error, whereOf(source))
    }
  }

  /** What the pool has done and holds. */
  stats(): PoolStats {
    const { spaces, ...core } = this.#engine.core.statistics()
    return { ...core, addressSpaces: spaces, ...this.#engine.counters, ...this.#engine.traffic }
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
    return this.#engine.core.dropPages(0)
  }

  /** Closes all images. Throws EBUSY as closing an image does. */
  async close(): Promise<void> {
    for (const image of this.images) await image.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #add(filesystem: Filesystem): Image {
    const image = new Image(filesystem, (closed) => this.#images.delete(closed))
    this.#images.set(image, filesystem)
    return image
  }
}

function checkMountOptions(options: MountOptions): void {
  checkOptions(options, ["domain", "devices", "fingerprint", "ignoreChecksum"])
}

function whereOf(source: Source): { syscall: string; path?: string } {
  return source.name === undefined ? { syscall: "mount" } : { syscall: "mount", path: source.name }
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
