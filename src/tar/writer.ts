// SPDX-License-Identifier: MIT
/** The bytes of an archive, made as they are asked for. */
import type { Operation } from "../drive.js"
import { corrupted, withDetails } from "../errors.js"
import type { Filesystem } from "../filesystem.js"
import { deviceNumber, type Inode } from "../format/inode.js"
import { isDevice, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG } from "../format/mode.js"
import { compareNames, encodeName } from "../format/names.js"
import type { WalkEntry } from "../walk.js"
import type { NamedXattr } from "../xattrs.js"
import { MemberContent } from "./content.js"
import * as header from "./header.js"
import { encodeMember, paddingOf, type TarMember } from "./member.js"
import { checkTarOptions, prefixOf, type TarOptions, type TarProgress } from "./options.js"
import { Upcoming } from "./upcoming.js"

/** What members are by the type of their inode; a socket can be none. */
const TYPES = new Map([
  [S_IFREG, header.TYPE_FILE],
  [S_IFDIR, header.TYPE_DIRECTORY],
  [S_IFLNK, header.TYPE_SYMLINK],
  [S_IFCHR, header.TYPE_CHAR],
  [S_IFBLK, header.TYPE_BLOCK],
  [S_IFIFO, header.TYPE_FIFO],
])
const PERMISSIONS = 0o7777
const NANOSECONDS = 1_000_000_000n
/** Bytes of one piece. */
const PIECE = 256 << 10
const EMPTY = new Uint8Array(0)
const NO_DEVICE = { major: 0, minor: 0 }
/** Zero blocks at the end of an archive. */
const END_SIZE = 2 * header.TAR_BLOCK

/** An archive under way. {@link close} it when no more of it is wanted. */
export class TarWriter {
  readonly #filesystem: Filesystem
  readonly #options: TarOptions
  readonly #upcoming: Upcoming
  readonly #prefix: string
  /** Path of the image that the names count from; known once its entry is. */
  #root: string | undefined
  /** Names in the archive of inodes that have further names. */
  readonly #links = new Map<bigint, Uint8Array>()
  readonly #progress: TarProgress = { entries: 0, bytes: 0, path: "" }
  /** What is to be written next: a header, a file's bytes, zeros. */
  #pending: Uint8Array = EMPTY
  #file: MemberContent | undefined
  #zeros = 0
  #isEnded = false
  #isReading = false
  #isClosed = false
  /** Told when the read that is under way has ended. */
  readonly #onReadEnd: (() => void)[] = []

  /** The pieces of an archive, each in memory of its own. */
  static *pieces(
    filesystem: Filesystem,
    path: string | Uint8Array,
    options: Omit<TarOptions, "signal">,
  ): Generator<Uint8Array<ArrayBuffer>, void, void> {
    checkTarOptions(options)
    const writer = new TarWriter(filesystem, path, options)
    try {
      for (;;) {
        const piece = new Uint8Array(PIECE)
        const count = filesystem.runSync("tar", path, writer.read(piece))
        if (count === 0) return
        yield piece.subarray(0, count)
      }
    } finally {
      writer.close()
    }
  }

  /** The options have been checked. */
  constructor(filesystem: Filesystem, path: string | Uint8Array, options: TarOptions) {
    const { filter, onError, signal } = options
    this.#filesystem = filesystem
    this.#options = options
    this.#prefix = prefixOf(options)
    this.#upcoming = new Upcoming(filesystem, path, {
      ...(filter && { filter }),
      ...(onError && { onError }),
      ...(signal && { signal }),
    })
  }

  /** Writes the archive's next bytes into all of `into`. Answers how many: fewer only at the end, then 0. */
  *read(into: Uint8Array): Operation<number> {
    if (this.#isClosed) return 0
    this.#isReading = true
    try {
      let done = 0
      while (done < into.length && !(this.#isEnded && this.#zeros === 0)) {
        done += yield* this.#readSome(into.subarray(done))
      }
      this.#progress.bytes += done
      if (done > 0) this.#options.onProgress?.({ ...this.#progress })
      return done
    } finally {
      this.#isReading = false
      if (this.#isClosed) this.#releaseFile()
      for (const tell of this.#onReadEnd) tell()
    }
  }

  /** Gives back what is held: at once, or as soon as a read that is under way has ended. Fulfilled when it is done. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#upcoming.close()
    if (this.#isReading) return new Promise((resolve) => this.#onReadEnd.push(resolve))
    this.#releaseFile()
    return Promise.resolve()
  }

  /** Writes what is at hand, or begins the next member. Answers how many bytes. */
  *#readSome(into: Uint8Array): Operation<number> {
    if (this.#pending.length > 0) {
      const piece = this.#pending.subarray(0, into.length)
      into.set(piece)
      this.#pending = this.#pending.subarray(piece.length)
      return piece.length
    }
    if (this.#file) return yield* this.#readContent(this.#file, into)
    if (this.#zeros > 0) {
      const count = Math.min(this.#zeros, into.length)
      into.fill(0, 0, count)
      this.#zeros -= count
      return count
    }
    const entry = yield* this.#upcoming.next()
    if (entry) yield* this.#begin(entry)
    else this.#end()
    return 0
  }

  /** The next bytes of a file, and after the last ones its padding. */
  *#readContent(file: MemberContent, into: Uint8Array): Operation<number> {
    const count = yield* file.read(into)
    if (file.isAtEnd) this.#releaseFile()
    return count
  }

  /** Makes an entry a member of the archive, if it can be one. */
  *#begin(entry: WalkEntry): Operation<void> {
    this.#progress.entries++
    this.#progress.path = entry.path
    const { inode } = entry.node
    const type = TYPES.get(inode.mode & S_IFMT)
    if (type === undefined) {
      this.#options.onSkip?.(entry)
      return
    }
    try {
      yield* this.#add(entry, type)
    } catch (error) {
      this.#report(error, entry)
    }
  }

  *#add(entry: WalkEntry, type: number): Operation<void> {
    const { node, nid } = entry
    const { inode } = node
    const path = this.#nameOf(entry)
    const first = this.#links.get(nid)
    if (first) {
      this.#pending = encodeMember({ ...numbersOf(inode), type: header.TYPE_HARD_LINK, path, link: first })
      return
    }
    const link = type === header.TYPE_SYMLINK ? yield* this.#filesystem.paths.readLink(node) : EMPTY
    const xattrs = yield* this.#xattrsOf(entry)
    const size = type === header.TYPE_FILE ? inode.size : 0
    if (size > 0) yield* this.#open(entry)
    this.#pending = encodeMember({ ...numbersOf(inode), type, path, link, size, xattrs })
    this.#zeros = paddingOf(size)
    if (inode.nlink > 1 && type !== header.TYPE_DIRECTORY) this.#links.set(nid, path)
  }

  /** Opens a file to be read behind its header; what cannot be opened must not get one. */
  *#open(entry: WalkEntry): Operation<void> {
    const { inodes } = this.#filesystem
    const node = inodes.hold(entry.node)
    try {
      yield* this.#upcoming.reach()
      const content = yield* inodes.contentOf(node)
      this.#file = new MemberContent(this.#filesystem, node, content, (error, isNew) => {
        if (isNew) this.#report(error, entry)
        else this.#requireTolerance(error, entry)
      })
    } catch (error) {
      inodes.unhold(node)
      throw error
    }
  }

  /** The attributes that Linux shows, in the order of their names. */
  *#xattrsOf(entry: WalkEntry): Operation<NamedXattr[]> {
    if (this.#options.xattrs === false || entry.node.inode.xattrSize === 0) return []
    try {
      const all = (yield* this.#filesystem.xattrs.list(entry.node)).filter(({ isHidden }) => !isHidden)
      if (all.some(({ name }) => name.includes(0))) {
        throw corrupted("name of an extended attribute contains a NUL byte")
      }
      return all.sort((a, b) => compareNames(a.name, b.name))
    } catch (error) {
      this.#report(error, entry)
      return []
    }
  }

  /** An entry's name in the archive; directories end in a slash. The first entry gives the place to count from. */
  #nameOf(entry: WalkEntry): Uint8Array {
    const isDirectory = entry.isDirectory()
    this.#root ??= isDirectory ? entry.path : entry.parentPath
    const below = entry.path.slice(this.#root === "/" ? 1 : this.#root.length + 1)
    const name = [this.#prefix, below].filter((part) => part !== "").join("/")
    return encodeName(isDirectory ? `${name || "."}/` : name)
  }

  #end(): void {
    this.#isEnded = true
    this.#zeros = END_SIZE
  }

  #releaseFile(): void {
    this.#file?.release()
    this.#file = undefined
  }

  #report(error: unknown, entry: WalkEntry): void {
    this.#requireTolerance(error, entry)
    this.#options.onError?.(located(error, entry), entry.path)
  }

  /** Throws the error unless the archive is to go on all the same. */
  #requireTolerance(error: unknown, entry: WalkEntry): void {
    const { onError, signal } = this.#options
    if (!onError || signal?.aborted) throw located(error, entry)
  }
}

function located(error: unknown, { path, nid }: WalkEntry): unknown {
  return withDetails(error, { syscall: "tar", path, nid })
}

/** What an inode says that every member can have. */
function numbersOf(inode: Inode): Omit<TarMember, "type" | "path"> {
  const { major, minor } = isDevice(inode.mode) ? deviceNumber(inode.rdev) : NO_DEVICE
  return {
    mode: inode.mode & PERMISSIONS,
    uid: inode.uid,
    gid: inode.gid,
    mtime: inode.mtimeSeconds * NANOSECONDS + BigInt(inode.mtimeNanoseconds),
    size: 0,
    link: EMPTY,
    xattrs: [],
    major,
    minor,
  }
}
