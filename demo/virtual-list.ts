// SPDX-License-Identifier: MIT
import { h } from "./dom.js"

/** What a {@link VirtualList} shows and who is told what. */
export interface ListOptions {
  /** What the list is, for those who cannot see it. */
  label: string
  role: "tree" | "listbox"
  /** Pixels. */
  rowHeight: number
  /** Makes the row; the list itself sets its place, id and selection. */
  render(index: number): HTMLElement
  /** The row became the active one, by keyboard or pointer. */
  onActive?(index: number): void
  /** Enter, or a click. */
  onOpen?(index: number, event: Event): void
  /** Keys that the list does not know; true if it was one. */
  onKey?(event: KeyboardEvent, index: number): boolean
}

/** Browsers lose pixels, or whole elements, far beyond this height; longer lists are scrolled in proportion. */
const MAX_HEIGHT = 8_000_000
/** Rows kept ready above and below what is seen. */
const MARGIN = 4

let lists = 0

/**
 * A list of any length of which only the rows in sight exist. It takes the keyboard as one element: arrows, Home,
 * End, Page Up and Page Down move the active row, Enter opens it.
 */
export class VirtualList {
  readonly element: HTMLElement
  readonly #options: ListOptions
  readonly #spacer = h("div", { class: "list-spacer", role: "presentation" })
  readonly #id = `list-${++lists}`
  readonly #rows = new Map<number, HTMLElement>()
  #count = 0
  #active = -1
  /** Pixels from the list's beginning to what is seen first, as if the list had its whole height. */
  #top = 0
  #frame = 0
  /** The active row was to be shown while the list was out of sight. */
  #isRevealDue = false

  constructor(options: ListOptions) {
    this.#options = options
    const { role, label } = options
    this.element = h("div", { class: "list", role, "aria-label": label, tabindex: 0 }, this.#spacer)
    this.element.addEventListener("scroll", () => this.#scrolled())
    this.element.addEventListener("wheel", (event) => this.#wheeled(event), { passive: false })
    this.element.addEventListener("keydown", (event) => this.#keyed(event))
    this.element.addEventListener("click", (event) => this.#clicked(event))
    // A list that takes the focus has an active row: else the keyboard seems dead.
    this.element.addEventListener("focus", () => {
      if (this.#active < 0 && this.#count > 0 && this.element.matches(":focus-visible")) this.#mark(0)
    })
    new ResizeObserver(() => this.#resized()).observe(this.element)
  }

  /** Index of the active row, -1: none. */
  get active(): number {
    return this.#active
  }

  /** Draws the rows anew, of which there are now `count`. */
  update(count: number): void {
    this.#count = count
    if (this.#active >= count) this.#active = count - 1
    this.#spacer.style.height = `${Math.min(this.#height, MAX_HEIGHT)}px`
    for (const row of this.#rows.values()) row.remove()
    this.#rows.clear()
    this.#draw()
  }

  /** Draws rows anew before the next picture; many calls cost as much as one. */
  updateSoon(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0
      this.update(this.#count)
    })
  }

  /** Makes a row the active one and scrolls to it. Tells nobody. */
  activate(index: number): void {
    this.#mark(index)
    this.#reveal(index)
  }

  get #height(): number {
    return this.#count * this.#options.rowHeight
  }

  /** Pixels of the whole list per pixel of the scroll bar's way. */
  get #ratio(): number {
    const { clientHeight } = this.element
    if (this.#height <= MAX_HEIGHT) return 1
    return (this.#height - clientHeight) / (MAX_HEIGHT - clientHeight)
  }

  /** Also when the list comes into sight: browsers forget where a hidden element was scrolled to. */
  #resized(): void {
    if (this.element.clientHeight === 0) return
    this.#scrollTo(this.#top)
    if (this.#active >= 0 && this.#isRevealDue) this.#reveal(this.#active)
  }

  #scrolled(): void {
    if (this.element.clientHeight === 0) return
    const ratio = this.#ratio
    // What the keyboard set is more exact than what the scroll bar can say.
    if (Math.abs(this.element.scrollTop - this.#top / ratio) > 1) this.#top = this.element.scrollTop * ratio
    this.#draw()
  }

  #scrollTo(top: number): void {
    this.#top = Math.max(0, Math.min(top, this.#height - this.element.clientHeight))
    this.element.scrollTop = this.#top / this.#ratio
    this.#draw()
  }

  #wheeled(event: WheelEvent): void {
    if (this.#height <= MAX_HEIGHT || event.ctrlKey) return
    event.preventDefault()
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? this.#options.rowHeight : 1
    this.#scrollTo(this.#top + event.deltaY * unit)
  }

  #keyed(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || this.#count === 0) return
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#options.rowHeight) - 1)
    const steps: Record<string, number> = {
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: this.#count - 1,
    }
    const next = steps[event.key]
    if (next !== undefined) this.#move(Math.max(0, Math.min(next, this.#count - 1)))
    else if (event.key === "Enter" && this.#active >= 0) this.#options.onOpen?.(this.#active, event)
    else if (this.#active < 0 || !this.#options.onKey?.(event, this.#active)) return
    event.preventDefault()
  }

  #clicked(event: MouseEvent): void {
    const row = (event.target as Element).closest<HTMLElement>("[data-index]")
    if (!row) return
    const index = Number(row.dataset.index)
    this.#mark(index)
    this.#options.onOpen?.(index, event)
  }

  #move(index: number): void {
    this.activate(index)
    this.#options.onActive?.(index)
  }

  #mark(index: number): void {
    this.#rows.get(this.#active)?.setAttribute("aria-selected", "false")
    this.#active = index
    this.#rows.get(index)?.setAttribute("aria-selected", "true")
    this.element.setAttribute("aria-activedescendant", `${this.#id}-${index}`)
  }

  #reveal(index: number): void {
    const { rowHeight } = this.#options
    const { clientHeight } = this.element
    this.#isRevealDue = clientHeight === 0
    if (this.#isRevealDue) return
    const top = index * rowHeight
    if (top < this.#top) this.#scrollTo(top)
    else if (top + rowHeight > this.#top + clientHeight) this.#scrollTo(top + rowHeight - clientHeight)
  }

  /** Makes the rows that came into sight, drops those that left it, puts all in their places. */
  #draw(): void {
    const { rowHeight } = this.#options
    const { clientHeight, scrollTop } = this.element
    const first = Math.max(0, Math.floor(this.#top / rowHeight) - MARGIN)
    const end = Math.min(this.#count, Math.ceil((this.#top + clientHeight) / rowHeight) + MARGIN)
    for (const [index, row] of this.#rows) {
      if (index >= first && index < end) continue
      row.remove()
      this.#rows.delete(index)
    }
    for (let index = first; index < end; index++) {
      const row = this.#rows.get(index) ?? this.#add(index)
      row.style.transform = `translateY(${scrollTop + index * rowHeight - this.#top}px)`
    }
  }

  #add(index: number): HTMLElement {
    const row = this.#options.render(index)
    row.id = `${this.#id}-${index}`
    row.dataset.index = String(index)
    row.style.height = `${this.#options.rowHeight}px`
    row.setAttribute("role", this.#options.role === "tree" ? "treeitem" : "option")
    row.setAttribute("aria-selected", String(index === this.#active))
    row.setAttribute("aria-posinset", row.getAttribute("aria-posinset") ?? String(index + 1))
    row.setAttribute("aria-setsize", row.getAttribute("aria-setsize") ?? String(this.#count))
    this.#rows.set(index, row)
    this.#spacer.append(row)
    return row
  }
}
