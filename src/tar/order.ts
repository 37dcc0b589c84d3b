// SPDX-License-Identifier: MIT
import type { Operation } from "../drive.js"
import type { Walk, WalkEntry } from "../walk.js"

const SLASH = 0x2f

/** A directory that is being gone through. */
interface Level {
  /** What is in it, by the bytes of the names. */
  entries: readonly WalkEntry[]
  /** The entry to come next. */
  at: number
  /** Directories among those before it whose turn has not come, the next one last. */
  waiting: WalkEntry[]
}

/**
 * A tree in the order of the bytes of its paths, so parents before what is in them. Only the directories on the way
 * down are in memory.
 *
 * The order is not quite that of going down at once: `a.b` stands between `a` and `a/b`, as the point is before the slash.
 */
export class PathOrder {
  readonly #walk: Walk
  readonly #path: string | Uint8Array
  readonly #levels: Level[] = []
  #hasBegun = false

  constructor(walk: Walk, path: string | Uint8Array) {
    this.#walk = walk
    this.#path = path
  }

  /** The next entry; undefined at the end. */
  *next(): Operation<WalkEntry | undefined> {
    if (!this.#hasBegun) {
      this.#hasBegun = true
      this.#enter(yield* this.#walk.start(this.#path))
    }
    for (let level = this.#levels.at(-1); level; level = this.#levels.at(-1)) {
      const { entries, at, waiting } = level
      const entry = entries[at]
      const directory = waiting.at(-1)
      if (directory && !(entry && isBeforeContents(entry.name, directory.name))) {
        waiting.pop()
        this.#enter(yield* this.#walk.list(directory))
        continue
      }
      if (!entry) {
        this.#levels.pop()
        continue
      }
      level.at++
      if (entry.isDirectory()) waiting.push(entry)
      return entry
    }
    return undefined
  }

  #enter(entries: readonly WalkEntry[]): void {
    if (entries.length > 0) this.#levels.push({ entries, at: 0, waiting: [] })
  }
}

/** Whether a name that comes behind that of a directory comes before the paths of what is in it. */
function isBeforeContents(name: string, directory: string): boolean {
  return name.startsWith(directory) && name.charCodeAt(directory.length) < SLASH
}
