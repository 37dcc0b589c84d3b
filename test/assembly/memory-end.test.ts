// SPDX-License-Identifier: MIT
/** Decoding into the pool's last frame: decoders look a little behind what they fill, and memory must not end there. */
import { deflateRawSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { OK } from "../../src/status.js"
import { BUILDS, PAGE, PoolCore } from "../support/pool-core.js"

/** Where the control block keeps the address behind the last frame. */
const END_WORD = (0x10000 + 52) >>> 2
type Decode = (...of: [...numbers: number[], isPartial: boolean]) => number

/** Frames of so many sizes in a row end at every place of a WebAssembly page that they can end at. */
const PAGES_A_WASM_PAGE = 16

/** A page that ends with a short run: its decoder looks at a whole vector from there on. */
const RUN = 7
const LAST_LITERALS = 5
const literals = Uint8Array.from(
  { length: PAGE - RUN - LAST_LITERALS },
  (_, i) => (i * 167 + (i >> 8)) & 0xff,
)
const tail = Uint8Array.of(1, 2, 3, 4, 5)
const page = Buffer.concat([literals, new Uint8Array(RUN).fill(literals.at(-1) as number), tail])

/** The page as an LZ4 block of two sequences. */
function lz4Block(): Uint8Array {
  const rest = literals.length - 15
  const lengths = [...new Array(Math.floor(rest / 255)).fill(255), rest % 255]
  return Buffer.concat([
    Uint8Array.of(0xf0 | (RUN - 4), ...lengths),
    literals,
    Uint8Array.of(1, 0, 0x50),
    tail,
  ])
}

describe.each(BUILDS)("the last frame of a pool, %s core", (build) => {
  const streams = [
    ["decodeLz4", lz4Block()],
    ["decodeDeflate", deflateRawSync(page, { level: 9 })],
  ] as const

  it.each(streams)("is filled by %s, wherever memory ends", (decoder, stream) => {
    for (let frames = 64; frames < 64 + 2 * PAGES_A_WASM_PAGE; frames++) {
      const { core, worker, memory } = PoolCore.create(build, { frames, spaces: 16 })
      const end = new Uint32Array(memory.buffer)[END_WORD] as number
      const target = end - PAGE
      const source = core.slotAt(worker, 0)
      new Uint8Array(memory.buffer).set(stream, source)
      const decode = (core as unknown as Record<typeof decoder, Decode>)[decoder]
      const status = decode(source, stream.length, target, PAGE, 0, (source + (1 << 20)) & ~63, false)
      expect(status, `${frames} frames`).toBe(OK)
      expect(Buffer.compare(new Uint8Array(memory.buffer, target, PAGE), page), `${frames} frames`).toBe(0)
    }
  })
})
