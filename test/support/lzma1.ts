// SPDX-License-Identifier: MIT
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"

interface Encoder {
  writeEndMarker(positionState: number): void
}
interface Lzma1 {
  compress(data: Uint8Array, mode: number): Uint8Array
  decompress(data: Uint8Array): Uint8Array
}

// Imported by file: the package's types are its sources, which do not pass our stricter checks, and the
// encoder, whose end marker has to be left out for MicroLZMA, is not among its exports.
const library = join(dirname(createRequire(import.meta.url).resolve("lzma1/package.json")), "lib")
const load = (file: string): Promise<unknown> => import(pathToFileURL(join(library, file)).href)
const { compress, decompress } = (await load("index.js")) as Lzma1
const { Encoder } = (await load("encoder.js")) as { Encoder: { prototype: Encoder } }

/** A .lzma file: properties, dictionary size (32 bits), length (64 bits), then the stream. */
const HEADER = 13
const DICTIONARY_AT = 1
const LENGTH_AT = 5
const DICTIONARY_MIN = 1 << 12

/** Encodes into MicroLZMA; `mode` 1 to 9. With `endMarker` the stream is one that EROFS does not have. */
export function encodeLzma1(plain: Uint8Array, mode: number, endMarker = false): Uint8Array {
  const { writeEndMarker } = Encoder.prototype
  if (!endMarker) Encoder.prototype.writeEndMarker = () => {}
  try {
    const file = compress(plain, mode)
    const stream = file.slice(HEADER)
    stream[0] = ~(file[0] as number)
    return stream
  } finally {
    Encoder.prototype.writeEndMarker = writeEndMarker
  }
}

/** The .lzma file for a valid MicroLZMA stream of `length` bytes of plain text. */
export function lzmaFile(stream: Uint8Array, length: number): Uint8Array {
  const file = new Uint8Array(HEADER + stream.length)
  file.set(stream, HEADER)
  file[0] = ~(stream[0] as number)
  file[HEADER] = 0
  const view = new DataView(file.buffer)
  // No larger than needed: lzma1 allocates a window of this size for every file.
  view.setUint32(DICTIONARY_AT, Math.max(length, DICTIONARY_MIN), true)
  view.setUint32(LENGTH_AT, length, true)
  return file
}

/** Decodes a .lzma file; not strict with damaged ones. */
export function decodeLzma1(file: Uint8Array): Uint8Array {
  return decompress(file)
}
