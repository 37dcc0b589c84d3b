// SPDX-License-Identifier: MIT
// Ten lines of a user's page, for bundlers.
import { blobSource, PagePool } from "erofs-wasm"

async function run() {
  const pool = await PagePool.create({ bytes: 16 * 1024 * 1024 })
  const image = await pool.mount(blobSource(await (await fetch("/images/four-algorithms.erofs")).blob()))
  const names = []
  for await (const entry of image.walk("/", { depth: 1 })) names.push(entry.path)
  return { names, length: (await image.readFile("/text-300k", "utf8")).length }
}
globalThis.answer = run()
