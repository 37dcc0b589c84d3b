// SPDX-License-Identifier: MIT
/** Counting the pages that files take by having them in a pool, all at the same time. */

import type { Image } from "../image.js"
import { PAGE_SIZE } from "../page.js"
import type { PagePool } from "../pool.js"
import type { MappedView } from "../view.js"
import type { Reading } from "./workload.js"

/** Bytes brought in at a time. */
const PIECE = 1 << 20

/** Told of what has been done: bytes that were read, files that were finished. */
export interface Watcher {
  bytes(count: number): void
  entry(): void
}

/**
 * Maps every reading of all images and touches its pages, as programs would that run from all of them at once, and
 * answers the frames that the maps then hold, and the bytes by which the pool's tables have grown. What is pinned cannot be reclaimed, so each page is there at the end;
 * metadata, and pages that came along because they lie in the same extent, are not pinned and not counted.
 */
export async function countFrames(
  pool: PagePool,
  images: readonly (readonly [Image, readonly Reading[]])[],
  watcher: Watcher,
): Promise<{ frames: number; records: number }> {
  const views: MappedView[] = []
  const before = pool.stats().bookkeepingBytes
  try {
    for (const [image, readings] of images) {
      for (const reading of readings) {
        const view = await mapFile(image, reading)
        if (view) {
          views.push(view)
          await touch(view, reading, watcher)
        }
        watcher.entry()
      }
    }
    const after = pool.stats()
    return { frames: after.framesPinned, records: after.bookkeepingBytes - before }
  } finally {
    for (const view of views) view.dispose()
  }
}

async function mapFile(image: Image, reading: Reading): Promise<MappedView | undefined> {
  if (reading.pages.length === 0) return undefined
  await using file = await image.open(reading)
  return file.map()
}

/** Brings in and pins the pages of a reading. */
async function touch(view: MappedView, { pages }: Reading, watcher: Watcher): Promise<void> {
  for (const { from, to } of pages) {
    const end = Math.min(view.length, to * PAGE_SIZE)
    for (let at = from * PAGE_SIZE; at < end; at += PIECE) {
      const pieceEnd = Math.min(end, at + PIECE)
      await view.segments(at, pieceEnd)
      watcher.bytes(pieceEnd - at)
    }
  }
}
