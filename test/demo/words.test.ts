// SPDX-License-Identifier: MIT
import { describe, expect, it } from "vitest"
import { counted, nameText, percentText, sizeText, timeText } from "../../demo/words.js"

describe("sizes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1024, "1.00 KiB"],
    [10 * 1024, "10.0 KiB"],
    [100 * 1024, "100 KiB"],
    [1500 * 1024, "1.46 MiB"],
    [2 ** 40, "1.00 TiB"],
    [2n ** 63n, "8.00 EiB"],
    [2n ** 64n - 1n, "16.0 EiB"],
  ])("%s bytes are %s", (bytes, text) => expect(sizeText(bytes)).toBe(text))

  it("counts and shares", () => {
    expect([counted(1, "file"), counted(1234, "file")]).toEqual(["1 file", "1,234 files"])
    expect([percentText(1, 3), percentText(1, 1000), percentText(0, 5), percentText(1, 0)]).toEqual([
      "33 %",
      "< 1 %",
      "0 %",
      "0 %",
    ])
  })
})

describe("times", () => {
  it("before and after 1970, and beyond what dates can hold", () => {
    expect(timeText(0n)).toBe("1970-01-01 00:00:00")
    expect(timeText(-1n, true)).toBe("1969-12-31 23:59:59.999999999")
    expect(timeText(1_790_000_000_000_000_001n, true)).toBe("2026-09-21 14:13:20.000000001")
    expect(timeText(9_000_000_000_000n * 1_000_000_000n)).toBe("@9000000000000")
  })
})

describe("names", () => {
  it("show what is there, in any script", () => {
    for (const name of ["os-release", "Grüße", "日本語", "🎉", "a b"]) expect(nameText(name)).toBe(name)
  })

  it("write out what cannot be seen, or deceives", () => {
    expect(nameText("a\nb\x1b[31m")).toBe("a\\x0ab\\x1b[31m")
    expect(nameText("invoice\u202efdp.exe")).toBe("invoice\\u202efdp.exe")
    expect(nameText("\udcff\udc80")).toBe("\\xff\\x80")
    expect(nameText("\ud800")).toBe("\\ud800")
  })
})
