// SPDX-License-Identifier: MIT
/** What `stat`, `readdir` and `statfs` answer, in the shapes of `node:fs`. */
import { ErofsError } from "./errors.js"
import {
  deviceNumber,
  type Inode,
  LAYOUT_COMPRESSED_COMPACT,
  LAYOUT_COMPRESSED_FULL,
} from "./format/inode.js"
import * as mode from "./format/mode.js"
import { isInMetabox, nidToBigInt } from "./format/nid.js"
import type { Superblock } from "./format/superblock.js"

const SECTOR_SIZE = 512n
const NANOSECONDS = 1_000_000_000n
const NANOSECONDS_PER_MILLISECOND = 1_000_000n

/** The questions that `Stats` and `Dirent` both answer about a file type. */
abstract class Typed {
  /** File type bits of a mode. */
  protected abstract readonly typeBits: number

  isFile(): boolean {
    return mode.isRegular(this.typeBits)
  }
  isDirectory(): boolean {
    return mode.isDirectory(this.typeBits)
  }
  isSymbolicLink(): boolean {
    return mode.isSymlink(this.typeBits)
  }
  isCharacterDevice(): boolean {
    return this.typeBits === mode.S_IFCHR
  }
  isBlockDevice(): boolean {
    return this.typeBits === mode.S_IFBLK
  }
  isFIFO(): boolean {
    return this.typeBits === mode.S_IFIFO
  }
  isSocket(): boolean {
    return this.typeBits === mode.S_IFSOCK
  }
}

/** Numbers of an inode, each as `T`. Times: an EROFS inode has only one, given for all. */
abstract class StatsOf<T extends number | bigint> extends Typed {
  /** Number of the mount within its pool. */
  abstract readonly dev: T
  /** Inode number as Linux shows it. */
  abstract readonly ino: T
  abstract readonly mode: T
  abstract readonly nlink: T
  abstract readonly uid: T
  abstract readonly gid: T
  /** Device number of a device node, in the encoding of Linux' `st_rdev`. */
  abstract readonly rdev: T
  /** Bytes. */
  abstract readonly size: T
  /** Bytes of the image's blocks. */
  abstract readonly blksize: T
  /** Units of 512 bytes that the content takes in the image. */
  abstract readonly blocks: T
  abstract readonly atimeMs: T
  abstract readonly mtimeMs: T
  abstract readonly ctimeMs: T
  abstract readonly birthtimeMs: T
  /** The inode's number in the image, with bit 63 for the metabox as on disk. */
  abstract readonly nid: bigint

  get atime(): Date {
    return new Date(Number(this.atimeMs))
  }
  get mtime(): Date {
    return new Date(Number(this.mtimeMs))
  }
  get ctime(): Date {
    return new Date(Number(this.ctimeMs))
  }
  get birthtime(): Date {
    return new Date(Number(this.birthtimeMs))
  }
}

/** What `stat(path, { bigint: true })` answers: every number exact. */
export class BigIntStats extends StatsOf<bigint> {
  readonly dev: bigint
  readonly ino: bigint
  readonly mode: bigint
  readonly nlink: bigint
  readonly uid: bigint
  readonly gid: bigint
  readonly rdev: bigint
  readonly size: bigint
  readonly blksize: bigint
  readonly blocks: bigint
  readonly nid: bigint
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint
  protected readonly typeBits: number

  /** @internal */
  constructor(inode: Inode, superblock: Superblock, mount: number) {
    super()
    this.typeBits = inode.mode & mode.S_IFMT
    this.dev = BigInt(mount)
    this.ino = linuxInodeNumber(inode, superblock)
    this.mode = BigInt(inode.mode)
    this.nlink = BigInt(inode.nlink)
    this.uid = BigInt(inode.uid)
    this.gid = BigInt(inode.gid)
    this.rdev = linuxDeviceNumber(inode.rdev)
    this.size = inode.exactSize
    this.blksize = BigInt(superblock.blockSize)
    this.blocks = sectors(inode, superblock)
    this.nid = nidToBigInt(inode.nid)
    this.mtimeNs = inode.mtimeSeconds * NANOSECONDS + BigInt(inode.mtimeNanoseconds)
  }

  get atimeNs(): bigint {
    return this.mtimeNs
  }
  get ctimeNs(): bigint {
    return this.mtimeNs
  }
  get birthtimeNs(): bigint {
    return this.mtimeNs
  }
  get atimeMs(): bigint {
    return this.mtimeMs
  }
  get mtimeMs(): bigint {
    return this.mtimeNs / NANOSECONDS_PER_MILLISECOND
  }
  get ctimeMs(): bigint {
    return this.mtimeMs
  }
  get birthtimeMs(): bigint {
    return this.mtimeMs
  }
}

/** What `stat(path)` answers. */
export class Stats extends StatsOf<number> {
  readonly dev: number
  readonly ino: number
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdev: number
  readonly size: number
  readonly blksize: number
  readonly blocks: number
  readonly mtimeMs: number
  readonly nid: bigint
  protected readonly typeBits: number

  /** @internal Throws EOVERFLOW when a number is not exact in a `number`: ask for bigint then. */
  constructor(exact: BigIntStats) {
    super()
    this.dev = Number(exact.dev)
    this.ino = safe(exact.ino, "inode number")
    this.mode = Number(exact.mode)
    this.nlink = Number(exact.nlink)
    this.uid = Number(exact.uid)
    this.gid = Number(exact.gid)
    this.rdev = Number(exact.rdev)
    this.size = safe(exact.size, "size")
    this.blksize = Number(exact.blksize)
    this.blocks = safe(exact.blocks, "block count")
    this.nid = exact.nid
    this.typeBits = this.mode & mode.S_IFMT
    // As in node:fs, milliseconds with a fraction; mtimeNs of the bigint form has all digits.
    const fraction = Number(exact.mtimeNs % NANOSECONDS_PER_MILLISECOND) / Number(NANOSECONDS_PER_MILLISECOND)
    this.mtimeMs = safe(exact.mtimeMs, "time") + fraction
  }

  get atimeMs(): number {
    return this.mtimeMs
  }
  get ctimeMs(): number {
    return this.mtimeMs
  }
  get birthtimeMs(): number {
    return this.mtimeMs
  }
}

/** A number that is exact, or EOVERFLOW. */
function safe(value: bigint, what: string): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new ErofsError("EOVERFLOW", `${what} ${value} is beyond 2^53: use { bigint: true }`)
}

/** The inode number that Linux shows: the nid; with a metabox, its flag goes to bit 31. */
function linuxInodeNumber(inode: Inode, { hasMetabox }: Superblock): bigint {
  const nid = nidToBigInt(inode.nid)
  if (!hasMetabox) return nid
  const slot = nid & ((1n << 63n) - 1n)
  return (slot & 0x7fffffffn) | (isInMetabox(inode.nid) ? 1n << 31n : 0n) | ((slot >> 31n) << 32n)
}

/** `st_rdev` as the C library of Linux encodes it. */
function linuxDeviceNumber(raw: number): bigint {
  const { major, minor } = deviceNumber(raw)
  return BigInt((minor & 0xff) | (major << 8)) | (BigInt(minor & ~0xff) << 12n)
}

/** Space that the content takes, in units of 512 bytes. */
function sectors(inode: Inode, { blockSize }: Superblock): bigint {
  const isCompressed = inode.layout === LAYOUT_COMPRESSED_FULL || inode.layout === LAYOUT_COMPRESSED_COMPACT
  const block = BigInt(blockSize)
  const blocks = isCompressed ? BigInt(inode.compressedBlocks) : (inode.exactSize + block - 1n) / block
  return (blocks * block) / SECTOR_SIZE
}

/** One name of a directory, as `readdir(path, { withFileTypes: true })` gives it. */
export class Dirent<Name extends string | Uint8Array = string> extends Typed {
  readonly name: Name
  /** Path of the directory, as the caller gave it or as a recursive listing went. */
  readonly parentPath: Name
  /** The inode's number in the image. */
  readonly nid: bigint
  protected readonly typeBits: number

  /** @internal */
  constructor(name: Name, parentPath: Name, nid: bigint, typeBits: number) {
    super()
    this.name = name
    this.parentPath = parentPath
    this.nid = nid
    this.typeBits = typeBits
  }
}

/** What `statfs` answers. */
export interface StatFs {
  /** The magic number of EROFS. */
  type: bigint
  /** Bytes of a block. */
  bsize: bigint
  blocks: bigint
  bfree: bigint
  bavail: bigint
  /** Inodes. */
  files: bigint
  ffree: bigint
}
