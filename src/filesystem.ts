// SPDX-License-Identifier: MIT

import type { Content } from "./content.js"
import type { Devices } from "./devices.js"
import { Directories } from "./directory.js"
import { driveAsync, driveSync, type Operation } from "./drive.js"
import type { Engine } from "./engine.js"
import { ErofsError, isErofsError, withDetails } from "./errors.js"
import type { AlgorithmConfig } from "./format/compression.js"
import { encodeName } from "./format/names.js"
import { nidToBigInt } from "./format/nid.js"
import type { Sidecar } from "./format/sidecar.js"
import type { Superblock } from "./format/superblock.js"
import { Inodes, type Node } from "./inodes.js"
import { Paths, type Target, targetText } from "./paths.js"
import type { Verifier } from "./verify.js"
import { Xattrs, type Xxh32 } from "./xattrs.js"

/** What mounting found out about an image. */
export interface MountedImage {
  engine: Engine
  superblock: Superblock
  /** Settings of the algorithms that the image announces. */
  algorithms: readonly AlgorithmConfig[]
  devices: Devices
  mount: number
  /** Circle of mounts that may share, and the address space that names it. */
  domain: Uint8Array
  domainSpace: number
  /** Says whether files are what they claim; undefined: they are believed. */
  verifier: Verifier | undefined
  /** Fingerprints that the user gave for the image. */
  sidecar: Sidecar | undefined
  /** The primary device as metadata. */
  device: Content
  xxh32: Xxh32
  /** Attribute that carries fingerprints where the superblock names none. */
  fingerprintName: Uint8Array | undefined
}

/** Who holds an image open: a live view. */
export interface Holder {
  /** That its user opened: a shared content has as many as there are users. */
  readonly path: string
  readonly fingerprint: Uint8Array | undefined
  /** Bytes of the file. */
  readonly position: number
  readonly length: number
}

const DIGEST_PREFIX = encodeName("sha256:")
/** Paths that an error names. */
const NAMED_HOLDERS = 8

/** Longest fingerprint under a name that the caller gave; under one of the superblock's it is a block. */
const MAX_NAMED_FINGERPRINT = 1024

/** The parts of a mounted image, and the two ways to run operations on them. */
export class Filesystem {
  readonly image: MountedImage
  readonly engine: Engine
  readonly inodes: Inodes
  readonly directories: Directories
  readonly paths: Paths
  readonly xattrs: Xattrs
  /** Live views; the image cannot be closed while there are any. */
  readonly holders = new Set<Holder>()
  #running = 0
  #isOpen = true

  constructor(image: MountedImage) {
    const { engine, superblock, device } = image
    this.image = image
    this.engine = engine
    engine.addSources(image.devices.sources)
    this.inodes = new Inodes(image, (node) => this.#findFingerprint(node))
    this.directories = new Directories(engine, superblock, this.inodes)
    this.paths = new Paths(engine, this.inodes, this.directories, superblock.rootNid)
    this.xattrs = new Xattrs(engine, superblock, this.inodes, device, image.xxh32)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Runs an operation at once; errors say what failed on which path. */
  runSync<T>(syscall: string, target: Target | undefined, operation: Operation<T>): T {
    return this.atOnce(syscall, target, () => driveSync(operation))
  }

  /** Does what takes no operation; errors say what failed on which path. */
  atOnce<T>(syscall: string, target: Target | undefined, act: () => T): T {
    this.#running++
    try {
      this.#requireOpen()
      return act()
    } catch (error) {
      throw withDetails(error, detailsOf(syscall, target))
    } finally {
      this.#running--
    }
  }

  /** Runs an operation, waiting where it must; errors say what failed on which path. */
  async run<T>(
    syscall: string,
    target: Target | undefined,
    operation: Operation<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    try {
      this.#requireOpen()
      return await driveAsync(this.#counted(operation), signal)
    } catch (error) {
      throw withDetails(error, detailsOf(syscall, target))
    }
  }

  /** Gives everything back that the image holds in the pool. Throws EBUSY while views or operations are alive. */
  close(): void {
    if (!this.#isOpen) return
    const { size } = this.holders
    if (size > 0) {
      const paths = [...new Set([...this.holders].map(({ path }) => `'${path}'`))]
      const named = paths.slice(0, NAMED_HOLDERS).join(", ")
      const others = paths.length - NAMED_HOLDERS
      const more = others > 0 ? ` and ${others} more files` : ""
      const views = size === 1 ? "view of" : "views of"
      throw new ErofsError("EBUSY", `the image has ${size} live ${views} ${named}${more}`, {
        syscall: "close",
      })
    }
    if (this.#running > 0) {
      throw new ErofsError("EBUSY", "operations on the image are under way", { syscall: "close" })
    }
    this.#isOpen = false
    const { core } = this.engine
    this.engine.removeSources(this.image.devices.sources)
    this.inodes.release()
    core.dropMount(this.image.mount, this.image.device.space)
    this.image.device.release(core)
    core.releaseSpace(this.image.domainSpace, this.image.mount)
  }

  /** Counts an operation as running until it has given back what it holds, which may be after it was aborted. */
  *#counted<T>(operation: Operation<T>): Operation<T> {
    this.#running++
    try {
      return yield* operation
    } finally {
      this.#running--
    }
  }

  #requireOpen(): void {
    if (!this.#isOpen) throw new ErofsError("EBADF", "the image is closed")
  }

  /** What an attribute gives. Damaged attributes cost a file its sharing, not its data. */
  *#unlessDamaged<T>(attribute: Operation<T>): Operation<T | undefined> {
    try {
      return yield* attribute
    } catch (error) {
      if (isErofsError(error, "EUCLEAN") || isErofsError(error, "ENOTSUP")) return undefined
      throw error
    }
  }

  /** The fingerprint that a regular file shares under; undefined: it shares with nobody. */
  *#findFingerprint(node: Node): Operation<Uint8Array | undefined> {
    if (!this.engine.sharing.has("fingerprint")) return undefined
    const { superblock, fingerprintName, sidecar } = this.image
    const digest = sidecar?.find(nidToBigInt(node.inode.nid))
    if (digest) return fingerprintOf(digest)
    if (node.inode.xattrSize === 0) return undefined
    const inline = yield* this.#unlessDamaged(this.xattrs.inlineFingerprint(node))
    const named = inline ? undefined : yield* this.xattrs.fingerprintName()
    const name = named ?? fingerprintName
    if (!inline && !name) return undefined
    const value = inline ?? (yield* this.#unlessDamaged(this.xattrs.get(node, name as Uint8Array)))
    if (!value || value.length === 0) return undefined
    return value.length <= (inline || named ? superblock.blockSize : MAX_NAMED_FINGERPRINT)
      ? value
      : undefined
  }
}

/** The fingerprint that mkfs.erofs would have written for a file of that SHA-256. */
function fingerprintOf(digest: Uint8Array): Uint8Array {
  const fingerprint = new Uint8Array(DIGEST_PREFIX.length + digest.length)
  fingerprint.set(DIGEST_PREFIX)
  fingerprint.set(digest, DIGEST_PREFIX.length)
  return fingerprint
}

function detailsOf(syscall: string, target: Target | undefined) {
  if (target === undefined) return { syscall }
  return { syscall, path: targetText(target) }
}
