// SPDX-License-Identifier: MIT
import { ErofsError } from "./errors.js"

/** Options of everything that can wait. */
export interface Abortable {
  /** Aborting it rejects the promise with the signal's reason. */
  signal?: AbortSignal
}

/** Throws ENOTSUP if an option is given that is not among the allowed: none is ever ignored. */
export function checkOptions(options: object | undefined, allowed: readonly string[]): void {
  if (!options) return
  for (const name of Object.keys(options)) {
    if (allowed.includes(name) || (options as Record<string, unknown>)[name] === undefined) continue
    throw new ErofsError("ENOTSUP", `option '${name}' is not supported`)
  }
}

/** A byte position as a number. Throws EINVAL for what is none, EOVERFLOW beyond 2^53 - 1. */
export function toPosition(value: number | bigint, what: string): number {
  const number = Number(value)
  if (typeof value === "bigint" && value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ErofsError("EOVERFLOW", `${what} ${value} is beyond 2^53`)
  }
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new ErofsError("EINVAL", `${what} ${value} is not a whole number of bytes`)
}
