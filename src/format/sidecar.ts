// SPDX-License-Identifier: MIT
/**
 * Sidecars: the SHA-256 of every regular file of an image, in a file of their own, for images that carry no fingerprints.
 * Numbers are little-endian.
 *
 *   0    magic "EROFSFPR"
 *   8    version (u32): 1 | bytes of this header (u32): 64
 *   16   entries (u64) | bytes of the filesystem: its blocks times their size (u64)
 *   32   UUID of the image (16 bytes)
 *   48   checksum of its superblock, as stored there (u32) | CRC-32C of the superblock's 128 bytes (u32)
 *   56   zero (u32) | CRC-32C of the whole sidecar, this field as zero (u32)
 *   64   entries by ascending nid: nid (u64; bit 63 = in the metabox), SHA-256 (32 bytes)
 *
 * CRC-32C as in the superblock: without the final inversion.
 */
import { corrupted, ErofsError } from "../errors.js"
import { readU32, readU64 } from "./bytes.js"
import { crc32c } from "./crc32c.js"

const MAGIC = Uint8Array.from("EROFSFPR", (letter) => letter.charCodeAt(0))
const VERSION = 1
const HEADER_BYTES = 64
const SUM_FIELD = 60
export const SIDECAR_DIGEST_BYTES = 32
const ENTRY_BYTES = 8 + SIDECAR_DIGEST_BYTES
/** Where a superblock has them. */
const CHECKSUM_FIELD = 4
const UUID_FIELD = 48
const UUID_BYTES = 16

/** What a sidecar is bound to. */
export interface SidecarIdentity {
  /** The superblock, as on disk. */
  superblock: Uint8Array
  /** Bytes of the filesystem. */
  bytes: number
}

/** One file. */
export interface SidecarEntry {
  /** With bit 63 for the metabox, as on disk. */
  nid: bigint
  digest: Uint8Array
}

/** The digests of an image's files. */
export class Sidecar {
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #count: number

  /** Takes the bytes over. Throws EUCLEAN for what is no sidecar or a damaged one, ENOTSUP for a version that is too new. */
  constructor(bytes: Uint8Array) {
    if (bytes.length < HEADER_BYTES || !MAGIC.every((letter, i) => bytes[i] === letter)) {
      throw corrupted("not a sidecar of fingerprints")
    }
    if (readU32(bytes, 8) !== VERSION) {
      throw new ErofsError("ENOTSUP", `sidecar of version ${readU32(bytes, 8)}`)
    }
    const count = readU64(bytes, 16)
    const isWhole = BigInt(bytes.length) === BigInt(HEADER_BYTES) + count * BigInt(ENTRY_BYTES)
    if (!isWhole || readU32(bytes, 12) !== HEADER_BYTES) {
      throw corrupted("sidecar is cut short or has bytes too many")
    }
    if (sumOf(bytes) !== readU32(bytes, SUM_FIELD)) throw corrupted("checksum of the sidecar is wrong")
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#count = Number(count)
    for (let i = 1; i < this.#count; i++) {
      if (this.#nid(i - 1) >= this.#nid(i)) throw corrupted("entries of the sidecar are out of order")
    }
  }

  /** Files that it knows. */
  get count(): number {
    return this.#count
  }

  /** Throws EINVAL, saying why, if it was made for another image. */
  requireFor(image: SidecarIdentity): void {
    const own = headerOf(image, 0)
    const differs = (from: number, to: number): boolean =>
      own.subarray(from, to).some((byte, i) => byte !== this.#bytes[from + i])
    const reason = differs(32, 48)
      ? "another UUID"
      : differs(24, 32)
        ? "another size"
        : differs(48, 56)
          ? "another superblock"
          : undefined
    if (reason) throw new ErofsError("EINVAL", `the sidecar belongs to an image with ${reason}`)
  }

  /** The SHA-256 of a file; undefined if it is not known. */
  find(nid: bigint): Uint8Array | undefined {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#nid(middle) < nid) low = middle + 1
      else high = middle
    }
    if (low === this.#count || this.#nid(low) !== nid) return undefined
    const at = HEADER_BYTES + low * ENTRY_BYTES + 8
    return this.#bytes.subarray(at, at + SIDECAR_DIGEST_BYTES)
  }

  #nid(entry: number): bigint {
    return this.#view.getBigUint64(HEADER_BYTES + entry * ENTRY_BYTES, true)
  }
}

/** The bytes of a sidecar. Entries come in any order, each nid once. */
export function writeSidecar(
  image: SidecarIdentity,
  entries: readonly SidecarEntry[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + entries.length * ENTRY_BYTES)
  bytes.set(headerOf(image, entries.length))
  const view = new DataView(bytes.buffer)
  const sorted = [...entries].sort((a, b) => (a.nid < b.nid ? -1 : 1))
  for (const [i, { nid, digest }] of sorted.entries()) {
    const at = HEADER_BYTES + i * ENTRY_BYTES
    view.setBigUint64(at, nid, true)
    bytes.set(digest, at + 8)
  }
  view.setUint32(SUM_FIELD, sumOf(bytes), true)
  return bytes
}

function headerOf({ superblock, bytes }: SidecarIdentity, count: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES)
  const view = new DataView(header.buffer)
  header.set(MAGIC)
  view.setUint32(8, VERSION, true)
  view.setUint32(12, HEADER_BYTES, true)
  view.setBigUint64(16, BigInt(count), true)
  view.setBigUint64(24, BigInt(bytes), true)
  header.set(superblock.subarray(UUID_FIELD, UUID_FIELD + UUID_BYTES), 32)
  view.setUint32(48, readU32(superblock, CHECKSUM_FIELD), true)
  view.setUint32(52, crc32c(superblock), true)
  return header
}

/** The checksum of a sidecar, its own field as zero. */
function sumOf(bytes: Uint8Array): number {
  const before = crc32c(bytes.subarray(0, SUM_FIELD))
  return crc32c(bytes.subarray(SUM_FIELD + 4), crc32c(new Uint8Array(4), before))
}
