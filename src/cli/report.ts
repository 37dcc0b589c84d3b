// SPDX-License-Identifier: MIT
/** What goes to standard error: errors and warnings, a line each. */
import { explain, OutputError, reasonOf } from "./exit.js"
import { escapeControls, escapeForTerminal, type Io, textBytes } from "./print.js"

/** Tells the user what went wrong, and remembers that something did. */
export class Reporter {
  /** Errors so far. */
  errors = 0
  readonly isVerbose: boolean
  readonly isQuiet: boolean
  readonly #stderr: Io["stderr"]
  readonly #program: string

  constructor(stderr: Io["stderr"], program: string, { isVerbose = false, isQuiet = false } = {}) {
    this.#stderr = stderr
    this.#program = program
    this.isVerbose = isVerbose
    this.isQuiet = isQuiet
  }

  /**
   * An error; `path` says where if the error itself does not know as well. Throws an {@link OutputError} again that is said to
   * be one of a path: what comes behind it could not be printed either.
   */
  error(error: unknown, path?: string): void {
    if (error instanceof OutputError && path !== undefined) throw error
    this.errors++
    const text = path === undefined ? explain(error) : `'${escapeControls(path)}': ${reasonOf(error)}`
    this.line(text)
    if (this.isVerbose && error instanceof Error && error.stack) this.#write(`${error.stack}\n`)
  }

  /** Something that could not be kept but is no failure. */
  warning(text: string): void {
    if (!this.isQuiet) this.line(`warning: ${text}`)
  }

  /** One line, with the name of the program in front. */
  line(text: string): void {
    this.#write(`${this.#program}: ${escapeControls(text)}\n`)
  }

  #write(text: string): void {
    const lines = this.#stderr.isTerminal ? text.split("\n").map(escapeForTerminal).join("\n") : text
    this.#stderr.write(textBytes(lines))
  }
}
