// SPDX-License-Identifier: MIT
/** Trying again what failed for a reason that may pass. */
import type { ErofsError } from "../errors.js"

/** How often and how soon something is tried again. */
export interface RetryPolicy {
  /** Failures in a row that are put up with. */
  retries: number
  /** Milliseconds before the first new attempt; they double with each failure. */
  delay: number
}

/** Milliseconds between two attempts, at most, unless the server asks for more. */
const MAX_DELAY = 10_000
/** A server that asks for more patience than this, in milliseconds, is taken at its word: not now. */
const MAX_PATIENCE = 60_000

/** A failure that may pass: `error` is what to throw if it does not. */
export class Transient extends Error {
  readonly error: ErofsError
  /** Milliseconds that the server asked for; 0: the next attempt can begin at once. */
  readonly retryAfter: number | undefined

  constructor(error: ErofsError, retryAfter?: number) {
    super(error.message)
    this.error = error
    this.retryAfter = retryAfter
  }
}

/** The attempts at one thing. */
export class Attempts {
  readonly #policy: RetryPolicy
  #failures = 0

  constructor(policy: RetryPolicy) {
    this.#policy = policy
  }

  /** Something was reached after all: failures so far do not count any more. */
  reset(): void {
    this.#failures = 0
  }

  /**
   * Returns when it is time for the next attempt. Throws the error itself if there shall be none, and the signal's
   * reason as soon as it is aborted.
   */
  async next(failure: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!(failure instanceof Transient)) throw failure
    if (this.#failures >= this.#policy.retries) throw failure.error
    if ((failure.retryAfter ?? 0) > MAX_PATIENCE) throw failure.error
    this.#failures++
    await sleep(delayBefore(this.#failures, this.#policy.delay, failure.retryAfter), signal)
  }
}

/**
 * Milliseconds to wait before a new attempt after so many failures in a row. `random`, from 0 to 1, spreads those who
 * failed together over half of the time.
 */
export function delayBefore(
  failures: number,
  delay: number,
  retryAfter: number | undefined,
  random = Math.random(),
): number {
  if (retryAfter === 0) return 0
  const grown = Math.min(delay * 2 ** (failures - 1), MAX_DELAY)
  return Math.max(grown * (1 - random / 2), retryAfter ?? 0)
}

/** What a Retry-After header asks for, in milliseconds from `now` on: seconds or a date. Undefined if it is neither. */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined
  if (/^\s*\d{1,9}\s*$/.test(value)) return Number(value) * 1000
  const date = /GMT\s*$/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/** Waits. Rejects with the signal's reason as soon as it is aborted. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort)
      resolve()
    }, milliseconds)
    signal.addEventListener("abort", onAbort, { once: true })
  })
}
