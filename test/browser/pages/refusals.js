// SPDX-License-Identifier: MIT
// What goes wrong with Blobs: no image, cut short, called off, asked for at once.
import { blobSource, PagePool } from "/erofs/erofs-wasm.js"

const failure = (promise) =>
  promise.then(
    () => "none",
    ({ name, message }) => (name === "AbortError" ? name : message),
  )

async function run() {
  const blob = await (await fetch("/images/lz4-legacy.erofs")).blob()
  const pool = await PagePool.create({ bytes: 1 << 20 })
  const image = await pool.mount(blobSource(blob))
  const short = pool.mount(blobSource(blob.slice(0, 8192))).then((cut) => cut.readFile("/text-300k"))
  let sync = "none"
  try {
    image.readFileSync("/text-300k")
  } catch ({ message }) {
    sync = message
  }
  return {
    noImage: await failure(pool.mount(blobSource(new Blob(["no image at all"])))),
    cutShort: await failure(short),
    aborted: await failure(image.readFile("/text-300k", { signal: AbortSignal.abort() })),
    sync,
  }
}

globalThis.answer = run()
