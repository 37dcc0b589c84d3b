// SPDX-License-Identifier: MIT
import { ErofsError } from "../errors.js"
import { isAsyncSource, isSyncSource, type Source } from "./source.js"

/**
 * A part of another source, as a source: an image inside a larger file. `length` defaults to the rest.
 * Closing it closes the other one. Throws EINVAL if the part does not lie within the source.
 */
export function offsetSource(source: Source, offset: number, length = source.size - offset): Source {
  const isWhole = Number.isSafeInteger(offset) && Number.isSafeInteger(length)
  if (!isWhole || offset < 0 || length < 0 || offset + length > source.size) {
    throw new ErofsError("EINVAL", `bytes ${offset} to ${offset + length} are not within the source`)
  }
  const cut = (target: Uint8Array, at: number): Uint8Array => target.subarray(0, Math.max(0, length - at))
  const part: Record<string, unknown> = {
    size: length,
    name: source.name,
    granularity: source.granularity,
    isRemote: source.isRemote,
    get identity() {
      return source.identity && `${source.identity}\nbytes ${offset} to ${offset + length}`
    },
    ...(source.stats && { stats: () => source.stats?.() }),
    close: () => source.close?.(),
  }
  if (isSyncSource(source)) {
    part.readSync = (target: Uint8Array, at: number) => source.readSync(cut(target, at), offset + at)
  }
  if (isAsyncSource(source)) {
    part.read = (target: Uint8Array, at: number, options: { signal?: AbortSignal }) =>
      source.read(cut(target, at), offset + at, options)
    if (source.expect) {
      part.expect = (at: number, bytes: number, options?: { signal?: AbortSignal }) =>
        source.expect?.(offset + at, Math.min(bytes, length - at), options)
    }
  }
  return part as unknown as Source
}
