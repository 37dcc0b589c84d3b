// SPDX-License-Identifier: MIT

import type { InodeDescription } from "./describe.js"
import type { Operation } from "./drive.js"
import { ExpectedContents } from "./expected-contents.js"
import type { OpenFile } from "./file.js"
import type { Filesystem } from "./filesystem.js"
import { type FingerprintOptions, fingerprintFiles, sidecarOf } from "./fingerprints.js"
import type { SidecarEntry } from "./format/sidecar.js"
import { EROFS_MAGIC, type Superblock } from "./format/superblock.js"
import type { ImageHandle } from "./mount.js"
import {
  type DirectoryListing,
  type FollowOptions,
  type ListxattrOptions,
  Operations,
  type ReaddirOptions,
  type ReadFileOptions,
  type StatOptions,
} from "./operations.js"
import { type Abortable, checkOptions } from "./options.js"
import type { Target } from "./paths.js"
import type { Source } from "./source/source.js"
import type { BigIntStats, Dirent, StatFs, Stats } from "./stats.js"
import { tarWriterAtOnce } from "./tar/load.js"
import type { TarOptions } from "./tar/options.js"
import { tarStream } from "./tar/stream.js"
import { Walk, type WalkEntry, type WalkOptions } from "./walk.js"

export type {
  FollowOptions,
  ListxattrOptions,
  ReaddirOptions,
  ReadFileOptions,
  StatOptions,
} from "./operations.js"
export type { Target } from "./paths.js"

/**
 * A mounted image: one EROFS filesystem, read-only. Made by `PagePool.mount`.
 *
 * Names follow `node:fs`. Every operation has a form that waits and a `Sync` twin, which throws ENOTSUP when bytes
 * must be fetched from a source that can only be read asynchronously. Errors are {@link ErofsError}.
 */
export class Image {
  readonly #filesystem: Filesystem
  readonly #operations: Operations
  readonly #onClose: (image: Image) => void
  #isClosed = false

  /** @internal */
  constructor(filesystem: Filesystem, onClose: (image: Image) => void) {
    this.#filesystem = filesystem
    this.#operations = new Operations(filesystem)
    this.#onClose = onClose
  }

  /** What the superblock says. */
  get superblock(): Readonly<Superblock> {
    return this.#filesystem.image.superblock
  }

  /** Compression settings and further devices, as the image announces them. */
  get compression() {
    return this.#filesystem.image.algorithms
  }
  get devices() {
    return this.#filesystem.image.devices.further
  }

  /**
   * Names this image to other workers of the pool: mounted there with `{ image: handle }`, from a source of the same
   * bytes, it uses the same pages, in the same domain.
   */
  share(): ImageHandle {
    const { mount, domain } = this.#filesystem.image
    return { mount, domain: domain.slice() }
  }

  /** Opens a regular file. Throws EISDIR for a directory, EINVAL for what has no content. */
  open(target: Target, options: FollowOptions = {}): Promise<OpenFile> {
    return this.#run("open", target, this.#operations.open(target, options), options.signal)
  }

  /** Like {@link open}, at once. */
  openSync(target: Target, options?: FollowOptions): OpenFile {
    if (!options && target !== null && typeof target === "object" && "nid" in target) {
      const file = this.#operations.openResident(target)
      if (file) return file
    }
    return this.#runSync("open", target, this.#operations.open(target, options ?? {}))
  }

  /** All bytes of a file, or its text. */
  readFile(target: Target, options: "utf8" | (ReadFileOptions & { encoding: "utf8" })): Promise<string>
  readFile(target: Target, options?: ReadFileOptions & { encoding?: null }): Promise<Uint8Array<ArrayBuffer>>
  readFile(
    target: Target,
    options: "utf8" | ReadFileOptions = {},
  ): Promise<string | Uint8Array<ArrayBuffer>> {
    const { signal } = options as ReadFileOptions
    return this.#run("readFile", target, this.#operations.readFile(target, options), signal)
  }

  /** Like {@link readFile}, at once. */
  readFileSync(target: Target, options: "utf8" | (ReadFileOptions & { encoding: "utf8" })): string
  readFileSync(target: Target, options?: ReadFileOptions & { encoding?: null }): Uint8Array<ArrayBuffer>
  readFileSync(target: Target, options: "utf8" | ReadFileOptions = {}): string | Uint8Array<ArrayBuffer> {
    return this.#runSync("readFile", target, this.#operations.readFile(target, options))
  }

  /** What an inode says; symlinks are followed. Throws EOVERFLOW for numbers beyond 2^53 unless asked for bigint. */
  stat(target: Target, options: StatOptions & { bigint: true }): Promise<BigIntStats>
  stat(target: Target, options?: StatOptions & { bigint?: false; throwIfNoEntry?: true }): Promise<Stats>
  stat(target: Target, options?: StatOptions): Promise<Stats | BigIntStats | undefined>
  stat(target: Target, options: StatOptions = {}): Promise<Stats | BigIntStats | undefined> {
    return this.#run("stat", target, this.#operations.stat(target, true, options), options.signal)
  }

  /** Like {@link stat}, at once. */
  statSync(target: Target, options: StatOptions & { bigint: true }): BigIntStats
  statSync(target: Target, options?: StatOptions & { bigint?: false; throwIfNoEntry?: true }): Stats
  statSync(target: Target, options?: StatOptions): Stats | BigIntStats | undefined
  statSync(target: Target, options: StatOptions = {}): Stats | BigIntStats | undefined {
    return this.#runSync("stat", target, this.#operations.stat(target, true, options))
  }

  /** Like {@link stat}, of a symlink itself. */
  lstat(target: Target, options: StatOptions & { bigint: true }): Promise<BigIntStats>
  lstat(target: Target, options?: StatOptions & { bigint?: false; throwIfNoEntry?: true }): Promise<Stats>
  lstat(target: Target, options?: StatOptions): Promise<Stats | BigIntStats | undefined>
  lstat(target: Target, options: StatOptions = {}): Promise<Stats | BigIntStats | undefined> {
    return this.#run("lstat", target, this.#operations.stat(target, false, options), options.signal)
  }

  /** Like {@link lstat}, at once. */
  lstatSync(target: Target, options: StatOptions & { bigint: true }): BigIntStats
  lstatSync(target: Target, options?: StatOptions & { bigint?: false; throwIfNoEntry?: true }): Stats
  lstatSync(target: Target, options?: StatOptions): Stats | BigIntStats | undefined
  lstatSync(target: Target, options: StatOptions = {}): Stats | BigIntStats | undefined {
    return this.#runSync("lstat", target, this.#operations.stat(target, false, options))
  }

  /** Whether a path leads to something. Damage on the way is thrown, not answered. */
  exists(target: Target, options: Abortable = {}): Promise<boolean> {
    return this.#run("access", target, this.#operations.exists(target), options.signal)
  }

  /** Like {@link exists}, at once. */
  existsSync(target: Target): boolean {
    return this.#runSync("access", target, this.#operations.exists(target))
  }

  /** Names in a directory, sorted by their bytes, without "." and "..". */
  readdir(
    target: Target,
    options: ReaddirOptions & { withFileTypes: true; encoding: "buffer" },
  ): Promise<Dirent<Uint8Array>[]>
  readdir(target: Target, options: ReaddirOptions & { withFileTypes: true }): Promise<Dirent[]>
  readdir(target: Target, options: ReaddirOptions & { encoding: "buffer" }): Promise<Uint8Array[]>
  readdir(target: Target, options?: ReaddirOptions & { encoding?: "utf8" }): Promise<string[]>
  readdir(target: Target, options: ReaddirOptions = {}): Promise<DirectoryListing> {
    return this.#run("readdir", target, this.#operations.readdir(target, options), options.signal)
  }

  /** Like {@link readdir}, at once. */
  readdirSync(
    target: Target,
    options: ReaddirOptions & { withFileTypes: true; encoding: "buffer" },
  ): Dirent<Uint8Array>[]
  readdirSync(target: Target, options: ReaddirOptions & { withFileTypes: true }): Dirent[]
  readdirSync(target: Target, options: ReaddirOptions & { encoding: "buffer" }): Uint8Array[]
  readdirSync(target: Target, options?: ReaddirOptions & { encoding?: "utf8" }): string[]
  readdirSync(target: Target, options: ReaddirOptions = {}): DirectoryListing {
    return this.#runSync("readdir", target, this.#operations.readdir(target, options))
  }

  /** Where a symlink points. Throws EINVAL for anything else. */
  readlink(target: Target, options: Abortable & { encoding: "buffer" }): Promise<Uint8Array>
  readlink(target: Target, options?: Abortable & { encoding?: "utf8" }): Promise<string>
  readlink(
    target: Target,
    options: Abortable & { encoding?: "utf8" | "buffer" } = {},
  ): Promise<string | Uint8Array> {
    return this.#run("readlink", target, this.#operations.readlink(target, options), options.signal)
  }

  /** Like {@link readlink}, at once. */
  readlinkSync(target: Target, options: { encoding: "buffer" }): Uint8Array
  readlinkSync(target: Target, options?: { encoding?: "utf8" }): string
  readlinkSync(target: Target, options: { encoding?: "utf8" | "buffer" } = {}): string | Uint8Array {
    return this.#runSync("readlink", target, this.#operations.readlink(target, options))
  }

  /** The path without symlinks, "." and "..", from the root on. */
  realpath(path: string | Uint8Array, options: Abortable & { encoding: "buffer" }): Promise<Uint8Array>
  realpath(path: string | Uint8Array, options?: Abortable & { encoding?: "utf8" }): Promise<string>
  realpath(
    path: string | Uint8Array,
    options: Abortable & { encoding?: "utf8" | "buffer" } = {},
  ): Promise<string | Uint8Array> {
    return this.#run("realpath", path, this.#operations.realpath(path, options), options.signal)
  }

  /** Like {@link realpath}, at once. */
  realpathSync(path: string | Uint8Array, options: { encoding: "buffer" }): Uint8Array
  realpathSync(path: string | Uint8Array, options?: { encoding?: "utf8" }): string
  realpathSync(
    path: string | Uint8Array,
    options: { encoding?: "utf8" | "buffer" } = {},
  ): string | Uint8Array {
    return this.#runSync("realpath", path, this.#operations.realpath(path, options))
  }

  /** Numbers of the filesystem as a whole. */
  async statfs(): Promise<StatFs> {
    return this.statfsSync()
  }

  /** Like {@link statfs}; the superblock is known, so nothing is read. */
  statfsSync(): StatFs {
    const { blockSize, blocks, inodes } = this.superblock
    const none = { bfree: 0n, bavail: 0n, ffree: 0n }
    return {
      type: BigInt(EROFS_MAGIC),
      bsize: BigInt(blockSize),
      blocks: BigInt(blocks),
      files: inodes,
      ...none,
    }
  }

  /** Value of an extended attribute, by its whole name. Throws ENODATA if the inode does not have it. */
  getxattr(target: Target, name: string | Uint8Array, options: FollowOptions = {}): Promise<Uint8Array> {
    return this.#run("getxattr", target, this.#operations.getxattr(target, name, options), options.signal)
  }

  /** Like {@link getxattr}, at once. */
  getxattrSync(target: Target, name: string | Uint8Array, options: FollowOptions = {}): Uint8Array {
    return this.#runSync("getxattr", target, this.#operations.getxattr(target, name, options))
  }

  /** Names of an inode's extended attributes, in the order they are stored. */
  listxattr(target: Target, options: ListxattrOptions & { encoding: "buffer" }): Promise<Uint8Array[]>
  listxattr(target: Target, options?: ListxattrOptions & { encoding?: "utf8" }): Promise<string[]>
  listxattr(target: Target, options: ListxattrOptions = {}): Promise<string[] | Uint8Array[]> {
    return this.#run("listxattr", target, this.#operations.listxattr(target, options), options.signal)
  }

  /** Like {@link listxattr}, at once. */
  listxattrSync(target: Target, options: ListxattrOptions & { encoding: "buffer" }): Uint8Array[]
  listxattrSync(target: Target, options?: ListxattrOptions & { encoding?: "utf8" }): string[]
  listxattrSync(target: Target, options: ListxattrOptions = {}): string[] | Uint8Array[] {
    return this.#runSync("listxattr", target, this.#operations.listxattr(target, options))
  }

  /** How an inode is stored: its data layout, codec and, if asked for, its extents. */
  describe(target: Target, options: FollowOptions & { extents?: boolean } = {}): Promise<InodeDescription> {
    return this.#run("describe", target, this.#operations.describe(target, options), options.signal)
  }

  /** Like {@link describe}, at once. */
  describeSync(target: Target, options: FollowOptions & { extents?: boolean } = {}): InodeDescription {
    return this.#runSync("describe", target, this.#operations.describe(target, options))
  }

  /** Everything below a path and itself, parents before what is in them. Symlinks are not followed. */
  async *walk(
    path: string | Uint8Array = "/",
    options: WalkOptions = {},
  ): AsyncGenerator<WalkEntry, void, void> {
    const walk = this.#walk(options)
    const { signal } = options
    yield* await this.#run("walk", path, walk.start(path), signal)
    for (;;) {
      const entries = await this.#run("walk", undefined, walk.next(), signal)
      if (!entries) return
      for (const entry of entries) yield entry
    }
  }

  /** Like {@link walk}, at once. */
  *walkSync(path: string | Uint8Array = "/", options: WalkOptions = {}): Generator<WalkEntry, void, void> {
    const walk = this.#walk(options)
    yield* this.#runSync("walk", path, walk.start(path))
    for (;;) {
      const entries = this.#runSync("walk", undefined, walk.next())
      if (!entries) return
      for (const entry of entries) yield entry
    }
  }

  /**
   * What is at a path, and everything below it, as a pax tar archive: a byte stream of ordinary memory that reads
   * nothing ahead of its reader. Cancelling it, or aborting the signal, ends it and gives back what it holds.
   *
   * Members are named as seen from `path`, which is itself `./`; a path of something else than a directory becomes one
   * member. Each directory is followed by all that is in it, in the order of the names' bytes: the same image always
   * gives the same archive. Kept are modes, owners by number, times to the nanosecond, links, devices, FIFOs, extended
   * attributes (`SCHILY.xattr.*`) and names that are not UTF-8; holes become zeros, and sockets are left out. What
   * cannot be read fails the stream, unless `onError` says otherwise.
   */
  tar(path: string | Uint8Array = "/", options: TarOptions = {}): ReadableStream<Uint8Array<ArrayBuffer>> {
    return tarStream(this.#filesystem, path, options)
  }

  /**
   * Like {@link tar}, at once and piece by piece. Each piece is memory of its own. Throws ENOTSUP in pages
   * made with a bundler unless {@link loadTar} has loaded what writes archives.
   */
  *tarSync(
    path: string | Uint8Array = "/",
    options: Omit<TarOptions, "signal"> = {},
  ): Generator<Uint8Array<ArrayBuffer>, void, void> {
    yield* tarWriterAtOnce().pieces(this.#filesystem, path, options)
  }

  /**
   * The SHA-256 of every regular file, as a sidecar for `mount(source, { fingerprints })`: for images that were made
   * without fingerprints. Reads all files, past the pool. See `format/sidecar.ts` for its form.
   */
  fingerprints(options: FingerprintOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    return this.#run("read", undefined, fingerprintFiles(this.#filesystem, options), options.signal)
  }

  /** Like {@link fingerprints}, at once. */
  fingerprintsSync(options: Omit<FingerprintOptions, "signal"> = {}): Uint8Array<ArrayBuffer> {
    return this.#runSync("read", undefined, fingerprintFiles(this.#filesystem, options))
  }

  /** @internal Where the bytes of the primary device come from. */
  get primary(): Source {
    return this.#filesystem.image.devices.primary
  }

  /**
   * @internal Contents that will be read in a row, until it is disposed of; undefined where nothing is gained by knowing of
   * them.
   */
  expectContents():
    | ({ add(nid: bigint): void; reach(file: number): Promise<void> } & Disposable)
    | undefined {
    const expected = ExpectedContents.of(this.#filesystem)
    return (
      expected && {
        add: (nid) => expected.add(nid),
        reach: (file) => this.#run("read", undefined, expected.reach(file)),
        [Symbol.dispose]: () => expected.close(),
      }
    )
  }

  /** @internal The sidecar for digests that were computed elsewhere. */
  sidecarOf(entries: readonly SidecarEntry[]): Promise<Uint8Array<ArrayBuffer>> {
    return this.#run("read", undefined, sidecarOf(this.#filesystem, entries))
  }

  /**
   * Unmounts the image and closes its sources. Files that are still open become unusable. Throws EBUSY, naming one,
   * if there are live views of it, or while operations are under way. Closing twice does nothing.
   */
  async close(): Promise<void> {
    await this.#close()?.close()
  }

  /** Like {@link close}; sources that close later are not waited for. */
  closeSync(): void {
    this.#close()?.closeSync()
  }

  [Symbol.dispose](): void {
    this.closeSync()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #close() {
    if (this.#isClosed) return undefined
    this.#filesystem.close()
    this.#isClosed = true
    this.#onClose(this)
    return this.#filesystem.image.devices
  }

  #run<T>(
    syscall: string,
    target: Target | undefined,
    operation: Operation<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.#filesystem.run(syscall, target, operation, signal)
  }

  #runSync<T>(syscall: string, target: Target | undefined, operation: Operation<T>): T {
    return this.#filesystem.runSync(syscall, target, operation)
  }

  #walk(options: WalkOptions): Walk {
    checkOptions(options, ["depth", "filter", "onError", "signal"])
    return new Walk(this.#filesystem, options)
  }
}
