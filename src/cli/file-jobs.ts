// SPDX-License-Identifier: MIT
/** What threads are told of the files that they are to make. */

/** A regular file that is to be made, in a directory that is there. */
export interface FileJob {
  nid: bigint
  /** Path in the image, for messages. */
  source: string
  target: string
  /** Whether its directory leaves it the mode and owner that it is made with. */
  isPlain: boolean
  /** Whether it will be given extended attributes. */
  hasXattrs: boolean
}

/** Jobs on their way from one thread to another: in columns, which are copied much faster than objects. */
export interface PackedJobs {
  nids: BigUint64Array
  /** With a NUL, which no path contains, between each two. */
  sources: string
  targets: string
  flags: Uint8Array
}

const IS_PLAIN = 1
const HAS_XATTRS = 2
const NUL = "\0"

/** Jobs as columns. */
export function packJobs(jobs: readonly FileJob[]): PackedJobs {
  return {
    nids: BigUint64Array.from(jobs, ({ nid }) => nid),
    sources: jobs.map(({ source }) => source).join(NUL),
    targets: jobs.map(({ target }) => target).join(NUL),
    flags: Uint8Array.from(jobs, flagsOf),
  }
}

function flagsOf({ isPlain, hasXattrs }: FileJob): number {
  return (isPlain ? IS_PLAIN : 0) | (hasXattrs ? HAS_XATTRS : 0)
}

/** The jobs again. */
export function unpackJobs({ nids, sources, targets, flags }: PackedJobs): FileJob[] {
  const [from, to] = [sources.split(NUL), targets.split(NUL)]
  return Array.from(flags, (flag, i) => ({
    nid: nids[i] as bigint,
    source: from[i] as string,
    target: to[i] as string,
    isPlain: (flag & IS_PLAIN) !== 0,
    hasXattrs: (flag & HAS_XATTRS) !== 0,
  }))
}
