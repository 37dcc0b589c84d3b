// SPDX-License-Identifier: MIT
/** What is read at random, the same in each run. */

/** Numbers below a limit, each time the same ones. */
function pseudorandom(): (limit: number) => number {
  let state = 1
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

/** At most `count` numbers of pages below `total`, in order and none twice. */
export function somePages(total: number, count: number): number[] {
  const next = pseudorandom()
  // Evenly spread with a random place in each part: no page twice, and no need to look for them.
  const parts = Math.min(total, count)
  const start = (part: number): number => Math.floor((part * total) / parts)
  return Array.from({ length: parts }, (_, i) => start(i) + next(start(i + 1) - start(i)))
}

/** The same in no order. */
export function scatter<T>(items: readonly T[]): T[] {
  const next = pseudorandom()
  const scattered = [...items]
  for (let i = scattered.length - 1; i > 0; i--) {
    const other = next(i + 1)
    const item = scattered[i] as T
    scattered[i] = scattered[other] as T
    scattered[other] = item
  }
  return scattered
}
