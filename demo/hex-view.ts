// SPDX-License-Identifier: MIT
import type { OpenFile } from "erofs-wasm"
import { h } from "./dom.js"
import { failureLine, isAbort } from "./failure.js"
import { VirtualList } from "./virtual-list.js"
import { hex } from "./words.js"

const PAGE_SIZE = 4096
/** Pages kept for drawing: far more than a screen shows. */
const KEPT_PAGES = 64
/** Pixels below which rows hold eight bytes. */
const NARROW = 580

/** A file's bytes in hexadecimal, of any size: only the pages in sight are read. */
export function hexView(file: OpenFile, signal: AbortSignal): HTMLElement {
  if (file.size === 0) return h("p", { class: "empty" }, "The file is empty.")
  const pages = new Map<number, Uint8Array | Error | undefined>()
  const digits = file.size > 0xffffffff ? 12 : 8
  let rowBytes = 16

  const load = async (number: number): Promise<void> => {
    pages.set(number, undefined)
    const bytes = new Uint8Array(Math.min(PAGE_SIZE, file.size - number * PAGE_SIZE))
    try {
      await file.read(bytes, number * PAGE_SIZE, { signal })
      pages.set(number, bytes)
    } catch (error) {
      if (isAbort(error) || signal.aborted) return
      pages.set(number, error instanceof Error ? error : new Error(String(error)))
    }
    for (const old of pages.keys()) {
      if (pages.size <= KEPT_PAGES) break
      pages.delete(old)
    }
    list.updateSoon()
  }

  const render = (index: number): HTMLElement => {
    const position = index * rowBytes
    const number = Math.floor(position / PAGE_SIZE)
    if (!pages.has(number)) void load(number)
    const page = pages.get(number)
    const offset = h("span", { class: "hex-offset" }, hex(position, digits))
    if (page instanceof Error) {
      const isFirst = position % PAGE_SIZE === 0
      return h(
        "div",
        { class: "row hex-row hex-damaged" },
        offset,
        h("span", {}, isFirst ? failureLine(page) : "·"),
      )
    }
    const at = position % PAGE_SIZE
    const bytes = page?.subarray(at, at + rowBytes)
    return h(
      "div",
      { class: "row hex-row" },
      offset,
      h("span", { class: "hex-bytes" }, bytes ? bytesText(bytes, rowBytes) : "…"),
      h("span", { class: "hex-text" }, bytes ? printable(bytes) : ""),
    )
  }

  const list = new VirtualList({ label: "Bytes in hexadecimal", role: "listbox", rowHeight: 22, render })
  new ResizeObserver(([entry]) => {
    rowBytes = entry && entry.contentRect.width < NARROW ? 8 : 16
    list.update(Math.ceil(file.size / rowBytes))
  }).observe(list.element)
  list.element.classList.add("hex")
  return list.element
}

function bytesText(bytes: Uint8Array, rowBytes: number): string {
  const all = Array.from(bytes, (byte) => hex(byte, 2))
  while (all.length < rowBytes) all.push("  ")
  all.splice(rowBytes / 2, 0, "")
  return all.join(" ")
}

function printable(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("")
}
