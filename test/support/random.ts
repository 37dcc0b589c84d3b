// SPDX-License-Identifier: MIT

/** Numbers that look random and are the same for the same seed on every machine (sfc32). */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** Seeds that differ in any part give unrelated numbers. */
  constructor(...seeds: number[]) {
    this.#a = 0x9e3779b9
    this.#b = 0x243f6a88
    this.#c = 0xb7e15162
    for (const seed of seeds) {
      this.#a = (this.#a ^ seed) >>> 0
      this.#b = (this.#b ^ Math.floor(seed / 2 ** 32)) >>> 0
      for (let i = 0; i < 12; i++) this.u32()
    }
  }

  /** A whole number of 32 bits. */
  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A whole number from 0 to below `limit`, which may be up to 2^53. */
  below(limit: number): number {
    if (limit <= 2 ** 32) return Math.floor((this.u32() / 2 ** 32) * limit)
    return Math.floor(((this.u32() * 2 ** 21 + (this.u32() >>> 11)) / 2 ** 53) * limit)
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** True in about `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  /** One of the items. There must be one. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }

  /** `length` bytes without a pattern. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length)
    const words = new Uint32Array(bytes.buffer, 0, length >>> 2)
    for (let i = 0; i < words.length; i++) words[i] = this.u32()
    for (let i = words.length * 4; i < length; i++) bytes[i] = this.u32()
    return bytes
  }
}
