// SPDX-License-Identifier: MIT
/** Layers of registries as a whole. */
import { createHash } from "node:crypto"
import type { Image } from "../image.js"
import { isDigest } from "../source/oci-reference.js"
import { isAsyncSource } from "../source/source.js"

/** Bytes read at a time. */
const PIECE = 1 << 20

/**
 * Reads the layer that an image is, from its first byte to its last, and compares it with its digest. Answers what is wrong
 * with it; undefined if nothing is, or if the image is no layer. `onBytes` is told how many more have been read.
 */
export async function layerDamage(
  { primary }: Image,
  onBytes: (count: number) => void,
): Promise<Error | undefined> {
  const { identity, size } = primary
  if (!isDigest(identity) || !isAsyncSource(primary)) return undefined
  const hash = createHash(identity.replace(/:.*$/, ""))
  const buffer = new Uint8Array(PIECE)
  const end = new AbortController()
  primary.expect?.(0, size, { signal: end.signal })
  try {
    for (let position = 0; position < size; ) {
      const count = await primary.read(buffer.subarray(0, size - position), position, {})
      if (count === 0) return new Error(`the layer ends after ${position} bytes`)
      hash.update(buffer.subarray(0, count))
      position += count
      onBytes(count)
    }
  } finally {
    end.abort()
  }
  const digest = identity.replace(/:.*$/, `:${hash.digest("hex")}`)
  return digest === identity
    ? undefined
    : new Error(`the layer has digest ${digest}, its manifest says ${identity}`)
}
