// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs"

/** The builds of the core that the same test body runs over. */
export const variants = ["shared", "plain", "debug"] as const
export type Variant = (typeof variants)[number]

export type Decoder = "decodeLz4" | "decodeDeflate" | "decodeLzma" | "decodeZstd"
type Decode = (
  source: number,
  sourceLength: number,
  target: number,
  targetLength: number,
  slack: number,
  workspace: number,
  partial: boolean,
) => number

export interface Decoded {
  status: number
  /** A copy of the target, whatever the status. */
  output: Uint8Array
  /** Whether every byte around target and slack, and the source itself, kept its value. */
  guardsIntact: boolean
}

const GUARD = 64
const WORKSPACE = 1 << 20
const SOURCE = 2 << 20
const GUARD_BYTE = 0xa5

/** A decoder of one build of the core in a memory of its own, with guard zones around the target. */
export class CodecHarness {
  readonly bytes: Uint8Array
  readonly #decode: Decode

  constructor(variant: Variant, decoder: Decoder, megabytes = 64) {
    const pages = megabytes * 16
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: variant !== "plain" })
    const file = new URL(`../../build/core.${variant}.wasm`, import.meta.url)
    const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), { env: { memory } })
    this.#decode = instance.exports[decoder] as Decode
    this.bytes = new Uint8Array(memory.buffer)
  }

  /** Decodes `source`, placed at `2 MiB + misalign`, into a target of `targetLength` bytes with guards. */
  decode(
    source: Uint8Array,
    targetLength: number,
    { partial = false, slack = 0, misalign = 0 } = {},
  ): Decoded {
    const from = SOURCE + misalign
    const target = alignUp(from + source.length + 4096, 64) + misalign
    const end = target + targetLength + slack
    if (end + targetLength + 4096 > this.bytes.length) throw new RangeError("harness memory too small")
    const bytes = this.bytes
    bytes.fill(GUARD_BYTE, from - GUARD, from)
    bytes.set(source, from)
    bytes.fill(GUARD_BYTE, from + source.length, end + GUARD)
    const status = this.#decode(from, source.length, target, targetLength, slack, WORKSPACE, partial)
    const guardsIntact =
      allGuard(bytes, from - GUARD, from) &&
      same(bytes, from, source) &&
      allGuard(bytes, target - GUARD, target) &&
      allGuard(bytes, end, end + GUARD)
    return { status, output: bytes.slice(target, target + targetLength), guardsIntact }
  }
}

function alignUp(value: number, to: number): number {
  return Math.ceil(value / to) * to
}

function allGuard(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== GUARD_BYTE) return false
  return true
}

function same(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false
  return true
}
