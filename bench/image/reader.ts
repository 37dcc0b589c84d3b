// SPDX-License-Identifier: MIT
/** Reading every file of an image through the public API. As a program: once, in a fresh process. */
import { pathToFileURL } from "node:url"
import { type Image, openFileSync, PagePool } from "../../src/index.node.js"

/** Bytes of the pool that images are read through. */
export const POOL_BYTES = 64 << 20

/** What was read. */
export interface Amount {
  files: number
  bytes: number
}

/** Obtains all bytes of all files as views. */
export function readViews(image: Image): Amount {
  let files = 0
  let bytes = 0
  for (const entry of image.walkSync()) {
    if (!entry.isFile()) continue
    const file = image.openSync(entry)
    const view = file.map()
    try {
      for (const segment of view.segmentsSync()) bytes += segment.length
    } finally {
      view.dispose()
      file.closeSync()
    }
    files++
  }
  return { files, bytes }
}

/** Mounts an image, reads all of it and closes it. */
export function readImage(pool: PagePool, path: string): Amount {
  const image = pool.mountSync(openFileSync(path))
  try {
    return readViews(image)
  } finally {
    image.closeSync()
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const start = performance.now()
  const pool = await PagePool.create({ bytes: POOL_BYTES })
  const amount = readImage(pool, process.argv[2] as string)
  console.log(JSON.stringify({ ...amount, milliseconds: performance.now() - start }))
}
