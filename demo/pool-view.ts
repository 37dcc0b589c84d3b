// SPDX-License-Identifier: MIT
import type { Sharing } from "erofs-wasm"
import { h, icon } from "./dom.js"
import { PoolPicture } from "./pool-picture.js"
import { type Group, type Residency, residencyOf } from "./residency.js"
import { COLORS, type PoolSettings, type Session } from "./session.js"
import { counted, countText, nameText, percentText, sizeText } from "./words.js"

const PAGE_SIZE = 4096
/** Milliseconds between looks at the pool while something happens in it, and while nothing does. */
const LIVE = 60
const IDLE = 300
/** Mebibytes. */
const POOL_SIZES = [1, 4, 16, 64, 256]
/** Equal pages are told by their bytes; fingerprints are what images claim, and believed here. */
const SHARINGS: [value: string, text: string][] = [
  ["content", "equal pages shared"],
  ["fingerprint", "files shared by fingerprint"],
  ["fingerprint,content", "both shared"],
  ["", "nothing shared"],
]

/** What the view asks the page for. */
export interface PoolActions {
  readAll(leastTime: number): void
  configure(settings: PoolSettings): void
}

/** Milliseconds that reading takes at least when someone wants to watch. */
const WATCHABLE = 6000

/** The pool: which frames serve which images, and what sharing saves. Looks by itself, as long as it is in sight. */
export class PoolView {
  readonly #session: Session
  readonly #picture = new PoolPicture()
  readonly #legend = h("ul", { class: "legend" })
  readonly #bars = h("div", { class: "bars" })
  readonly #numbers = h("dl", { class: "facts numbers" })
  readonly #spot = h("p", { class: "spot muted" })
  readonly #read: HTMLButtonElement
  readonly #slowly = h("input", { type: "checkbox", checked: true })
  readonly #size = choice(
    "Size of the pool",
    POOL_SIZES.map((size) => [String(size << 20), `${size} MiB`]),
  )
  readonly #sharing = choice("What is shared", SHARINGS)
  #residency: Residency | undefined
  #last = ""

  constructor(element: HTMLElement, session: Session, actions: PoolActions) {
    this.#session = session
    const start = () => actions.readAll(this.#slowly.checked ? WATCHABLE : 0)
    this.#read = h(
      "button",
      { type: "button", class: "primary", click: start },
      icon("play"),
      "Read all files",
    )
    const drop = () => {
      session.pool.drop()
      this.#look()
    }
    element.append(
      h("h2", {}, "The pool"),
      h(
        "p",
        { class: "muted" },
        "Each square is 4 KiB of memory, in the colours of all images that it serves.",
      ),
      this.#settings(actions),
      h(
        "div",
        { class: "actions" },
        this.#read,
        h("button", { type: "button", click: drop }, "Empty"),
        h("label", { class: "check" }, this.#slowly, "slowly"),
      ),
      this.#picture.element,
      this.#spot,
      this.#legend,
      h("h3", {}, "Memory"),
      this.#bars,
      h("h3", {}, "Since it was made"),
      this.#numbers,
    )
    this.#picture.element.addEventListener("pointermove", (event) => this.#point(event))
    this.#picture.element.addEventListener("pointerleave", () => this.#spot.replaceChildren())
    session.addEventListener("change", () => this.#look())
    this.state = "idle"
    this.#watch()
  }

  /** While files are read the pool cannot be changed, and while it is changed nothing can be read. */
  set state(state: "idle" | "reading" | "changing") {
    this.#read.disabled = state !== "idle"
    // While it changes they stay as they are: a control that is disabled loses the focus.
    this.#size.disabled = state === "reading"
    this.#sharing.disabled = state === "reading"
    if (state !== "idle") return
    const { bytes, sharing } = this.#session.settings
    this.#size.value = String(bytes)
    this.#sharing.value = sharing.join()
  }

  #settings(actions: PoolActions): HTMLElement {
    const change = () =>
      actions.configure({
        bytes: Number(this.#size.value),
        sharing: this.#sharing.value.split(",").filter(Boolean) as Sharing[],
      })
    this.#size.addEventListener("change", change)
    this.#sharing.addEventListener("change", change)
    return h("div", { class: "pool-settings" }, this.#size, this.#sharing)
  }

  /** Looks again and again; often while the pool changes. */
  #watch(): void {
    const before = this.#last
    if (!document.hidden) this.#look()
    setTimeout(() => this.#watch(), before === this.#last ? IDLE : LIVE)
  }

  #look(): void {
    const stats = this.#session.pool.stats()
    const state = JSON.stringify([stats, this.#session.images.map(({ id }) => id)])
    if (state === this.#last) return
    this.#last = state
    const residency = residencyOf(this.#session)
    this.#residency = residency
    this.#picture.show(residency)
    this.#drawLegend(residency)
    this.#drawBars(residency)
    this.#drawNumbers()
  }

  #drawLegend({ groups, frames }: Residency): void {
    const used = groups.reduce((sum, group) => sum + group.frames, 0)
    const rows = groups
      .filter((group) => group.frames > 0)
      .sort((a, b) => rankOf(a) - rankOf(b))
      .map((group) =>
        h(
          "li",
          {
            tabindex: 0,
            pointerenter: () => this.#picture.highlight(group),
            pointerleave: () => this.#picture.highlight(undefined),
            focus: () => this.#picture.highlight(group),
            blur: () => this.#picture.highlight(undefined),
          },
          swatch(group),
          h("span", { class: "name" }, groupText(group)),
          h("span", { class: "legend-size" }, sizeText(group.frames * PAGE_SIZE)),
        ),
      )
    const free = h(
      "li",
      {},
      h("span", { class: "swatch swatch-free" }),
      h("span", { class: "name" }, "Free"),
      h("span", { class: "legend-size" }, sizeText((frames.length - used) * PAGE_SIZE)),
    )
    // A row that has the focus keeps it.
    const focused = [...this.#legend.children].indexOf(document.activeElement as Element)
    this.#legend.replaceChildren(...rows, free)
    if (focused >= 0) (this.#legend.children[focused] as HTMLElement | undefined)?.focus()
    const words = rows.map((row) => row.textContent).join("; ")
    this.#picture.element.setAttribute("aria-label", `Frames of the pool. ${words || "All free"}`)
  }

  /** Memory as it is, and as it would be if every image had pages of its own. */
  #drawBars({ groups, alone }: Residency): void {
    const { framesUsed, pagesSaved } = this.#session.pool.stats()
    const whole = framesUsed + pagesSaved
    const bar = (label: string, pages: number, pieces: HTMLElement[]) =>
      h(
        "div",
        { class: "bar-row" },
        h("span", {}, label),
        h("strong", {}, sizeText(pages * PAGE_SIZE)),
        h("div", { class: "bar", "aria-hidden": "true" }, ...pieces),
      )
    const piece = (pages: number, group: Group) => {
      const element = swatch(group)
      element.className = "bar-piece"
      element.style.width = `${whole === 0 ? 0 : (pages / whole) * 100}%`
      return element
    }
    const ofImages = [...alone].map(([opened, pages]) =>
      piece(pages, { images: [opened], kind: "file", frames: pages }),
    )
    const saved =
      pagesSaved > 0
        ? `Sharing saves ${sizeText(pagesSaved * PAGE_SIZE)}, ${percentText(pagesSaved, whole)} of the memory.`
        : this.#session.images.length > 1
          ? "Nothing that was read so far is in several images."
          : "Open a second image to see what the two have in common."
    this.#bars.replaceChildren(
      bar("Without sharing", whole, ofImages),
      bar(
        "In this pool",
        framesUsed,
        groups.map((group) => piece(group.frames, group)),
      ),
      h("p", { class: "saved" }, saved),
    )
  }

  #drawNumbers(): void {
    const stats = this.#session.pool.stats()
    const numbers: [string, string][] = [
      ["Pages found", countText(stats.hits)],
      ["Pages missed", countText(stats.misses)],
      ["Fetched", `${sizeText(stats.bytesFetched)} in ${counted(stats.fetches, "read")}`],
      ["Decoded", sizeText(stats.bytesDecoded)],
      ["Pages reclaimed", countText(stats.pagesReclaimed)],
      ["Memory", this.#session.pool.isShared ? "shared" : "plain"],
    ]
    this.#numbers.replaceChildren(
      ...numbers.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    )
  }

  #point(event: PointerEvent): void {
    const frame = this.#picture.frameAt(event.clientX, event.clientY)
    const { frames, groups } = this.#residency ?? {}
    if (frame === undefined || !frames || !groups) {
      this.#spot.replaceChildren()
      return
    }
    const group = groups[frames[frame] as number]
    this.#spot.textContent = `Frame ${countText(frame)}: ${group ? groupText(group) : "free"}`
  }
}

function choice(label: string, options: [value: string, text: string][]): HTMLSelectElement {
  return h("select", { "aria-label": label }, ...options.map(([value, text]) => h("option", { value }, text)))
}

/** Place of a group in the legend: single images, shared pages, metadata, anything else. */
function rankOf({ images, kind }: Group): number {
  const kinds = { file: 0, device: 1, own: 2 }
  const [first] = images
  return kinds[kind] * 1e9 + (first ? images.length * 1e6 + first.id : 1e8)
}

/** The images of a group in words. */
function groupText({ images, kind }: Group): string {
  if (kind === "own") return "Not for pages"
  if (images.length === 0) return "Left by images that were closed"
  const names = images.map(({ name }) => nameText(name).replace(/\.erofs$|\.img$/, "")).join(" + ")
  return kind === "device" ? `${names}: metadata` : names
}

function swatch(group: Group): HTMLElement {
  const colors = group.images.map(({ color }) => `var(--image-${color % COLORS})`)
  const step = 3
  const bands = colors.map((color, index) => `${color} ${index * step}px ${(index + 1) * step}px`)
  const fill = colors.length > 1 ? `repeating-linear-gradient(135deg, ${bands.join(", ")})` : colors[0]
  return h("span", {
    class: "swatch",
    "data-kind": group.kind,
    style: `background: ${fill ?? "var(--frame-own)"}`,
  })
}
