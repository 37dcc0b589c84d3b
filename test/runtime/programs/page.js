// SPDX-License-Identifier: MIT
// Ten lines of a user's page, for bundlers.
import { blobSource, PagePool } from "erofs-wasm"

async function run() {
  const pool = await PagePool.create({ bytes: 16 * 1024 * 1024 })
  const image = await pool.mount(blobSource(await (await fetch("/images/four-algorithms.erofs")).blob()))
  const names = []
  for await (const entry of image.walk("/", { depth: 1 })) names.push(entry.path)
  const archive = await new Response(image.tar("/text-300k")).arrayBuffer()
  const { length } = await image.readFile("/text-300k", "utf8")
  return { names, length, isArchived: archive.byteLength > length }
}
globalThis.answer = run()
