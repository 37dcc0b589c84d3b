// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CodecHarness, variants } from "../support/codec.js"
import { decodeLzma1, encodeLzma1, lzmaFile } from "../support/lzma1.js"
import { EXTREME, type Job, NativeLzma, STREAM_END } from "../support/microlzma.js"
import { generator, makePlain, plainPieces } from "../support/plain.js"

const OK = 0
const BAD_STREAM = 1
const ONE_MIB = 1 << 20

/** How many random blocks each property decodes; set it in the environment for longer runs. */
const runs = Number(process.env.CODEC_RUNS ?? 256)
/** Blocks that one run of the native program works on. */
const BATCH = 32
const batches = Math.max(1, Math.ceil(runs / BATCH))

const native = NativeLzma.build()
const needsNative = "(needs a C compiler and liblzma 5.4 with headers)"

interface Fixture {
  lc: number
  lp: number
  pb: number
  stream: Uint8Array
  plainLength: number
  sha256: string
}

const fixtures = loadFixtures()

/** Streams short enough to be cut everywhere. */
const short = fixtures.filter(({ stream, plainLength }) => stream.length < 300 && plainLength < 1000)
/** One of the mixed kind, with literals, matches and all sorts of repeats. */
const mixed = fixtures.find(({ plainLength }) => plainLength > 50000 && plainLength < 60000) as Fixture

/** Long runs need longer than vitest's five seconds. */
const timeout = 60_000 + runs * 100

describe.each(variants)("decodeLzma, %s", { timeout }, (variant) => {
  const core = new CodecHarness(variant, "decodeLzma")
  type Options = Parameters<CodecHarness["decode"]>[2]

  /** Decodes and checks the guards: the status and what came out. */
  function decode(stream: Uint8Array, length: number, options?: Options): [number, Uint8Array] {
    const { status, output, guardsIntact } = core.decode(stream, length, options)
    if (!guardsIntact) throw new Error(`stray write, status ${status}, options ${JSON.stringify(options)}`)
    return [status, output]
  }

  function expectPlain(stream: Uint8Array, plain: Uint8Array, options?: Options): void {
    const [status, output] = decode(stream, plain.length, options)
    expect(status).toBe(OK)
    if (Buffer.compare(output, plain) !== 0) throw new Error("decoded to other bytes")
  }

  function expectBad(stream: Uint8Array, length: number, options?: Options): void {
    expect(decode(stream, length, options)[0]).toBe(BAD_STREAM)
  }

  /**
   * Decodes to a length that is not the encoder's. A code of 0 goes on as zeros for as long as they need no
   * further byte, so a stream can be whole at more than one length; the bytes must still be the same.
   */
  function expectOtherLength(stream: Uint8Array, plain: Uint8Array, length: number): void {
    const [status, output] = decode(stream, length)
    if (status === BAD_STREAM) return
    expect(status).toBe(OK)
    const common = Math.min(length, plain.length)
    expect(Buffer.compare(output.subarray(0, common), plain.subarray(0, common))).toBe(0)
    expect(output.subarray(common).every((byte) => byte === 0)).toBe(true)
  }

  it.each(fixtures)("decodes a stream of liblzma: lc $lc lp $lp pb $pb, $plainLength bytes", (fixture) => {
    const { stream, plainLength, sha256 } = fixture
    for (const slack of [0, 1, 15, 64]) {
      const [status, plain] = decode(stream, plainLength, { slack, misalign: slack & 15 })
      expect(status).toBe(OK)
      expect(digest(plain)).toBe(sha256)
      expectPlain(stream, plain, { slack, partial: true })
    }
    const [, plain] = decode(stream, plainLength)
    expectBad(stream, plainLength + 1)
    if (plainLength) expectBad(stream, plainLength - 1)
    expectBad(stream, plainLength + 1000, { partial: true })
    expectBad(Uint8Array.of(...stream.subarray(0, 60000), 0), plainLength)
    for (let length = plainLength - 1; length >= 0; length -= 1 + (length >> 4)) {
      expectPlain(stream, plain.subarray(0, length), { partial: true, slack: length & 31 })
    }
  })

  it("decodes every prefix of short streams, and refuses them cut anywhere", () => {
    for (const { stream, plainLength } of short) {
      const [, plain] = decode(stream, plainLength)
      for (let length = 0; length < plainLength; length++) {
        expectPlain(stream, plain.subarray(0, length), { partial: true })
        expectBad(stream, length)
      }
      for (let cut = 0; cut < stream.length; cut++) {
        const piece = stream.subarray(0, cut)
        expectBad(piece, plainLength)
        const [status, output] = decode(piece, plainLength, { partial: true })
        if (status === OK) expect(output).toEqual(plain)
        else expect(status).toBe(BAD_STREAM)
      }
    }
  })

  it("refuses a longer stream cut anywhere", () => {
    const stream = mixed.stream.subarray(0, 3000)
    for (let cut = 0; cut < stream.length; cut += 7) {
      expectBad(stream.subarray(0, cut), mixed.plainLength)
      expectBad(stream.subarray(0, cut), mixed.plainLength, { partial: true })
    }
  })

  it("decodes a cut stream as far as it goes", () => {
    const [, plain] = decode(mixed.stream, mixed.plainLength)
    const piece = mixed.stream.subarray(0, 2000)
    let [good, bad] = [0, mixed.plainLength]
    while (bad - good > 1) {
      const middle = (good + bad) >> 1
      if (decode(piece, middle, { partial: true })[0] === OK) good = middle
      else bad = middle
    }
    expect(good).toBeGreaterThan(2000)
    expectPlain(piece, plain.subarray(0, good), { partial: true })
  })

  it("accepts the 75 properties bytes with lc + lp <= 4 and no other", () => {
    const accepted = new Set<number>()
    for (let pb = 0; pb <= 4; pb++)
      for (let lp = 0; lp <= 4; lp++)
        for (let lc = 0; lc + lp <= 4; lc++) accepted.add((pb * 5 + lp) * 9 + lc)
    expect(accepted.size).toBe(75)
    // Zeros: all bits are 0, so all literals are, whatever the properties.
    for (let properties = 0; properties < 256; properties++) {
      const expected = accepted.has(properties) ? OK : BAD_STREAM
      expect(decode(Uint8Array.of(~properties, 0, 0, 0, 0), 0)[0]).toBe(expected)
      expect(decode(Uint8Array.of(~properties, 0, 0, 0, 0, 0), 1)[0]).toBe(expected)
      expect(decode(Uint8Array.of(~properties, 0, 0, 0, 0, 0, 0), 1, { partial: true })[0]).toBe(expected)
    }
  })

  it("refuses streams that start with anything but a literal", () => {
    const properties = ~93
    // A code at the top of the range is all ones: a repeated match, before there is anything to repeat.
    for (const first of [0xff, 0xc0, 0x90, 0x80])
      for (const partial of [false, true])
        expectBad(Uint8Array.of(properties, first, 0xff, 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0), 300, { partial })
  })

  it("refuses an end marker", () => {
    const plain = makePlain([{ kind: "words", length: 500, seed: 3 }])
    const stream = encodeLzma1(plain, 5, true)
    expectBad(stream, plain.length)
    expectBad(stream, plain.length + 1)
    expectBad(stream, plain.length + 1, { partial: true })
    expectPlain(stream, plain, { partial: true })
  })

  it("decodes what lzma1 encodes", () => {
    const property = fc.property(plainPieces(20000), fc.integer({ min: 1, max: 9 }), (pieces, mode) => {
      const plain = makePlain(pieces)
      const stream = encodeLzma1(plain, mode)
      expectPlain(stream, plain)
      expectPlain(stream, plain, { slack: 64, partial: true })
      expectOtherLength(stream, plain, plain.length + 1)
      if (plain.length) expectOtherLength(stream, plain, plain.length - 1)
    })
    // lzma1's encoder is slow, most of all to set up.
    fc.assert(property, { numRuns: Math.min(runs, 10 + (runs >> 4)) })
  })

  it("agrees with lzma1's decoder", () => {
    for (const { stream, plainLength, pb } of fixtures) {
      // lzma1 0.3.0 does not come to an end with more than two position bits, and not with nothing.
      if (pb > 2 || !plainLength || plainLength > 60000) continue
      expectPlain(stream, decodeLzma1(lzmaFile(stream, plainLength)))
    }
  })

  it("survives random changes of a stream", () => {
    const sources = [...short, mixed]
    const property = fc.property(
      fc.constantFrom(...sources),
      fc.nat(),
      fc.boolean(),
      (source, seed, partial) => {
        const stream = mutate(source.stream, seed)
        const [status] = decode(stream, source.plainLength, { partial, slack: seed & 31 })
        expect([OK, BAD_STREAM]).toContain(status)
      },
    )
    fc.assert(property, { numRuns: runs * 4 })
  })

  it("survives noise", () => {
    const property = fc.property(
      fc.uint8Array({ maxLength: 400 }),
      fc.nat(5000),
      fc.boolean(),
      (noise, length, partial) => {
        noise[0] = ~((noise[0] ?? 0) % 5)
        expect([OK, BAD_STREAM]).toContain(decode(noise, length, { partial })[0])
      },
    )
    fc.assert(property, { numRuns: runs * 4 })
  })

  it.skipIf(!native)(`decodes what liblzma encodes, whole and partly ${needsNative}`, () => {
    const block = fc.record({
      pieces: fc.oneof(plainPieces(200), plainPieces(8192), { arbitrary: plainPieces(1 << 18), weight: 1 }),
      limit: fc.constantFrom(64, 512, 4096, 65536, ONE_MIB),
      properties: fc.nat(),
      preset: fc.constantFrom(0, 1, 3, 6, 9, 9 | EXTREME),
      part: fc.integer({ min: 0, max: 999 }),
      slack: fc.nat(64),
    })
    const property = fc.property(
      fc.array(block, { minLength: 1, maxLength: BATCH, size: "max" }),
      (blocks) => {
        const jobs = blocks.map(({ pieces, limit, properties, preset }): Job => {
          const lc = properties % 5
          const lp = (properties >> 4) % (5 - lc)
          return {
            what: "encode",
            plain: makePlain(pieces),
            limit,
            lc,
            lp,
            pb: (properties >> 8) % 5,
            preset,
          }
        })
        const others: (Job & { stream: Uint8Array; targetLength: number })[] = []
        run(jobs).forEach(({ code, bytes: stream }, i) => {
          if (!stream) throw new Error("the encoder refused")
          const plain = makePlain(blocks[i]?.pieces ?? []).subarray(0, code)
          const { part = 0, slack = 0 } = blocks[i] ?? {}
          expectPlain(stream, plain, { slack, misalign: slack & 15 })
          const length = Math.floor((plain.length * part) / 1000)
          expectPlain(stream, plain.subarray(0, length), { partial: true, slack })
          for (const targetLength of [length, Math.max(0, code - 1), code + 1, code + 2]) {
            expectOtherLength(stream, plain, targetLength)
            others.push({ what: "whole", stream, targetLength })
          }
        })
        run(others).forEach(({ code }, i) => {
          const { stream, targetLength } = others[i] as (typeof others)[number]
          expect(decode(stream, targetLength)[0] === OK).toBe(code === STREAM_END)
        })
      },
    )
    fc.assert(property, { numRuns: batches, endOnFailure: true })
  })

  it.skipIf(!native)(`decodes up to 1 MiB ${needsNative}`, () => {
    const plains = [1, 2, 3].map((seed) =>
      makePlain(
        (["words", "records", "random", "repeat", "run", "period"] as const).map((kind, i) => ({
          kind,
          length: Math.floor(ONE_MIB / 6) - seed * i,
          seed: seed + i,
        })),
      ),
    )
    const jobs = plains.map(
      (plain): Job => ({ what: "encode", plain, limit: 2 * ONE_MIB, lc: 3, lp: 0, pb: 2, preset: 1 }),
    )
    run(jobs).forEach(({ bytes }, i) => {
      expectPlain(bytes as Uint8Array, plains[i] as Uint8Array)
    })
  })

  it.skipIf(!native)(`accepts and refuses damaged streams as liblzma does ${needsNative}`, () => {
    const change = fc.record({
      source: fc.constantFrom(...short, mixed),
      seed: fc.nat(),
      drift: fc.integer({ min: -3, max: 3 }),
    })
    const property = fc.property(
      fc.array(change, { minLength: 1, maxLength: BATCH, size: "max" }),
      (changes) => {
        const jobs = changes.flatMap(
          ({ source, seed, drift }): (Job & { stream: Uint8Array; targetLength: number })[] => {
            const stream = seed & 16 ? mutate(source.stream, seed) : source.stream
            const targetLength = Math.max(0, source.plainLength + drift)
            return [
              { what: "whole", stream, targetLength },
              { what: "partial", stream, targetLength: seed & 32 ? targetLength : targetLength >> 1 },
            ]
          },
        )
        run(jobs).forEach(({ code, bytes }, i) => {
          const { what, stream, targetLength } = jobs[i] as (typeof jobs)[number]
          const [status, output] = decode(stream, targetLength, { partial: what === "partial" })
          const accepted = code === STREAM_END
          // In partial decoding liblzma looks at what follows the last byte and does not like an end marker.
          if (what === "whole" || accepted || status !== OK) expect(status === OK).toBe(accepted)
          if (status === OK && Buffer.compare(output, bytes as Uint8Array) !== 0)
            throw new Error("other bytes")
        })
      },
    )
    fc.assert(property, { numRuns: batches * 4, endOnFailure: true })
  })
})

function run(jobs: Job[]): ReturnType<NativeLzma["run"]> {
  return (native as NativeLzma).run(jobs)
}

/** A copy with up to four bytes changed: a bit flipped, a random byte, or a byte taken out. */
function mutate(stream: Uint8Array, seed: number): Uint8Array {
  const random = generator(seed)
  let out = stream.slice()
  for (let left = 1 + (random() % 4); left; left--) {
    // Mostly early bytes: later ones matter less.
    const at = random() % (random() & 1 ? out.length : Math.min(out.length, 40))
    const how = random() % 5
    if (how < 2) out[at] = (out[at] as number) ^ (1 << (random() & 7))
    else if (how < 4) out[at] = random()
    else if (out.length > 1) out = new Uint8Array([...out.subarray(0, at), ...out.subarray(at + 1)])
  }
  return out
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}

function loadFixtures(): Fixture[] {
  const folder = new URL("../fixtures/microlzma/", import.meta.url)
  const bytes = new Uint8Array(readFileSync(new URL("streams.bin", folder)))
  let at = 0
  return (
    JSON.parse(readFileSync(new URL("index.json", folder), "utf8")) as (Fixture & { streamLength: number })[]
  ).map((entry) => {
    at += entry.streamLength
    return { ...entry, stream: bytes.slice(at - entry.streamLength, at) }
  })
}
