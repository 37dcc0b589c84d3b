// SPDX-License-Identifier: MIT
/** Where the bytes of a file lie in its image: a strip to look at, and a table. */
import type { ExtentDescription } from "erofs-wasm"
import { h } from "./dom.js"
import { VirtualList } from "./virtual-list.js"
import { counted, countText, percentText, sizeText } from "./words.js"

/** A strip of more pieces than this would be a blur and slow to make. */
const STRIP_PIECES = 400

/** The extents of a file of `size` bytes. */
export function extentsView(extents: readonly ExtentDescription[], size: number): HTMLElement {
  if (extents.length === 0) return h("p", { class: "empty" }, "No extents: there is no content.")
  const stored = extents.reduce((sum, { encodedLength }) => sum + encodedLength, 0)
  const list = new VirtualList({
    label: "Extents",
    role: "listbox",
    rowHeight: 28,
    render: (index) => extentRow(extents[index] as ExtentDescription),
  })
  list.update(extents.length)
  return h(
    "div",
    { class: "fill-column" },
    h(
      "p",
      { class: "muted" },
      `${counted(extents.length, "extent")}: ${sizeText(size)} from ${sizeText(stored)} stored (${percentText(stored, size)}).`,
    ),
    strip(extents, size),
    h(
      "div",
      { class: "row extent-row entry-head", "aria-hidden": "true" },
      ...["Position", "Length", "Kind", "Device byte", "Stored"].map((name) => h("span", {}, name)),
    ),
    list.element,
  )
}

/** Each extent as wide as its share of the file, and as full as its stored bytes need. */
function strip(extents: readonly ExtentDescription[], size: number): HTMLElement {
  const shown = extents.slice(0, STRIP_PIECES)
  const last = shown.at(-1) as ExtentDescription
  const end = extents.length > STRIP_PIECES ? last.position + last.length : size
  const label = `${counted(shown.length, "extent")}; the fuller a piece, the less it was compressed`
  return h(
    "div",
    { class: "strip", role: "img", "aria-label": label, title: label },
    ...shown.map(({ kind, length, encodedLength }) => {
      const fullness = Math.min(1, encodedLength / length)
      return h("span", {
        "data-kind": kind,
        style: `flex-grow: ${length / end}; --fullness: ${(fullness * 100).toFixed(1)}%`,
      })
    }),
  )
}

function extentRow(extent: ExtentDescription): HTMLElement {
  const { kind, algorithm, offset, device, length, encodedLength } = extent
  const notes = [
    extent.isPartial && "partial",
    extent.isInterlaced && "interlaced",
    extent.isInline && kind !== "inline" && "inline",
  ]
  const words = [algorithm ?? kind, ...notes.filter((note) => note !== false)].join(", ")
  const place = offset === undefined ? "—" : `${device === 0 ? "" : `${device}: `}${countText(offset)}`
  return h(
    "div",
    { class: "row extent-row" },
    h("span", {}, countText(extent.position)),
    h("span", {}, countText(length)),
    h("span", {}, h("i", { class: "kind", "data-kind": kind }), words),
    h("span", {}, place),
    h(
      "span",
      {},
      encodedLength === length || kind === "hole"
        ? countText(encodedLength)
        : `${countText(encodedLength)} (${percentText(encodedLength, length)})`,
    ),
  )
}
