// SPDX-License-Identifier: MIT
import * as fc from "fast-check"

/** A run of plain text of one kind, made from a seed. */
export interface Piece {
  kind: (typeof kinds)[number]
  length: number
  seed: number
}

/** `repeat` copies from up to 64 KiB back, `period` from up to 40 bytes back. */
const kinds = ["random", "run", "words", "records", "repeat", "period"] as const
const words = "the image of an inode is read from block to block; extent, chunk and cluster\n".split(" ")

/** Bytes made of pieces, the same for the same pieces everywhere. */
export function makePlain(pieces: Piece[]): Uint8Array {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const { kind, length, seed } of pieces) {
    const random = generator(seed)
    const end = at + length
    const back = 1 + (random() % Math.max(1, Math.min(at, kind === "period" ? 40 : 1 << 16)))
    const run = random() % 3 ? 0 : random() & 255
    const start = at
    let word = ""
    for (; at < end; at++) {
      if (kind === "random") out[at] = random()
      else if (kind === "run") out[at] = run
      else if (kind === "words") {
        if (!word) word = `${words[random() % words.length]} `
        out[at] = word.charCodeAt(0)
        word = word.slice(1)
      } else if (kind === "records") {
        // Sixteen bytes each: a counter, a pointer with noise, flags.
        const inRecord = (at - start) % 16
        const record = (at - start) >> 4
        out[at] =
          inRecord < 4 ? record >> (8 * inRecord) : inRecord < 6 ? random() & 31 : inRecord < 8 ? 0x7f : 0
      } else out[at] = at < back ? seed : (out[at - back] as number)
    }
  }
  return out
}

/** Lists of pieces of at most `maximum` bytes together. */
export function plainPieces(maximum: number): fc.Arbitrary<Piece[]> {
  const length = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: maximum >> 2 }))
  const piece = fc.record({ kind: fc.constantFrom(...kinds), length, seed: fc.nat() })
  return fc.array(piece, { maxLength: 8 }).map((pieces) => {
    let left = maximum
    return pieces.map((one) => {
      const cut = Math.min(one.length, left)
      left -= cut
      return { ...one, length: cut }
    })
  })
}

/** Numbers of 32 bits, by xorshift. */
export function generator(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}
