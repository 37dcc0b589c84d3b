// SPDX-License-Identifier: MIT
import { randomBytes } from "node:crypto"
import { constants, deflateRawSync } from "node:zlib"
import fc from "fast-check"
import { deflateSync } from "fflate"
import { describe, expect, test } from "vitest"
import { CodecHarness, variants } from "../support/codec.js"
import { BitWriter, contents, follow, judge, streams } from "../support/deflate.js"

const OK = 0
const BAD_STREAM = 1
/** Runs of each property; a large number makes a long hunt. */
const { CODEC_RUNS = "60" } = process.env
const numRuns = Number(CODEC_RUNS)
const timeout = 20_000 + numRuns * 1000

// Counterexamples are long: say how to get them again instead of printing them.
fc.configureGlobal({
  reporter(details) {
    if (!details.failed) return
    const { seed, counterexamplePath, errorInstance } = details
    throw new Error(`fails with { seed: ${seed}, path: "${counterexamplePath}" }`, { cause: errorInstance })
  },
})

const placement = fc.record({
  slack: fc.oneof(fc.constant(0), fc.nat(400)),
  misalign: fc.nat(15),
})

describe.each(variants)("decodeDeflate, %s core", (variant) => {
  const harness = new CodecHarness(variant, "decodeDeflate")

  /** Decodes and requires that nothing outside target and slack was written. */
  function decode(stream: Uint8Array, length: number, options: Parameters<CodecHarness["decode"]>[2] = {}) {
    const answer = harness.decode(stream, length, options)
    if (!answer.guardsIntact) throw new Error("a guard byte was overwritten")
    return answer
  }

  function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
    expect(Buffer.compare(actual, expected)).toBe(0)
  }

  /** Whole mode agrees with zlib on a stream of whatever worth. */
  function expectVerdictOfZlib(stream: Uint8Array, length: number, options = {}): void {
    const { output, exact } = judge(stream)
    const whole = decode(stream, output?.length ?? length, options)
    expect(whole.status).toBe(exact ? OK : BAD_STREAM)
    if (output && exact) expectBytes(whole.output, output)
  }

  test(
    "streams of zlib at every setting, whole and in part, in targets of the right size only",
    () => {
      fc.assert(
        fc.property(
          streams(256 << 10),
          placement,
          fc.double({ min: 0, max: 1, noNaN: true }),
          (made, options, part) => {
            const { data, stream } = made
            const whole = decode(stream, data.length, options)
            expect(whole.status).toBe(OK)
            expectBytes(whole.output, data)
            expect(decode(stream, data.length + 1, options).status).toBe(BAD_STREAM)
            expect(decode(stream, data.length + 1, { ...options, partial: true }).status).toBe(BAD_STREAM)
            if (data.length) expect(decode(stream, data.length - 1, options).status).toBe(BAD_STREAM)
            const length = Math.round(data.length * part)
            const some = decode(stream, length, { ...options, partial: true })
            expect(some.status).toBe(OK)
            expectBytes(some.output, data.subarray(0, length))
            const longer = Buffer.concat([stream, Buffer.alloc(1)])
            expect(decode(longer, data.length, options).status).toBe(BAD_STREAM)
            expect(decode(longer, data.length, { ...options, partial: true }).status).toBe(OK)
          },
        ),
        { numRuns },
      )
    },
    timeout,
  )

  test(
    "streams of fflate",
    () => {
      const level = fc.integer({ min: 0, max: 9 }) as fc.Arbitrary<0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9>
      fc.assert(
        fc.property(contents(64 << 10), level, placement, (data, level, options) => {
          const stream = deflateSync(data, { level })
          // Stored data of a multiple of 65,535 bytes has five bytes too many behind its final block.
          expectVerdictOfZlib(stream, data.length, options)
          const some = decode(stream, data.length, { ...options, partial: true })
          expect(some.status).toBe(OK)
          expectBytes(some.output, data)
        }),
        { numRuns },
      )
    },
    timeout,
  )

  test.each([0, 1, 2, 255, 4096, 65_535, 65_536, 262_144, 1 << 20])("%i bytes", (length) => {
    const noise = randomBytes(length)
    const zeros = new Uint8Array(length)
    const text = Buffer.alloc(length, "The quick brown fox jumps over the lazy dog. ")
    for (const data of [noise, zeros, text]) {
      for (const level of [0, 1, 6, 9]) {
        for (const strategy of [
          constants.Z_DEFAULT_STRATEGY,
          constants.Z_FIXED,
          constants.Z_HUFFMAN_ONLY,
          constants.Z_RLE,
        ]) {
          const whole = decode(deflateRawSync(data, { level, strategy }), length)
          expect(whole.status).toBe(OK)
          expectBytes(whole.output, data)
        }
      }
    }
  })

  test(
    "every prefix and every cut of small streams",
    () => {
      fc.assert(
        fc.property(streams(600), placement, ({ data, stream }, options) => {
          for (let length = 0; length <= data.length; length++) {
            const some = decode(stream, length, { ...options, partial: true })
            expect(some.status).toBe(OK)
            expectBytes(some.output, data.subarray(0, length))
          }
          for (let cut = 0; cut < stream.length; cut++) {
            const start = stream.subarray(0, cut)
            expect(decode(start, data.length, options).status).toBe(BAD_STREAM)
            const { output } = follow(start)
            const some = decode(start, output.length, { ...options, partial: true })
            expect(some.status).toBe(OK)
            expectBytes(some.output, output)
            expect(decode(start, output.length + 1, { ...options, partial: true }).status).toBe(BAD_STREAM)
          }
        }),
        { numRuns: Math.ceil(numRuns / 6) },
      )
    },
    timeout,
  )

  test(
    "mutated streams: the verdict of zlib, and in part all that precedes the damage",
    () => {
      const damage = fc.array(
        fc.record({ at: fc.nat(), value: fc.integer({ min: 1, max: 255 }), bit: fc.boolean() }),
        {
          minLength: 1,
          maxLength: 4,
        },
      )
      fc.assert(
        fc.property(
          streams(3000),
          damage,
          placement,
          fc.nat(),
          ({ data, stream }, changes, options, part) => {
            const bad = Uint8Array.from(stream)
            for (const { at, value, bit } of changes) {
              // Half of the changes go to the front, where the code lengths are.
              const place = at % (at & 1 ? Math.min(100, bad.length) : bad.length)
              bad[place] = (bad[place] ?? 0) ^ (bit ? 1 << (value & 7) : value)
            }
            expectVerdictOfZlib(bad, data.length, options)
            const { output, ended, bytes } = follow(bad)
            const { output: accepted, exact } = judge(bad)
            expect(ended).toBe(accepted !== undefined)
            expect(exact).toBe(ended && bytes === bad.length)
            const length = part % (output.length + 1)
            for (const wanted of [length, output.length]) {
              const some = decode(bad, wanted, { ...options, partial: true })
              expect(some.status).toBe(OK)
              expectBytes(some.output, output.subarray(0, wanted))
            }
            expect(decode(bad, output.length + 1, { ...options, partial: true }).status).toBe(BAD_STREAM)
          },
        ),
        { numRuns: numRuns * 3 },
      )
    },
    timeout,
  )

  test(
    "large mutated streams",
    () => {
      fc.assert(
        fc.property(
          streams(200_000),
          fc.nat(),
          fc.nat(7),
          placement,
          ({ data, stream }, at, bit, options) => {
            const bad = Uint8Array.from(stream)
            const place = at % bad.length
            bad[place] = (bad[place] ?? 0) ^ (1 << bit)
            expectVerdictOfZlib(bad, data.length, options)
          },
        ),
        { numRuns },
      )
    },
    timeout,
  )

  test(
    "random bytes behind the header of each block type",
    () => {
      const bytes = fc.uint8Array({ minLength: 1, maxLength: 400 })
      fc.assert(
        fc.property(bytes, fc.nat(7), fc.nat(2000), placement, (stream, header, length, options) => {
          stream[0] = ((stream[0] ?? 0) & ~7) | header
          expectVerdictOfZlib(stream, length, options)
          const { output } = follow(stream, 100_000)
          const some = decode(stream, output.length, { ...options, partial: true })
          expect(some.status).toBe(OK)
          expectBytes(some.output, output)
        }),
        { numRuns: numRuns * 5 },
      )
    },
    timeout,
  )

  test(
    "codes of random lengths, complete or nearly so, before random bits",
    () => {
      fc.assert(
        fc.property(
          codeLengths(257, 286),
          codeLengths(1, 30),
          fc.uint8Array({ maxLength: 300 }),
          placement,
          (literals, distances, rest, options) => {
            const writer = new BitWriter().dynamic(literals, distances)
            writer.bytes(rest)
            const stream = writer.done()
            expectVerdictOfZlib(stream, 100, options)
            const { output, ended, bytes } = follow(stream)
            const some = decode(stream, output.length, { ...options, partial: true })
            expect(some.status).toBe(OK)
            expectBytes(some.output, output)
            if (!ended) return
            // The block ended by chance: what remains when the rest is cut off is a whole stream.
            expectVerdictOfZlib(stream.subarray(0, bytes), output.length, options)
            expect(decode(stream.subarray(0, bytes), output.length, options).status).toBe(OK)
          },
        ),
        { numRuns: numRuns * 5 },
      )
    },
    timeout,
  )

  describe("zlib's rules", () => {
    const END = 256
    /** Code lengths of `count` symbols, all zero but these. */
    const lengths = (count: number, some: Record<number, number>) =>
      Array.from({ length: count }, (_, symbol) => some[symbol] ?? 0)
    const check = (writer: BitWriter, expected: number, length: number) => {
      const stream = writer.done()
      expect(judge(stream).exact).toBe(expected === OK)
      expect(decode(stream, length).status).toBe(expected)
      // The fast loop, which needs input and target to spare, must come to the same verdict: the block
      // amid others, not final, and an empty stored block to get to the end of a byte.
      const noise = randomBytes(300)
      const before = deflateRawSync(noise, { finishFlush: constants.Z_SYNC_FLUSH })
      const amid = Buffer.concat([before, writer.emptyStored(), deflateRawSync(noise)])
      amid[before.length] = (amid[before.length] ?? 0) & ~1
      const whole = decode(amid, 600 + length)
      expect(whole.status).toBe(expected)
      expectVerdictOfZlib(amid, 600 + length)
    }
    const literals = lengths(257, { 65: 1, [END]: 1 })
    const withLength = lengths(258, { 65: 1, [END]: 2, 257: 2 })

    test("no distance code at all is allowed", () => {
      check(new BitWriter().dynamic(literals, [0]).symbol(literals, 65).symbol(literals, END), OK, 1)
    })
    test("but no distance can be read with it", () => {
      const writer = new BitWriter().dynamic(withLength, [0])
      writer.symbol(withLength, 65).symbol(withLength, 257).bits(0, 1).symbol(withLength, END)
      check(writer, BAD_STREAM, 4)
    })
    test("a single distance code of one bit is allowed", () => {
      const writer = new BitWriter().dynamic(withLength, [1])
      writer.symbol(withLength, 65).symbol(withLength, 257).bits(0, 1).symbol(withLength, END)
      check(writer, OK, 4)
    })
    test("the code that is not there is not", () => {
      const writer = new BitWriter().dynamic(withLength, [1])
      writer.symbol(withLength, 65).symbol(withLength, 257).bits(1, 1).symbol(withLength, END)
      check(writer, BAD_STREAM, 4)
    })
    test("a single distance code of two bits is incomplete", () => {
      check(new BitWriter().dynamic(literals, [2]).symbol(literals, END), BAD_STREAM, 0)
    })
    test("two distance codes that leave room are incomplete", () => {
      check(new BitWriter().dynamic(literals, [1, 2]).symbol(literals, END), BAD_STREAM, 0)
    })
    test("three codes of one bit are over-subscribed", () => {
      check(new BitWriter().dynamic(literals, [1, 1, 1]).symbol(literals, END), BAD_STREAM, 0)
      const three = lengths(257, { 65: 1, 66: 1, [END]: 1 })
      check(new BitWriter().dynamic(three, [0]).bits(0, 2), BAD_STREAM, 0)
    })
    test("the end of the block alone may be coded", () => {
      const alone = lengths(257, { [END]: 1 })
      check(new BitWriter().dynamic(alone, [0]).bits(0, 1), OK, 0)
      check(new BitWriter().dynamic(alone, [0]).bits(1, 1), BAD_STREAM, 0)
    })
    test("the end of the block must be coded", () => {
      const none = lengths(257, { 65: 1, 66: 1 })
      check(new BitWriter().dynamic(none, [0]).bits(0, 1), BAD_STREAM, 1)
    })
    test("more than 286 literal/length or 30 distance codes are refused", () => {
      for (const [count, distances, verdict] of [
        [286, 30, OK],
        [287, 30, BAD_STREAM],
        [288, 1, BAD_STREAM],
        [257, 31, BAD_STREAM],
        [257, 32, BAD_STREAM],
      ] as const) {
        const codes = lengths(count, { 65: 1, [END]: 1 })
        check(new BitWriter().dynamic(codes, lengths(distances, { 0: 1 })).symbol(codes, END), verdict, 0)
      }
    })
    test("the header's own code must be complete", () => {
      // Only symbols 0 and 1, lengths 1 and 2.
      const writer = new BitWriter().bits(1, 1).bits(2, 2).bits(0, 5).bits(0, 5).bits(15, 4)
      for (let i = 0; i < 19; i++) writer.bits(i === 3 ? 1 : i === 17 ? 2 : 0, 3)
      check(writer.bits(0, 24).bits(0, 24), BAD_STREAM, 0)
      const empty = new BitWriter().bits(1, 1).bits(2, 2).bits(0, 14)
      check(empty.bits(0, 24).bits(0, 24).bits(0, 24), BAD_STREAM, 0)
    })
    test("a repeat without a predecessor or beyond the last length is refused", () => {
      const start = () => {
        // Symbols 16 and 18 of one bit each.
        const writer = new BitWriter().bits(1, 1).bits(2, 2).bits(0, 5).bits(0, 5).bits(15, 4)
        for (let i = 0; i < 19; i++) writer.bits(i === 0 || i === 2 ? 1 : 0, 3)
        return writer
      }
      check(start().bits(0, 3).bits(0, 24), BAD_STREAM, 0)
      check(start().bits(1, 1).bits(127, 7).bits(1, 1).bits(127, 7).bits(0, 16), BAD_STREAM, 0)
    })
    test("length symbols 286 and 287 and distance symbols 30 and 31 of the fixed codes", () => {
      const fixed = Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))
      const flat = new Array<number>(32).fill(5)
      const begin = () => new BitWriter().bits(1, 1).bits(1, 2).symbol(fixed, 65)
      for (const symbol of [286, 287]) {
        check(begin().symbol(fixed, symbol).symbol(flat, 0).symbol(fixed, END), BAD_STREAM, 259)
      }
      for (const symbol of [30, 31]) {
        check(begin().symbol(fixed, 257).symbol(flat, symbol).symbol(fixed, END), BAD_STREAM, 4)
      }
      check(begin().symbol(fixed, 257).symbol(flat, 0).symbol(fixed, END), OK, 4)
      // 258 as the last length of symbol 284, which encoders avoid.
      check(begin().symbol(fixed, 284).bits(31, 5).symbol(flat, 0).symbol(fixed, END), OK, 259)
    })
    test("a distance beyond the output so far is refused, by each loop", () => {
      const fixed = Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))
      const flat = new Array<number>(32).fill(5)
      for (const literals of [1, 2, 3, 4]) {
        for (const rest of [0, 400]) {
          const writer = new BitWriter().bits(1, 1).bits(1, 2)
          for (let i = 0; i < literals; i++) writer.symbol(fixed, 65)
          writer.symbol(fixed, 257).symbol(flat, 3)
          for (let i = 0; i < rest; i++) writer.symbol(fixed, 66)
          const stream = writer.symbol(fixed, END).done()
          expect(judge(stream).exact).toBe(literals === 4)
          expectVerdictOfZlib(stream, literals + 3 + rest)
        }
      }
    })
    test("block type 3 and stored lengths that do not match are refused", () => {
      check(new BitWriter().bits(7, 8).bits(0, 8), BAD_STREAM, 0)
      check(new BitWriter().bytes(Uint8Array.of(1, 1, 0, 0xfe, 0xff, 65)), OK, 1)
      check(new BitWriter().bytes(Uint8Array.of(1, 1, 0, 0xff, 0xff, 65)), BAD_STREAM, 1)
      check(new BitWriter().bytes(Uint8Array.of(1, 0, 0, 0xff, 0xff)), OK, 0)
      check(new BitWriter().bytes(Uint8Array.of(1, 2, 0, 0xfd, 0xff, 65)), BAD_STREAM, 2)
    })
  })
})

/** Code lengths of a code made by splitting, sometimes spoiled, for `least` to `most` symbols. */
function codeLengths(least: number, most: number): fc.Arbitrary<number[]> {
  return fc
    .record({
      count: fc.integer({ min: least, max: most }),
      splits: fc.array(fc.nat(), { maxLength: 285 }),
      places: fc.infiniteStream(fc.nat()),
      spoil: fc.option(fc.tuple(fc.nat(), fc.nat(15)), { freq: 3 }),
    })
    .map(({ count, splits, places, spoil }) => {
      const leaves = [0]
      for (const split of splits) {
        if (leaves.length === count) break
        // Mostly among the last leaves, so that long codes come about.
        const at = split & 1 ? leaves.length - 1 : split % leaves.length
        const length = leaves[at] ?? 0
        if (length < 15) leaves.splice(at, 1, length + 1, length + 1)
      }
      const lengths = new Array<number>(count).fill(0)
      const free = lengths.map((_, symbol) => symbol)
      // The end of the block first, if there is one.
      if (count > 256) free.unshift(...free.splice(256, 1))
      let first = true
      for (const leaf of leaves) {
        if (leaf === 0) break
        const at = first ? 0 : (places.next().value ?? 0) % free.length
        first = false
        const [symbol = 0] = free.splice(at, 1)
        lengths[symbol] = leaf
      }
      if (spoil) lengths[spoil[0] % count] = spoil[1]
      return lengths
    })
}
