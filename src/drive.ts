// SPDX-License-Identifier: MIT
/**
 * One way to write every operation, two ways to run it. An operation is a generator: it yields what it
 * needs (bytes of a device, a free slot, the end of somebody else's fill) and is given the answer; a need
 * knows how to be met at once and how to be met later.
 */

/** Something an operation cannot go on without. */
export interface Need {
  /** Meets the need at once, or throws. */
  now(): unknown
  /** Meets the need later. May be rejected only once nothing of it is under way any more. */
  later(signal: AbortSignal | undefined): Promise<unknown>
}

/** An operation: yields needs, returns its result. */
export type Operation<T> = Generator<Need, T, unknown>

/** Runs an operation to its end without waiting. */
export function driveSync<T>(operation: Operation<T>): T {
  let step = operation.next()
  while (!step.done) {
    let answer: unknown
    try {
      answer = step.value.now()
    } catch (error) {
      step = operation.throw(error)
      continue
    }
    step = operation.next(answer)
  }
  return step.value
}

/**
 * Runs an operation, waiting where it must. When the signal is aborted the promise is rejected with its
 * reason at once; the operation itself gives back what it holds as soon as what it waits for has ended.
 */
export function driveAsync<T>(operation: Operation<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return run(operation, undefined)
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener("abort", onAbort, { once: true })
    run(operation, signal)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", onAbort))
  })
}

async function run<T>(operation: Operation<T>, signal: AbortSignal | undefined): Promise<T> {
  let step = operation.next()
  while (!step.done) {
    let answer: unknown
    try {
      // Called off before a need is met, never between its being met and the operation's knowing of it.
      signal?.throwIfAborted()
      answer = await step.value.later(signal)
    } catch (error) {
      step = operation.throw(error)
      continue
    }
    step = operation.next(answer)
  }
  return step.value
}

/**
 * Needs several operations to have been tried, at the same time where waiting is possible. Their outcomes are not told:
 * this is for what is useful but not necessary. Where nothing can be waited for, nothing is gained and nothing is done.
 */
export class Together implements Need {
  readonly #operations: readonly Operation<unknown>[]

  constructor(operations: readonly Operation<unknown>[]) {
    this.#operations = operations
  }

  now(): void {}

  async later(signal: AbortSignal | undefined): Promise<void> {
    await Promise.allSettled(this.#operations.map((operation) => run(operation, signal)))
    signal?.throwIfAborted()
  }
}
