// SPDX-License-Identifier: MIT
/** Our LZ4 decoder against the installed liblz4 and what the `lz4` command makes. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { afterAll, describe, expect, it } from "vitest"
import { CodecHarness, variants } from "../support/codec.js"
import { buildBlock, expand, Random } from "../support/lz4-blocks.js"
import { type Block, compiler, Lz4Native, liblz4 } from "../support/lz4-native.js"
import { Lz4Wasm } from "../support/lz4-wasm.js"

const OK = 0
const BAD_STREAM = 1
const { CODEC_RUNS, CODEC_SEED = 1 } = process.env
/** Blocks per build of the core; raise it for a long run. */
const RUNS = Number(CODEC_RUNS ?? 6000)
const SEED = Number(CODEC_SEED)
const RUN_TIMEOUT = 20_000 + RUNS * 20
/** Blocks in one file for the native program. */
const BATCH = 2000
const SLACKS = [0, 128]
const LAST_LITERALS = 5
const NIBBLE_MAX = 15
/** The version whose verdicts ours are modelled on. */
const MODEL = 10904

const native = compiler && liblz4 ? new Lz4Native() : undefined
const encoder = new Lz4Wasm()
const real = readFileSync(process.execPath).subarray(1 << 20, 2 << 20)

/** A small block whose end is near, or just over, what the rules allow. */
function nearTheEnd(random: Random): Uint8Array {
  const { sequences } = random.sequences(1 + random.below(4), 30)
  const literals = random.bytes(random.below(20))
  const short = { literals, offset: 1 + random.below(30), length: 4 + random.below(15) }
  return buildBlock(random.below(2) ? [...sequences, short] : sequences, random.bytes(random.below(16)))
}

/** Any block, sound or damaged, and a length that it may or may not have. */
function anyBlock(random: Random): Block {
  const kind = random.below(5)
  let source: Uint8Array
  if (kind === 0) source = encoder.encode(random.data(random.length(3000)))
  else if (kind === 1)
    source = encoder.encode(real.subarray(random.below(real.length)).subarray(0, random.length(6000)))
  else if (kind === 2) {
    const { sequences, last } = random.sequences(1 + random.below(30), random.below(8) ? 400 : 20_000)
    source = buildBlock(sequences, last)
  } else source = nearTheEnd(random)
  if (random.below(3) > 0) source = random.mutate(source)
  const natural = expand(source, 1 << 18).output.length
  const lengths = [
    natural,
    natural,
    natural,
    natural + 1,
    natural - 1,
    random.below(1 + natural),
    natural - random.below(40),
  ]
  const targetLength = Math.max(0, lengths[random.below(lengths.length)] as number)
  return { source, targetLength, partial: random.below(3) === 0 }
}

/** What a failing case needs to be repeated. */
function describeBlock({ source, targetLength, partial }: Block): string {
  return `${targetLength} bytes, partial ${partial}, source ${Buffer.from(source).toString("hex")}`
}

/** The blocks of an LZ4 frame with independent blocks; uncompressed ones are left out. */
function blocksOfFrame(frame: Uint8Array): Uint8Array[] {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const [magic, descriptor, uncompressed] = [0x184d2204, 7, 0x80000000]
  expect(view.getUint32(0, true)).toBe(magic)
  const blocks: Uint8Array[] = []
  for (let at = descriptor; ; ) {
    const size = view.getUint32(at, true)
    at += 4
    if (size === 0) return blocks
    const length = size & ~uncompressed
    if (size === length) blocks.push(frame.subarray(at, at + length))
    at += length
  }
}

const command = ((): boolean => {
  try {
    execFileSync("lz4", ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})()

afterAll(() => native?.dispose())

describe.each(variants)("LZ4 in the %s core, beside liblz4", (variant) => {
  const core = new CodecHarness(variant, "decodeLz4")

  /** Compares all verdicts; gives how many blocks were accepted, refused, and refused for offset 0 alone. */
  function compare(blocks: Block[]): { accepted: number; refused: number; zeroOffset: number } {
    if (!native) throw new Error("no native program")
    const counts = { accepted: 0, refused: 0, zeroOffset: 0 }
    native.decode(blocks).forEach(({ result, output: expected }, i) => {
      const block = blocks[i] as Block
      const { source, targetLength, partial } = block
      const { hasZeroOffset, output: expanded, nextToken } = expand(source, targetLength)
      const nativeOk = result === targetLength
      for (const slack of SLACKS) {
        const { status, output, guardsIntact } = core.decode(source, targetLength, {
          slack,
          partial,
          misalign: i % 16,
        })
        const fail = (what: string): never => expect.fail(`${what}: slack ${slack}, ${describeBlock(block)}`)
        if (!guardsIntact) fail("stray write")
        if (hasZeroOffset) {
          // The format forbids it; liblz4 makes zeros of it, or leaves what lay in the target.
          if (status !== BAD_STREAM) fail("offset 0 accepted")
          continue
        }
        if (nativeOk && status !== OK) fail("refused, liblz4 accepts")
        if (status === OK) {
          if (Buffer.compare(output, nativeOk ? expected : expanded) !== 0) fail("wrong bytes")
          // In partial mode liblz4 reads on behind a short match that fills the target, and trips over a
          // literal length that does not end.
          const readsOn = partial && nextToken !== undefined && nextToken >> 4 === NIBBLE_MAX
          if (!nativeOk && !readsOn) fail(`accepted, liblz4 gives ${result}`)
        }
      }
      if (hasZeroOffset && nativeOk) counts.zeroOffset++
      else if (nativeOk) counts.accepted++
      else counts.refused++
    })
    return counts
  }

  it.skipIf(native?.version !== MODEL)(
    `accepts and refuses what liblz4 does (needs a C compiler and liblz4 ${MODEL})`,
    { timeout: RUN_TIMEOUT },
    () => {
      const total = { accepted: 0, refused: 0, zeroOffset: 0 }
      for (let done = 0; done < RUNS; done += BATCH) {
        const blocks = Array.from({ length: Math.min(BATCH, RUNS - done) }, (_, i) =>
          anyBlock(new Random(SEED * 0x1000000 + done + i)),
        )
        const { accepted, refused, zeroOffset } = compare(blocks)
        total.accepted += accepted
        total.refused += refused
        total.zeroOffset += zeroOffset
      }
      if (CODEC_RUNS) console.log(variant, total)
      // The mixture must test both verdicts.
      expect(total.accepted).toBeGreaterThan(RUNS / 10)
      expect(total.refused).toBeGreaterThan(RUNS / 10)
    },
  )

  it.skipIf(native?.version !== MODEL)(
    `agrees on every end of a block (needs a C compiler and liblz4 ${MODEL})`,
    { timeout: RUN_TIMEOUT },
    () => {
      const some = new Random(3).bytes(64)
      const blocks: Block[] = []
      for (const before of [16, 30, 33, 64]) {
        for (let literals = 0; literals <= 16; literals++) {
          for (let length = 4; length <= 20; length += 2) {
            for (const offset of [7, 8]) {
              for (let last = 0; last <= LAST_LITERALS + 8; last++) {
                const first = { literals: some.subarray(0, before), offset, length: 4 }
                const second = { literals: some.subarray(0, literals), offset, length }
                const source = buildBlock([first, second], some.subarray(0, last))
                const targetLength = before + 4 + literals + length + last
                blocks.push({ source, targetLength, partial: (literals + last) % 3 === 0 })
                // Cut at and around the end of the second match, just as much wanted.
                const cut = source.subarray(0, source.length - last - (last % 4))
                blocks.push({ source: cut, targetLength: targetLength - last, partial: true })
              }
            }
          }
        }
      }
      const { accepted, refused } = compare(blocks)
      expect(accepted).toBeGreaterThan(0)
      expect(refused).toBeGreaterThan(0)
    },
  )

  it.skipIf(!command)(
    "decodes what the lz4 command makes at several levels (needs lz4)",
    { timeout: 60_000 },
    () => {
      const blockSizes = { B4: 64 << 10, B5: 256 << 10, B6: 1 << 20 }
      for (const level of ["-1", "-9", "-12", "--fast=9"]) {
        for (const [name, size] of Object.entries(blockSizes)) {
          // Every block but the last decodes to the block size, so whole blocks are taken.
          const args = ["-q", level, `-${name}`, "-c"]
          const frame = execFileSync("lz4", args, { input: real, maxBuffer: 1 << 26 })
          for (const source of blocksOfFrame(frame)) {
            for (const slack of SLACKS) {
              const { status, output, guardsIntact } = core.decode(source, size, { slack })
              expect(guardsIntact).toBe(true)
              expect(status).toBe(OK)
              expect(Buffer.compare(output, expand(source, size).output)).toBe(0)
              expect(real.includes(Buffer.from(output))).toBe(true)
            }
          }
        }
      }
    },
  )
})
