// SPDX-License-Identifier: MIT
/** LZ4 blocks made sequence by sequence, and the plainest possible reading of them. */

export interface Sequence {
  literals: Uint8Array
  offset: number
  /** Length of the match, at least 4. */
  length: number
}

const MIN_MATCH = 4
const NIBBLE_MAX = 15
const BYTE_MAX = 255

/** The block of `sequences` and the `last` literals. Offsets may lie; nothing is checked. */
export function buildBlock(sequences: Sequence[], last: Uint8Array): Uint8Array {
  const parts: number[] = []
  const extend = (length: number): void => {
    for (length -= NIBBLE_MAX; length >= BYTE_MAX; length -= BYTE_MAX) parts.push(BYTE_MAX)
    if (length >= 0) parts.push(length)
  }
  const start = (literals: Uint8Array, length: number): void => {
    parts.push((Math.min(literals.length, NIBBLE_MAX) << 4) | Math.min(length, NIBBLE_MAX))
    extend(literals.length)
    for (const byte of literals) parts.push(byte)
  }
  for (const { literals, offset, length } of sequences) {
    start(literals, length - MIN_MATCH)
    parts.push(offset & BYTE_MAX, offset >> 8)
    extend(length - MIN_MATCH)
  }
  start(last, 0)
  return Uint8Array.from(parts)
}

export interface Expansion {
  /** What comes out, up to `limit` bytes or to the first sequence that makes no sense. */
  output: Uint8Array
  /** Whether a match had offset 0, which the format forbids; the output stops before it. */
  hasZeroOffset: boolean
  /** The token behind the match that filled the output to its last byte, if that is how it ended. */
  nextToken: number | undefined
}

/** Reads `block` byte by byte and makes at most `limit` bytes. Knows no end-of-block rules. */
export function expand(block: Uint8Array, limit: number): Expansion {
  const output = new Uint8Array(limit)
  let ip = 0
  let op = 0
  const result = (hasZeroOffset = false, nextToken?: number): Expansion => ({
    output: output.subarray(0, op),
    hasZeroOffset,
    nextToken,
  })
  const next = (): number => block[ip++] ?? Number.NaN
  const extended = (nibble: number): number => {
    if (nibble !== NIBBLE_MAX) return nibble
    for (let more = BYTE_MAX; more === BYTE_MAX; nibble += more) more = next()
    return nibble
  }
  while (ip < block.length) {
    const token = next()
    const literals = extended(token >> 4)
    for (let i = 0; i < literals; i++) {
      if (op === limit || ip >= block.length) return result()
      output[op++] = next()
    }
    if (Number.isNaN(literals) || op === limit || ip === block.length) return result()
    const offset = next() + (next() << 8)
    if (offset === 0 && ip <= block.length) return result(true)
    const length = extended(token & NIBBLE_MAX) + MIN_MATCH
    if (ip > block.length || Number.isNaN(length) || offset > op) return result()
    for (let i = 0; i < length; i++) {
      if (op === limit) return result()
      output[op] = output[op - offset] as number
      op++
    }
    if (op === limit) return result(false, block[ip])
  }
  return result()
}

/** Random numbers that a seed repeats. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }

  /** A length that is mostly small, up to `most`. */
  length(most: number): number {
    return this.below(2 + this.below(this.below(4) === 0 ? most : Math.min(most, 40)))
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256))
  }

  /** Data of one of several kinds: noise, runs, words, one byte. */
  data(length: number): Uint8Array {
    const kind = this.below(4)
    if (kind === 0) return this.bytes(length)
    const out = new Uint8Array(length)
    if (kind === 1) return out.fill(this.below(256))
    const words = Array.from({ length: kind === 2 ? 4 : 200 }, () => this.bytes(1 + this.below(12)))
    for (let at = 0; at < length; ) {
      const word = words[this.below(words.length)] as Uint8Array
      out.set(word.subarray(0, length - at), at)
      at += word.length
    }
    return out
  }

  /** The sequences of a valid block. */
  sequences(count: number, mostLength: number): { sequences: Sequence[]; last: Uint8Array } {
    const sequences: Sequence[] = []
    let made = 0
    for (let i = 0; i < count; i++) {
      const literals = this.bytes(this.length(600) + Number(made === 0))
      made += literals.length
      const far = Math.min(made, 65535)
      const offset = 1 + this.below(this.below(3) === 0 ? far : Math.min(far, 40))
      const length = MIN_MATCH + this.length(mostLength)
      made += length
      sequences.push({ literals, offset, length })
    }
    // The last match starts at least 12 bytes before the end, and 5 literals are behind it.
    return { sequences, last: this.bytes(8 + this.length(40)) }
  }

  /** A block near a valid one: bits flipped, bytes replaced, a part removed, the end cut. */
  mutate(block: Uint8Array): Uint8Array {
    let out = block.slice()
    for (let edits = 1 + this.below(3); edits > 0 && out.length > 0; edits--) {
      // Half of the edits near the end, where the rules are.
      const near = this.below(2) === 0 ? out.length : Math.min(out.length, 30)
      const at = out.length - 1 - this.below(near)
      const kind = this.below(5)
      if (kind === 0) out[at] = this.below(256)
      else if (kind === 1) out[at] = (out[at] as number) ^ (1 << this.below(8))
      else if (kind === 2) out[at] = [0, 1, 15, 16, 240, 255][this.below(6)] as number
      else if (kind === 3) out = out.slice(0, at)
      else out = Uint8Array.from([...out.subarray(0, at), ...out.subarray(at + 1)])
    }
    return out
  }
}
