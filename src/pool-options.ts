// SPDX-License-Identifier: MIT
/** What a pool is asked to be, checked. */

import type { Leak, Sharing } from "./engine.js"
import { ErofsError } from "./errors.js"
import { checkOptions } from "./options.js"
import { PAGE_SIZE } from "./page.js"
import { defaultVariant, type Variant } from "./wasm/module.js"

/** Options of {@link PagePool.create}. */
export interface PoolOptions {
  /** Bytes for pages; default 64 MiB, at least 256 KiB. Tables take about 1 % more, see the README. */
  bytes?: number
  /** Bytes that {@link PagePool.resize} may go up to; default `bytes`. Costs address space, memory only once it is used. */
  maxBytes?: number
  /** Which pages lie in memory once; default "fingerprint". Several can be combined. */
  sharing?: "none" | Sharing | readonly Sharing[]
  /**
   * How many workers may use the pool at once, this one included; at most 32, 1 in plain memory. Default 8, or as many as
   * there is memory for: each takes some 50 MB of address space.
   */
  workers?: number
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

/** How a pool is laid out. */
export interface PoolLayout {
  variant: Variant
  /** Frames that there are, and frames in use at first. */
  maxFrames: number
  frames: number
  /** Worker places: the first number that there is memory for. */
  workers: number[]
  sharing: ReadonlySet<Sharing>
}

const DEFAULT_BYTES = 64 << 20
const MIN_BYTES = 256 << 10
const DEFAULT_WORKERS = [8, 2, 1]
const MAX_WORKERS = 32
const SHARINGS: readonly string[] = ["fingerprint", "content"]

/** Checks options of a pool and fills in what is not said. Throws EINVAL and ENOTSUP. */
export function checkPoolOptions(options: PoolOptions): PoolLayout {
  checkOptions(options, ["bytes", "maxBytes", "sharing", "shared", "workers", "onLeak"])
  const bytes = options.bytes ?? DEFAULT_BYTES
  const maxBytes = options.maxBytes ?? bytes
  const shared = options.shared ?? defaultVariant() === "shared"
  checkBytes(bytes)
  if (!Number.isSafeInteger(maxBytes) || maxBytes < bytes) {
    throw new ErofsError("EINVAL", `maxBytes ${maxBytes} is less than the ${bytes} bytes of the pool`)
  }
  return {
    variant: shared ? "shared" : "plain",
    maxFrames: Math.floor(maxBytes / PAGE_SIZE),
    frames: Math.floor(bytes / PAGE_SIZE),
    workers: toWorkers(options.workers, shared),
    sharing: toSharing(options.sharing ?? "fingerprint"),
  }
}

function toWorkers(workers: number | undefined, shared: boolean): number[] {
  if (workers === undefined) return shared ? DEFAULT_WORKERS : [1]
  if (!Number.isInteger(workers) || workers < 1 || workers > (shared ? MAX_WORKERS : 1)) {
    throw new ErofsError("EINVAL", `a pool in ${shared ? "shared" : "plain"} memory for ${workers} workers`)
  }
  return [workers]
}

/** Which pages are shared, after what the caller wrote. */
function toSharing(sharing: NonNullable<PoolOptions["sharing"]>): ReadonlySet<Sharing> {
  if (sharing === "none") return new Set()
  const wanted = typeof sharing === "string" ? [sharing] : sharing
  const unknown = wanted.find((one) => !SHARINGS.includes(one))
  if (unknown !== undefined) throw new ErofsError("ENOTSUP", `sharing '${unknown}' is not supported`)
  return new Set(wanted)
}

/** Throws EINVAL for a size that no pool may have. */
export function checkBytes(bytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= MIN_BYTES) return
  throw new ErofsError("EINVAL", `a pool of ${bytes} bytes: at least ${MIN_BYTES} are needed`)
}
