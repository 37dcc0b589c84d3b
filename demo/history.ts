// SPDX-License-Identifier: MIT
/** Where the reader was, so that the browser's Back leads there. */

import { nameText } from "./words.js"

/** A state of the page: what is selected, and the part that is seen where there is room for one only. */
export interface Moment {
  /** Id of the image; 0: none. */
  image: number
  path: string
  view: string
}

/** Tells of Back and Forward. */
export function onTravel(go: (moment: Moment) => void): void {
  addEventListener("popstate", ({ state }) => {
    if (state) go(state as Moment)
  })
}

/** Notes a moment: a new one to come back from, or in place of the one that is noted. */
export function note(moment: Moment, isNew: boolean): void {
  const last = history.state as Moment | null
  const isSame = last?.image === moment.image && last.path === moment.path && last.view === moment.view
  if (isSame) return
  const address = `#${encodeURI(nameText(moment.path))}`
  if (isNew) history.pushState(moment, "", address)
  else history.replaceState(moment, "", address)
}

/** The path that the page's address names. */
export function pathOfAddress(): string {
  try {
    const path = decodeURI(location.hash.slice(1))
    return path.startsWith("/") ? path : "/"
  } catch {
    return "/"
  }
}
