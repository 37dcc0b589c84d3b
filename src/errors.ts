// SPDX-License-Identifier: MIT

/** What went wrong, in the words of `node:fs`; `EUCLEAN` is a damaged image, as in Linux. */
export type ErrorCode =
  | "ENOENT"
  | "ENOTDIR"
  | "EISDIR"
  | "ELOOP"
  | "EINVAL"
  | "EBADF"
  | "EBUSY"
  | "EIO"
  | "ENOMEM"
  | "ENOTSUP"
  | "ENODATA"
  | "ENAMETOOLONG"
  | "EUCLEAN"
  | "EOVERFLOW"
  /** A registry refuses whoever asks. */
  | "EACCES"
  /** The image was replaced while it was being read. */
  | "ESTALE"

/** Where an error happened. Every field is optional; outer layers add what inner ones do not know. */
export interface ErrorDetails {
  /** Operation that failed, named as in `node:fs` (`open`, `read`, `readdir`, ...). */
  syscall?: string
  /** Path as the caller gave it. */
  path?: string
  /** Inode, with bit 63 for the metabox as on disk. */
  nid?: bigint
  /** Byte position of the offending bytes, on a device or in the record at hand. */
  offset?: number | bigint
  /** The error behind this one. */
  cause?: unknown
}

/**
 * The one error class of this library. Branch on `code`; the other fields say where.
 *
 * The message reads as in Node, `EUCLEAN: dirent name is empty, readdir '/usr'`, and `reason` is its
 * middle part alone. `nid` and `offset` are fields only.
 */
export class ErofsError extends Error {
  readonly code: ErrorCode
  /** What went wrong, without code, syscall and path. */
  readonly reason: string
  syscall?: string
  path?: string
  nid?: bigint
  offset?: number | bigint

  static {
    // On the prototype, where it is known already when the engine writes the head of the stack.
    ErofsError.prototype.name = "ErofsError"
  }

  constructor(code: ErrorCode, reason: string, details: ErrorDetails = {}) {
    super(messageOf(code, reason, details), "cause" in details ? { cause: details.cause } : undefined)
    this.code = code
    this.reason = reason
    fillDetails(this, details)
  }
}

function messageOf(code: ErrorCode, reason: string, { syscall, path }: ErrorDetails): string {
  const where = [syscall, path === undefined ? undefined : `'${path}'`].filter((part) => part !== undefined)
  return where.length === 0 ? `${code}: ${reason}` : `${code}: ${reason}, ${where.join(" ")}`
}

/** Sets the fields of `error` that are still missing. */
function fillDetails(error: ErofsError, details: ErrorDetails): void {
  if (error.syscall === undefined && details.syscall !== undefined) error.syscall = details.syscall
  if (error.path === undefined && details.path !== undefined) error.path = details.path
  if (error.nid === undefined && details.nid !== undefined) error.nid = details.nid
  if (error.offset === undefined && details.offset !== undefined) error.offset = details.offset
  if (error.cause === undefined && details.cause !== undefined) error.cause = details.cause
}

/**
 * Adds to an error on its way out what an outer layer knows. Fields that are already set stay.
 *
 * Returns the same {@link ErofsError} with its message (and the head of its stack) rebuilt; anything that
 * is not an ErofsError comes back untouched.
 */
export function withDetails(error: unknown, details: ErrorDetails): unknown {
  if (!isErofsError(error)) return error
  // The stack begins with the first message; whoever prints it wants the complete one. Engines may build it
  // on first access, so it is read before the message changes.
  const { message, stack } = error
  fillDetails(error, details)
  error.message = messageOf(error.code, error.reason, error)
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message)
  return error
}

/** Whether `value` is an {@link ErofsError}, and of this code if one is given. */
export function isErofsError(value: unknown, code?: ErrorCode): value is ErofsError {
  return value instanceof ErofsError && (code === undefined || value.code === code)
}

/** The error for bytes that break a rule of the format: `EUCLEAN`. */
export function corrupted(reason: string, details?: ErrorDetails): ErofsError {
  return new ErofsError("EUCLEAN", reason, details)
}

/** The error for what is well-formed but not (or not yet) known here: `ENOTSUP`. */
export function unsupported(reason: string, details?: ErrorDetails): ErofsError {
  return new ErofsError("ENOTSUP", reason, details)
}
