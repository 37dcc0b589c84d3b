// SPDX-License-Identifier: MIT
/** Owners, modes and times of extracted entries. */
import { chmodSync, fchmodSync, fchownSync, futimesSync, lchownSync, lutimesSync, utimesSync } from "node:fs"
import type { Inode } from "../format/inode.js"
import { reasonOf } from "./exit.js"
import type { Loss, LossNotes } from "./losses.js"
import { systemPath, type TargetDirectory } from "./target.js"

const SET_ID_BITS = 0o6000
const SPECIAL_BITS = 0o7000
const PERMISSIONS = 0o7777
const NANOSECONDS_PER_MICROSECOND = 1000
const MICROSECONDS = 1e6

/** What an inode says of itself besides its content. */
export type Attributes = Pick<Inode, "mode" | "uid" | "gid" | "mtimeSeconds" | "mtimeNanoseconds">

/** The permissions of an inode with setuid, setgid and sticky bits, without the file type. */
export function permissionsOf({ mode }: Pick<Inode, "mode">): number {
  return mode & PERMISSIONS
}

/** Sets what an inode says of itself on what was made for it. What cannot be set is noted, not thrown. */
export class Metadata {
  /** Whether the user is root. */
  readonly isRoot: boolean
  readonly #losses: LossNotes
  readonly #keepsOwners: boolean
  readonly #uid: number
  readonly #gid: number

  constructor(losses: LossNotes, keepsOwners: boolean) {
    this.#losses = losses
    this.#keepsOwners = keepsOwners
    this.#uid = process.geteuid?.() ?? 0
    this.#gid = process.getegid?.() ?? 0
    this.isRoot = process.geteuid?.() === 0
  }

  /** A regular file that was made with the permissions of `madeMode`, which it is to have in the end. */
  setFile(fd: number, path: string, attributes: Attributes, parent: TargetDirectory, madeMode: number): void {
    const isOwned = this.#setOwner(path, attributes, parent, (uid, gid) => fchownSync(fd, uid, gid))
    const mode = this.#withoutUnearned(path, madeMode, isOwned)
    if (!parent.isPlain || (mode & SPECIAL_BITS) !== 0) {
      this.#try("mode", path, () => fchmodSync(fd, mode))
    }
    const time = timeOf(attributes)
    this.#try("time", path, () => futimesSync(fd, time, time))
  }

  /** A symlink, which has no mode of its own. */
  setLink(path: string, attributes: Attributes, parent: TargetDirectory): void {
    this.#setOwner(path, attributes, parent, (uid, gid) => lchownSync(systemPath(path), uid, gid))
    this.#try("time", path, () => lutimesSync(systemPath(path), timeOf(attributes), timeOf(attributes)))
  }

  /** A device node or FIFO. */
  setNode(path: string, attributes: Attributes, parent: TargetDirectory): void {
    const isOwned = this.#setOwner(path, attributes, parent, (uid, gid) =>
      lchownSync(systemPath(path), uid, gid),
    )
    this.setMode(path, this.#withoutUnearned(path, permissionsOf(attributes), isOwned))
    this.#try("time", path, () => lutimesSync(systemPath(path), timeOf(attributes), timeOf(attributes)))
  }

  /** A directory that was made with the mode `madeMode`, once it is complete. */
  setDirectory(path: string, attributes: Attributes, directory: TargetDirectory, madeMode: number): void {
    this.#setOwner(path, attributes, directory, (uid, gid) => lchownSync(systemPath(path), uid, gid))
    const mode = permissionsOf(attributes)
    if (mode !== madeMode || !directory.isPlain) this.setMode(path, mode)
    this.#try("time", path, () => utimesSync(systemPath(path), timeOf(attributes), timeOf(attributes)))
  }

  /** The mode of something that is no symlink. */
  setMode(path: string, mode: number): void {
    this.#try("mode", path, () => chmodSync(systemPath(path), mode))
  }

  /** Sets the owner unless it is right already. Answers whether it is right now. */
  #setOwner(
    path: string,
    { uid, gid }: Attributes,
    { isPlain }: TargetDirectory,
    change: (uid: number, gid: number) => void,
  ): boolean {
    if (isPlain && uid === this.#uid && gid === this.#gid) return true
    return this.#keepsOwners && this.#try("owner", path, () => change(uid, gid))
  }

  /** Setuid and setgid bits would hand out rights of another owner than the image means. */
  #withoutUnearned(path: string, mode: number, isOwned: boolean): number {
    if (isOwned || (mode & SET_ID_BITS) === 0) return mode
    this.#losses.add("set-id bits", `'${path}' lost its setuid and setgid bits`)
    return mode & ~SET_ID_BITS
  }

  #try(loss: Loss, path: string, change: () => void): boolean {
    try {
      change()
      return true
    } catch (error) {
      this.#losses.add(loss, `'${path}': ${reasonOf(error)}`)
      return false
    }
  }
}

/**
 * The time of an inode as Node takes it: in seconds, which it cuts off behind the microseconds; a half of one more
 * keeps rounding errors away from that. As text if negative: a negative number would mean the present.
 */
function timeOf({ mtimeSeconds, mtimeNanoseconds }: Attributes): number | string {
  const microseconds =
    Number(mtimeSeconds) * MICROSECONDS + Math.floor(mtimeNanoseconds / NANOSECONDS_PER_MICROSECOND)
  return microseconds < 0 ? String((microseconds - 0.5) / MICROSECONDS) : (microseconds + 0.5) / MICROSECONDS
}
