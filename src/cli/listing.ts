// SPDX-License-Identifier: MIT
/** Trees, directory by directory. */
import type { WalkEntry } from "../walk.js"

/** A directory of a tree and what is in it. */
export interface Listing {
  directory: WalkEntry
  entries: WalkEntry[]
}

/**
 * The directories of a walk, each before those in it, with their entries; empty ones and ones that could not be read
 * have none. The walk must begin with its start. Answers nothing if that is no directory.
 */
export async function* listingsOf(walk: AsyncIterable<WalkEntry>): AsyncGenerator<Listing> {
  // Directories whose entries are still to come, the next one last.
  const expected: WalkEntry[] = []
  let entries: WalkEntry[] = []
  let isStart = true
  const finish = function* (): Generator<Listing> {
    if (entries.length === 0) return
    const [first] = entries as [WalkEntry]
    for (let directory = expected.pop(); directory; directory = expected.pop()) {
      const isThis = directory.path === first.parentPath
      yield { directory, entries: isThis ? entries : [] }
      if (isThis) break
    }
    expected.push(...entries.filter((entry) => entry.isDirectory()).reverse())
    entries = []
  }
  for await (const entry of walk) {
    if (isStart) {
      isStart = false
      if (!entry.isDirectory()) return
      expected.push(entry)
      continue
    }
    if (entries[0] && entries[0].parentPath !== entry.parentPath) yield* finish()
    entries.push(entry)
  }
  yield* finish()
  while (expected.length > 0) yield { directory: expected.pop() as WalkEntry, entries: [] }
}
