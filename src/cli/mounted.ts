// SPDX-License-Identifier: MIT
/** The image that a command is about. */
import { ErofsError, isErofsError } from "../errors.js"
import type { Image, Target } from "../image.js"
import type { MountOptions } from "../mount.js"
import { PagePool } from "../pool.js"
import { offsetSource } from "../source/offset.js"
import type { Source } from "../source/source.js"
import type { WalkEntry, WalkOptions } from "../walk.js"
import { type Access, accessOf, isRemote } from "./access.js"
import type { Arguments } from "./arguments.js"
import { UsageError } from "./exit.js"
import { openSource } from "./sources.js"

/** How to open the image. */
export interface OpenOptions {
  /**
   * Whether files with equal fingerprints share pages. By default not: a fingerprint is a claim, and what is printed
   * or written must be the file's own bytes.
   */
  sharesFingerprints?: boolean
  /** Attribute that holds fingerprints, where the superblock names none. */
  fingerprint?: string
  /** Threads besides this one that will come into the pool; default none. */
  workers?: number
}

/** Opens the image that the command line names, uses it and closes it. */
export async function withImage<T>(
  args: Arguments,
  use: (image: Image, pool: PagePool) => Promise<T>,
  { sharesFingerprints = false, fingerprint, workers = 0 }: OpenOptions = {},
): Promise<T> {
  // Without workers plain memory: copies out of it are faster.
  const room = workers > 0 ? { workers: workers + 1 } : { shared: false }
  const pool = await PagePool.create({ ...room, sharing: sharesFingerprints ? "fingerprint" : "none" })
  const image = await openImage(args, pool, fingerprint)
  try {
    return await use(image, pool)
  } finally {
    await image.close()
  }
}

/** An image as the command line names it. */
export interface ImageFile {
  path: string
  /** Further devices, in order. */
  devices: readonly string[]
  /** Byte of the file at which the image begins. */
  offset: number
  ignoresChecksum: boolean
  /** How it is asked for where it is no file. */
  access: Access
  /** Which version it must be, if others have it mounted already and its source tells. */
  identity?: string | undefined
}

async function openImage(args: Arguments, pool: PagePool, fingerprint: string | undefined): Promise<Image> {
  return await mountFile(pool, imageFileOf(args), fingerprint === undefined ? {} : { fingerprint })
}

/** The image that the command line names. */
export function imageFileOf(args: Arguments): ImageFile {
  const path = args.words[0] as string
  const devices = args.texts("device")
  return {
    path,
    devices,
    offset: args.bytes("offset") ?? 0,
    ignoresChecksum: args.has("ignore-checksum"),
    access: accessOf(args, [path, ...devices]),
  }
}

/** Whether all of an image lies in files, which are read synchronously in less time than it takes to await them. */
export function isLocal({ path, devices }: ImageFile): boolean {
  return ![path, ...devices].some(isRemote)
}

/** The entries of an image's whole tree. Takes what `Image.walk` takes. */
export function entriesOf(
  image: Image,
  file: ImageFile,
  options: WalkOptions,
): Iterable<WalkEntry> | AsyncIterable<WalkEntry> {
  return isLocal(file) ? image.walkSync("/", options) : image.walk("/", options)
}

/** Mounts an image into a pool. Errors say what to do where that is known. */
export async function mountFile(
  pool: PagePool,
  { path, devices, offset, ignoresChecksum, access, identity }: ImageFile,
  options: MountOptions = {},
): Promise<Image> {
  const sources: Source[] = []
  try {
    for (const file of [path, ...devices]) sources.push(await openSource(file, access))
    const [primary, ...further] = sources as [Source, ...Source[]]
    if (offset > primary.size) {
      const reason = `offset ${offset} lies beyond the ${primary.size} bytes of the file`
      throw new ErofsError("EINVAL", reason, { syscall: "mount", path })
    }
    const source = offset === 0 ? primary : offsetSource(primary, offset)
    // Pages of both versions would be taken for those of the same files.
    if (identity !== undefined && source.identity !== identity) {
      throw new ErofsError("ESTALE", "the image has changed meanwhile", { syscall: "mount", path })
    }
    return await pool.mount(source, {
      devices: further,
      ignoreChecksum: ignoresChecksum,
      ...options,
    })
  } catch (error) {
    for (const source of sources) source.close?.()
    throw withAdvice(error, offset)
  }
}

const FOUND_AT = /the image begins at offset (\d+)$/

/** Adds what to do where that is known. */
function withAdvice(error: unknown, offset: number): unknown {
  if (!isErofsError(error)) return error
  const found = FOUND_AT.exec(error.reason)?.[1]
  let advice: string | undefined
  if (found !== undefined && found !== "0") advice = `use --offset ${offset + Number(found)}`
  if (error.reason.startsWith("superblock checksum")) advice = "--ignore-checksum goes on all the same"
  if (advice === undefined) return error
  const { syscall, path, nid } = error
  return new ErofsError(error.code, `${error.reason}; ${advice}`, {
    cause: error,
    ...(syscall !== undefined && { syscall }),
    ...(path !== undefined && { path }),
    ...(nid !== undefined && { nid }),
  })
}

/** What the command is about in the image: the paths behind its name, or the inode of `--nid`. */
export function targetsOf(args: Arguments, whenNone: readonly string[]): { target: Target; path: string }[] {
  const paths = args.words.slice(1)
  const nid = args.nid()
  if (nid !== undefined) {
    if (paths.length > 0) throw new UsageError("either paths or --nid, not both")
    return [{ target: { nid }, path: `nid ${nid}` }]
  }
  if (paths.length === 0 && whenNone.length === 0) throw new UsageError("a PATH or --nid is needed")
  return (paths.length > 0 ? paths : whenNone).map((path) => ({ target: path, path }))
}
