// SPDX-License-Identifier: MIT
/** SHA-256 of contents. The core hashes pages where they lie: WebCrypto cannot see shared memory. */
import type { Content } from "./content.js"
import type { Core } from "./core.js"
import { HASH_STATE_BYTES } from "./core-exports.js"
import type { Operation } from "./drive.js"
import type { Engine } from "./engine.js"
import { usePages } from "./fill.js"
import { PAGE_SIZE } from "./page.js"
import type { Proof } from "./proofs.js"

/** Bytes of a digest. */
export const DIGEST_BYTES = 32
const BLOCK_BYTES = 64
/** Behind the message: one bit, and its length in 8 bytes. */
const PADDING_BYTES = 9
/** Pages that are decoded at once. */
const WINDOW = 32
/** The state before the first byte. */
const INITIAL = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
)

/** Bytes of the proof of a content of so many bytes. */
export function proofBytes(size: number): number {
  return (Math.ceil(size / PAGE_SIZE) + 1) * HASH_STATE_BYTES
}

/**
 * The digest of a content, read from its own image past the pool. Writes the content's proof to `proof` if that is
 * given. `onProgress` is told how many bytes have been hashed.
 */
export function* hashContent(
  engine: Engine,
  content: Content,
  proof?: Proof,
  onProgress?: (bytes: number) => void,
): Operation<Uint8Array<ArrayBuffer>> {
  const { core } = engine
  const { size } = content
  const state = new Uint8Array(INITIAL.slice().buffer)
  proof?.set(state)
  const pages = Math.ceil(size / PAGE_SIZE)
  let digest = size === 0 ? endOf(core, state, new Uint8Array(0), 0) : undefined
  for (let page = 0; page < pages; ) {
    yield usePages(engine, content, page, Math.min(WINDOW, pages - page), (decoded) => {
      const count = decoded.length / PAGE_SIZE
      const end = page + count
      if (end === pages) digest = endOfContent(core, state, decoded, size - page * PAGE_SIZE, size)
      const states = core.hashPages(state, decoded)
      proof?.set(states, (page + 1) * HASH_STATE_BYTES)
      page = end
    })
    onProgress?.(Math.min(page * PAGE_SIZE, size))
  }
  return digest as Uint8Array<ArrayBuffer>
}

/** The digest of a content whose last `left` bytes are at the beginning of `decoded`, and what is before them in `state`. */
function endOfContent(
  core: Core,
  state: Uint8Array,
  decoded: Uint8Array,
  left: number,
  size: number,
): Uint8Array<ArrayBuffer> {
  const wholePages = Math.floor(left / PAGE_SIZE) * PAGE_SIZE
  const last = state.slice()
  // What follows reads from the decoded pages and writes elsewhere: the state of the caller stays.
  if (wholePages > 0) core.hashPages(last, decoded.subarray(0, wholePages))
  return endOf(core, last, decoded.subarray(wholePages, left), size)
}

/** The digest when only `tail`, less than a page, is missing from the state of a message of `size` bytes. */
function endOf(core: Core, state: Uint8Array, tail: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil((tail.length + PADDING_BYTES) / BLOCK_BYTES) * BLOCK_BYTES)
  padded.set(tail)
  padded[tail.length] = 0x80
  new DataView(padded.buffer).setBigUint64(padded.length - 8, BigInt(size) * 8n)
  const end = state.slice()
  core.hashBlocks(end, padded)
  const digest = new Uint8Array(DIGEST_BYTES)
  const words = new DataView(end.buffer)
  const view = new DataView(digest.buffer)
  for (let at = 0; at < DIGEST_BYTES; at += 4) view.setUint32(at, words.getUint32(at, true))
  return digest
}
