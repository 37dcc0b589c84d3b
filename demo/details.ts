// SPDX-License-Identifier: MIT
import type { BigIntStats, OpenFile } from "erofs-wasm"
import { h, icon } from "./dom.js"
import { extentsView } from "./extents.js"
import { imageFacts, inodeFacts } from "./facts.js"
import { failurePanel } from "./failure.js"
import { attributes, listing } from "./listing.js"
import { preview } from "./preview.js"
import { iconOf, type Place } from "./tree.js"
import { modeText, nameText, pathBelow, sizeText, typeOf, typeText } from "./words.js"

/** What the pane asks the page for. */
export interface DetailsActions {
  select(place: Place): void
  download(place: Place, stats: BigIntStats): void
  check(place: Place): void
  attach(place: Place): void
  close(place: Place): void
}

type Tab = "Contents" | "Preview" | "Image" | "Details" | "Extents" | "Attributes"

/** What is selected: its head, and tabs of what there is to know about it. */
export class DetailsView {
  readonly element: HTMLElement
  readonly #actions: DetailsActions
  /** The tab that the reader chose last: it is kept where there is one like it. */
  #wanted: Tab | undefined
  #shown = new AbortController()
  #file: OpenFile | undefined

  constructor(element: HTMLElement, actions: DetailsActions) {
    this.element = element
    this.#actions = actions
  }

  /** Shows a place; undefined: nothing. What was shown before is let go. */
  async show(place: Place | undefined): Promise<void> {
    this.#shown.abort()
    this.#shown = new AbortController()
    this.#file?.closeSync()
    this.#file = undefined
    if (!place) {
      this.element.replaceChildren()
      return
    }
    const { signal } = this.#shown
    try {
      const stats = await place.opened.image.lstat(place.path, { bigint: true, signal })
      if (!signal.aborted) this.#draw(place, stats, signal)
    } catch (error) {
      if (!signal.aborted) this.element.replaceChildren(this.#crumbs(place), failurePanel(error))
    }
  }

  #draw(place: Place, stats: BigIntStats, signal: AbortSignal): void {
    const tabs = tabsOf(place, stats)
    const panel = h("div", { class: "panel", role: "tabpanel", tabindex: -1 })
    const buttons = tabs.map((tab) =>
      h("button", { type: "button", role: "tab", tabindex: -1, click: () => choose(tab, true) }, tab),
    )
    const choose = (tab: Tab, isWanted = false): void => {
      if (isWanted) this.#wanted = tab
      for (const [index, button] of buttons.entries()) {
        const isChosen = tabs[index] === tab
        button.setAttribute("aria-selected", String(isChosen))
        button.tabIndex = isChosen ? 0 : -1
      }
      panel.setAttribute("aria-label", tab)
      void this.#fill(panel, tab, place, stats, signal)
    }
    const bar = h("div", { class: "tabs", role: "tablist", "aria-label": "About it" }, ...buttons)
    bar.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0
      if (step === 0) return
      const at = (buttons.findIndex((button) => button.tabIndex === 0) + step + tabs.length) % tabs.length
      choose(tabs[at] as Tab, true)
      buttons[at]?.focus()
    })
    // Whoever came here by keyboard from a list or a crumb goes on in what is shown now.
    const hadFocus = this.element.contains(document.activeElement)
    this.element.replaceChildren(this.#crumbs(place), this.#head(place, stats), bar, panel)
    if (hadFocus) panel.focus({ preventScroll: true })
    choose(this.#wanted && tabs.includes(this.#wanted) ? this.#wanted : (tabs[0] as Tab))
  }

  /** The way to the place, each step to be clicked. */
  #crumbs({ opened, path }: Place): HTMLElement {
    const crumbs = h("nav", { class: "crumbs", "aria-label": "Path" })
    const add = (name: string, to: string): void => {
      const isHere = to === path
      crumbs.append(
        h(
          "button",
          {
            type: "button",
            "aria-current": isHere ? "page" : undefined,
            click: () => this.#actions.select({ opened, path: to }),
          },
          nameText(name),
        ),
      )
    }
    add(opened.name, "/")
    let to = "/"
    for (const name of path.split("/").filter(Boolean)) {
      to = pathBelow(to, name)
      crumbs.append(h("span", { "aria-hidden": "true" }, "/"))
      add(name, to)
    }
    return crumbs
  }

  #head(place: Place, stats: BigIntStats): HTMLElement {
    const type = typeOf(stats)
    const { opened, path } = place
    const isRoot = path === "/"
    const title = isRoot ? opened.name : (path.split("/").pop() as string)
    const words = [isRoot ? "EROFS image" : typeText(type)]
    if (isRoot) words.push(sizeText(opened.image.superblock.blocks * opened.image.superblock.blockSize))
    else if (type === "file") words.push(sizeText(stats.size))
    words.push(modeText(stats))
    const button = (text: string, picture: string, action: () => void, kind = "") =>
      h("button", { type: "button", class: kind, click: action }, icon(picture), text)
    const actions = h("div", { class: "actions" })
    const { download, check, close, attach } = this.#actions
    if (isRoot && opened.image.devices.length > 0) {
      actions.append(button("Attach devices", "device", () => attach(place)))
    }
    if (isRoot) {
      actions.append(
        button("Check", "check", () => check(place)),
        button("Close", "close", () => close(place)),
      )
    }
    if (type === "file")
      actions.append(button("Download", "download", () => download(place, stats), "primary"))
    if (type === "dir")
      actions.append(button("Download as tar", "download", () => download(place, stats), "primary"))
    return h(
      "header",
      { class: "details-head" },
      isRoot
        ? h("span", { class: "swatch swatch-large", "data-color": opened.color })
        : h("span", { class: "details-icon" }, icon(iconOf(type))),
      h(
        "div",
        { class: "details-title" },
        h("h2", {}, nameText(title)),
        h("p", { class: "muted" }, words.join(" · ")),
      ),
      actions,
    )
  }

  async #fill(
    panel: HTMLElement,
    tab: Tab,
    place: Place,
    stats: BigIntStats,
    signal: AbortSignal,
  ): Promise<void> {
    panel.dataset.tab = tab
    panel.setAttribute("aria-busy", "true")
    const isCurrent = () => !signal.aborted && panel.dataset.tab === tab
    try {
      const view = await this.#tab(tab, place, stats, signal)
      if (!isCurrent()) return
      const hadFocus = document.activeElement === panel
      panel.replaceChildren(view)
      if (hadFocus) panel.querySelector<HTMLElement>(".list, .text")?.focus({ preventScroll: true })
    } catch (error) {
      if (isCurrent()) panel.replaceChildren(failurePanel(error))
    } finally {
      if (isCurrent()) panel.removeAttribute("aria-busy")
    }
  }

  async #tab(tab: Tab, place: Place, stats: BigIntStats, signal: AbortSignal): Promise<HTMLElement> {
    const { opened, path } = place
    const { image } = opened
    const options = { followSymlinks: false, signal }
    switch (tab) {
      case "Contents":
        return listing(image, path, (to) => this.#actions.select({ opened, path: to }), signal)
      case "Preview":
        return stats.isSymbolicLink()
          ? this.#link(place, signal)
          : preview(await this.#open(place, signal), signal)
      case "Image":
        return imageFacts(opened)
      case "Details": {
        const target = stats.isSymbolicLink() ? await image.readlink(path, { signal }) : undefined
        return inodeFacts(stats, await image.describe(path, options), target)
      }
      case "Extents": {
        const { extents } = await image.describe(path, { ...options, extents: true })
        return extentsView(extents ?? [], Number(stats.size))
      }
      case "Attributes":
        return attributes(image, path, signal)
    }
  }

  /** Where a symlink points, and the way there. */
  async #link({ opened, path }: Place, signal: AbortSignal): Promise<HTMLElement> {
    const target = await opened.image.readlink(path, { signal })
    const words = h("p", { class: "link-target" }, icon("link"), h("code", {}, nameText(target)))
    try {
      const to = await opened.image.realpath(path, { signal })
      const follow = () => this.#actions.select({ opened, path: to })
      return h("div", {}, words, h("button", { type: "button", click: follow }, `Go to ${nameText(to)}`))
    } catch (error) {
      return h("div", {}, words, failurePanel(error, "This link leads nowhere"))
    }
  }

  async #open({ opened, path }: Place, signal: AbortSignal): Promise<OpenFile> {
    if (this.#file) return this.#file
    const file = await opened.image.open(path, { followSymlinks: false, signal })
    if (signal.aborted || this.#file) file.closeSync()
    else this.#file = file
    signal.throwIfAborted()
    return this.#file as OpenFile
  }
}

function tabsOf({ path }: Place, stats: BigIntStats): Tab[] {
  if (stats.isDirectory()) {
    const tabs: Tab[] = ["Contents", "Details", "Extents", "Attributes"]
    return path === "/" ? ["Contents", "Image", "Details", "Extents", "Attributes"] : tabs
  }
  if (stats.isFile()) return ["Preview", "Details", "Extents", "Attributes"]
  return stats.isSymbolicLink() ? ["Preview", "Details", "Attributes"] : ["Details", "Attributes"]
}
