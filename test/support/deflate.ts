// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { constants, deflateRawSync, inflateRawSync } from "node:zlib"
import fc from "fast-check"

/** What zlib says about a stream. */
export interface Verdict {
  /** The whole output, if zlib accepts the stream. */
  output: Uint8Array | undefined
  /** Whether it does so and the stream ends in the last byte. */
  exact: boolean
}

/** Asks zlib, which may give out at most `most` bytes. */
export function judge(stream: Uint8Array, most = 4 << 20): Verdict {
  try {
    const answer = inflateRawSync(stream, { info: true, maxOutputLength: most }) as unknown as {
      buffer: Uint8Array
      engine: { bytesWritten: number }
    }
    return { output: answer.buffer, exact: answer.engine.bytesWritten === stream.length }
  } catch {
    return { output: undefined, exact: false }
  }
}

/** How a stream ends for a reader that follows it bit by bit. */
export interface Followed {
  /** What is out before the end, the first error, or `most` bytes. */
  output: Uint8Array
  /** Whether the final block ended, and in which byte (how many bytes were needed). */
  ended: boolean
  bytes: number
}

class Damaged extends Error {}

/** Follows RFC 1951 bit by bit, as slowly as plainly, to know what precedes an error. */
export function follow(stream: Uint8Array, most = 4 << 20): Followed {
  const output: number[] = []
  let position = 0
  const bits = (count: number): number => {
    let value = 0
    for (let i = 0; i < count; i++, position++) {
      if (position >= stream.length * 8) throw new Damaged()
      value |= (((stream[position >> 3] ?? 0) >> (position & 7)) & 1) << i
    }
    return value
  }
  const codeOf = (lengths: number[], lenient: boolean): Map<number, number> => {
    const codes = new Map<number, number>()
    let code = 0
    for (let length = 1; length <= 15; length++) {
      code <<= 1
      for (const [symbol, own] of lengths.entries()) {
        if (own === length) codes.set((1 << length) | code++, symbol)
      }
      if (code > 1 << length) throw new Damaged()
    }
    const single = codes.size === 0 || (codes.size === 1 && codes.has(2))
    if (code !== 1 << 15 && !(lenient && single)) throw new Damaged()
    return codes
  }
  const symbolOf = (codes: Map<number, number>): number => {
    let code = 1
    for (let length = 1; length <= 15; length++) {
      code = (code << 1) | bits(1)
      const symbol = codes.get(code)
      if (symbol !== undefined) return symbol
    }
    throw new Damaged()
  }
  const put = (byte: number): void => {
    output.push(byte)
    if (output.length >= most) throw new Damaged()
  }
  const dynamicCodes = (): [Map<number, number>, Map<number, number>] => {
    const [literals, distances, headers] = [bits(5) + 257, bits(5) + 1, bits(4) + 4]
    if (literals > 286 || distances > 30) throw new Damaged()
    const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    const headerLengths = new Array<number>(19).fill(0)
    for (const symbol of order.slice(0, headers)) headerLengths[symbol] = bits(3)
    const header = codeOf(headerLengths, false)
    const lengths: number[] = []
    while (lengths.length < literals + distances) {
      const symbol = symbolOf(header)
      let [value, repeats] = [symbol, 1]
      if (symbol === 16) {
        if (lengths.length === 0) throw new Damaged()
        ;[value, repeats] = [lengths.at(-1) ?? 0, 3 + bits(2)]
      } else if (symbol > 16) {
        ;[value, repeats] = [0, symbol === 17 ? 3 + bits(3) : 11 + bits(7)]
      }
      for (let i = 0; i < repeats; i++) lengths.push(value)
    }
    if (lengths.length > literals + distances || lengths[256] === 0) throw new Damaged()
    return [codeOf(lengths.slice(0, literals), true), codeOf(lengths.slice(literals), true)]
  }
  const fixedCodes = (): [Map<number, number>, Map<number, number>] => {
    const lengths = Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))
    return [codeOf(lengths, false), codeOf(new Array<number>(32).fill(5), false)]
  }
  const symbols = ([literals, distances]: [Map<number, number>, Map<number, number>]): void => {
    for (;;) {
      const symbol = symbolOf(literals)
      if (symbol === 256) return
      if (symbol < 256) {
        put(symbol)
        continue
      }
      if (symbol > 285) throw new Damaged()
      const index = symbol - 257
      const extra = index < 8 || index === 28 ? 0 : (index >> 2) - 1
      const base = index < 8 ? 3 + index : index === 28 ? 258 : ((4 + (index & 3)) << extra) + 3
      const length = base + bits(extra)
      const far = symbolOf(distances)
      if (far > 29) throw new Damaged()
      const farExtra = far < 4 ? 0 : (far >> 1) - 1
      const distance = (far < 4 ? far : (2 + (far & 1)) << farExtra) + 1 + bits(farExtra)
      if (distance > output.length) throw new Damaged()
      for (let i = 0; i < length; i++) put(output[output.length - distance] ?? 0)
    }
  }
  const stored = (): void => {
    position = (position + 7) & ~7
    const length = bits(16)
    if (bits(16) !== (length ^ 0xffff)) throw new Damaged()
    for (let i = 0; i < length; i++) put(bits(8))
  }
  let ended = false
  try {
    if (most === 0) throw new Damaged()
    while (!ended) {
      const final = bits(1)
      const type = bits(2)
      if (type === 0) stored()
      else if (type === 1) symbols(fixedCodes())
      else if (type === 2) symbols(dynamicCodes())
      else throw new Damaged()
      ended = final === 1
    }
  } catch (error) {
    if (!(error instanceof Damaged)) throw error
  }
  return { output: Uint8Array.from(output), ended, bytes: (position + 7) >> 3 }
}

/** Writes streams by hand, bit by bit. */
export class BitWriter {
  readonly #bytes: number[] = []
  #bit = 0

  /** Appends the lowest `count` bits of `value`, the lowest first. */
  bits(value: number, count: number): this {
    for (let i = 0; i < count; i++) {
      if (this.#bit === 0) this.#bytes.push(0)
      const last = this.#bytes.length - 1
      this.#bytes[last] = (this.#bytes[last] ?? 0) | (((value >> i) & 1) << this.#bit)
      this.#bit = (this.#bit + 1) & 7
    }
    return this
  }

  /** Appends a code of a canonical code with these lengths, its highest bit first. */
  symbol(lengths: number[], symbol: number): this {
    let code = 0
    const own = lengths[symbol] ?? 0
    for (let length = 1; length <= own; length++) {
      code <<= 1
      for (const [other, otherLength] of lengths.entries()) {
        if (otherLength === length && (length < own || other < symbol)) code++
      }
    }
    for (let i = own - 1; i >= 0; i--) this.bits(code >> i, 1)
    return this
  }

  /** Appends the header of a dynamic block, its code lengths written out without repeats. */
  dynamic(literals: number[], distances: number[], final = 1): this {
    this.bits(final, 1).bits(2, 2)
    this.bits(literals.length - 257, 5)
      .bits(distances.length - 1, 5)
      .bits(15, 4)
    // Sixteen lengths of four bits each; 16, 17 and 18 come first in the header's order.
    const header = Array.from({ length: 19 }, (_, i) => (i < 16 ? 4 : 0))
    for (let i = 0; i < 19; i++) this.bits(i < 3 ? 0 : 4, 3)
    for (const length of [...literals, ...distances]) this.symbol(header, length)
    return this
  }

  /** Appends bytes, bit by bit if need be. */
  bytes(bytes: Uint8Array): this {
    for (const byte of bytes) this.bits(byte, 8)
    return this
  }

  /** What is written so far with an empty stored block behind it, which ends at a byte's end. */
  emptyStored(): Uint8Array {
    this.bits(0, 3)
    while (this.#bit) this.bits(0, 1)
    return this.bytes(Uint8Array.of(0, 0, 0xff, 0xff)).done()
  }

  /** What is written so far, filled up with zero bits. */
  done(): Uint8Array {
    return Uint8Array.from(this.#bytes)
  }
}

const real = [
  readFileSync(process.execPath).subarray(1 << 20, 5 << 20),
  readFileSync(createRequire(import.meta.url).resolve("@types/node/fs.d.ts")),
]

/** Data of every kind: noise, few symbols, runs, short periods, real files, and mixtures. */
export function contents(most: number): fc.Arbitrary<Uint8Array> {
  const length = fc.oneof({ weight: 3, arbitrary: fc.nat(Math.min(most, 4000)) }, fc.nat(most))
  const seed = fc.integer()
  const one = fc
    .tuple(fc.nat(5), length, seed, fc.integer({ min: 1, max: 40 }))
    .map(([kind, size, start, period]) => {
      let state = start | 1
      const next = (): number => {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        return state >>> 0
      }
      if (kind >= 4) {
        const file = real[kind - 4] ?? real[0] ?? new Uint8Array()
        const from = next() % Math.max(1, file.length - size)
        return file.slice(from, from + size)
      }
      const bytes = new Uint8Array(size)
      for (let i = 0; i < size; i++) {
        if (kind === 0) bytes[i] = next()
        else if (kind === 1) bytes[i] = 97 + Math.min(next() % period, next() % period)
        else if (kind === 2) bytes[i] = i > 0 && next() % 50 ? (bytes[i - 1] ?? 0) : next()
        else bytes[i] = i >= period && next() % 200 ? (bytes[i - period] ?? 0) : next()
      }
      return bytes
    })
  return fc.oneof(
    { weight: 4, arbitrary: one },
    fc.array(one, { minLength: 2, maxLength: 4 }).map((parts) => Buffer.concat(parts).subarray(0, most)),
  )
}

/** Streams of zlib at every setting, some of them of many blocks, with what they hold. */
export function streams(most: number): fc.Arbitrary<{ data: Uint8Array; stream: Uint8Array }> {
  return fc
    .record({
      data: contents(most),
      level: fc.integer({ min: 0, max: 9 }),
      strategy: fc.nat(4),
      memLevel: fc.integer({ min: 1, max: 9 }),
      windowBits: fc.integer({ min: 9, max: 15 }),
      cuts: fc.oneof(fc.constant<number[]>([]), fc.array(fc.nat(most), { maxLength: 6 })),
      // Both end at a byte's end, so that such parts can be put in a row.
      finishFlush: fc.constantFrom(constants.Z_SYNC_FLUSH, constants.Z_FULL_FLUSH),
    })
    .map(({ data, cuts, finishFlush, ...options }) => {
      const parts: Uint8Array[] = []
      let at = 0
      for (const cut of cuts.filter((cut) => cut < data.length).sort((a, b) => a - b)) {
        parts.push(deflateRawSync(data.subarray(at, cut), { ...options, finishFlush }))
        at = cut
      }
      parts.push(deflateRawSync(data.subarray(at), options))
      return { data, stream: Buffer.concat(parts) }
    })
}
