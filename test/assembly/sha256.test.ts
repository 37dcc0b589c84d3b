// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { BUILDS, type Build, instantiate, memoryFor, PAGE } from "../support/pool-core.js"

const INITIAL = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]
const STATE = 0x10000
const STATES = 0x11000
const DATA = 0x12003

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

/** A message with what FIPS 180-4 puts behind it: whole blocks. */
function padded(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64)
  bytes.set(message)
  bytes[message.length] = 0x80
  new DataView(bytes.buffer).setBigUint64(bytes.length - 8, BigInt(message.length) * 8n)
  return bytes
}

function coreOf(build: Build) {
  const memory = memoryFor(build, 64)
  const core = instantiate(build, memory)
  const bytes = new Uint8Array(memory.buffer)
  const state = new Uint32Array(memory.buffer, STATE, 8)
  const digest = () => [...state].map((word) => word.toString(16).padStart(8, "0")).join("")
  return { core, bytes, state, digest }
}

describe.each(BUILDS)("SHA-256, %s build", (build) => {
  const { core, bytes, state, digest } = coreOf(build)

  const hash = (message: Uint8Array, cuts: number[] = []): string => {
    const blocks = padded(message)
    bytes.set(blocks, DATA)
    state.set(INITIAL)
    let done = 0
    for (const cut of [
      ...cuts.map((c) => Math.floor((c * blocks.length) / 6400)).sort((a, b) => a - b),
      blocks.length / 64,
    ]) {
      core.sha256Blocks(STATE, DATA + done * 64, cut - done)
      done = cut
    }
    return digest()
  }

  it("of the standard's examples", () => {
    const encoder = new TextEncoder()
    expect(hash(encoder.encode("abc"))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    )
    expect(hash(new Uint8Array(0))).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    expect(hash(encoder.encode("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))).toBe(
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    )
    expect(hash(new Uint8Array(1_000_000).fill(0x61))).toBe(
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    )
  })

  it("is that of node:crypto for any message, in any pieces", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 5000, size: "max" }),
        fc.array(fc.nat(100), { maxLength: 5 }),
        (message, cuts) => {
          expect(hash(message, cuts)).toBe(sha256(message))
        },
      ),
      { numRuns: 300 },
    )
  })

  it("of every length around a block's end", () => {
    for (let length = 0; length < 200; length++) {
      const message = Uint8Array.from({ length }, (_, i) => i * 7)
      expect(hash(message)).toBe(sha256(message))
    }
  })

  it("gives the state after every page", () => {
    const pages = Uint8Array.from({ length: 3 * PAGE }, (_, i) => (i * i) >> 5)
    bytes.set(pages, DATA)
    const expected: number[][] = []
    state.set(INITIAL)
    for (let page = 0; page < 3; page++) {
      core.sha256Blocks(STATE, DATA + page * PAGE, PAGE / 64)
      expected.push([...state])
    }
    state.set(INITIAL)
    core.sha256Pages(STATE, DATA, 3, PAGE, STATES)
    expect([...state]).toEqual(expected[2])
    expect([...new Uint32Array(bytes.buffer, STATES, 24)]).toEqual(expected.flat())
  })
})
