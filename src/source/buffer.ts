// SPDX-License-Identifier: MIT
import type { SyncSource } from "./source.js"

/** An image that lies in memory. The bytes are not copied and must not change while the image is open. */
export function bufferSource(bytes: Uint8Array | ArrayBuffer | SharedArrayBuffer): SyncSource {
  const all = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)
  return {
    size: all.length,
    readSync(target, offset) {
      const piece = all.subarray(offset, offset + target.length)
      target.set(piece)
      return piece.length
    },
  }
}
