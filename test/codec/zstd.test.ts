// SPDX-License-Identifier: MIT
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import fc from "fast-check"
import { decompress as fzstd } from "fzstd"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import xxhash from "xxhash-wasm"
import { ZSTDDecoder } from "zstddec"
import { CodecHarness, variants } from "../support/codec.js"
import { randomOf, type SampleKind, sample, sampleKinds } from "../support/samples.js"
import { type FrameOptions, NativeZstd } from "../support/zstd.js"
import {
  compressedBlock,
  frame,
  MAGIC,
  rawBlock,
  rleBlock,
  rleLiterals,
  rleSequences,
  singleSegment,
} from "../support/zstdFrames.js"
import { STRUCTURES, structuresOf } from "../support/zstdInspect.js"

const OK = 0
const BAD_STREAM = 1
const UNSUPPORTED = 2

/** How many random cases each test tries. */
const { CODEC_RUNS = "40" } = process.env
const RUNS = Number(CODEC_RUNS)
vi.setConfig({ testTimeout: 30_000 + 1000 * RUNS })

interface Case {
  name: string
  frame: Uint8Array
  content: Uint8Array
}

const native = NativeZstd.build()
const hasCommand = (() => {
  try {
    return execFileSync("zstd", ["--version"], { encoding: "utf8" }).includes("Zstandard")
  } catch {
    return false
  }
})()
afterAll(() => native?.dispose())

const folder = new URL("../fixtures/zstd/", import.meta.url)
const digests: Record<string, { length: number; sha256: string }> = JSON.parse(
  readFileSync(new URL("digests.json", folder), "utf8"),
)
const fixtures: Case[] = readdirSync(folder)
  .filter((name) => name.endsWith(".zst"))
  .map((file) => {
    const name = file.slice(0, -4)
    const bytes = new Uint8Array(readFileSync(new URL(file, folder)))
    return { name, frame: bytes, content: fzstd(bytes) }
  })

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"))
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

/** Random content, and how to compress it, from one seed. */
function jobOf(seed: number, longest: number): { content: Uint8Array; options: Required<FrameOptions> } {
  const random = randomOf(seed)
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const length = Math.floor(longest ** random()) - (random() < 0.1 ? 1 : 0)
  const content =
    random() < 0.3
      ? realData(length, Math.floor(random() * 2 ** 31))
      : sample(pick(sampleKinds), length, seed)
  const level = pick([
    -7, -5, -3, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
  ])
  const options = {
    level,
    // Left to levels 20 and up, the window may be above the 8 MiB that are supported.
    windowLog: pick([level < 20 ? 0 : 21, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]),
    checksum: random() < 0.4,
    contentSize: random() < 0.6,
    flush: random() < 0.6 ? 0 : 1 + Math.floor(Math.max(10, length / 50) * random() * 20),
  }
  return { content, options }
}

const executable = readFileSync(process.execPath).subarray(0, 16 << 20)
function realData(length: number, seed: number): Uint8Array {
  const from = seed % (executable.length - length)
  return executable.subarray(from, from + length)
}

/** Keeps what a function without parameters returns: the builds of the core share their input. */
function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** Frames of random jobs. */
function randomCases(count: number, longest: number, firstSeed: number): Case[] {
  const jobs = Array.from({ length: count }, (_, index) => jobOf(firstSeed + index, longest))
  const frames = (native as NativeZstd).compress(jobs)
  return jobs.map(({ content, options }, index) => ({
    name: `${JSON.stringify(options)}, ${content.length} bytes, seed ${firstSeed + index}`,
    frame: frames[index] as Uint8Array,
    content,
  }))
}

/** A damaged copy: some bits flipped, bytes replaced, bytes moved or the end cut off. */
function mutate(bytes: Uint8Array, seed: number): Uint8Array {
  const random = randomOf(seed)
  const copy = bytes.slice()
  const at = () => Math.floor(random() * copy.length * (random() < 0.5 ? 1 : Math.min(1, 40 / copy.length)))
  for (let count = 1 + Math.floor(random() * 3); count; count--) {
    const kind = random()
    if (kind < 0.5) {
      const place = at()
      copy[place] = (copy[place] ?? 0) ^ (1 << Math.floor(random() * 8))
    } else if (kind < 0.8) {
      copy[at()] = Math.floor(random() * 256)
    } else {
      copy.copyWithin(at(), at(), at())
    }
  }
  return random() < 0.05 ? copy.subarray(0, at()) : copy
}

const randomSmall = once(() => randomCases(4 * RUNS, 64 << 10, 1))
const randomLarge = once(() => randomCases(Math.ceil(RUNS / 10), 1 << 20, 1000000))
const randomTiny = once(() => randomCases(Math.ceil(RUNS / 3), 1500, 2000000))
const randomDamaged = once(() => {
  const damaged = randomCases(10 * RUNS, 8000, 3000000).flatMap((one, index) =>
    [0, 1, 2, 3].map((which) => ({ ...one, frame: mutate(one.frame, 4 * index + which) })),
  )
  const references = (native as NativeZstd).decompress(
    damaged.map(({ frame: bytes, content }) => ({ frame: bytes, capacity: content.length })),
  )
  return damaged.map((one, index) => ({ ...one, reference: references[index] }))
})
const farCase = once((): Case => {
  const noise = sample("noise", 5 << 20, 1)
  const literals = sample("noise", 40000, 2)
  const content = Buffer.concat([noise, literals, noise.subarray(0, 70000), noise.subarray(500, 600)])
  const frames = (native as NativeZstd).compress([{ content, options: { level: 19, windowLog: 23 } }])
  return { name: "far", frame: frames[0] as Uint8Array, content }
})

describe("fixtures", () => {
  it("have every structure of the format", () => {
    const found = new Set(fixtures.flatMap(({ frame: bytes }) => [...structuresOf(bytes)]))
    expect(STRUCTURES.filter((name) => !found.has(name))).toEqual([])
  })
})

describe.each(variants)("decodeZstd, %s core", (variant) => {
  const harness = new CodecHarness(variant, "decodeZstd")

  /** Decodes, checks the guards, and returns the status. Whatever is OK must be `expected`. */
  function status(
    bytes: Uint8Array,
    targetLength: number,
    expected: Uint8Array | undefined,
    options: { partial?: boolean; slack?: number; misalign?: number } = {},
  ): number {
    const decoded = harness.decode(bytes, targetLength, options)
    if (!decoded.guardsIntact) throw new Error("wrote outside of the target")
    if (decoded.status === OK) {
      if (!expected || Buffer.compare(decoded.output, expected.subarray(0, targetLength)) !== 0) {
        throw new Error("wrong output")
      }
    }
    return decoded.status
  }

  /** Whole decoding, with and without slack, and of lengths one off. */
  function expectWhole({ name, frame: bytes, content }: Case): void {
    const length = content.length
    for (const slack of [0, 1, 15, 31, 64, 4096]) {
      expect(status(bytes, length, content, { slack, misalign: slack % 7 }), name).toBe(OK)
    }
    expect(status(bytes, length + 1, content, { slack: 64 }), name).toBe(BAD_STREAM)
    if (length) {
      expect(status(bytes, length - 1, content, { slack: 64 }), name).toBe(BAD_STREAM)
      expect(status(bytes, length - 1, content), name).toBe(BAD_STREAM)
    }
  }

  it.each(fixtures)("decodes fixture $name", (fixture) => {
    const { length, sha256: digest } = digests[fixture.name] ?? { length: -1, sha256: "" }
    expect(fixture.content.length).toBe(length)
    expect(sha256(fixture.content)).toBe(digest)
    expectWhole(fixture)
  })

  it.each(fixtures)("decodes every prefix of fixture $name, and nothing from cut input", (fixture) => {
    const { frame: bytes, content } = fixture
    const step = Math.max(1, Math.floor(content.length / 400))
    for (let length = 0; length <= content.length; length += step) {
      for (const slack of [0, 64]) {
        expect(status(bytes, length, content, { partial: true, slack })).toBe(OK)
      }
    }
    if (bytes.length < content.length + 18) {
      const state = content.length + 1
      expect(status(bytes, state, content, { partial: true, slack: 64 })).toBe(BAD_STREAM)
    }
    for (let cut = 0; cut < bytes.length; cut += Math.max(1, Math.floor(bytes.length / 400))) {
      const short = bytes.subarray(0, cut)
      expect(status(short, content.length, content, { slack: 64 })).toBe(BAD_STREAM)
      status(short, content.length, content, { partial: true })
      status(short, content.length >> 1, content, { partial: true, slack: 64 })
    }
    const long = Uint8Array.from([...bytes, 0])
    expect(status(long, content.length, content)).toBe(BAD_STREAM)
    expect(status(long, content.length, content, { partial: true })).toBe(OK)
  })

  it("survives damaged fixtures and agrees with fzstd on what it accepts", () => {
    fc.assert(
      fc.property(fc.nat(fixtures.length - 1), fc.integer(), fc.constantFrom(0, 64), (index, seed, slack) => {
        const { frame: bytes, content } = fixtures[index] as Case
        if (bytes.length > 20000) return
        const damaged = mutate(bytes, seed)
        const whole = harness.decode(damaged, content.length, { slack })
        const part = harness.decode(damaged, content.length >> 1, { slack, partial: true })
        expect(whole.guardsIntact && part.guardsIntact).toBe(true)
        if (whole.status !== OK) return
        expect(part.status).toBe(OK)
        let reference: Uint8Array | undefined
        try {
          reference = fzstd(damaged)
        } catch {
          return
        }
        if (reference.length !== content.length) return
        expect(Buffer.compare(whole.output, reference)).toBe(0)
        expect(Buffer.compare(part.output, reference.subarray(0, part.output.length))).toBe(0)
      }),
      { numRuns: 20 * RUNS },
    )
  })

  it("decodes frames of raw and RLE blocks", () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    const rle = fc.tuple(fc.nat(255), fc.nat(5000))
    fc.assert(
      fc.property(fc.array(fc.oneof(bytes, rle), { minLength: 1, maxLength: 8 }), (pieces) => {
        const blocks = pieces.map((piece, index) => {
          const isLast = index === pieces.length - 1
          return piece instanceof Uint8Array ? rawBlock(piece, isLast) : rleBlock(piece[0], piece[1], isLast)
        })
        const content = Buffer.concat(
          pieces.map((piece) =>
            piece instanceof Uint8Array ? piece : new Uint8Array(piece[1]).fill(piece[0]),
          ),
        )
        expectWhole({ name: "blocks", frame: frame(blocks), content })
        expectWhole({
          name: "blocks",
          frame: singleSegment(
            content.length,
            blocks.map((it) => it),
          ),
          content,
        })
      }),
      { numRuns: RUNS },
    )
  })

  it("checks the content checksum against XXH64, but not in partial decoding", async () => {
    const { h64Raw } = await xxhash()
    const lengths = [...Array(140).keys(), 1000, 4096, 65537, 100001]
    for (const length of lengths) {
      const content = sample("noise", length, length)
      const bytes = Buffer.concat([frame([rawBlock(content, true)]), new Uint8Array(4)])
      bytes[4] = 4
      bytes.writeUInt32LE(Number(h64Raw(content) & 0xffffffffn), bytes.length - 4)
      expect(status(bytes, length, content)).toBe(OK)
      bytes.writeInt32LE(bytes.readInt32LE(bytes.length - 4) ^ (1 << (length % 32)), bytes.length - 4)
      expect(status(bytes, length, content)).toBe(BAD_STREAM)
      expect(status(bytes, length, content, { partial: true })).toBe(OK)
      expect(status(bytes.subarray(0, -1), length, content)).toBe(BAD_STREAM)
    }
  })

  it("knows what it does not support, and what is wrong, in frame headers", () => {
    const one = Uint8Array.of(7)
    const last = rawBlock([7], true)
    const of = (...header: number[]) => Uint8Array.from([...MAGIC, ...header, ...last])
    expect(status(of(0, 0), 1, one), "smallest window").toBe(OK)
    expect(status(of(0x10, 0), 1, one), "unused bit").toBe(OK)
    expect(status(of(8, 0), 1, one), "reserved bit").toBe(BAD_STREAM)
    expect(status(of(0, 13 << 3), 1, one), "window of 8 MiB").toBe(OK)
    expect(status(of(0, (13 << 3) | 1), 1, one), "window of 9 MiB").toBe(UNSUPPORTED)
    expect(status(of(0, 255), 1, one), "largest window").toBe(UNSUPPORTED)
    expect(status(of(1, 0, 0), 1, one), "dictionary 0").toBe(OK)
    expect(status(of(2, 0, 0, 1), 1, one), "dictionary 256").toBe(UNSUPPORTED)
    expect(status(of(3, 0, 0, 0, 0, 1), 1, one), "dictionary of four bytes").toBe(UNSUPPORTED)
    expect(status(of(0x20, 1), 1, one), "content size 1").toBe(OK)
    expect(status(of(0x20, 2), 1, one), "content size 2").toBe(BAD_STREAM)
    expect(status(of(0x20, 2), 1, one, { partial: true }), "content size 2").toBe(OK)
    expect(status(of(0x20, 0), 1, one, { partial: true }), "content size 0").toBe(BAD_STREAM)
    expect(status(of(0xc0, 0, 1, 0, 0, 0, 1, 0, 0, 0), 1, one), "content size above 2^32").toBe(BAD_STREAM)
    expect(status(Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0), 0, one), "skippable frame").toBe(
      BAD_STREAM,
    )
    for (let length = 0; length < 18; length++) {
      const descriptor = Uint8Array.from([...MAGIC, 0xc3, ...new Array(13).fill(0)]).subarray(0, length)
      expect(status(descriptor, 0, one)).toBe(BAD_STREAM)
    }
  })

  it("limits blocks to the window and to 128 KiB", () => {
    const limit = 128 << 10
    const zeros = new Uint8Array(limit + 1)
    expect(status(frame([rleBlock(0, limit, true)]), limit, zeros)).toBe(OK)
    expect(status(frame([rleBlock(0, limit + 1, true)]), limit + 1, zeros)).toBe(BAD_STREAM)
    expect(status(frame([rleBlock(0, 1024, true)], 0), 1024, zeros)).toBe(OK)
    expect(status(frame([rleBlock(0, 1025, true)], 0), 1025, zeros)).toBe(BAD_STREAM)
    const literals = (size: number) => compressedBlock([...rleLiterals(0, size, 3), 0], true)
    expect(status(frame([literals(limit)]), limit, zeros)).toBe(OK)
    expect(status(frame([literals(limit + 1)]), limit + 1, zeros)).toBe(BAD_STREAM)
    expect(status(frame([literals(1025)], 0), 1025, zeros)).toBe(BAD_STREAM)
    expect(status(frame([[7, 0, 0, 0]]), 0, zeros), "reserved block").toBe(BAD_STREAM)
  })

  it("takes offsets beyond the window, as the zstd command does, but not beyond the content", () => {
    const start = [1000, 1000, 1000].map((size) => rawBlock(sample("noise", size, size)))
    const content = Buffer.concat([0, 1, 2].map(() => sample("noise", 1000, 1000)))
    const of = (bits: number) =>
      frame(
        [
          ...start,
          compressedBlock(
            [0, ...rleSequences({ literalsLength: 0, offset: 11, matchLength: 0 }, [[[bits, 11]]])],
            true,
          ),
        ],
        0,
      )
    // Offset 2^11 + bits - 3.
    const expected = Buffer.concat([content, content.subarray(0, 3)])
    expect(status(of(3000 + 3 - 2048), 3003, expected)).toBe(OK)
    expect(status(of(3001 + 3 - 2048), 3003, undefined)).toBe(BAD_STREAM)
  })

  it("refuses a sequence that completes a part with more bits than are there", () => {
    const bytes = hex(
      "28b52ffd20dab40100e2840a8e5355655222111110ddd2846b61a7aed4c8a9194d2a43cabe6fec8dbf63566d8130100400053194" +
        "274903040cc20216847a02f40000230305039564b0fdb1de75791eef48c9317119910e75030314000c968505010000",
    )
    const partial = true
    for (const slack of [0, 64]) {
      // The last sequence begins at 78: up to there its bits are not needed.
      expect(harness.decode(bytes, 78, { partial, slack }).status).toBe(OK)
      expect(harness.decode(bytes, 79, { partial, slack }).status).toBe(BAD_STREAM)
      expect(harness.decode(bytes, 109, { partial, slack }).status).toBe(BAD_STREAM)
      expect(harness.decode(bytes, 218, { slack }).status).toBe(BAD_STREAM)
    }
  })

  it("decides the corner cases that the specification's companions name", () => {
    const decode = (text: string, length: number) => {
      const decoded = harness.decode(hex(text), length)
      expect(decoded.guardsIntact).toBe(true)
      return decoded
    }
    expect(decode("28b5 2ffd 2000 1500 0000 00", 0).status, "nothing in a compressed block").toBe(OK)
    expect(decode("28b5 2ffd a001 0002 0002 0010 000b 0000 00", 131073)).toMatchObject({
      status: OK,
      output: new Uint8Array(131073),
    })
    const tiny = "28b5 2ffd 2027 c500 0080 f3f1 f0ec ebc6 c5c7 f09d 4300 0000 e0e0 0658 0100 603e 52"
    expect(decode(tiny, 39).status, "tiny FSE table").toBe(OK)
    const truncated = "28b5 2ffd 0000 5500 0072 8001 0420 7e1f 02aa 00"
    for (let length = 0; length < 20; length++) {
      expect(decode(truncated, length).status, "truncated Huffman states").toBe(BAD_STREAM)
      const zero = "28b5 2ffd 0000 4500 0008 0002 002f 430b ae"
      expect(decode(zero, length).status, "offset 0").toBe(BAD_STREAM)
    }
  })

  it("rejects bad sequences", () => {
    const start = rawBlock([1, 2, 3, 4])
    const codes = { literalsLength: 0, offset: 2, matchLength: 0 }
    const of = (section: number[]) => frame([start, compressedBlock([0, ...section], true)])
    const good = rleSequences(codes, [[[3, 2]]])
    expect(status(of(good), 7, Uint8Array.of(1, 2, 3, 4, 1, 2, 3)), "offset 4").toBe(OK)
    const far = { ...codes, offset: 3 }
    expect(status(of(rleSequences(far, [[[0, 3]]])), 7, undefined), "offset 5").toBe(BAD_STREAM)
    const extra = rleSequences(codes, [[[3, 2]], [[0, 1]]])
    extra[0] = 1
    expect(status(of(extra), 7, undefined), "a bit too many").toBe(BAD_STREAM)
    const few = rleSequences(codes, [[[3, 1]]])
    expect(status(of(few), 7, undefined), "a bit too few").toBe(BAD_STREAM)
    expect(status(of([...good, 0]), 7, undefined), "no final bit").toBe(BAD_STREAM)
    expect(status(of([...good.slice(0, -1)]), 7, undefined), "no bitstream").toBe(BAD_STREAM)
    expect(status(of(good.with(1, 0x55)), 7, undefined), "reserved bits").toBe(BAD_STREAM)
    expect(status(of(good.with(1, 0xfc)), 7, undefined), "nothing to repeat").toBe(BAD_STREAM)
    expect(status(of(good.with(2, 36)), 7, undefined), "literals length code").toBe(BAD_STREAM)
    expect(status(of(good.with(3, 32)), 7, undefined), "offset code").toBe(BAD_STREAM)
    expect(status(of(good.with(4, 53)), 7, undefined), "match length code").toBe(BAD_STREAM)
    expect(status(of(good.with(2, 1)), 8, undefined), "no literal left").toBe(BAD_STREAM)
    expect(status(frame([start, compressedBlock([3, 0, 0, 0], true)]), 4, undefined), "treeless").toBe(
      BAD_STREAM,
    )
  })

  it.skipIf(!native)("decodes what libzstd compresses (needs cc and libzstd)", () => {
    for (const one of randomSmall()) expectWhole(one)
    for (const one of randomLarge()) expectWhole(one)
  })

  it.skipIf(!native)("decodes lengths around powers of two (needs cc and libzstd)", () => {
    const jobs = [
      0, 1, 2, 3, 7, 63, 255, 256, 1023, 4096, 65535, 65791, 65792, 131072, 131073, 262144,
    ].flatMap((length) =>
      (["noise", "words", "zeros"] as SampleKind[]).map((kind) => sample(kind, length, length)),
    )
    const frames = (native as NativeZstd).compress(jobs.map((content) => ({ content })))
    jobs.forEach((content, index) => {
      expectWhole({ name: `${content.length}`, frame: frames[index] as Uint8Array, content })
    })
  })

  it.skipIf(!native)("decodes sequences of more bits than a word has (needs cc and libzstd)", () => {
    expectWhole(farCase())
  })

  it.skipIf(!native)("decodes every prefix and no cut input (needs cc and libzstd)", () => {
    for (const { name, frame: bytes, content } of randomTiny()) {
      for (let length = 0; length <= content.length; length++) {
        const slack = length & 1 ? 64 : 0
        expect(status(bytes, length, content, { partial: true, slack }), name).toBe(OK)
      }
      for (let cut = 0; cut < bytes.length; cut++) {
        expect(status(bytes.subarray(0, cut), content.length, content, { slack: 64 }), name).toBe(BAD_STREAM)
        status(bytes.subarray(0, cut), content.length, content, { partial: true })
      }
    }
  })

  it.skipIf(!native)("accepts of damaged frames only what libzstd accepts (needs cc and libzstd)", () => {
    for (const { name, frame: bytes, content, reference } of randomDamaged()) {
      for (const slack of [0, 64]) {
        const decoded = status(bytes, content.length, reference, { slack })
        if (decoded === OK) expect(reference?.length, name).toBe(content.length)
        const decodedPart = harness.decode(bytes, content.length >> 1, { partial: true, slack })
        expect(decodedPart.guardsIntact, name).toBe(true)
        if (decoded === OK) expect(decodedPart.status, name).toBe(OK)
        if (decodedPart.status === OK && reference?.length === content.length) {
          expect(Buffer.compare(decodedPart.output, reference.subarray(0, content.length >> 1)), name).toBe(0)
        }
      }
    }
  })

  it.skipIf(!hasCommand)("decodes what the zstd command compresses (needs zstd)", () => {
    const content = sample("mixed", 300000, 5)
    for (const options of [["-1"], ["-19"], ["--fast=5", "--no-check"], ["-3", "--zstd=wlog=10"]]) {
      const bytes = execFileSync("zstd", ["-c", ...options], {
        input: content,
        stdio: ["pipe", "pipe", "ignore"],
      })
      expectWhole({ name: options.join(" "), frame: new Uint8Array(bytes), content })
    }
  })
})

describe("zstddec", () => {
  const decoder = new ZSTDDecoder()
  beforeAll(() => decoder.init())
  it.each(fixtures)("agrees on fixture $name", ({ frame: bytes, content }) => {
    expect(Buffer.compare(decoder.decode(bytes, content.length), content)).toBe(0)
  })
})
