// SPDX-License-Identifier: MIT
/** Threads that read a pool's images at random, and what they compare with. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { bufferSource, type Image, type ImageHandle, PagePool } from "../../src/index.js"
import { allFixtures, readFixture } from "./flat-image.js"
import { filesOf, manifestOf, sha256 } from "./open.js"

/** What a reader has done. */
export interface ReaderCounts {
  reads: number
  views: number
  advices: number
  mounts: number
  bytes: number
  /** Places at which bytes were wrong. */
  wrong: string[]
  /** Operations that the pool had no frames for. */
  refused: number
}

/** An image for readers: its file, its name in the pool, and the right bytes of its files. */
export interface ReadImage {
  file: string
  handle: ImageHandle
  domain: string
  files: { path: string; bytes: Uint8Array }[]
}

/**
 * Mounts fixtures in a pool from a folder of their own, and collects what is right: bytes whose digests are those that
 * Linux saw. Remove the folder with `clean`.
 */
export async function prepareImages(
  pool: PagePool,
  names: readonly string[],
  domains: readonly string[] = [""],
) {
  const folder = mkdtempSync(join(tmpdir(), "erofs-readers-"))
  const images: ReadImage[] = []
  const mounted: Image[] = []
  for (const [i, name] of names.entries()) {
    const fixture = allFixtures.find((one) => one.name === name)
    if (!fixture) throw new Error(`no fixture ${name}`)
    const bytes = readFixture(fixture.file)
    const file = join(folder, fixture.file)
    writeFileSync(file, bytes)
    const domain = domains[i % domains.length] as string
    const image = await pool.mount(bufferSource(bytes), { domain })
    mounted.push(image)
    images.push({ file, handle: image.share(), domain, files: await rightBytes(name) })
  }
  return { images, mounted, clean: () => rmSync(folder, { recursive: true }) }
}

/** The bytes of an image's files, read in a pool of their own and compared with their digests. */
async function rightBytes(name: string): Promise<ReadImage["files"]> {
  const manifest = manifestOf(name)
  const fixture = allFixtures.find((one) => one.name === name)
  const pool = await PagePool.create({ bytes: 4 << 20, shared: false, sharing: "none" })
  const image = await pool.mount(bufferSource(readFixture(fixture?.file as string)))
  return filesOf(manifest)
    .filter((path) => (manifest[path]?.size ?? 0) < 4 << 20)
    .map((path) => {
      const data = image.readFileSync(path)
      if (sha256(data) !== manifest[path]?.sha256) throw new Error(`${name}: ${path} is not what Linux read`)
      const bytes = new Uint8Array(new SharedArrayBuffer(data.length))
      bytes.set(data)
      return { path, bytes }
    })
}

/** A thread that reads the images of a pool. */
export function startReader(
  pool: PagePool,
  images: readonly ReadImage[],
  options: { seed: number; milliseconds: number; isSync?: boolean },
): { worker: Worker; ready: Promise<void>; done: Promise<ReaderCounts> } {
  const handle = pool.share()
  const worker = new Worker(new URL("pool-reader.js", import.meta.url), {
    workerData: { handle, images, ...options },
    transferList: [handle.port as never],
  })
  let isReady = (): void => {}
  const ready = new Promise<void>((resolve) => {
    isReady = resolve
  })
  const done = new Promise<ReaderCounts>((resolve, reject) => {
    worker.on("message", (message: "ready" | ReaderCounts) => {
      if (message === "ready") isReady()
      else resolve(message)
    })
    worker.once("error", reject)
    worker.once("exit", (code) => reject(new Error(`the reader ended with ${code}`)))
  })
  // Whoever terminates a reader does not wait for what it has done.
  done.catch(() => {})
  return { worker, ready, done }
}

/** Resolves when a condition holds; rejects when it does not within so many milliseconds. */
export async function eventually(condition: () => boolean, milliseconds = 20_000): Promise<void> {
  const until = Date.now() + milliseconds
  while (!condition()) {
    if (Date.now() > until) throw new Error("it never came true")
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
