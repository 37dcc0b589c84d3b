// SPDX-License-Identifier: MIT
/** Sets of pages of one file, as ranges. */

/** Pages `from` to before `to`. */
export interface PageRange {
  readonly from: number
  readonly to: number
}

/** A set of pages: ranges in order that neither overlap nor touch. */
export type PageSet = readonly PageRange[]

/** The set of the pages that any of these ranges holds; they may come in any order and overlap. */
export function pageSet(ranges: readonly PageRange[]): PageSet {
  const sorted = ranges.filter(({ from, to }) => from < to).sort((a, b) => a.from - b.from)
  const set: { from: number; to: number }[] = []
  for (const { from, to } of sorted) {
    const last = set.at(-1)
    if (last && from <= last.to) last.to = Math.max(last.to, to)
    else set.push({ from, to })
  }
  return set
}

/** The pages of `set` that are not in `others`. */
export function withoutPages(set: PageSet, others: PageSet): PageSet {
  const rest: PageRange[] = []
  let at = 0
  for (const range of set) {
    let { from } = range
    while (at < others.length && (others[at] as PageRange).to <= from) at++
    for (let i = at; i < others.length && (others[i] as PageRange).from < range.to; i++) {
      const other = others[i] as PageRange
      if (other.from > from) rest.push({ from, to: other.from })
      from = Math.max(from, other.to)
    }
    if (from < range.to) rest.push({ from, to: range.to })
  }
  return rest
}

/** How many pages are in a set. */
export function countPages(set: PageSet): number {
  return set.reduce((sum, { from, to }) => sum + to - from, 0)
}
