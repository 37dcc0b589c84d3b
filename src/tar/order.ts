// SPDX-License-Identifier: MIT
import type { Operation } from "../drive.js"
import type { Walk, WalkEntry } from "../walk.js"

/** A directory that is being gone through. */
interface Level {
  /** What is in it, by the bytes of the names. */
  entries: readonly WalkEntry[]
  /** The entry to come next. */
  at: number
}

/**
 * A tree in the order of an archive: each directory is followed by everything that is in it, by the bytes of the names.
 * Only the directories on the way down are in memory.
 *
 * That is not the order of the bytes of the paths, where `a.b` stands between `a` and `a/b`, as the point is before the
 * slash. Who unpacks an archive may be done with a directory once a member lies outside of it: GNU tar sets its time and
 * takes the right to write into it then, and what came later would change the one and lack the other.
 */
export class TreeOrder {
  readonly #walk: Walk
  readonly #path: string | Uint8Array
  readonly #levels: Level[] = []
  /** The entry given last, if it is a directory that is still to be entered. */
  #directory: WalkEntry | undefined
  #hasBegun = false

  constructor(walk: Walk, path: string | Uint8Array) {
    this.#walk = walk
    this.#path = path
  }

  /** The next entry; undefined at the end. */
  *next(): Operation<WalkEntry | undefined> {
    yield* this.#enterNext()
    for (let level = this.#levels.at(-1); level; level = this.#levels.at(-1)) {
      const entry = level.entries[level.at++]
      if (entry) {
        if (entry.isDirectory()) this.#directory = entry
        return entry
      }
      this.#levels.pop()
    }
    return undefined
  }

  /** Goes to where the tree begins, or into the directory given last. */
  *#enterNext(): Operation<void> {
    const directory = this.#directory
    this.#directory = undefined
    if (!this.#hasBegun) {
      this.#hasBegun = true
      this.#levels.push({ entries: yield* this.#walk.start(this.#path), at: 0 })
    } else if (directory) {
      this.#levels.push({ entries: yield* this.#walk.list(directory), at: 0 })
    }
  }
}
