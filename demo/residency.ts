// SPDX-License-Identifier: MIT
/** Which images each frame of the pool serves, as groups to be drawn. */
import type { ResidentSpace } from "erofs-wasm"
import type { OpenImage, Session } from "./session.js"

/** Frames that serve the same images in the same way. */
export interface Group {
  /** In the order in which they were opened; more than one: shared. None: of an image that was closed, or the pool's own. */
  images: readonly OpenImage[]
  /** Pages of files, an image's metadata, or the pool's own. */
  kind: "file" | "device" | "own"
  frames: number
}

/** The pool at one moment. */
export interface Residency {
  groups: Group[]
  /** Group of each frame; -1: free. */
  frames: Int32Array
  /** Frames up to the last one that is in use. */
  extent: number
  /** Pages that each image would have of its own if nothing were shared with others. */
  alone: Map<OpenImage, number>
}

/** What `residency()` of a pool says of frames without pages. */
const FREE = -1
const OWN = -2

/** Looks at the pool. */
export function residencyOf({ pool, images }: Session): Residency {
  const { frames, aliases, spaces } = pool.residency()
  const opened = pool.images.map((image) => images.find((each) => each.image === image))
  const users = spaces.map((space) => space.images.flatMap((position) => opened[position] ?? []))
  const further = furtherUsers(aliases, users)
  const groups = new Groups()
  const ofSpaces = spaces.map(({ kind }, space) => groups.positionOf(kind, users[space] ?? []))
  const ofFrames = new Int32Array(frames.length)
  let extent = 0
  for (const [frame, space] of frames.entries()) {
    const others = further.get(frame)
    let group = ofSpaces[space] ?? FREE
    if (space === OWN) group = groups.positionOf("own", [])
    else if (others && space >= 0) group = groups.positionOf("file", [...(users[space] ?? []), ...others])
    ofFrames[frame] = group
    if (group === FREE) continue
    groups.count(group)
    extent = frame + 1
  }
  return { groups: groups.all, frames: ofFrames, extent, alone: pagesAlone(spaces, users) }
}

/** Groups as they are met. */
class Groups {
  readonly all: Group[] = []
  readonly #positions = new Map<string, number>()

  /** Position of the group of frames that serve these images, in any order and more than once. */
  positionOf(kind: Group["kind"], users: readonly OpenImage[]): number {
    const images = [...new Set(users)].sort((a, b) => a.id - b.id)
    const group = { images, kind, frames: 0 }
    const key = keyOf(group)
    const known = this.#positions.get(key)
    if (known !== undefined) return known
    this.#positions.set(key, this.all.length)
    return this.all.push(group) - 1
  }

  count(position: number): void {
    ;(this.all[position] as Group).frames++
  }
}

/** Images of the further pages that lie in frames, sharing by content. */
function furtherUsers(aliases: Int32Array, users: readonly OpenImage[][]): Map<number, OpenImage[]> {
  const further = new Map<number, OpenImage[]>()
  for (let at = 0; at < aliases.length; at += 2) {
    const frame = aliases[at] as number
    const others = users[aliases[at + 1] as number] ?? []
    further.set(frame, [...(further.get(frame) ?? []), ...others])
  }
  return further
}

function pagesAlone(spaces: readonly ResidentSpace[], users: readonly OpenImage[][]): Map<OpenImage, number> {
  const alone = new Map<OpenImage, number>()
  for (const [space, { pages }] of spaces.entries()) {
    for (const opened of users[space] ?? []) alone.set(opened, (alone.get(opened) ?? 0) + pages)
  }
  return alone
}

/** Whether both stand for the same images and kind of pages. */
export function isSameGroup(one: Group, other: Group | undefined): boolean {
  return other !== undefined && keyOf(one) === keyOf(other)
}

/** The same for groups of the same images and kind. */
export function keyOf({ images, kind }: Group): string {
  return `${kind}:${images.map(({ id }) => id)}`
}
