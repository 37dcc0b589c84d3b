// SPDX-License-Identifier: MIT
/** The pool itself under a recording: the core, driven page by page. */
import { ContentDescription, LAYOUT_FLAT } from "../../../src/content-description.js"
import { Core, TAG_INODE } from "../../../src/core.js"
import { PAGE_BITS, PAGE_SIZE } from "../../../src/page.js"
import type { PageUses } from "./trace.js"

/** Frames that a pool has at least. */
export const SMALLEST_POOL = 64
const OK = 0

/**
 * Hits of the uses in a pool of `frames` frames. Pages are brought in one by one, without read-ahead, as the textbook
 * policies do; what they hold does not matter. Throws if the core counts other fills than are seen from outside.
 */
export async function poolHits({ uses, places, spaceSizes }: PageUses, frames: number): Promise<number> {
  const core = await Core.create("plain", { frames, spaces: spaceSizes.length + 1, workers: 1 })
  const contents = spaceSizes.map((pages, space) => makeContent(core, space, pages))
  const slot = core.slot(0)
  let hits = 0
  for (const use of uses) {
    const { space, page } = places[use] as PageUses["places"][number]
    const content = contents[space] as ContentDescription
    let address = core.acquire(content.space, page, 1, true)
    if (address !== 0) hits++
    else {
      const status = slot.plan(content, page, 1) || slot.finish()
      if (status !== OK) throw new Error(`a fill ended with status ${status}`)
      address = core.acquire(content.space, page, 1, true)
      if (address === 0) throw new Error("a page that was brought in is not there")
    }
    core.release(address, 1)
  }
  const { pagesFilled } = core.statistics()
  if (pagesFilled !== uses.length - hits)
    throw new Error(`${pagesFilled} fills, ${uses.length - hits} misses`)
  return hits
}

/** A file of its own address space. */
function makeContent(core: Core, number: number, pages: number): ContentDescription {
  const key = new Uint8Array(Float64Array.of(number).buffer)
  const size = pages * PAGE_SIZE
  const content = new ContentDescription()
  content.space = core.openSpace({ tag: TAG_INODE, owner: 1, key, size, mount: 1, domain: 0 })
  if (content.space <= 0) throw new Error(`no address space: status ${-content.space}`)
  content.layout = LAYOUT_FLAT
  content.size = size
  content.blockBits = PAGE_BITS
  content.mount = 1
  return content
}
