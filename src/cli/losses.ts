// SPDX-License-Identifier: MIT
import { counted } from "./print.js"
import type { Reporter } from "./report.js"

/** What could not be kept of an entry though the entry itself is there. */
export type Loss = "owner" | "mode" | "set-id bits" | "time" | "xattrs" | "socket"

/** What is said of one, and of several. */
const TEXTS: Record<Loss, [one: string, many: string]> = {
  owner: ["owner could not be set", "owners could not be set"],
  mode: ["mode could not be set", "modes could not be set"],
  "set-id bits": [
    "file lost setuid and setgid bits, as its owner was not kept",
    "files lost setuid and setgid bits, as their owners were not kept",
  ],
  time: ["time could not be set", "times could not be set"],
  xattrs: ["extended attribute could not be set", "extended attributes could not be set"],
  socket: ["socket was left out", "sockets were left out"],
}

/** Whoever notes what could not be kept. */
export interface LossNotes {
  add(loss: Loss, reason: string): void
}

/** Counts what could not be kept, and says so at the end; each at once if the user wants to know. */
export class Losses implements LossNotes {
  readonly #counts = new Map<Loss, number>()
  readonly #report: Reporter

  constructor(report: Reporter) {
    this.#report = report
  }

  /** Notes losses. `reason` is a line that says which. */
  add(loss: Loss, reason: string, count = 1): void {
    this.#counts.set(loss, (this.#counts.get(loss) ?? 0) + count)
    if (this.#report.isVerbose) this.#report.warning(reason)
  }

  /** A line for every kind. */
  summarize(): void {
    for (const [loss, count] of this.#counts) this.#report.warning(counted(count, ...TEXTS[loss]))
  }
}
