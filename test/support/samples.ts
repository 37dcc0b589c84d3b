// SPDX-License-Identifier: MIT

/** A small generator of repeatable numbers (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const sampleKinds = ["noise", "words", "records", "skewed", "runs", "zeros", "mixed"] as const
export type SampleKind = (typeof sampleKinds)[number]

/** Repeatable data of one kind, as unlike each other to a compressor as possible. */
export function sample(kind: SampleKind, length: number, seed: number): Uint8Array {
  const random = randomOf(seed)
  const pick = (count: number) => Math.floor(random() * count)
  const out = new Uint8Array(length)
  let at = 0
  switch (kind) {
    case "noise":
      for (; at < length; at++) out[at] = pick(256)
      break
    case "words": {
      const words = Array.from({ length: 300 }, () =>
        Array.from({ length: 2 + pick(9) }, () => 97 + Math.floor(26 * random() ** 2)),
      )
      while (at < length) {
        for (const letter of words[Math.floor(words.length * random() ** 2)] ?? []) {
          if (at < length) out[at++] = letter
        }
        if (at < length) out[at++] = random() < 0.1 ? 10 : 32
      }
      break
    }
    case "records": {
      const width = 8 + pick(40)
      for (; at < length; at++) {
        const field = at % width
        out[at] =
          field < 4 ? (Math.floor(at / width) >> (8 * field)) & 255 : field < width / 2 ? field : pick(7)
      }
      break
    }
    case "skewed":
      for (; at < length; at++) out[at] = Math.floor(-Math.log(1 - random()) * 6) & 255
      break
    case "runs":
      while (at < length) {
        const value = pick(256)
        for (let left = 1 + Math.floor(200 * random() ** 3); left && at < length; left--) out[at++] = value
      }
      break
    case "zeros":
      break
    case "mixed":
      while (at < length) {
        const kinds = sampleKinds.slice(0, -1)
        const piece = sample(
          kinds[pick(kinds.length)] ?? "noise",
          Math.min(length - at, 1 + pick(4000)),
          pick(2 ** 31),
        )
        out.set(piece, at)
        at += piece.length
      }
  }
  return out
}
