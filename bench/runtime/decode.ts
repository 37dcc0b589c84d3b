// SPDX-License-Identifier: MIT
/** Decoding LZ4 pieces with the core, against the clock: runs in every runtime, so it imports nothing. */

/** What is decoded: all pieces behind each other, their lengths (encoded, decoded), and what must come out. */
export interface Work {
  wasm: Uint8Array<ArrayBuffer>
  encoded: Uint8Array<ArrayBuffer>
  /** Encoded and decoded length of each piece, in turn. */
  lengths: Uint32Array<ArrayBuffer>
  expected: Uint8Array<ArrayBuffer>
}

type Decode = (
  source: number,
  sourceLength: number,
  target: number,
  targetLength: number,
  slack: number,
  workspace: number,
  partial: boolean,
) => number

const WASM_PAGE = 65_536
/** Bytes behind a target that a decoder may overwrite: what follows is decoded next. */
const SLACK = 128
const WORKSPACE = 1 << 16
const SOURCES = 1 << 20

/** All pieces in the memory of one instance of the core. */
export class Decoder {
  readonly #decode: Decode
  readonly #lengths: Uint32Array
  readonly #target: number

  private constructor(decode: Decode, lengths: Uint32Array, target: number) {
    this.#decode = decode
    this.#lengths = lengths
    this.#target = target
  }

  /** Throws if what comes out is not what is expected. */
  static async create({ wasm, encoded, lengths, expected }: Work): Promise<Decoder> {
    const target = Math.ceil((SOURCES + encoded.length) / 4096) * 4096
    const pages = Math.ceil((target + expected.length + SOURCES) / WASM_PAGE)
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    const bytes = new Uint8Array(memory.buffer)
    bytes.set(encoded, SOURCES)
    const { instance } = await WebAssembly.instantiate(wasm, { env: { memory } })
    const decoder = new Decoder(instance.exports.decodeLz4 as Decode, lengths, target)
    decoder.#pass()
    for (let i = 0; i < expected.length; i++) {
      if (bytes[target + i] !== expected[i]) throw new Error(`byte ${i} is wrong`)
    }
    return decoder
  }

  /** Milliseconds of the best of the passes that fit into a time. */
  best(milliseconds: number): number {
    let best = Number.POSITIVE_INFINITY
    for (const end = performance.now() + milliseconds; performance.now() < end; ) {
      const start = performance.now()
      this.#pass()
      best = Math.min(best, performance.now() - start)
    }
    return best
  }

  #pass(): void {
    const decode = this.#decode
    const lengths = this.#lengths
    let from = SOURCES
    let to = this.#target
    for (let i = 0; i < lengths.length; i += 2) {
      const length = lengths[i] as number
      const status = decode(from, length, to, lengths[i + 1] as number, SLACK, WORKSPACE, false)
      if (status !== 0) throw new Error(`piece ${i / 2}: status ${status}`)
      from += length
      to += lengths[i + 1] as number
    }
  }
}
