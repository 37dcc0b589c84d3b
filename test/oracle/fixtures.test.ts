// SPDX-License-Identifier: MIT
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { PagePool } from "../../src/index.node.js"
import { type Expected, mountListed, readExpected, readIndex } from "../support/image-set.js"
import { compareImage, lineOf } from "./compare.js"
import { compareHuge, isHuge } from "./huge.js"

const FOLDER = fileURLToPath(new URL("../fixtures/images/", import.meta.url))
const images = readIndex(FOLDER)
const plain = images.find(({ name }) => name === "layer1")

describe.each([true, false])("images, in shared memory: %s", (shared) => {
  it.each(images)("$name is what Linux sees", async (listed) => {
    await using pool = await PagePool.create({ bytes: 8 << 20, shared })
    const image = await mountListed(pool, FOLDER, listed)
    const expected = readExpected(FOLDER, listed.manifest)
    const compare = isHuge(listed) ? compareHuge : compareImage
    const differences = await compare(image, expected)
    expect(differences.map((difference) => lineOf(listed.name, difference))).toEqual([])
    expect(pool.stats().framesPinned).toBe(0)
  })
})

describe("the comparison", () => {
  /** The differences that it finds when the manifest is changed. */
  async function whenChanged(change: (entries: Map<string, Expected>) => void): Promise<string[]> {
    if (!plain) throw new Error("no such image")
    await using pool = await PagePool.create({ bytes: 8 << 20 })
    const expected = readExpected(FOLDER, plain.manifest)
    change(expected)
    const differences = await compareImage(await mountListed(pool, FOLDER, plain), expected)
    return differences.map(({ path, key }) => `${path} ${key}`)
  }

  it.each([
    ["mode", 0],
    ["uid", 7],
    ["nlink", 9],
    ["size", 1],
    ["mtime", [0, 1]],
    ["xattrs", { "user.x": "" }],
    ["sha256", "0".repeat(64)],
    ["type", "fifo"],
    ["target", "x"],
  ])("sees another %s", async (key, value) => {
    const found = await whenChanged((entries) => {
      const entry = entries.get("/bin/tool")
      if (entry) entry[key] = value
    })
    expect(found).toEqual([`/bin/tool ${key}`])
  })

  it("sees paths that are missing or too many", async () => {
    expect(await whenChanged((entries) => void entries.delete("/opaque/below"))).toContain("/opaque/below ")
    const entry: Expected = { type: "file", size: 0 }
    expect(await whenChanged((entries) => void entries.set("/zzz", entry))).toEqual(["/zzz "])
  })
})
