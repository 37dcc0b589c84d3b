// SPDX-License-Identifier: MIT
/**
 * Metadata of images whose source answers slowly. Which inodes and directories a walk will meet is known before it meets
 * them, so they are brought in together. Nothing here fails: what cannot be had is told when it is asked for.
 */
import type { Content } from "./content.js"
import { type Operation, Together } from "./drive.js"
import type { Engine } from "./engine.js"
import type { Filesystem } from "./filesystem.js"
import { fill } from "./fill.js"
import type { RawDirent } from "./format/dirent.js"
import { inodePosition } from "./format/inode.js"
import { isDirectory } from "./format/mode.js"
import type { Nid } from "./format/nid.js"
import type { Node } from "./inodes.js"
import { PAGE_SIZE } from "./page.js"

/** Bytes of an inode, at most. */
const INODE_SIZE = 64
/** What is brought in ahead takes up at most this part of the pool. */
const POOL_SHARE = 1 / 4
/** Directories that are listed together, at most. */
export const MAX_DIRECTORIES = 256
/** Directories of more bytes are not listed ahead. */
const MAX_DIRECTORY_SIZE = 1 << 20

/** Whether anything is gained by bringing in metadata together. */
export function isLookaheadWorthwhile({ image }: Filesystem): boolean {
  return image.devices.primary.isRemote === true
}

/** A directory that will be listed. */
export interface Expected {
  node: Node
  /** How many levels below it will be listed, too. */
  levels: number
}

/** Looks ahead for one walk. */
export class Lookahead {
  readonly #filesystem: Filesystem
  readonly #limit: number
  /** Directories that have been brought in. */
  readonly #known = new Set<Nid>()

  constructor(filesystem: Filesystem) {
    this.#filesystem = filesystem
    this.#limit = pageLimit(filesystem)
  }

  /** Whether a directory has been brought in. */
  knows({ inode }: Node): boolean {
    return this.#known.has(inode.nid)
  }

  /**
   * Brings in the entries of directories with their inodes, and of those below, as far as the pool has room; those that
   * are needed first come first.
   */
  *bringIn(directories: readonly Expected[]): Operation<void> {
    let level = directories
    for (let left = this.#limit; left > 0 && level.length > 0; ) {
      const unknown = level.filter(({ node }) => this.#isUnknown(node))
      const pages = unknown.reduce((sum, { node }) => sum + Math.ceil(node.inode.size / PAGE_SIZE), 0)
      const listed = yield* this.#list(unknown)
      const nids = listed.flatMap(({ entries }) => entries.map(({ nid }) => nid))
      left -= pages + (yield* bringInodes(this.#filesystem, nids, left)).pages
      level = listed.flatMap((directory) => this.#below(directory)).slice(0, MAX_DIRECTORIES)
    }
  }

  #isUnknown({ inode }: Node): boolean {
    if (this.#known.has(inode.nid) || inode.size > MAX_DIRECTORY_SIZE) return false
    this.#known.add(inode.nid)
    return true
  }

  *#list(directories: readonly Expected[]): Operation<{ entries: RawDirent[]; levels: number }[]> {
    const listed: { entries: RawDirent[]; levels: number }[] = []
    const { directories: reader } = this.#filesystem
    const listOne = function* ({ node, levels }: Expected): Operation<void> {
      listed.push({ entries: yield* reader.list(node, () => {}), levels })
    }
    yield new Together(directories.map((directory) => listOne(directory)))
    return listed
  }

  /** Directories in a directory, as far as their inodes are there. */
  #below({ entries, levels }: { entries: RawDirent[]; levels: number }): Expected[] {
    if (levels <= 0) return []
    return entries.flatMap(({ nid, type }) => {
      const node = type === DIRENT_DIRECTORY ? residentInode(this.#filesystem, nid) : undefined
      return node && isDirectory(node.inode.mode) ? [{ node, levels: levels - 1 }] : []
    })
  }
}

/** File type of directories in dirents. */
const DIRENT_DIRECTORY = 2

/** The inode, if it is there and can be understood. */
function residentInode({ inodes }: Filesystem, nid: Nid): Node | undefined {
  try {
    return inodes.resident(nid)
  } catch {
    return undefined
  }
}

/**
 * Brings in the pages of inodes together, until as many as `limit` are on their way. Answers of how many inodes, and how
 * many pages had to be fetched.
 */
export function* bringInodes(
  filesystem: Filesystem,
  nids: readonly Nid[],
  limit = pageLimit(filesystem),
): Operation<{ inodes: number; pages: number }> {
  const { engine, inodes, image } = filesystem
  const missing = new Map<Content, Set<number>>()
  let pages = 0
  let count = 0
  for (; count < nids.length && pages < limit; count++) {
    const nid = nids[count] as Nid
    const position = inodePosition(nid, image.superblock)
    const metadata = yield* inodes.metadataOf(nid)
    const last = Math.min(position + INODE_SIZE, metadata.size) - 1
    for (let page = Math.floor(position / PAGE_SIZE); page <= Math.floor(last / PAGE_SIZE); page++) {
      const known = missing.get(metadata)
      if (known?.has(page) || engine.core.firstMissing(metadata.space, page, page + 1) > page) continue
      if (known) known.add(page)
      else missing.set(metadata, new Set([page]))
      pages++
    }
  }
  yield new Together(
    [...missing].flatMap(([metadata, wanted]) =>
      joinPages([...wanted], metadata.window?.unit ?? 1).map(({ page, end }) =>
        fillAll(engine, metadata, page, end),
      ),
    ),
  )
  return { inodes: count, pages }
}

/** Pages that may be brought in ahead. */
function pageLimit({ engine }: Filesystem): number {
  return Math.floor(engine.core.statistics().frames * POOL_SHARE)
}

/** Brings in a run of pages. */
function* fillAll(engine: Engine, content: Content, page: number, end: number): Operation<void> {
  let next = page
  for (;;) {
    const missing = engine.core.firstMissing(content.space, next, end)
    if (missing >= end) return
    yield fill(engine, content, missing, end - missing)
    next = missing + 1
  }
}

/**
 * Pages as runs. What lies between two runs is taken along to save a request where that costs little: the shortest gaps
 * first, none longer than `maxGap`, together at most a quarter of the pages that are wanted.
 */
export function joinPages(pages: readonly number[], maxGap: number): { page: number; end: number }[] {
  const sorted = [...pages].sort((a, b) => a - b)
  const gaps = sorted.slice(1).map((page, i) => ({ at: i + 1, length: page - (sorted[i] as number) - 1 }))
  let budget = Math.floor(sorted.length / 4)
  const bridged = new Set<number>()
  for (const { at, length } of gaps.sort((a, b) => a.length - b.length)) {
    if (length > Math.min(budget, maxGap)) break
    budget -= length
    bridged.add(at)
  }
  const runs: { page: number; end: number }[] = []
  for (const [i, page] of sorted.entries()) {
    const last = runs.at(-1)
    if (last && bridged.has(i)) last.end = page + 1
    else runs.push({ page, end: page + 1 })
  }
  return runs
}
