// SPDX-License-Identifier: MIT
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type ByteRange, Coalescer, mergeRanges } from "../../src/source/coalesce.js"
import { Random } from "../support/random.js"

const ranges = fc.array(
  fc
    .record({ start: fc.nat(2000), length: fc.nat(300) })
    .map(({ start, length }) => ({ start, end: start + length })),
  { maxLength: 30 },
)
const limits = fc.record({ gap: fc.nat(40), max: fc.integer({ min: 1, max: 150 }) })

/** Which bytes ranges hold. */
function bytesOf(all: readonly ByteRange[]): Set<number> {
  const bytes = new Set<number>()
  for (const { start, end } of all) for (let at = start; at < end; at++) bytes.add(at)
  return bytes
}

describe("merged ranges", () => {
  it("hold every byte once, are short enough, and no two of them could be one", () => {
    fc.assert(
      fc.property(ranges, limits, (asked, { gap, max }) => {
        const merged = mergeRanges(asked, { gap, max })
        const wanted = bytesOf(asked)
        const fetched = bytesOf(merged)
        expect([...wanted].filter((byte) => !fetched.has(byte))).toEqual([])
        for (const [i, { start, end }] of merged.entries()) {
          expect(end).toBeGreaterThan(start)
          expect(end - start).toBeLessThanOrEqual(max)
          // Begins and ends with bytes that somebody wants; what nobody wants is never long.
          expect(wanted.has(start) && wanted.has(end - 1)).toBe(true)
          let unwanted = 0
          let longest = 0
          for (let at = start; at < end; at++) {
            unwanted = wanted.has(at) ? 0 : unwanted + 1
            longest = Math.max(longest, unwanted)
          }
          expect(longest).toBeLessThanOrEqual(gap)
          const next = merged[i + 1]
          if (!next) continue
          expect(next.start).toBeGreaterThanOrEqual(end)
          expect(next.start - end > gap || next.start - start >= max).toBe(true)
        }
      }),
    )
  })

  it("are the ranges themselves where nothing can be saved", () => {
    const asked = [
      { start: 100, end: 200 },
      { start: 0, end: 50 },
      { start: 60, end: 60 },
    ]
    expect(mergeRanges(asked, { gap: 49, max: 1000 })).toEqual([
      { start: 0, end: 50 },
      { start: 100, end: 200 },
    ])
    expect(mergeRanges(asked, { gap: 50, max: 1000 })).toEqual([{ start: 0, end: 200 }])
    expect(mergeRanges([], { gap: 50, max: 1000 })).toEqual([])
  })
})

describe("a coalescer", () => {
  const content = new Random(3).bytes(3000)

  it("gives every reader its bytes, whoever joins, fails or leaves", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ start: fc.nat(2500), length: fc.nat(400), leaves: fc.boolean() }), {
          maxLength: 20,
        }),
        limits,
        fc.integer({ min: 1, max: 90 }),
        async (reads, merging, piece) => {
          let running = 0
          const coalescer = new Coalescer(async ({ start, end }, sink, signal) => {
            running++
            try {
              for (let at = start; at < end; at += piece) {
                await null
                signal.throwIfAborted()
                if (at >= 2400) throw new Error("no such bytes")
                sink(content.subarray(at, Math.min(end, at + piece)))
              }
            } finally {
              running--
            }
          }, merging)
          const outcomes = reads.map(async ({ start, length, leaves }, i) => {
            const target = new Uint8Array(length)
            const controller = new AbortController()
            if (i % 3 === 1) await new Promise(setImmediate)
            const read = coalescer.read(target, start, controller.signal)
            if (leaves) controller.abort("left")
            const outcome = await read.catch((error: unknown) => error)
            const found = target.slice()
            if (outcome === length) {
              expect(Buffer.compare(found, content.subarray(start, start + length))).toBe(0)
            } else if (leaves) expect(outcome).toBe("left")
            else expect(outcome).toMatchObject({ message: "no such bytes" })
            if (!leaves && start + length + merging.max + merging.gap < 2400) expect(outcome).toBe(length)
            await new Promise(setImmediate)
            // Nobody writes to what has been given back.
            expect(target).toEqual(found)
          })
          await Promise.all(outcomes)
          await new Promise(setImmediate)
          expect(running).toBe(0)
        },
      ),
      { numRuns: 200 },
    )
  })
})
