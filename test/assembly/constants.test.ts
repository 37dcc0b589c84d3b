// SPDX-License-Identifier: MIT
/** Numbers that stand both in assembly/ and in src/: read from the texts of both, so that neither can drift alone. */
import { describe, expect, it } from "vitest"
import { TAG_DEVICE, TAG_FINGERPRINT, TAG_INODE } from "../../src/core.js"
import { ALGORITHM_NAMES } from "../../src/format/features.js"
import { EXTENT_KINDS, SLOT_COUNT } from "../../src/slot.js"
import * as status from "../../src/status.js"
import { constantsOf, textOf } from "../support/core-layout.js"
import { describeContent } from "../support/pool-core.js"

const slot = constantsOf(textOf("assembly/slot.ts"))
const layout = constantsOf(textOf("assembly/layout.ts"))
const coreConstants = constantsOf(textOf("src/content-description.ts") + textOf("src/slot.ts"))

describe("numbers of assembly/slot.ts in src/", () => {
  const shared = [...slot].filter(([name]) => /^(LAYOUT|CONTENT|SLOT|REQUEST)_/.test(name))

  it.each(shared.filter(([name]) => name !== "CONTENT_SIZE"))("%s", (name, value) => {
    expect(coreConstants.get(name)).toBe(value)
  })

  it("are all there, and no others", () => {
    const names = new Set(shared.map(([name]) => name))
    const known = [...coreConstants.keys()].filter((name) => /^(LAYOUT|CONTENT|SLOT|REQUEST)_/.test(name))
    expect(
      known.filter((name) => !names.has(name) && name !== "CONTENT_WORDS" && name !== "SLOT_COUNT"),
    ).toEqual([])
    expect(SLOT_COUNT).toBe(layout.get("SLOT_COUNT"))
    expect((coreConstants.get("CONTENT_WORDS") as number) * 4).toBe(slot.get("CONTENT_SIZE"))
  })

  it("kinds of extents stand in the order of their numbers", () => {
    const words: Record<string, string> = {
      raw: "KIND_RAW",
      hole: "KIND_HOLE",
      inline: "KIND_METADATA",
      fragment: "KIND_FRAGMENT",
      plain: "KIND_COPY",
      compressed: "KIND_DECODE",
    }
    expect(EXTENT_KINDS.map((kind) => slot.get(words[kind] as string))).toEqual([0, 1, 2, 3, 4, 5])
  })

  it("field numbers and flags that Slot asks by", () => {
    const numbers = (prefix: string) =>
      [...slot].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name, value])
    expect(numbers("RANGE_").filter(([name]) => name !== "RANGE_TABLE_LENGTH")).toEqual([
      ["RANGE_OFFSET", 0],
      ["RANGE_LENGTH", 1],
      ["RANGE_ADDRESS", 2],
      ["RANGE_DEVICE", 3],
    ])
    const fields = "LOGICAL PHYSICAL LENGTH ENCODED_LENGTH KIND ALGORITHM DEVICE FLAGS".split(" ")
    expect(fields.map((field) => slot.get(`EXTENT_${field}`))).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(["PARTIAL", "INTERLACED", "IN_METADATA"].map((flag) => slot.get(`EXTENT_${flag}`))).toEqual([
      1, 2, 4,
    ])
  })

  it("the longest key that a space's record holds", () => {
    const inline = constantsOf(textOf("src/fingerprint-key.ts")).get("KEY_INLINE")
    expect(inline).toBe(layout.get("SPACE_KEY_INLINE"))
  })

  it("tags of address spaces", () => {
    const spaces = constantsOf(textOf("assembly/pool/spaces.ts"))
    expect([TAG_INODE, TAG_DEVICE, TAG_FINGERPRINT]).toEqual(
      ["TAG_INODE", "TAG_DEVICE", "TAG_FINGERPRINT"].map((name) => spaces.get(name)),
    )
  })

  it("numbers of the algorithms", () => {
    const numbers = constantsOf(textOf("assembly/codec/decode.ts"))
    const named = ["lz4", "lzma", "deflate", "zstd"].map((name) =>
      numbers.get(`ALGORITHM_${name.toUpperCase()}`),
    )
    expect(named).toEqual(
      ["lz4", "lzma", "deflate", "zstd"].map((name) => ALGORITHM_NAMES.indexOf(name as never)),
    )
  })

  it("words of a content stand in the order of the record", () => {
    const record = /class Slot \{([\s\S]*?)\/\/ The request/.exec(textOf("assembly/slot.ts"))?.[1] as string
    const fields = [...record.matchAll(/(\w+): (u32|u64)/g)].map(([, name, type]) => ({
      name: name as string,
      words: type === "u64" ? 2 : 1,
    }))
    // Every field gets a number of its own; the words must show them in the record's order.
    const values = Object.fromEntries(
      fields.map(({ name, words }, i) => [name, words === 2 ? i + 1 + (i + 101) * 2 ** 32 : i + 1]),
    )
    const words = describeContent(values)
    const expected = fields.flatMap(({ words }, i) => (words === 2 ? [i + 1, i + 101] : [i + 1]))
    expect([...words]).toEqual(expected)
  })

  it("numbers of statistics stand in the order of the record", () => {
    const record = /class Statistics \{([\s\S]*?)\n\}/.exec(
      textOf("assembly/pool/statistics.ts"),
    )?.[1] as string
    const fields = [...record.matchAll(/^ {2}(\w+): u64/gm)].map(([, name]) => name)
    const listed = /STATISTICS_FIELDS = \[([\s\S]*?)\]/.exec(textOf("src/core.ts"))?.[1] as string
    expect([...listed.matchAll(/"(\w+)"/g)].map(([, name]) => name)).toEqual(fields)
  })
})

describe("status numbers", () => {
  const numbers = [...constantsOf(textOf("assembly/status.ts"))]
  /** What ends no operation: each is handled where it is answered. */
  const handled = new Set("OK RESIDENT BUSY NEED_METADATA NEED_PACKED SIZE_DIFFERS FETCH_FAILED".split(" "))

  it("are the same in src/status.ts", () => {
    const ours = Object.entries(status).filter(([, value]) => typeof value === "number" && value >= 0)
    const theirs = new Map(numbers)
    for (const [name, value] of ours) expect([name, theirs.get(name)]).toEqual([name, value])
    for (const name of handled) expect(ours.map(([known]) => known)).toContain(name)
  })

  it.each(numbers)("%s has words, or is handled", (name, value) => {
    const words = status.FAILURES[value]
    if (handled.has(name)) expect(words).toBeUndefined()
    else expect(words?.[1]).toMatch(/\w+ \w+/)
  })

  it("differ, and every failure has one", () => {
    expect(new Set(numbers.map(([, value]) => value)).size).toBe(numbers.length)
    const known = new Set(numbers.map(([, value]) => value))
    expect(
      Object.keys(status.FAILURES)
        .map(Number)
        .filter((value) => value >= 0 && !known.has(value)),
    ).toEqual([])
  })
})
