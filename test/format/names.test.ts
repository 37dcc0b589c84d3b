// SPDX-License-Identifier: MIT
import { spawnSync } from "node:child_process"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { compareNames, decodeName, encodeName } from "../../src/format/names.js"
import { shared } from "../support/bytes.js"

/** Bytes in which sequences of UTF-8, whole and broken, are likely. */
const nearUtf8 = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.string({ unit: "binary", maxLength: 3 }).map((text) => new TextEncoder().encode(text)),
      fc
        .tuple(
          fc.constantFrom(0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5),
          fc.array(tails(), { maxLength: 3 }),
        )
        .map(([lead, rest]) => Uint8Array.of(lead, ...rest)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])))

function tails() {
  return fc.constantFrom(0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0x41)
}

const hasPython = spawnSync("python3", ["-c", ""]).status === 0

describe("names as text", () => {
  it.each([
    ["plain", [0x61, 0x62], "ab"],
    ["two bytes", [0xc3, 0xa9], "é"],
    ["three bytes", [0xe2, 0x82, 0xac], "€"],
    ["four bytes", [0xf0, 0x9f, 0x98, 0x80], "😀"],
    ["a byte order mark", [0xef, 0xbb, 0xbf, 0x61], "\ufeffa"],
    ["latin1", [0x61, 0xe9], "a\udce9"],
    ["overlong slash", [0xc0, 0xaf], "\udcc0\udcaf"],
    ["overlong euro", [0xf0, 0x82, 0x82, 0xac], "\udcf0\udc82\udc82\udcac"],
    ["encoded surrogate", [0xed, 0xa0, 0x80], "\udced\udca0\udc80"],
    ["encoded escape", [0xed, 0xb2, 0x80], "\udced\udcb2\udc80"],
    ["cut short", [0xe6, 0x97], "\udce6\udc97"],
    ["beyond the last plane", [0xf4, 0x90, 0x80, 0x80], "\udcf4\udc90\udc80\udc80"],
    ["nothing", [], ""],
  ])("%s", (_, bytes, text) => {
    expect(decodeName(Uint8Array.from(bytes))).toBe(text)
    expect(decodeName(shared(Uint8Array.from(bytes)))).toBe(text)
    expect([...encodeName(text)]).toEqual(bytes)
  })

  it("leads every byte string back to itself", () => {
    fc.assert(
      fc.property(nearUtf8, (bytes) => {
        expect(encodeName(decodeName(bytes))).toEqual(bytes)
      }),
    )
  })

  it("is UTF-8 for well-formed text, as TextEncoder and TextDecoder have it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const bytes = new TextEncoder().encode(text)
        expect(encodeName(text)).toEqual(bytes)
        expect(decodeName(bytes)).toBe(text)
      }),
    )
  })

  it("has surrogates of escaped bytes exactly where TextDecoder finds an error", () => {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
    const strict = (bytes: Uint8Array) => {
      try {
        return decoder.decode(bytes)
      } catch {
        return undefined
      }
    }
    fc.assert(
      fc.property(nearUtf8, (bytes) => {
        const text = decodeName(bytes)
        if (strict(bytes) === undefined) expect(text).toMatch(/[\udc80-\udcff]/u)
        else expect(text).toBe(strict(bytes))
      }),
    )
  })

  it.skipIf(!hasPython)("is what Python's surrogateescape makes of it (needs python3)", () => {
    const names = fc.sample(nearUtf8, 2000).map((bytes) => Buffer.from(bytes).toString("hex"))
    const script =
      "import json,sys; json.dump([bytes.fromhex(n).decode('utf-8','surrogateescape') for n in json.load(sys.stdin)], sys.stdout)"
    const python = spawnSync("python3", ["-c", script], { input: JSON.stringify(names), encoding: "utf8" })
    expect(names.map((name) => decodeName(Buffer.from(name, "hex")))).toEqual(JSON.parse(python.stdout))
  })

  it.each(["\ud800", "a\udbff", "\udc7f", "\udd00", "\udfff"])(
    "refuses a surrogate that is no byte (%#)",
    (text) => {
      expect(() => encodeName(text)).toThrow(expect.objectContaining({ code: "EINVAL" }))
    },
  )
})

describe("compareNames", () => {
  it("orders as memcmp does, a prefix first", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(Math.sign(compareNames(a, b))).toBe(Buffer.compare(a, b))
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array({ minLength: 1 }), (a, tail) => {
        expect(compareNames(a, Uint8Array.of(...a, ...tail))).toBeLessThan(0)
        expect(compareNames(a, a.slice())).toBe(0)
      }),
    )
  })
})
