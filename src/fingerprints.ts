// SPDX-License-Identifier: MIT
/** Fingerprints for images that were made without: a sidecar with the digest of every file. */
import type { Operation } from "./drive.js"
import { withDetails } from "./errors.js"
import { ExpectedContents } from "./expected-contents.js"
import type { Filesystem } from "./filesystem.js"
import { isRegular } from "./format/mode.js"
import { type Nid, nidToBigInt } from "./format/nid.js"
import { type SidecarEntry, type SidecarIdentity, writeSidecar } from "./format/sidecar.js"
import { SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE } from "./format/superblock.js"
import { hashContent } from "./hash.js"
import type { Node } from "./inodes.js"
import { type Abortable, checkOptions } from "./options.js"
import { readMetadata } from "./read.js"
import { Walk } from "./walk.js"

/** How far the hashing of an image's files is. */
export interface FingerprintProgress {
  /** Files and bytes that have been hashed, and those that there are. */
  files: number
  totalFiles: number
  bytes: number
  totalBytes: number
}

/** Options of `Image.fingerprints`. */
export interface FingerprintOptions extends Abortable {
  onProgress?: (progress: FingerprintProgress) => void
  /** Told of files and directories that cannot be read, which then are not in the sidecar, instead of ending with the first. */
  onError?: (error: unknown, path: string) => void
}

/** What binds a sidecar to an image. */
export function* sidecarIdentity(filesystem: Filesystem): Operation<SidecarIdentity> {
  const { engine, device, superblock } = filesystem.image
  const bytes = yield* readMetadata(engine, device, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE)
  return { superblock: bytes.slice(), bytes: superblock.blocks * superblock.blockSize }
}

/** Hashes every regular file that is not empty, once an inode; answers the sidecar. */
export function* fingerprintFiles(
  filesystem: Filesystem,
  options: FingerprintOptions,
): Operation<Uint8Array<ArrayBuffer>> {
  checkOptions(options, ["onProgress", "onError", "signal"])
  const { onProgress, onError } = options
  const files = yield* listFiles(filesystem, options)
  const totalBytes = [...files.values()].reduce((sum, { node }) => sum + node.inode.size, 0)
  const entries: SidecarEntry[] = []
  let done = 0
  let before = 0
  const tell = (bytes: number) =>
    onProgress?.({ files: done, totalFiles: files.size, bytes: before + bytes, totalBytes })
  const expected = ExpectedContents.of(filesystem)
  for (const nid of files.keys()) expected?.add(nidToBigInt(nid))
  try {
    for (const { node, path } of files.values()) {
      if (expected) yield* expected.reach(done)
      try {
        const digest = yield* filesystem.inodes.withContent(node, (content) =>
          hashContent(filesystem.engine, content, undefined, tell),
        )
        entries.push({ nid: nidToBigInt(node.inode.nid), digest })
      } catch (error) {
        const detailed = withDetails(error, { syscall: "read", path })
        if (!onError || options.signal?.aborted) throw detailed
        onError(detailed, path)
      }
      done++
      before += node.inode.size
      tell(0)
    }
  } finally {
    expected?.close()
  }
  return yield* sidecarOf(filesystem, entries)
}

/** The sidecar of an image whose files have these digests. */
export function* sidecarOf(
  filesystem: Filesystem,
  entries: readonly SidecarEntry[],
): Operation<Uint8Array<ArrayBuffer>> {
  return writeSidecar(yield* sidecarIdentity(filesystem), entries)
}

/** All regular files that are not empty, each inode once, with the first of its paths. */
function* listFiles(
  filesystem: Filesystem,
  { signal, onError }: FingerprintOptions,
): Operation<Map<Nid, { node: Node; path: string }>> {
  const walk = new Walk(filesystem, { ...(signal && { signal }), ...(onError && { onError }) })
  const files = new Map<Nid, { node: Node; path: string }>()
  let entries = yield* walk.start("/")
  for (let next: typeof entries | undefined = entries; next; next = yield* walk.next()) {
    entries = next
    for (const entry of entries) {
      const node = entry.nodeIn(filesystem)
      if (!node || !isRegular(node.inode.mode) || node.inode.size === 0) continue
      if (!files.has(node.inode.nid)) files.set(node.inode.nid, { node, path: entry.path })
    }
  }
  return files
}
