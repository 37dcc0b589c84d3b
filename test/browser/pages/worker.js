// SPDX-License-Identifier: MIT
// A module worker that reads what it is sent: a Blob, or the name of a file in the private file system.
import * as erofs from "/erofs/erofs-wasm.js"
import { apis, digests } from "/programs/everywhere.js"

async function accessHandle(name) {
  const root = await navigator.storage.getDirectory()
  return (await root.getFileHandle(name)).createSyncAccessHandle()
}

/** Reads a file at once, by a handle that closing the image closes: else it could not be had again. */
async function readSync(name) {
  const pool = await erofs.PagePool.create({ bytes: 1 << 20 })
  const names = []
  for (let round = 0; round < 2; round++) {
    const image = pool.mountSync(erofs.opfsSource(await accessHandle(name)))
    names.push(image.readdirSync("/").length)
    image.closeSync()
  }
  return names
}

const tasks = {
  blob: ({ blob }) => digests(erofs, erofs.blobSource(blob)),
  apis: ({ blob }) => apis(erofs, erofs.blobSource(blob)),
  opfs: async ({ name }) => ({
    names: await readSync(name),
    ...(await digests(erofs, erofs.opfsSource(await accessHandle(name)))),
  }),
}

globalThis.onmessage = async ({ data }) => {
  try {
    postMessage({ answer: await tasks[data.task](data) })
  } catch (error) {
    postMessage({ error: String(error.stack) })
  }
}
