// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"

/** What the module of the package lz4-wasm exports; the glue around it works in bundlers only. */
interface Exports {
  memory: WebAssembly.Memory
  compress(result: number, address: number, length: number): void
  decompress(result: number, address: number, length: number): void
  __wbindgen_add_to_stack_pointer(bytes: number): number
  __wbindgen_malloc(length: number): number
  __wbindgen_free(address: number, length: number): void
}

/** Bytes of the decoded length that the package puts in front of a block. */
export const LENGTH_BYTES = 4
const RESULT_BYTES = 16

/** The npm package lz4-wasm, loaded by its bytes: an independent encoder and decoder of LZ4 blocks. */
export class Lz4Wasm {
  readonly #module: WebAssembly.Module
  #exports: Exports
  #bytes: Uint8Array
  #message = ""

  constructor() {
    const file = createRequire(import.meta.url).resolve("lz4-wasm/lz4_wasm_bg.wasm")
    this.#module = new WebAssembly.Module(readFileSync(file))
    this.#exports = this.#instantiate()
    this.#bytes = new Uint8Array(this.#exports.memory.buffer)
  }

  /** The block that holds `data`. */
  encode(data: Uint8Array): Uint8Array {
    return this.encodePrefixed(data).subarray(LENGTH_BYTES)
  }

  /** The block that holds `data`, behind its decoded length. */
  encodePrefixed(data: Uint8Array): Uint8Array {
    return this.#run("compress", data)
  }

  /** What `block` decodes to; throws unless that is `length` bytes. */
  decode(block: Uint8Array, length: number): Uint8Array {
    const prefixed = new Uint8Array(LENGTH_BYTES + block.length)
    new DataView(prefixed.buffer).setUint32(0, length, true)
    prefixed.set(block, LENGTH_BYTES)
    const decoded = this.decodePrefixed(prefixed)
    if (decoded.length !== length) throw new Error(`decodes to ${decoded.length} bytes, not ${length}`)
    return decoded
  }

  /** What a block behind its decoded length decodes to: the package's `decompress`. */
  decodePrefixed(prefixed: Uint8Array): Uint8Array {
    return this.#run("decompress", prefixed)
  }

  #run(name: "compress" | "decompress", input: Uint8Array): Uint8Array {
    const { __wbindgen_add_to_stack_pointer: move, __wbindgen_malloc: allocate } = this.#exports
    try {
      const result = move(-RESULT_BYTES)
      const address = allocate(input.length)
      this.#current().set(input, address)
      this.#exports[name](result, address, input.length)
      const view = new DataView(this.#exports.memory.buffer)
      const [at, length] = [view.getUint32(result, true), view.getUint32(result + 4, true)]
      const failed = name === "decompress" && view.getUint32(result + 12, true) !== 0
      move(RESULT_BYTES)
      if (failed) throw new Error(this.#message)
      const output = this.#current().slice(at, at + length)
      this.#exports.__wbindgen_free(at, length)
      return output
    } catch (error) {
      // A panic leaves the instance unusable.
      if (error instanceof WebAssembly.RuntimeError) this.#exports = this.#instantiate()
      throw error
    }
  }

  #current(): Uint8Array {
    const { buffer } = this.#exports.memory
    if (this.#bytes.buffer !== buffer) this.#bytes = new Uint8Array(buffer)
    return this.#bytes
  }

  #instantiate(): Exports {
    const imports = {
      "./lz4_wasm_bg.js": {
        __wbindgen_string_new: (address: number, length: number): number => {
          this.#message = new TextDecoder().decode(this.#current().subarray(address, address + length))
          return 0
        },
      },
    }
    return new WebAssembly.Instance(this.#module, imports).exports as unknown as Exports
  }
}
