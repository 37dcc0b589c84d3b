// SPDX-License-Identifier: MIT
/** Work that takes its time: told of, with its progress, and stopped when the reader wants. */
import { h, icon } from "./dom.js"
import { failurePanel, isAbort } from "./failure.js"
import { percentText } from "./words.js"

/** What a job may do while it is at work. */
export interface Job {
  /** Aborted when the reader stops the job. */
  readonly signal: AbortSignal
  /** How far it is: `done` of `total` (unknown: undefined), and in words, which are not always asked for. */
  progress(done: number, total: number | undefined, words: () => string): void
}

/** What can be done about an error. */
export interface Remedy {
  label: string
  act(): void
}

/** What to say when a job ends. */
export interface Ending<T> {
  /** A sentence for when all is well. */
  done?(result: T): string
  /** What can be done about an error, if anything. */
  remedy?(error: unknown): Remedy | undefined
}

/** Milliseconds before a job is shown: what is done sooner needs no word. */
const SHOW_AFTER = 250
/** Milliseconds between words on how far a job is. */
const TELL_EVERY = 80
/** Milliseconds that a result stays. */
const STAY = 4000

/** The corner of the page where jobs, their results and errors are shown. */
export class Jobs {
  readonly #corner: HTMLElement

  constructor(corner: HTMLElement) {
    this.#corner = corner
  }

  /** Does the work and shows it. Answers what it gave; undefined if it was stopped or failed, which is shown. */
  async run<T>(
    title: string,
    work: (job: Job) => Promise<T>,
    { done, remedy }: Ending<T> = {},
  ): Promise<T | undefined> {
    const controller = new AbortController()
    const bar = h("progress", { max: 1, "aria-label": title })
    const words = h("span", { class: "muted" }, "…")
    const stop = h("button", { type: "button", class: "quiet", click: () => controller.abort() }, "Cancel")
    // Not read out at each step: the end is.
    const card = h(
      "div",
      { class: "job", "aria-live": "off" },
      h("div", { class: "job-head" }, h("strong", {}, title), stop),
      bar,
      words,
    )
    let told = 0
    const timer = setTimeout(() => this.#corner.append(card), SHOW_AFTER)
    try {
      const result = await work({
        signal: controller.signal,
        progress(at, total, text) {
          const now = performance.now()
          if (now - told < TELL_EVERY) return
          told = now
          if (total === undefined) bar.removeAttribute("value")
          else bar.value = total === 0 ? 1 : at / total
          words.textContent = total === undefined ? text() : `${percentText(at, total)} · ${text()}`
        },
      })
      if (done) this.say(done(result))
      return result
    } catch (error) {
      if (controller.signal.aborted || isAbort(error)) this.say(`${title}: cancelled`)
      else this.fail(error, remedy?.(error))
      return undefined
    } finally {
      clearTimeout(timer)
      card.remove()
    }
  }

  /** A sentence that goes away by itself. */
  say(sentence: string): void {
    const card = h("div", { class: "job job-said", role: "status" }, icon("check"), h("span", {}, sentence))
    this.#corner.append(card)
    setTimeout(() => card.remove(), STAY)
  }

  /** An error that stays until it is put away, and what can be done about it. */
  fail(error: unknown, remedy?: Remedy): void {
    const away = h("button", { type: "button", class: "icon-button", "aria-label": "Dismiss" }, icon("close"))
    const panel = failurePanel(error)
    const card = h("div", { class: "job job-failed" }, panel, away)
    away.addEventListener("click", () => card.remove())
    if (remedy) {
      const act = () => {
        card.remove()
        remedy.act()
      }
      panel.lastElementChild?.append(h("button", { type: "button", click: act }, remedy.label))
    }
    this.#corner.append(card)
  }
}
