// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CodecHarness, variants } from "../support/codec.js"
import { buildBlock, expand, Random, type Sequence } from "../support/lz4-blocks.js"
import { Lz4Wasm } from "../support/lz4-wasm.js"

const OK = 0
const BAD_STREAM = 1
const UNSUPPORTED = 2
const { CODEC_RUNS = 300 } = process.env
/** Blocks per property; raise it for a long run. */
const RUNS = Number(CODEC_RUNS)
const RUN_TIMEOUT = 20_000 + RUNS * 20
/** No slack, slack that is too small to be used, and slack that is used. */
const SLACKS = [0, 127, 128]
const KIB = 1024

const lz4 = new Lz4Wasm()
const real = readFileSync(process.execPath).subarray(0, 4 << 20)

/** All sizes up to 1100, then some around each power of two up to 256 KiB, then a few up to 1 MiB. */
function sizes(): number[] {
  const all = Array.from({ length: 1101 }, (_, i) => i)
  for (let power = 2 * KIB; power <= 256 * KIB; power *= 2) {
    for (const more of [-65, -1, 0, 1, 13, 64, power / 2 - 3]) all.push(power + more)
  }
  return [...all, 700_001, 1 << 20]
}

/** Real data, and made up data of one kind or another. */
function samples(length: number): Uint8Array[] {
  const at = (length * 7919) % (real.length - length)
  return [real.subarray(at, at + length), new Random(length).data(length)]
}

/** Fails with the position of the first difference; much faster than toEqual. */
function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) === 0) return
  const at = expected.findIndex((byte, i) => actual[i] !== byte)
  expect.fail(`${actual.length} bytes, expected ${expected.length}; first difference at ${at}`)
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength })
const length = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 4, max: 40 }) },
  { weight: 2, arbitrary: fc.integer({ min: 4, max: 600 }) },
  { weight: 1, arbitrary: fc.integer({ min: 4, max: 50_000 }) },
)
const offset = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 65535 }))

/** Sequences whose offsets are brought into what has been made so far; behind them literals for a legal end. */
const legal = fc
  .record({
    first: fc.uint8Array({ minLength: 1, maxLength: 400 }),
    parts: fc.array(fc.record({ literals: fc.oneof(bytes(14), bytes(100), bytes(1000)), offset, length }), {
      minLength: 1,
      maxLength: 40,
    }),
    last: fc.uint8Array({ minLength: 8, maxLength: 80 }),
  })
  .map(({ first, parts, last }) => {
    let made = first.length
    const sequences = parts.map(({ literals, offset, length }, i): Sequence => {
      const own = i === 0 ? first : literals
      made += i === 0 ? 0 : own.length
      const sequence = { literals: own, offset: 1 + ((offset - 1) % Math.min(made, 65535)), length }
      made += length
      return sequence
    })
    return { block: buildBlock(sequences, last), length: made + last.length }
  })

describe.each(variants)("LZ4 in the %s core", (variant) => {
  const core = new CodecHarness(variant, "decodeLz4")

  /** Decodes, insists on intact guards, and gives the status or the bytes. */
  function decode(source: Uint8Array, targetLength: number, options = {}): number | Uint8Array {
    const { status, output, guardsIntact } = core.decode(source, targetLength, options)
    expect(guardsIntact).toBe(true)
    return status === OK ? output : status
  }

  /** Whole and partial, with every slack, at changing alignments. */
  function expectDecodes(block: Uint8Array, expected: Uint8Array): void {
    for (const slack of SLACKS) {
      for (const partial of [false, true]) {
        const output = decode(block, expected.length, { slack, partial, misalign: expected.length % 17 })
        if (typeof output === "number") expect.fail(`status ${output}, slack ${slack}, partial ${partial}`)
        expectSame(output, expected)
      }
    }
  }

  it("decodes what lz4-wasm encodes, at every size", { timeout: 60_000 }, () => {
    for (const size of sizes()) {
      for (const data of samples(size)) expectDecodes(lz4.encode(data), data)
    }
  })

  it("refuses a target one byte short or long in whole mode", () => {
    for (let size = 1; size < 300; size++) {
      for (const data of samples(size)) {
        const block = lz4.encode(data)
        for (const slack of SLACKS) {
          expect(decode(block, size - 1, { slack })).toBe(BAD_STREAM)
          expect(decode(block, size + 1, { slack })).toBe(BAD_STREAM)
          expect(decode(block, size + 1, { slack, partial: true })).toBe(BAD_STREAM)
        }
      }
    }
  })

  it("refuses bytes behind the end in whole mode and does not see them in partial mode", () => {
    const data = real.subarray(0, 3000)
    const block = Uint8Array.from([...lz4.encode(data), 0])
    for (const slack of SLACKS) {
      expect(decode(block, data.length, { slack })).toBe(BAD_STREAM)
      expect(decode(block, data.length, { slack, partial: true })).toEqual(new Uint8Array(data))
    }
  })

  it("decodes every prefix in partial mode", () => {
    for (const size of [1, 20, 70, 333, 1100]) {
      for (const data of samples(size)) {
        const block = lz4.encode(data)
        for (let prefix = 0; prefix <= size; prefix++) {
          const output = decode(block, prefix, { partial: true, slack: SLACKS[prefix % 3] })
          if (typeof output === "number") expect.fail(`status ${output}, prefix ${prefix} of ${size}`)
          expectSame(output, data.subarray(0, prefix))
        }
      }
    }
  })

  it("survives input cut at every byte", () => {
    for (const size of [40, 200, 1500]) {
      for (const data of samples(size)) {
        const block = lz4.encode(data)
        for (let cut = 0; cut < block.length; cut++) {
          const source = block.subarray(0, cut)
          for (const slack of SLACKS) expect(decode(source, size, { slack })).toBe(BAD_STREAM)
          for (const part of [size, size >> 1, size >> 2, 1]) {
            const output = decode(source, part, { partial: true, slack: SLACKS[cut % 3] })
            if (typeof output === "number") expect(output).toBe(BAD_STREAM)
            else expectSame(output, data.subarray(0, part))
          }
        }
      }
    }
  })

  it("copies matches of every small offset and many lengths", () => {
    const literals = new Random(1).bytes(70)
    for (let offset = 1; offset <= 70; offset++) {
      for (const length of [...Array(120).keys(), 254, 273, 274, 275, 528, 529, 530, 5000].slice(4)) {
        for (const tail of [8, 100]) {
          const block = buildBlock([{ literals, offset, length }], literals.subarray(0, Math.min(tail, 70)))
          const made = 70 + length + Math.min(tail, 70)
          expectDecodes(block, expand(block, made).output)
        }
      }
    }
  })

  it("decodes blocks made sequence by sequence, whole and in part", { timeout: RUN_TIMEOUT }, () => {
    fc.assert(
      fc.property(legal, fc.double({ min: 0, max: 1, noNaN: true }), ({ block, length }, part) => {
        const { output } = expand(block, length)
        expectDecodes(block, output)
        const prefix = Math.floor(part * length)
        const decoded = decode(block, prefix, { partial: true, slack: SLACKS[prefix % 3] })
        if (typeof decoded === "number") expect.fail(`status ${decoded}, prefix ${prefix}`)
        expectSame(decoded, output.subarray(0, prefix))
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    )
  })

  it("decodes random data of any kind", { timeout: RUN_TIMEOUT }, () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 64 * KIB }), (seed, size) => {
        const data = new Random(seed).data(size)
        expectDecodes(lz4.encode(data), data)
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    )
  })

  it("never traps, strays or lies on damaged input", { timeout: RUN_TIMEOUT }, () => {
    fc.assert(
      fc.property(fc.integer(), fc.boolean(), (seed, partial) => {
        const random = new Random(seed)
        const size = random.length(8 * KIB)
        const sound =
          random.below(2) === 0
            ? lz4.encode(
                random.below(2) === 0 ? real.subarray(seed & 0xfffff).subarray(0, size) : random.data(size),
              )
            : buildBlock(...made(random))
        const block = random.mutate(sound)
        const natural = expand(block, 4 * KIB * KIB).output.length
        const wanted = [natural, size, random.below(1 + natural)][random.below(3)] as number
        const output = decode(block, wanted, { partial, slack: SLACKS[random.below(3)] })
        if (typeof output === "number") {
          expect(output).toBe(BAD_STREAM)
          return
        }
        expectSame(output, expand(block, wanted).output)
        if (partial) return
        // lz4-wasm may refuse what liblz4 accepts; what it accepts must be the same.
        try {
          expectSame(lz4.decode(block, wanted), output)
        } catch (error) {
          if (error instanceof Error && error.name === "AssertionError") throw error
        }
      }),
      { numRuns: RUNS },
    )
  })

  it("never traps or strays on noise", { timeout: RUN_TIMEOUT }, () => {
    fc.assert(
      fc.property(bytes(300), fc.integer({ min: 0, max: 5000 }), fc.boolean(), (block, wanted, partial) => {
        for (const slack of SLACKS) {
          const output = decode(block, wanted, { partial, slack })
          if (typeof output !== "number") expectSame(output, expand(block, wanted).output)
        }
      }),
      { numRuns: RUNS },
    )
  })

  describe("the rules", () => {
    const some = new Random(2).bytes(100)
    const block = (offset: number, length: number, last: number, before = 20): Uint8Array =>
      buildBlock([{ literals: some.subarray(0, before), offset, length }], some.subarray(0, last))
    const everywhere = (source: Uint8Array, targetLength: number, status: number): void => {
      for (const slack of SLACKS) expect(decode(source, targetLength, { slack })).toBe(status)
    }

    it("an empty target is one zero token", () => {
      expect(decode(Uint8Array.of(0), 0)).toEqual(new Uint8Array())
      expect(decode(Uint8Array.of(1), 0)).toBe(BAD_STREAM)
      expect(decode(Uint8Array.of(0, 0), 0)).toBe(BAD_STREAM)
      expect(decode(new Uint8Array(), 0)).toBe(BAD_STREAM)
      expect(decode(new Uint8Array(), 5)).toBe(BAD_STREAM)
      expect(decode(new Uint8Array(), 0, { partial: true })).toEqual(new Uint8Array())
      expect(decode(new Uint8Array(), 500, { partial: true })).toBe(BAD_STREAM)
    })

    it("offset 0 is refused wherever it stands", () => {
      for (const length of [4, 18, 19, 60, 400]) {
        for (const last of [8, 100]) everywhere(block(0, length, last), 20 + length + last, BAD_STREAM)
        expect(decode(block(0, length, 8), 22, { partial: true })).toBe(BAD_STREAM)
      }
    })

    it("an offset before the target is refused", () => {
      for (const length of [4, 18, 19, 60, 400]) {
        for (const last of [8, 100]) {
          for (const offset of [21, 36, 65535])
            everywhere(block(offset, length, last), 20 + length + last, BAD_STREAM)
          expect(typeof decode(block(20, length, last), 20 + length + last)).toBe("object")
        }
      }
    })

    it("the last five bytes are literals and the last match starts twelve before the end", () => {
      for (const length of [30, 400]) {
        for (const last of [0, 1, 4]) everywhere(block(9, length, last), 20 + length + last, BAD_STREAM)
        for (const last of [5, 6, 12])
          expect(typeof decode(block(9, length, last), 20 + length + last)).toBe("object")
      }
      everywhere(block(9, 4, 7), 20 + 4 + 7, BAD_STREAM)
      expect(typeof decode(block(9, 4, 8), 20 + 4 + 8)).toBe("object")
    })

    it("lengths that never end are refused", () => {
      for (const token of [0xf0, 0x0f, 0xff]) {
        const source = new Uint8Array(70_000).fill(255)
        source[0] = token
        for (const partial of [false, true]) {
          for (const slack of SLACKS) expect(decode(source, 4096, { slack, partial })).toBe(BAD_STREAM)
        }
      }
    })

    it("a source of 8 MiB is not supported", () => {
      expect(decode(new Uint8Array(8 << 20), 4096)).toBe(UNSUPPORTED)
    })
  })
})

/** Arguments for a legal block out of random numbers. */
function made(random: Random): [Sequence[], Uint8Array] {
  const { sequences, last } = random.sequences(1 + random.below(30), 3000)
  return [sequences, last]
}
