// SPDX-License-Identifier: MIT
/** Extended attributes, which Node cannot set, through the command setfattr. */
import { codeOf } from "./exit.js"
import type { Losses } from "./losses.js"
import { textBytes } from "./print.js"

/** Bytes for one call of the command. */
const BATCH = 4 << 20

/** Attributes of many files on their way to `setfattr --restore`. */
export class XattrWriter {
  readonly #losses: Losses
  #parts: Uint8Array[] = []
  #bytes = 0
  #count = 0
  #isMissing = false

  constructor(losses: Losses) {
    this.#losses = losses
  }

  /** Sets attributes of a file, a symlink itself too, soon: at the latest when {@link flush} is called. */
  add(path: string, xattrs: readonly { name: string; value: Uint8Array }[]): void {
    this.#push(`# file: ${octalEscape(path, FILE_SPECIAL)}\n`)
    for (const { name, value } of xattrs) {
      const text = Buffer.from(value).toString("base64")
      this.#push(`${octalEscape(name, NAME_SPECIAL)}=${text ? `0s${text}` : '""'}\n`)
    }
    this.#push("\n")
    this.#count += xattrs.length
    if (this.#bytes >= BATCH) this.flush()
  }

  /** Sets what is still waiting. */
  flush(): void {
    if (this.#count === 0) return
    const [input, count] = [Buffer.concat(this.#parts), this.#count]
    this.#parts = []
    this.#bytes = 0
    this.#count = 0
    if (this.#isMissing) {
      this.#losses.add("xattrs", "there is no command setfattr", count)
      return
    }
    // Loaded only where it is used: that takes as long as many a file does.
    const { spawnSync } = process.getBuiltinModule("node:child_process")
    const { error, status, stderr } = spawnSync("setfattr", ["--no-dereference", "--restore=-"], {
      input,
      stdio: ["pipe", "ignore", "pipe"],
      env: { ...process.env, LC_ALL: "C" },
      maxBuffer: 64 << 20,
    })
    if (error) {
      this.#isMissing = codeOf(error) === "ENOENT"
      this.#losses.add("xattrs", `setfattr: ${error.message}`, count)
      return
    }
    const complaints = stderr.toString().split("\n").filter(Boolean)
    for (const complaint of complaints) this.#losses.add("xattrs", complaint)
    if (status !== 0 && complaints.length === 0) {
      this.#losses.add("xattrs", `setfattr ended with ${status}`, count)
    }
  }

  #push(text: string): void {
    const bytes = textBytes(text)
    this.#parts.push(bytes)
    this.#bytes += bytes.length
  }
}

const FILE_SPECIAL = /[\n\r\\]/g
const NAME_SPECIAL = /[\n\r\\=]/g

/** Writes special characters as a backslash and three octal digits. */
function octalEscape(text: string, special: RegExp): string {
  return text.replace(special, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`)
}
