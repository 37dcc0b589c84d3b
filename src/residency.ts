// SPDX-License-Identifier: MIT
/** What lies in a pool's frames, for pictures and tests of sharing. */
import { type Core, KEPT_FRAME } from "./core.js"
import type { Image } from "./image.js"

/** An address space that has pages in the pool: a file, or several that share one. */
export interface ResidentSpace {
  /** Pages of it that are in the pool, those too that lie in the frame of an equal page. */
  pages: number
  /** Images of this worker that use it, as positions in `pool.images`. */
  images: number[]
  /** Whether it is the content of files or the metadata of an image. */
  kind: "file" | "device"
}

/** What lies in a pool's frames. */
export interface Residency {
  /**
   * For each frame the position in `spaces` of the one whose page lies there; where pages share by content, the first of
   * them. -1: free; -2: not for pages (bookkeeping, or set aside in a pool that was made smaller).
   */
  frames: Int32Array
  /**
   * Which further pages lie in frames, sharing by content: a frame and a position in `spaces`, one after the other, once
   * for each such page and in no order. A frame may come several times.
   */
  aliases: Int32Array
  spaces: ResidentSpace[]
}

/** Describes all frames of a pool. */
export function describeResidency(core: Core, images: readonly Image[]): Residency {
  const mounts = positionsByMount(images)
  const positions = new Map<number, number>()
  const spaces: ResidentSpace[] = []
  const positionOf = (space: number): number => {
    let position = positions.get(space)
    if (position === undefined) {
      position = spaces.length
      positions.set(space, position)
      spaces.push(describeOne(core, space, mounts))
    }
    return position
  }
  const frames = Int32Array.from(core.describeFrames(), (space) => {
    if (space === 0) return -1
    return space === KEPT_FRAME ? -2 : positionOf(space)
  })
  const aliases: number[] = []
  const described = core.describeAliases()
  for (let at = 0; at < described.length; at += 2) {
    const [frame, space] = described.subarray(at, at + 2) as unknown as [number, number]
    if (space !== 0) aliases.push(frame, positionOf(space))
  }
  return { frames, aliases: Int32Array.from(aliases), spaces }
}

/** Where the images of each mount stand: one that was mounted again by its handle is the same mount. */
function positionsByMount(images: readonly Image[]): Map<number, number[]> {
  const positions = new Map<number, number[]>()
  for (const [position, image] of images.entries()) {
    const { mount } = image.share()
    const known = positions.get(mount)
    if (known) known.push(position)
    else positions.set(mount, [position])
  }
  return positions
}

function describeOne(core: Core, space: number, mounts: ReadonlyMap<number, number[]>): ResidentSpace {
  const description = core.describeSpace(space)
  const images = (description?.mounts ?? []).flatMap((mount) => mounts.get(mount) ?? [])
  return {
    pages: description?.pages ?? 0,
    images: images.sort((a, b) => a - b),
    kind: description?.isDevice ? "device" : "file",
  }
}
