// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { directory, file } from "../support/build-image.js"
import { cli, fixturePath, imageFile, output, scratch } from "../support/cli.js"
import { type Fixture, fixtures, readText } from "../support/flat-image.js"

const devicesOf = ({ extra }: Fixture): string[] => extra.flatMap((file) => ["--device", fixturePath(file)])

describe.each(fixtures.images)("manifest of $name", (fixture: Fixture) => {
  const expected = readText(fixture.manifest)
  // An oracle may have read several images that look the same.
  const { oracle } = JSON.parse(expected) as { oracle: string }

  it("is byte for byte what describes the tree as the kernel shows it", async () => {
    const argv = [fixturePath(fixture.file), ...devicesOf(fixture), "--oracle", oracle]
    expect(await output("manifest", ...argv)).toBe(expected)
  })
})

describe("manifest", () => {
  it("goes to a file, and to standard output as '-'", async () => {
    const path = join(scratch(), "out.json")
    expect(await output("manifest", "-o", path, fixturePath("bytes.erofs"))).toBe("")
    const written = readFileSync(path, "utf8")
    expect(written.split("\n")[0]).toBe('{"format":1,"oracle":null,"entries":{')
    expect(await output("manifest", "-o", "-", fixturePath("bytes.erofs"))).toBe(written)
  })

  it("names the file that cannot be read", async () => {
    const image = imageFile(
      directory({ good: file("1"), lost: file("2", { isInline: false, startBlock: 999 }) }),
    )
    const { code, stderr } = await cli(["manifest", image])
    expect(code).toBe(1)
    expect(stderr).toContain("erofs-wasm manifest: '/lost': ")
  })
})
