// SPDX-License-Identifier: MIT
/** Index tables of compressed files, written from extents after sections 9.2, 9.3 and 9.5 of the format's description. */

/** A piece of a file, in bytes, stored in `blocks` blocks from `block` on. */
export interface TableExtent {
  start: number
  end: number
  type: "plain" | "head1" | "head2"
  block: number
  blocks: number
}

const TYPE_NUMBERS = { plain: 0, head1: 1, head2: 3 }
const NONHEAD = 2
const CAP = 2047
const BLOCK_COUNT = 0x800

/** One lcluster's record before it is encoded. */
type Lcluster =
  | { isHead: true; type: number; offset: number; block: number }
  | { isHead: false; back: number; forward: number; blocks: number | undefined }

/** The records of a file of `size` bytes; with `isBig` the first NONHEAD of each extent counts its blocks. */
function lclusters(extents: TableExtent[], size: number, clusterSize: number, isBig: boolean): Lcluster[] {
  const total = Math.ceil(size / clusterSize)
  const records: (Lcluster | undefined)[] = Array.from({ length: total })
  const heads: { at: number; blocks: number }[] = []
  for (const { start, type, block, blocks } of extents) {
    const at = Math.floor(start / clusterSize)
    records[at] = { isHead: true, type: TYPE_NUMBERS[type], offset: start % clusterSize, block }
    heads.push({ at, blocks })
  }
  // The end of the file, marked by an empty extent.
  if (records[total - 1] === undefined && size % clusterSize !== 0) {
    records[total - 1] = { isHead: true, type: 0, offset: size % clusterSize, block: 0 }
    heads.push({ at: total - 1, blocks: 1 })
  }
  for (const [i, { at, blocks }] of heads.entries()) {
    const next = heads[i + 1]?.at ?? total
    for (let k = at + 1; k < next; k++) {
      records[k] = {
        isHead: false,
        back: k - at,
        forward: next - k,
        blocks: isBig && k === at + 1 ? blocks : undefined,
      }
    }
  }
  return records as Lcluster[]
}

/** Full indexes: 8 bytes a record. */
export function fullTable(
  extents: TableExtent[],
  size: number,
  clusterSize: number,
  isBig: boolean,
): Uint8Array {
  const records = lclusters(extents, size, clusterSize, isBig)
  const view = new DataView(new ArrayBuffer(records.length * 8))
  for (const [n, record] of records.entries()) {
    const at = n * 8
    if (record.isHead) {
      view.setUint16(at, record.type, true)
      view.setUint16(at + 2, record.offset, true)
      view.setUint32(at + 4, record.block, true)
    } else {
      view.setUint16(at, NONHEAD, true)
      const back = record.blocks === undefined ? Math.min(record.back, CAP) : BLOCK_COUNT | record.blocks
      view.setUint16(at + 4, back, true)
      view.setUint16(at + 6, Math.min(record.forward, CAP), true)
    }
  }
  return new Uint8Array(view.buffer)
}

/**
 * Compact indexes that begin at position `start` of the metadata: packs of 2 records in 8 bytes, and with `isNarrow`
 * packs of 16 records in 32 bytes where they fit. Blocks of the extents must follow each other.
 */
export function compactTable(
  extents: TableExtent[],
  size: number,
  clusterBits: number,
  { start, isBig, isNarrow }: { start: number; isBig: boolean; isNarrow: boolean },
): Uint8Array {
  const records = lclusters(extents, size, 2 ** clusterBits, isBig)
  const lowBits = Math.max(clusterBits, 12)
  const leading = ((32 - (start % 32)) / 4) % 8
  const narrow = isNarrow && leading < records.length ? Math.floor((records.length - leading) / 16) * 16 : 0
  const packs: Uint8Array[] = []
  for (let n = 0; n < records.length; ) {
    const isNarrowPack = n >= leading && n < leading + narrow
    const count = isNarrowPack ? 16 : 2
    packs.push(encodePack(records, n, count, isNarrowPack ? 14 : 16, lowBits, isBig))
    n += count
  }
  return new Uint8Array(Buffer.concat(packs))
}

function encodePack(
  records: Lcluster[],
  first: number,
  count: number,
  width: number,
  lowBits: number,
  isBig: boolean,
): Uint8Array {
  let bits = 0n
  for (let k = 0; k < count; k++) {
    const record = records[first + k]
    if (!record) continue
    const [type, low] = record.isHead
      ? [record.type, record.offset]
      : [NONHEAD, lowOf(record, k === count - 1)]
    bits |= ((BigInt(type) << BigInt(lowBits)) | BigInt(low)) << BigInt(k * width)
  }
  const pack = new Uint8Array((count * width) / 8 + 4)
  for (let i = 0; i < pack.length - 4; i++) pack[i] = Number((bits >> BigInt(8 * i)) & 0xffn)
  new DataView(pack.buffer).setUint32(
    pack.length - 4,
    baseOf(records.slice(first, first + count), isBig) >>> 0,
    true,
  )
  return pack
}

function lowOf({ back, forward, blocks }: Lcluster & { isHead: false }, isLast: boolean): number {
  if (blocks !== undefined) return BLOCK_COUNT | blocks
  return Math.min(isLast ? forward : back, CAP)
}

/** The one address of a pack. */
function baseOf(pack: Lcluster[], isBig: boolean): number {
  const head = pack.find((record) => record.isHead)
  if (!head?.isHead) return 0
  if (!isBig) return head.block - 1
  // A pcluster that begins before the pack is counted if its block count is in the pack.
  const [before] = pack
  return head.block - (before && !before.isHead ? (before.blocks ?? 0) : 0)
}
