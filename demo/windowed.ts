// SPDX-License-Identifier: MIT
import type { AsyncSource } from "erofs-wasm"

const WINDOW = 1 << 20
/** Windows kept: files that are read in order lie in order, so that few are enough. */
const KEPT = 8

/**
 * A source that reads in windows of 1 MiB and keeps the last few. A browser takes about as long for a few bytes of a
 * local file as for a window, and images have many small files side by side.
 */
export function windowed(source: AsyncSource): AsyncSource {
  const windows = new Map<number, Promise<Uint8Array>>()

  const load = async (number: number): Promise<Uint8Array> => {
    const start = number * WINDOW
    const bytes = new Uint8Array(Math.min(WINDOW, source.size - start))
    const count = await source.read(bytes, start, {})
    return bytes.subarray(0, count)
  }
  const window = (number: number): Promise<Uint8Array> => {
    const bytes = windows.get(number) ?? load(number)
    // Set anew, it counts as used last.
    windows.delete(number)
    windows.set(number, bytes)
    bytes.catch(() => windows.delete(number))
    const [oldest] = windows.keys()
    if (windows.size > KEPT && oldest !== undefined) windows.delete(oldest)
    return bytes
  }
  return {
    ...source,
    async read(target, offset, { signal }) {
      if (target.length >= WINDOW) return source.read(target, offset, { signal })
      const end = Math.min(offset + target.length, source.size)
      for (let at = offset; at < end; ) {
        const number = Math.floor(at / WINDOW)
        const bytes = await window(number)
        // Nobody waits any more: the target may be in use for others.
        signal?.throwIfAborted()
        const piece = bytes.subarray(at - number * WINDOW, end - number * WINDOW)
        if (piece.length === 0) return at - offset
        target.set(piece, at - offset)
        at += piece.length
      }
      return Math.max(0, end - offset)
    },
  }
}
