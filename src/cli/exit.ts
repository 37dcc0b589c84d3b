// SPDX-License-Identifier: MIT
/** Exit codes, and errors as the one line that the user sees. */
import { isErofsError } from "../errors.js"
import { escapeControls } from "./print.js"

/** All went well. */
export const DONE = 0
/** The image is damaged or the operation failed. */
export const FAILED = 1
/** The command line makes no sense. */
export const USAGE = 2

/** A command line that makes no sense; `message` says why. */
export class UsageError extends Error {
  static {
    UsageError.prototype.name = "UsageError"
  }
}

/** Standard output takes no more; `cause` is what the system says. It ends a command, whatever is being printed. */
export class OutputError extends Error {
  readonly syscall = "write"
  readonly code: string | undefined

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.code = codeOf(cause)
  }
}

/** Whether an error says that whoever read our output has gone. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof OutputError && error.code === "EPIPE"
}

/** The code of an error of this library or of the system; undefined if it has none. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined
  return typeof error.code === "string" ? error.code : undefined
}

/**
 * Why something failed, in one line without path: `directory is met twice (EUCLEAN, nid 36, offset 4096)`. Control
 * characters are escaped.
 */
export function reasonOf(error: unknown): string {
  if (isErofsError(error)) {
    const facts: string[] = [error.code]
    if (error.nid !== undefined) facts.push(`nid ${error.nid}`)
    if (error.offset !== undefined) facts.push(`offset ${error.offset}`)
    return escapeControls(`${error.reason} (${facts.join(", ")})`)
  }
  if (!(error instanceof Error)) return escapeControls(String(error))
  const code = codeOf(error)
  // Node writes "ENOENT: no such file or directory, open 'path'".
  const reason = SYSTEM_MESSAGE.exec(error.message)?.[1]
  return escapeControls(code && reason ? `${reason} (${code})` : error.message)
}

const SYSTEM_MESSAGE = /^[A-Z0-9]+: (.*?), \w+(?: |$)/s

/** What failed, on which path and why, in one line: `cannot open 'x.erofs': no such file or directory (ENOENT)`. */
export function explain(error: unknown): string {
  const reason = reasonOf(error)
  if (!(error instanceof Error)) return reason
  const syscall = "syscall" in error && typeof error.syscall === "string" ? error.syscall : undefined
  const path = "path" in error && typeof error.path === "string" ? error.path : undefined
  if (syscall === undefined && path === undefined) return reason
  const what = [`cannot ${syscall ?? "read"}`, ...(path === undefined ? [] : [`'${escapeControls(path)}'`])]
  return `${what.join(" ")}: ${reason}`
}
