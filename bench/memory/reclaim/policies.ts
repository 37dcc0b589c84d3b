// SPDX-License-Identifier: MIT
/**
 * Policies of reclaim in their textbook form, on numbers of pages. Each answers how many of the uses find their page,
 * starting from an empty pool.
 */

/** Hits of a sequence of uses in a pool of `frames` frames. `pages`: how many different pages there are. */
export type Policy = (uses: Uint32Array, frames: number, pages: number) => number

const NEVER = 0xffffffff

/** The offline optimum: out goes the page whose next use is farthest away (Belady's MIN). */
export const optimum: Policy = (uses, frames, pages) => {
  const next = nextUses(uses, pages)
  const due = new Uint32Array(pages)
  const isIn = new Uint8Array(pages)
  // Farthest next uses first; entries that are out of date are dropped when they come up.
  const heap = new FarthestHeap(uses.length)
  let [hits, used] = [0, 0]
  for (let i = 0; i < uses.length; i++) {
    const page = uses[i] as number
    due[page] = next[i] as number
    if (isIn[page]) hits++
    else {
      if (used < frames) used++
      else {
        for (;;) {
          const [at, victim] = heap.pop()
          if (!isIn[victim] || due[victim] !== at || victim === page) continue
          isIn[victim] = 0
          break
        }
      }
      isIn[page] = 1
    }
    heap.push(next[i] as number, page)
  }
  return hits
}

/** For each use, the index of the next one of its page. */
function nextUses(uses: Uint32Array, pages: number): Uint32Array {
  const next = new Uint32Array(uses.length)
  const seen = new Uint32Array(pages).fill(NEVER)
  for (let i = uses.length - 1; i >= 0; i--) {
    const page = uses[i] as number
    next[i] = seen[page] as number
    seen[page] = i
  }
  return next
}

/** A binary heap of (time, page) with the latest time on top. */
class FarthestHeap {
  readonly #times: Uint32Array
  readonly #pages: Uint32Array
  #size = 0

  constructor(capacity: number) {
    this.#times = new Uint32Array(capacity + 1)
    this.#pages = new Uint32Array(capacity + 1)
  }

  push(time: number, page: number): void {
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((this.#times[parent] as number) >= time) break
      this.#move(parent, at)
      at = parent
    }
    this.#times[at] = time
    this.#pages[at] = page
  }

  pop(): [time: number, page: number] {
    const top: [number, number] = [this.#times[0] as number, this.#pages[0] as number]
    const last = --this.#size
    const time = this.#times[last] as number
    const page = this.#pages[last] as number
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= last) break
      if (child + 1 < last && (this.#times[child + 1] as number) > (this.#times[child] as number)) child++
      if ((this.#times[child] as number) <= time) break
      this.#move(child, at)
      at = child
    }
    this.#times[at] = time
    this.#pages[at] = page
    return top
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number
    this.#pages[to] = this.#pages[from] as number
  }
}

/** Out goes the page that was not used for the longest time. */
export const lru: Policy = (uses, frames) => {
  const order = new Set<number>()
  let hits = 0
  for (const page of uses) {
    if (order.delete(page)) hits++
    else if (order.size === frames) order.delete(first(order))
    order.add(page)
  }
  return hits
}

/** A hand goes round from old to new: what was used since it last came by stays, the first other page goes. */
export const sieve: Policy = (uses, frames, pages) => {
  const newer = new Int32Array(pages).fill(-1)
  const older = new Int32Array(pages).fill(-1)
  const isVisited = new Uint8Array(pages)
  const isIn = new Uint8Array(pages)
  let [hits, used, newest, oldest, hand] = [0, 0, -1, -1, -1]
  const remove = (page: number): void => {
    const [up, down] = [newer[page] as number, older[page] as number]
    if (up >= 0) older[up] = down
    else newest = down
    if (down >= 0) newer[down] = up
    else oldest = up
  }
  for (const page of uses) {
    if (isIn[page]) {
      isVisited[page] = 1
      hits++
      continue
    }
    if (used === frames) {
      let victim = hand >= 0 ? hand : oldest
      while (isVisited[victim]) {
        isVisited[victim] = 0
        victim = (newer[victim] as number) >= 0 ? (newer[victim] as number) : oldest
      }
      hand = newer[victim] as number
      remove(victim)
      isIn[victim] = 0
    } else used++
    isIn[page] = 1
    isVisited[page] = 0
    older[page] = newest
    newer[page] = -1
    if (newest >= 0) newer[newest] = page
    else oldest = page
    newest = page
  }
  return hits
}

const S3_SMALL_SHARE = 0.1
const S3_MAX_COUNT = 3

/** Three queues: new pages in a small one, those used again in the main one, and names of those that left the small. */
export const s3fifo: Policy = (uses, frames, pages) => {
  const smallLimit = Math.max(1, Math.floor(frames * S3_SMALL_SHARE))
  const ghostLimit = Math.max(1, frames - smallLimit)
  const [small, main, ghosts] = [new Set<number>(), new Set<number>(), new Set<number>()]
  const count = new Uint8Array(pages)
  let hits = 0
  const evictSmall = (): boolean => {
    while (small.size > 0) {
      const page = first(small)
      small.delete(page)
      if ((count[page] as number) > 1) {
        main.add(page)
        count[page] = 0
        continue
      }
      ghosts.add(page)
      if (ghosts.size > ghostLimit) ghosts.delete(first(ghosts))
      return true
    }
    return false
  }
  const evictMain = (): void => {
    for (;;) {
      const page = first(main)
      main.delete(page)
      if ((count[page] as number) === 0) return
      count[page] = (count[page] as number) - 1
      main.add(page)
    }
  }
  for (const page of uses) {
    if (small.has(page) || main.has(page)) {
      hits++
      count[page] = Math.min(S3_MAX_COUNT, (count[page] as number) + 1)
      continue
    }
    while (small.size + main.size >= frames) {
      if (small.size < smallLimit || !evictSmall()) {
        if (main.size > 0) evictMain()
        else evictSmall()
      }
    }
    count[page] = 0
    if (ghosts.delete(page)) main.add(page)
    else small.add(page)
  }
  return hits
}

/** Heat that a page can gather. */
const CLOCK_MAX_HEAT = 3

/**
 * A hand over the frames takes the first page without heat and cools the others by one. The first use of a page, which
 * brought it in, does not warm it; every further use does. `heatOfNew`: what a page comes in with.
 */
export function clock(heatOfNew: (page: number) => number = () => 0): Policy {
  return (uses, frames, pages) => {
    const pageIn = new Int32Array(frames).fill(-1)
    const frameOf = new Int32Array(pages).fill(-1)
    const heat = new Uint8Array(frames)
    let [hits, hand, used] = [0, 0, 0]
    for (const page of uses) {
      const frame = frameOf[page] as number
      if (frame >= 0) {
        hits++
        if ((heat[frame] as number) < CLOCK_MAX_HEAT) heat[frame] = (heat[frame] as number) + 1
        continue
      }
      let free = used
      if (used < frames) used++
      else {
        while ((heat[hand] as number) > 0) {
          heat[hand] = (heat[hand] as number) - 1
          hand = (hand + 1) % frames
        }
        free = hand
        hand = (hand + 1) % frames
        frameOf[pageIn[free] as number] = -1
      }
      pageIn[free] = page
      frameOf[page] = free
      heat[free] = heatOfNew(page)
    }
    return hits
  }
}

function first(set: ReadonlySet<number>): number {
  for (const value of set) return value
  throw new Error("the set is empty")
}
