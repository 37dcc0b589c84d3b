// SPDX-License-Identifier: MIT
// A page that reads an image from another origin, and keeps what it fetched in a store that outlives the page.
import * as erofs from "/erofs/erofs-wasm.js"
import { digestsOf } from "/programs/everywhere.js"

const parameters = new URLSearchParams(location.search)
const stores = {
  memory: () => erofs.memoryStore(),
  cache: () => erofs.cacheApiStore(),
  opfs: () => erofs.opfsStore(),
}

async function run() {
  const store = await stores[parameters.get("store")]()
  const pool = await erofs.PagePool.create({ bytes: 2 << 20 })
  const image = await pool.mount(await erofs.cachedSource(parameters.get("image"), store))
  const found = await digestsOf(image)
  const { bytesReceived } = pool.stats()
  await image.close()
  return { found, bytesReceived, isShared: pool.isShared }
}

globalThis.answer = run()
