// SPDX-License-Identifier: MIT
/** Handing in the core; each test has a fresh copy of the package, as what is handed in stays. */
import { readFileSync } from "node:fs"
import { beforeEach, expect, it, vi } from "vitest"
import { readFixture, readManifest } from "../support/flat-image.js"

const bytesOf = (variant: string) =>
  readFileSync(new URL(`../../build/core.${variant}.wasm`, import.meta.url))
const image = readFixture("lz4-legacy.erofs")
const NAMES = 14
const refused = (code: string, message?: RegExp) =>
  expect.objectContaining({ code, ...(message ? { message: expect.stringMatching(message) } : {}) })

let erofs: typeof import("../../src/index.js")
beforeEach(async () => {
  vi.resetModules()
  erofs = await import("../../src/index.js")
})

async function namesWith(options: { shared?: boolean }): Promise<[number, boolean]> {
  const pool = await erofs.PagePool.create({ bytes: 1 << 20, ...options })
  const mounted = await pool.mount(erofs.bufferSource(image))
  return [mounted.readdirSync("/").length, pool.isShared]
}

it("as bytes, as a module, for either kind of memory; pools follow it", async () => {
  await erofs.init({ variant: "plain", bytes: bytesOf("plain") })
  expect(await namesWith({})).toEqual([NAMES, false])
  expect(await namesWith({ shared: true })).toEqual([NAMES, true])
  await erofs.init({ module: await WebAssembly.compile(bytesOf("shared")) })
  expect(await namesWith({})).toEqual([NAMES, true])
})

it("really uses it: no other module is compiled", async () => {
  await erofs.init({ variant: "plain", module: new WebAssembly.Module(bytesOf("plain")) })
  const compile = vi.spyOn(WebAssembly, "compile")
  await namesWith({})
  expect(compile).not.toHaveBeenCalled()
  await namesWith({ shared: true })
  expect(compile).toHaveBeenCalledTimes(1)
  compile.mockRestore()
})

it("from a URL, whatever type the server gives it", async () => {
  const url = `data:application/octet-stream;base64,${bytesOf("plain").toString("base64")}`
  await erofs.init({ variant: "plain", url })
  expect(await namesWith({})).toEqual([NAMES, false])
})

it("refuses what is not that build, and stays as it was", async () => {
  const { init } = erofs
  await expect(init({})).rejects.toEqual(refused("EINVAL", /exactly one/))
  await expect(init({ bytes: bytesOf("plain"), url: "x" })).rejects.toEqual(refused("EINVAL", /exactly one/))
  await expect(init({ wasm: 1 } as object)).rejects.toEqual(refused("ENOTSUP", /'wasm'/))
  await expect(init({ bytes: bytesOf("plain") })).rejects.toEqual(refused("EINVAL", /shared memory/))
  await expect(init({ variant: "plain", bytes: bytesOf("shared") })).rejects.toEqual(refused("EINVAL"))
  await expect(init({ bytes: new Uint8Array(9) })).rejects.toEqual(refused("EINVAL", /compiled/))
  const empty = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
  await expect(init({ bytes: empty })).rejects.toEqual(refused("EINVAL", /not the core/))
  await expect(init({ url: "http://127.0.0.1:1/" })).rejects.toEqual(refused("EIO", /127.0.0.1:1/))
  expect(await namesWith({})).toEqual([NAMES, true])
})

it("a host that compiles nothing is told what to do, and may try again", async () => {
  const compile = vi.spyOn(WebAssembly, "compile").mockRejectedValueOnce(new Error("by policy"))
  await expect(namesWith({})).rejects.toEqual(refused("ENOTSUP", /by policy.*wasm-unsafe-eval.*init\(\)/))
  expect(await namesWith({})).toEqual([NAMES, true])
  compile.mockRestore()
})

it("a host that compiles nothing but imports the core reads as any other, name filters too", async () => {
  const refuse = () => Promise.reject(new Error("by policy"))
  const spies = [
    vi.spyOn(WebAssembly, "compile").mockImplementation(refuse),
    vi.spyOn(WebAssembly, "instantiate").mockImplementation(refuse),
  ]
  try {
    await erofs.init({ module: new WebAssembly.Module(bytesOf("shared")) })
    const pool = await erofs.PagePool.create({ bytes: 1 << 20 })
    const filtered = await pool.mount(erofs.bufferSource(readFixture("small-xattr-prefixes.erofs")))
    expect(filtered.superblock.hasXattrFilter).toBe(true)
    const names = Object.entries(readManifest("small-nosbcrc.json.gz")).flatMap(([path, { xattrs }]) =>
      Object.entries(xattrs).map(([name, value]) => [path, name, value] as const),
    )
    expect(names.length).toBeGreaterThan(10)
    for (const [path, name, value] of names) {
      const got = filtered.getxattrSync(path, name, { followSymlinks: false })
      expect([path, name, Buffer.from(got).toString("base64")]).toEqual([path, name, value])
    }
    expect(() => filtered.getxattrSync("/", "user.not-there")).toThrow(refused("ENODATA"))
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
})
