// SPDX-License-Identifier: MIT
// A user's program for Node, Deno and Bun: reads one image in every way there is and prints what it saw.
import { openAsBlob, readFileSync } from "node:fs"
import process from "node:process"
import * as erofs from "erofs-wasm"
import { apis, digests } from "./everywhere.js"

const path = "images/four-algorithms.erofs"
const bytes = new Uint8Array(readFileSync(path))

/** The file as the runtime's own kind of Blob. */
async function blobOf() {
  if (globalThis.Bun) return Bun.file(path)
  return globalThis.Deno ? new Blob([bytes]) : openAsBlob(path)
}

/** All names and one content by the synchronous calls. */
async function synchronously() {
  const pool = await erofs.PagePool.create({ bytes: 1 << 20 })
  const image = pool.mountSync(erofs.openFileSync(path))
  const names = image.readdirSync("/", { recursive: true }).length
  const size = image.readFileSync("/text-300k").length
  const pieces = [...image.tarSync("/text-300k")].length
  image.closeSync()
  return { names, size, pieces, isDisposable: typeof image[Symbol.dispose] === "function" }
}

console.log(
  JSON.stringify({
    runtime: globalThis.Deno?.version.deno ?? globalThis.Bun?.version ?? process.version,
    names: Object.keys(erofs),
    sync: await synchronously(),
    file: await digests(erofs, await erofs.openFile(path)),
    buffer: await digests(erofs, erofs.bufferSource(bytes), { shared: false }),
    blob: await digests(erofs, erofs.blobSource(await blobOf())),
    apisShared: await apis(erofs, erofs.bufferSource(bytes), { shared: true }),
    apisPlain: await apis(erofs, erofs.bufferSource(bytes), { shared: false }),
  }),
)
