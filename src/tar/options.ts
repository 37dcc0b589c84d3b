// SPDX-License-Identifier: MIT
/** What can be said about an archive before it is written. */
import { ErofsError } from "../errors.js"
import { encodeName } from "../format/names.js"
import { type Abortable, checkOptions } from "../options.js"
import type { WalkEntry } from "../walk.js"

/** How far an archive is. */
export interface TarProgress {
  /** Entries that have been begun. */
  entries: number
  /** Bytes of the archive so far. */
  bytes: number
  /** The entry that was begun last, as a path of the image. */
  path: string
}

/** Options of an archive. */
export interface TarOptions extends Abortable {
  /**
   * A directory, such as `usr/lib`, that everything lies in within the archive. Default: none. EINVAL if it is absolute or
   * has a part `..`: names of an archive stay below the directory that it is unpacked in.
   */
  prefix?: string
  /** Whether extended attributes are kept, as records `SCHILY.xattr.NAME`. Default true. */
  xattrs?: boolean
  /** Asked of every entry: false leaves it out, and a directory's contents with it. */
  filter?: (entry: WalkEntry) => boolean
  /**
   * Told of what cannot be read instead of the archive failing with it; `path` is where it happened. What is known
   * before a member is begun leaves it out: a damaged inode, link target or mapping. Attributes that cannot be read
   * leave the member without any. The size of a file stands in front of its bytes, so those that cannot be read are
   * zeros in the archive: each damaged page and, where several lie in a row, up to as many bytes again behind them.
   */
  onError?: (error: unknown, path: string) => void
  /** Told of sockets, which no archive can hold and which are left out. */
  onSkip?: (entry: WalkEntry) => void
  /** Told how far the archive is, once for every piece of it that is handed out. */
  onProgress?: (progress: TarProgress) => void
}

const OPTIONS = ["prefix", "xattrs", "filter", "onError", "onSkip", "onProgress", "signal"]

/** Throws ENOTSUP for options that are not known, EINVAL for a prefix that is no path. */
export function checkTarOptions(options: TarOptions): void {
  checkOptions(options, OPTIONS)
  prefixOf(options)
}

/** The prefix without slashes behind it. Throws EINVAL for one that can be no path, or leads out of the archive. */
export function prefixOf({ prefix = "" }: TarOptions): string {
  encodeName(prefix)
  if (prefix.includes("\0")) throw new ErofsError("EINVAL", "prefix contains a NUL byte")
  if (prefix.startsWith("/")) throw new ErofsError("EINVAL", `prefix '${prefix}' is absolute`)
  if (prefix.split("/").includes("..")) throw new ErofsError("EINVAL", `prefix '${prefix}' has a part '..'`)
  return prefix.replace(/\/+$/, "")
}
