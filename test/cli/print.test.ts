// SPDX-License-Identifier: MIT
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { escapeControls, escapeForTerminal, type Json, textBytes, toJson } from "../../src/cli/print.js"

describe("toJson", () => {
  it("is read back as what it was, by another reader", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        // -0 has no other form than 0 in JSON.stringify either.
        const text = toJson(value as Json, indent)
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        expect(text).toMatch(/^[\n\x20-\x7e]*$/)
      }),
    )
  })

  it("writes bigints exactly, maps in order, and leaves undefined out", () => {
    const value = {
      big: 2n ** 64n - 1n,
      none: undefined,
      map: new Map<string, Json>([
        ["2", 1n],
        ["1", null],
      ]),
    }
    expect(toJson(value)).toBe('{"big":18446744073709551615,"map":{"2":1,"1":null}}')
  })

  it("escapes what is not ASCII as U+XXXX in UTF-16, DEL too", () => {
    expect(toJson('a\u007f\u00e9\u{1f600}\udc80\n"')).toBe('"a\\u007f\\u00e9\\ud83d\\ude00\\udc80\\n\\""')
  })
})

describe("escaping", () => {
  it("leaves plain text, however foreign, alone", () => {
    for (const text of ["plain", "größe", "文件", "😀", "back\\slash"]) {
      expect(escapeControls(text)).toBe(text)
      expect(escapeForTerminal(text)).toBe(text)
    }
  })

  it("keeps a terminal from being steered", () => {
    expect(escapeForTerminal("\x1b[2J\x07\n\x9b31m")).toBe("\\x1b[2J\\x07\\x0a\\x9b31m")
    expect(escapeForTerminal("a\u202eb")).toBe("a\\u202eb")
    expect(escapeForTerminal("\udcff\udc80")).toBe("\\xff\\x80")
  })

  it("writes names that are not UTF-8 as the bytes they are", () => {
    expect([...textBytes("a\udcff😀")]).toEqual([0x61, 0xff, 0xf0, 0x9f, 0x98, 0x80])
  })
})
