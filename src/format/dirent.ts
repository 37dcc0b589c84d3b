// SPDX-License-Identifier: MIT
import { corrupted } from "../errors.js"
import { readU16, readU32 } from "./bytes.js"
import { type Nid, nidFromWords } from "./nid.js"

const DIRENT_SIZE = 12
const MAX_NAME_LENGTH = 255
const MAX_FILE_TYPE = 7
const SLASH = 0x2f

/** One directory entry as stored (format section 6). */
export interface RawDirent {
  /** Private memory. */
  name: Uint8Array
  nid: Nid
  /** 1 regular, 2 directory, 3 char, 4 block, 5 fifo, 6 socket, 7 symlink; 0 unknown. Trust the inode. */
  type: number
}

/** Told of an entry whose name are bytes `start` to before `end` of its block. */
export type DirentVisitor = (start: number, end: number, nid: Nid, type: number) => void

/**
 * Tells of all entries of one directory block, in the order of the block (format section 6). The last block of a
 * directory may be shorter than others; pass just its bytes.
 *
 * Throws EUCLEAN, with the offset in the block, when a name is empty, longer than 255 bytes, holds "/" or NUL or
 * does not follow its predecessor in memory and in order.
 */
export function visitDirents(block: Uint8Array, visit: DirentVisitor): void {
  const count = direntCount(block)
  let [previousStart, previousEnd] = [0, 0]
  for (let index = 0; index < count; index++) {
    const start = nameStart(block, index, count)
    const end = nameEnd(block, index, count, start)
    for (let at = start; at < end; at++) {
      const byte = block[at]
      if (byte === 0 || byte === SLASH) throw corrupted("dirent name holds a slash or NUL", { offset: start })
    }
    if (index > 0 && compareWithin(block, previousStart, previousEnd, start, end) >= 0) {
      throw corrupted("dirent names are out of order", { offset: start })
    }
    visit(start, end, direntNid(block, index), direntType(block, index))
    previousStart = start
    previousEnd = end
  }
}

/** All entries of one directory block, as {@link visitDirents} tells of them. */
export function parseDirentBlock(block: Uint8Array): RawDirent[] {
  const dirents: RawDirent[] = []
  visitDirents(block, (start, end, nid, type) => dirents.push({ name: block.slice(start, end), nid, type }))
  return dirents
}

/** A copy of the first name of a block, for the search over blocks. Throws EUCLEAN if it is damaged. */
export function firstName(block: Uint8Array): Uint8Array {
  const count = direntCount(block)
  const start = nameStart(block, 0, count)
  return block.slice(start, nameEnd(block, 0, count, start))
}

/**
 * The entry of this name by binary search in one block, or undefined.
 *
 * Checks only what it uses: throws EUCLEAN when an entry that it looks at is damaged. In a block with unsorted
 * names it may miss the entry, never find a wrong one.
 */
export function findDirent(block: Uint8Array, name: Uint8Array): RawDirent | undefined {
  const count = direntCount(block)
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    const start = nameStart(block, middle, count)
    const order = compareAt(block, start, nameEnd(block, middle, count, start), name)
    if (order === 0) {
      return { name: name.slice(), nid: direntNid(block, middle), type: direntType(block, middle) }
    }
    if (order < 0) low = middle + 1
    else high = middle
  }
  return undefined
}

/** Number of entries, which the first name offset tells. */
function direntCount(block: Uint8Array): number {
  if (block.length < DIRENT_SIZE) throw corrupted("directory block is too short", { offset: 0 })
  const offset = readU16(block, 8)
  if (offset < DIRENT_SIZE || offset % DIRENT_SIZE !== 0 || offset >= block.length) {
    throw corrupted(`first name offset ${offset} of a directory block is wrong`, { offset: 8 })
  }
  return offset / DIRENT_SIZE
}

/** Where the name of an entry begins; inside the block and behind all entries. */
function nameStart(block: Uint8Array, index: number, count: number): number {
  const at = index * DIRENT_SIZE + 8
  const start = readU16(block, at)
  if (start < count * DIRENT_SIZE || start >= block.length) {
    throw corrupted(`dirent name offset ${start} is wrong`, { offset: at })
  }
  return start
}

/** Where the name that begins at `start` ends: at the next one; the last at a NUL or with the block. */
function nameEnd(block: Uint8Array, index: number, count: number, start: number): number {
  const end = index + 1 < count ? nameStart(block, index + 1, count) : lastNameEnd(block, start)
  if (end <= start || end - start > MAX_NAME_LENGTH) {
    throw corrupted(`dirent name length ${end - start} is out of range`, { offset: start })
  }
  return end
}

/** Padding behind the last name is stripped before its length counts. */
function lastNameEnd(block: Uint8Array, start: number): number {
  // One byte more than a name may have is enough to tell that it is too long.
  const limit = Math.min(block.length, start + MAX_NAME_LENGTH + 1)
  let end = start
  while (end < limit && block[end] !== 0) end++
  return end
}

/** compareNames(block[start..end], block[otherStart..otherEnd]) without views. */
function compareWithin(
  block: Uint8Array,
  start: number,
  end: number,
  otherStart: number,
  otherEnd: number,
): number {
  const length = Math.min(end - start, otherEnd - otherStart)
  for (let at = 0; at < length; at++) {
    const difference = (block[start + at] as number) - (block[otherStart + at] as number)
    if (difference !== 0) return difference
  }
  return end - start - (otherEnd - otherStart)
}

/** compareNames(block[start..end], name) without a view. */
function compareAt(block: Uint8Array, start: number, end: number, name: Uint8Array): number {
  const length = Math.min(end - start, name.length)
  for (let at = 0; at < length; at++) {
    const difference = (block[start + at] as number) - (name[at] as number)
    if (difference !== 0) return difference
  }
  return end - start - name.length
}

function direntNid(block: Uint8Array, index: number): Nid {
  const at = index * DIRENT_SIZE
  return nidFromWords(readU32(block, at), readU32(block, at + 4))
}

function direntType(block: Uint8Array, index: number): number {
  const type = block[index * DIRENT_SIZE + 10] as number
  return type > MAX_FILE_TYPE ? 0 : type
}
