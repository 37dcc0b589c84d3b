// SPDX-License-Identifier: MIT
/** What tests use of `node:crypto`: SHA-256 at once, which `crypto.subtle` cannot do (it checks this one in a test). */
import { Buffer } from "buffer"

class Sha256 {
  readonly #pieces: Uint8Array[] = []

  update(piece: Uint8Array | string): this {
    this.#pieces.push(typeof piece === "string" ? new TextEncoder().encode(piece) : piece.slice())
    return this
  }

  digest(): Buffer
  digest(encoding: "hex"): string
  digest(encoding?: "hex"): Buffer | string {
    const digest = Buffer.from(sha256(concatenate(this.#pieces)), "hex")
    return encoding === undefined ? digest : digest.toString(encoding)
  }
}

export function createHash(algorithm: string): Sha256 {
  if (algorithm !== "sha256") throw new Error(`no ${algorithm} here`)
  return new Sha256()
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** The first 32 bits behind the point of the `power`-th roots of the first primes (FIPS 180-4). */
function rootsOfPrimes(count: number, power: number): number[] {
  const primes: number[] = []
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n)
  return primes.map((prime) => (prime ** (1 / power) % 1) * 2 ** 32)
}

const CONSTANTS = Int32Array.from(rootsOfPrimes(64, 3), (root) => root | 0)

function sha256(message: Uint8Array): string {
  const padded = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n)
  const state = Int32Array.from(rootsOfPrimes(8, 2), (root) => root | 0)
  const schedule = new Int32Array(64)
  for (let block = 0; block < padded.length; block += 64) compress(state, schedule, view, block)
  return [...state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("")
}

const rotate = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits))

function compress(state: Int32Array, w: Int32Array, view: DataView, block: number): void {
  for (let i = 0; i < 16; i++) w[i] = view.getInt32(block + 4 * i)
  for (let i = 16; i < 64; i++) {
    const [x, y] = [w[i - 15] as number, w[i - 2] as number]
    const small0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3)
    const small1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10)
    w[i] = (w[i - 16] as number) + small0 + (w[i - 7] as number) + small1
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  for (let i = 0; i < 64; i++) {
    const large1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const t1 = (h + large1 + ((e & f) ^ (~e & g)) + (CONSTANTS[i] as number) + (w[i] as number)) | 0
    const large0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const t2 = (large0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0]
  }
  ;[a, b, c, d, e, f, g, h].forEach((word, i) => {
    state[i] = (state[i] as number) + word
  })
}
