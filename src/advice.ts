// SPDX-License-Identifier: MIT
/** What a program tells in advance about how it will read a file, after posix_fadvise(). */
import type { Content } from "./content.js"
import type { Operation } from "./drive.js"
import type { Engine } from "./engine.js"
import { ErofsError } from "./errors.js"
import { fill } from "./fill.js"
import { type Abortable, checkOptions, toPosition } from "./options.js"
import { PAGE_SIZE } from "./page.js"
import type { ReadAhead } from "./read-ahead.js"

/**
 * What is said of a file. Of the open file, from now on:
 *
 * - "normal": nothing special; takes back the others of these.
 * - "sequential": it is read in order: read-ahead is as large as it gets, from the first byte on.
 * - "random": it is not: nothing is read ahead.
 * - "noreuse": what is read is read once: it does not stay in the pool for longer because of that.
 *
 * Of a range of bytes, once:
 *
 * - "willneed": is brought in, as far as it takes no more than half of the pool.
 * - "dontneed": its whole pages leave the pool, but for those that views hold.
 */
export type Advice = "normal" | "sequential" | "random" | "noreuse" | "willneed" | "dontneed"

/** What an advice is about. */
export interface AdviseOptions extends Abortable {
  /** First byte; default 0. Only of "willneed" and "dontneed", as the next. */
  position?: number | bigint
  /** Bytes; default, or beyond the end of the file: up to it. */
  length?: number
  /**
   * Which pages "dontneed" drops: "shared" (default) those of the shared content, whichever file brought them in, as
   * Linux does; "own" only those that this file was first to read, so that other files with the same content keep
   * theirs.
   */
  scope?: "shared" | "own"
}

/** Those that change how the open file is read. */
const STATES: readonly Advice[] = ["normal", "sequential", "random", "noreuse"]
const OPTIONS = ["position", "length", "scope", "signal"]

/** Follows an advice on a content that is read with `readAhead`. Throws EINVAL or ENOTSUP for one that makes no sense. */
export function* follow(
  engine: Engine,
  content: Content,
  readAhead: ReadAhead,
  advice: Advice,
  options: AdviseOptions,
): Operation<void> {
  checkOptions(options, OPTIONS)
  const scope = options.scope ?? "shared"
  if (scope !== "shared" && scope !== "own") throw new ErofsError("EINVAL", `unknown scope '${scope}'`)
  if (advice !== "dontneed" && options.scope !== undefined) {
    throw new ErofsError("ENOTSUP", `advice '${advice}' has no scope`)
  }
  if (advice === "willneed") {
    yield* bringIn(engine, content, ...rangeOf(content, options))
  } else if (advice === "dontneed") {
    drop(engine, content, rangeOf(content, options), scope)
  } else {
    if (!STATES.includes(advice)) throw new ErofsError("EINVAL", `unknown advice '${advice}'`)
    if (options.position !== undefined || options.length !== undefined) {
      throw new ErofsError("ENOTSUP", `advice '${advice}' is about the whole open file`)
    }
    readAhead.advise(advice)
  }
}

/** The bytes that the options speak of. */
function rangeOf(content: Content, options: AdviseOptions): [from: number, to: number] {
  const from = toPosition(options.position ?? 0, "position")
  const length = toPosition(options.length ?? content.size, "length")
  return [Math.min(from, content.size), Math.min(from + length, content.size)]
}

/** Brings in the pages that bytes `from` .. `to` touch, up to half of the pool. */
function* bringIn(engine: Engine, content: Content, from: number, to: number): Operation<void> {
  if (from >= to) return
  const { core } = engine
  const first = Math.floor(from / PAGE_SIZE)
  const end = Math.min(Math.ceil(to / PAGE_SIZE), first + Math.floor(core.statistics().frames / 2))
  for (let page = first; ; page++) {
    page = core.firstMissing(content.space, page, end)
    if (page >= end) return
    yield fill(engine, content, page, end - page)
  }
}

/** Drops the pages that lie wholly in bytes `from` .. `to`; the last page of the file is whole where the file ends. */
function drop(
  engine: Engine,
  content: Content,
  [from, to]: [from: number, to: number],
  scope: "shared" | "own",
): void {
  const first = Math.ceil(from / PAGE_SIZE)
  const end = to === content.size ? Math.ceil(to / PAGE_SIZE) : Math.floor(to / PAGE_SIZE)
  const { space, reader } = content.description
  engine.core.dropRange(space, first, end, scope === "own" ? reader : 0)
}
