// SPDX-License-Identifier: MIT
/** What to tell people about an error. */
import { type ErofsError, isErofsError } from "erofs-wasm"
import { h, icon } from "./dom.js"
import { nameText } from "./words.js"

/** An error in words: what it is, what exactly, where, and what can be done about it. */
export interface Failure {
  title: string
  reason: string
  /** Code, place in the file or on the device, inode. */
  facts: string[]
  advice: string | undefined
}

const TITLES: Record<string, string> = {
  EUCLEAN: "The image is damaged here",
  ENOTSUP: "This is not supported",
  EIO: "The bytes could not be had",
  ENOMEM: "The pool is too small for this",
  ENOENT: "There is no such file",
  ELOOP: "This link leads in circles",
  EOVERFLOW: "A number is too large to show exactly",
  EBUSY: "The image is being read",
  ESTALE: "The image has changed on its server",
  ETIMEDOUT: "The server did not answer in time",
}

const ADVICE: Record<string, string> = {
  EUCLEAN: "Everything else of it can still be read.",
  ENOMEM: "Choose a larger pool, or stop what is going on.",
  EBUSY: "Stop what is reading it first.",
  ESTALE: "Open it again to see what is there now.",
}

/** Whether the error only says that someone stopped the work. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError"
}

/** Puts an error into words. */
export function failureOf(error: unknown): Failure {
  if (!isErofsError(error)) {
    const reason = error instanceof Error ? error.message : String(error)
    const isNetwork = error instanceof TypeError && /fetch/i.test(reason)
    return {
      title: isNetwork ? "The server could not be reached" : "This did not work",
      reason,
      facts: [],
      advice: isNetwork ? "It must allow this page to read it: CORS, with the Range header." : undefined,
    }
  }
  if (error.syscall === "mount" && error.code === "EINVAL") return notAnImage(error)
  const isDamagedImage = error.syscall === "mount" && error.code === "EUCLEAN"
  return {
    title: isDamagedImage ? "This image is damaged" : (TITLES[error.code] ?? "This did not work"),
    reason: error.reason,
    facts: factsOf(error),
    advice: isDamagedImage ? undefined : ADVICE[error.code],
  }
}

function notAnImage(error: ErofsError): Failure {
  return {
    title: "This is no EROFS image",
    reason: error.reason,
    facts: factsOf(error),
    advice: "Images are made by mkfs.erofs. Archives, and disks with partitions, are something else.",
  }
}

/** Code, path and place of an error. */
function factsOf(error: ErofsError): string[] {
  const facts: string[] = [error.code]
  if (error.path !== undefined) facts.push(nameText(error.path))
  if (error.nid !== undefined) facts.push(`nid ${error.nid}`)
  if (error.offset !== undefined) facts.push(`byte ${error.offset}`)
  return facts
}

/** An error as a panel. */
export function failurePanel(error: unknown, title?: string): HTMLElement {
  const failure = failureOf(error)
  return h(
    "div",
    { class: "failure", role: "alert" },
    icon("alert"),
    h(
      "div",
      {},
      h("strong", {}, title ?? failure.title),
      h("p", {}, sentence(failure.reason)),
      failure.facts.length > 0 && h("p", { class: "failure-facts" }, failure.facts.join(" · ")),
      failure.advice !== undefined && h("p", { class: "muted" }, failure.advice),
    ),
  )
}

/** An error in one line. */
export function failureLine(error: unknown): string {
  const { reason, facts } = failureOf(error)
  return facts[0] === undefined ? reason : `${facts[0]}: ${reason}`
}

/** With a capital, unless it begins with a name or an address, and a full stop. */
function sentence(text: string): string {
  const first = /^[a-z]+ /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text
  return /[.!?]$/.test(first) ? first : `${first}.`
}
