// SPDX-License-Identifier: MIT
/** Which images each frame of the pool serves, as groups to be drawn. */
import type { OpenImage, Session } from "./session.js"

/** Frames that serve the same images in the same way. */
export interface Group {
  /** In the order in which they were opened; more than one: shared. None: the pool's own. */
  images: readonly OpenImage[]
  /** Pages of files, or of an image's metadata. */
  kind: "file" | "device"
  frames: number
}

/** The pool at one moment. */
export interface Residency {
  groups: Group[]
  /** Group of each frame; -1: free. */
  frames: Int32Array
  /** Frames up to the last one that is in use. */
  extent: number
}

/** Looks at the pool. */
export function residencyOf({ pool, images: all }: Session): Residency {
  const { frames, framesUsed, pagesShared } = pool.stats()
  const groups: Group[] = [
    { images: all, kind: "file", frames: pagesShared },
    { images: all.slice(0, 1), kind: "file", frames: framesUsed - pagesShared },
  ]
  const map = new Int32Array(frames).fill(-1)
  map.fill(0, 0, pagesShared)
  map.fill(1, pagesShared, framesUsed)
  return { groups, frames: map, extent: framesUsed }
}

/** Whether both stand for the same images and kind of pages. */
export function isSameGroup(one: Group, other: Group | undefined): boolean {
  return other !== undefined && keyOf(one) === keyOf(other)
}

/** The same for groups of the same images and kind. */
export function keyOf({ images, kind }: Group): string {
  return `${kind}:${images.map(({ id }) => id)}`
}
