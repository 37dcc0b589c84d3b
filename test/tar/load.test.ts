// SPDX-License-Identifier: MIT
/** What writes archives is loaded only where one is written. */
import { expect, it, vi } from "vitest"
import { bufferSource, type Image, loadTar, PagePool } from "../../src/index.js"
import { buildImage, directory, file } from "../support/build-image.js"
import { readTar } from "../support/tar.js"

async function mount(): Promise<Image> {
  const pool = await PagePool.create({ bytes: 1 << 20 })
  return pool.mount(bufferSource(buildImage(directory({ a: file("text") }))))
}

/** What a fresh copy of the package knows. */
async function fresh() {
  vi.resetModules()
  return await import("../../src/index.js")
}

it("an archive at once needs it to have been loaded, and says how", async () => {
  const package_ = await fresh()
  const pool = await package_.PagePool.create({ bytes: 1 << 20 })
  const image = await pool.mount(package_.bufferSource(buildImage(directory({ a: file("text") }))))
  expect(() => image.tarSync().next()).toThrow(/^ENOTSUP: .*loadTar\(\)/)
  await package_.loadTar()
  expect(readTar(Buffer.concat([...image.tarSync()])).map(({ path }) => path)).toEqual([".", "a"])
})

it("a stream loads it, after it has told what is wrong with its options", async () => {
  const package_ = await fresh()
  const pool = await package_.PagePool.create({ bytes: 1 << 20 })
  const image = await pool.mount(package_.bufferSource(buildImage(directory({ a: file("text") }))))
  expect(() => image.tar("/", { prefix: "\0" })).toThrow("EINVAL")
  const idle = image.tar()
  await idle.cancel()
  expect(() => image.tarSync().next()).toThrow("ENOTSUP")
  await expect(image.tar("/none").getReader().read()).rejects.toThrow(
    "ENOENT: no such file or directory, tar '/none'",
  )
  expect(readTar(Buffer.concat([...image.tarSync()]))).toHaveLength(2)
})

it("a stream that is cancelled or aborted meanwhile ends without reading anything", async () => {
  await loadTar()
  const image = await mount()
  const reader = image.tar().getReader()
  const read = reader.read()
  await reader.cancel("enough")
  expect((await read).done).toBe(true)
  const controller = new AbortController()
  const aborted = image.tar("/", { signal: controller.signal }).getReader().read()
  controller.abort(new Error("stop"))
  await expect(aborted).rejects.toThrow("stop")
  await image.close()
})

it("in Node, Deno and Bun it comes with everything else", async () => {
  vi.resetModules()
  const package_ = await import("../../src/index.node.js")
  const pool = await package_.PagePool.create({ bytes: 1 << 20 })
  using image = pool.mountSync(package_.bufferSource(buildImage(directory({ a: file("text") }))))
  expect(readTar(Buffer.concat([...image.tarSync()]))).toHaveLength(2)
})
