// SPDX-License-Identifier: MIT
/** How an inode is stored, for people who look into images. */
import type { Content } from "./content.js"
import type { Operation } from "./drive.js"
import { failure } from "./failure.js"
import type { Filesystem } from "./filesystem.js"
import { fill } from "./fill.js"
import { ALGORITHM_NAMES } from "./format/features.js"
import { LAYOUT_NAMES } from "./format/inode.js"
import { isDirectory, isRegular, isSymlink } from "./format/mode.js"
import { nidToBigInt } from "./format/nid.js"
import type { Node } from "./inodes.js"
import type { MappedExtent, Slot } from "./slot.js"
import { BUSY, NEED_METADATA, OK } from "./status.js"

/** One extent of a file. */
export interface ExtentDescription {
  /** Byte of the file at which it begins, and bytes of the file. */
  position: number
  length: number
  /** raw, hole, inline (behind the inode), fragment (in the packed inode), plain (stored as is) or compressed. */
  kind: MappedExtent["kind"]
  /** Device id; 0 is the primary one or the unified address space. */
  device: number
  /** Byte on the device, in the metadata or in the packed inode. Undefined for a hole. */
  offset: number | undefined
  /** Bytes stored; the same as `length` where nothing is compressed. */
  encodedLength: number
  /** Name of the codec, of compressed extents. */
  algorithm: string | undefined
  /** The extent is only the beginning of what the stored bytes decode to. */
  isPartial: boolean
  /** Stored bytes are rotated to their offset in the block. */
  isInterlaced: boolean
  /** Stored bytes lie in the metadata. */
  isInline: boolean
}

/** How an inode is stored. */
export interface InodeDescription {
  nid: bigint
  /** Byte position of the inode in its metadata space. */
  position: number
  isExtended: boolean
  layout: (typeof LAYOUT_NAMES)[number]
  /** Bytes of the xattr body. */
  xattrSize: number
  /** Codecs of HEAD1 and HEAD2; of compressed files with indexes. */
  algorithms: string[]
  /** How a compressed file is indexed. */
  index: "full" | "compact" | `extents-${number}` | "whole-fragment" | undefined
  /** Bytes of an lcluster, of compressed files. */
  lclusterSize: number | undefined
  /** Under which fingerprint the content is shared in the pool. */
  fingerprint: Uint8Array | undefined
  /** In the order of the file; undefined if not asked for. */
  extents: ExtentDescription[] | undefined
}

/** Describes an inode; `withExtents` maps the whole file. */
export function* describeInode(
  filesystem: Filesystem,
  found: Node,
  withExtents: boolean,
): Operation<InodeDescription> {
  const { inodes } = filesystem
  const node = inodes.hold(found)
  try {
    const { mode, size } = node.inode
    const hasContent = size > 0 && (isRegular(mode) || isDirectory(mode) || isSymlink(mode))
    const content = hasContent ? yield* inodes.contentOf(node) : undefined
    const extents = withExtents && content ? yield* mapAll(filesystem, content) : []
    return { ...summarize(node), extents: withExtents ? extents : undefined }
  } finally {
    inodes.unhold(node)
  }
}

/** What the inode and its map header say. */
function summarize(node: Node): Omit<InodeDescription, "extents"> {
  const { inode, header, fingerprint } = node
  const hasAlgorithms = header && !header.isEncodedExtents && !header.isWholeFragment
  const algorithms = hasAlgorithms ? [header.algorithmHead1, header.algorithmHead2] : []
  return {
    nid: nidToBigInt(inode.nid),
    position: inode.position,
    isExtended: inode.isExtended,
    layout: LAYOUT_NAMES[inode.layout] as InodeDescription["layout"],
    xattrSize: inode.xattrSize,
    algorithms: algorithms.map((id) => ALGORITHM_NAMES[id] as string),
    index: indexOf(node),
    lclusterSize: header ? 2 ** header.lclusterBits : undefined,
    fingerprint,
  }
}

function indexOf({ inode, header }: Node): InodeDescription["index"] {
  if (!header) return undefined
  if (header.isWholeFragment) return "whole-fragment"
  if (header.isEncodedExtents) return `extents-${header.extentRecordSize}`
  return LAYOUT_NAMES[inode.layout] === "compressed-compact" ? "compact" : "full"
}

function* mapAll(filesystem: Filesystem, content: Content): Operation<ExtentDescription[]> {
  const extents: ExtentDescription[] = []
  for (let position = 0; position < content.size; ) {
    const extent = yield* mapOne(filesystem, content, position)
    const end = extent.logical + extent.length
    extents.push({
      position: extent.logical,
      length: extent.length,
      kind: extent.kind,
      device: extent.device,
      offset: extent.kind === "hole" ? undefined : extent.physical,
      encodedLength: extent.encodedLength || (extent.kind === "hole" ? 0 : extent.length),
      algorithm: extent.kind === "compressed" ? ALGORITHM_NAMES[extent.algorithm] : undefined,
      isPartial: extent.isPartial,
      isInterlaced: extent.isInterlaced,
      isInline: extent.isInline,
    })
    position = end
  }
  return extents
}

/** The extent that holds a byte of a content. */
export function* mapOne(
  { engine }: Pick<Filesystem, "engine">,
  content: Content,
  position: number,
): Operation<MappedExtent> {
  for (;;) {
    const slot = (yield engine.slot) as Slot
    content.useHint(position)
    const status = slot.map(content.description, position)
    content.saveHint(slot)
    const extent = status === OK ? slot.extent() : undefined
    const { needPage } = slot
    engine.returnSlot(slot)
    if (extent) return extent
    if (status === BUSY) yield engine.settled
    else if (status === NEED_METADATA) yield fill(engine, content.metadata as Content, needPage, 8)
    else throw failure(status, content, position)
  }
}
