// SPDX-License-Identifier: MIT
import type { AsyncSource } from "./source.js"

/** Reading a few bytes of a Blob takes a browser half a millisecond, and a whole window hardly longer. */
const WINDOW = 1 << 20
/** Bytes that are held apart while they are copied, at most. */
const PIECE = 4 << 20

/**
 * An image in a `Blob`: a `File` that was picked or dropped, what `fetch` brought, Node's `openAsBlob`, `Bun.file`. It
 * can be read asynchronously only, in windows of 1 MiB, and copies once, as a Blob cannot be read into given memory.
 * A file that changes on disk meanwhile is an error (EIO): the platform notices and refuses to read it.
 */
export function blobSource(blob: Blob): AsyncSource {
  const { size } = blob
  const source: AsyncSource = {
    size,
    granularity: WINDOW,
    async read(target, offset, { signal }) {
      const end = Math.min(offset + target.length, size)
      let at = offset
      while (at < end) {
        signal?.throwIfAborted()
        const piece = await blob.slice(at, Math.min(at + PIECE, end)).arrayBuffer()
        // Nobody waits for the bytes any more: the memory may be in use for others.
        signal?.throwIfAborted()
        target.set(new Uint8Array(piece, 0, Math.min(piece.byteLength, end - at)), at - offset)
        if (piece.byteLength === 0) break
        at += piece.byteLength
      }
      return Math.max(0, at - offset)
    },
  }
  return "name" in blob && typeof blob.name === "string" ? { ...source, name: blob.name } : source
}
