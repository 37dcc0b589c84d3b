// SPDX-License-Identifier: MIT
/**
 * One block of a cached file as it is kept: some of its pages, and what proves that they are those.
 *
 *      0  magic         u32
 *      4  pages         u32, bit i: page i is there
 *      8  checksum      u64, xxh64 of everything behind it
 *     16  number        u64, of the block in its file
 *     24  identity size u32, bytes
 *     28  pages' size   u32, bytes
 *     32  identity, UTF-8
 *         the pages that are there, one behind the other
 */

/** Bytes of a page, but for the last one of a file. */
export const CACHE_PAGE = 4096
/** Pages of a block. */
export const PAGES_PER_BLOCK = 16
/** Bytes of a block. */
export const CACHE_BLOCK = CACHE_PAGE * PAGES_PER_BLOCK

const MAGIC = 0x31574345
const HEADER = 32
const SUMMED_FROM = 16

/** xxh64 of bytes. */
export type Checksum = (bytes: Uint8Array) => bigint

/** Pages of a block by their numbers in it; undefined: not there. */
export type CachedPages = (Uint8Array<ArrayBuffer> | undefined)[]

/** What a block belongs to. */
export interface BlockPlace {
  /** Identity of the file, UTF-8. */
  identity: Uint8Array
  /** Number of the block in it. */
  number: number
  /** Bytes of the file. */
  size: number
}

/** Bytes of page `page` of a block; 0 behind the end of the file. */
export function bytesOfPage({ number, size }: BlockPlace, page: number): number {
  return Math.max(0, Math.min(CACHE_PAGE, size - number * CACHE_BLOCK - page * CACHE_PAGE))
}

/** A block in the form that is kept. */
export function encodeBlock(
  place: BlockPlace,
  pages: CachedPages,
  checksum: Checksum,
): Uint8Array<ArrayBuffer> {
  const present = pages.flatMap((page) => page ?? [])
  const length = present.reduce((sum, page) => sum + page.length, 0)
  const { identity } = place
  const bytes = new Uint8Array(HEADER + identity.length + length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, bitsOf(pages), true)
  view.setBigUint64(16, BigInt(place.number), true)
  view.setUint32(24, identity.length, true)
  view.setUint32(28, length, true)
  bytes.set(identity, HEADER)
  let at = HEADER + identity.length
  for (const page of present) {
    bytes.set(page, at)
    at += page.length
  }
  view.setBigUint64(8, sum(bytes, checksum), true)
  return bytes
}

/** The pages of a block that was kept; undefined if it is damaged, or of another file, version or place. */
export function decodeBlock(
  bytes: Uint8Array<ArrayBuffer>,
  place: BlockPlace,
  checksum: Checksum,
): CachedPages | undefined {
  if (bytes.length < HEADER) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const { identity, number } = place
  const bits = view.getUint32(4, true)
  const length = view.getUint32(28, true)
  const start = HEADER + identity.length
  if (view.getUint32(0, true) !== MAGIC || bits >= 2 ** PAGES_PER_BLOCK) return undefined
  if (view.getUint32(24, true) !== identity.length || bytes.length !== start + length) return undefined
  if (view.getBigUint64(16, true) !== BigInt(number)) return undefined
  if (!identity.every((byte, i) => byte === bytes[HEADER + i])) return undefined
  if (view.getBigUint64(8, true) !== sum(bytes, checksum)) return undefined
  const pages: CachedPages = []
  let at = start
  for (let page = 0; page < PAGES_PER_BLOCK; page++) {
    if (((bits >>> page) & 1) === 0) continue
    const end = at + bytesOfPage(place, page)
    pages[page] = bytes.subarray(at, end)
    at = end
  }
  return at === bytes.length ? pages : undefined
}

function bitsOf(pages: CachedPages): number {
  let bits = 0
  for (let page = 0; page < PAGES_PER_BLOCK; page++) if (pages[page]) bits |= 1 << page
  return bits
}

/** Covers which pages there are as well as what is behind the checksum. */
function sum(bytes: Uint8Array, checksum: Checksum): bigint {
  const pages = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true)
  return checksum(bytes.subarray(SUMMED_FROM)) ^ BigInt(pages)
}
