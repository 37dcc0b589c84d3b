// SPDX-License-Identifier: MIT
/** What a directory holds, as a table, and the attributes of an inode. */
import type { Image, WalkEntry } from "erofs-wasm"
import { h, icon } from "./dom.js"
import { valueText } from "./facts.js"
import { failurePanel } from "./failure.js"
import { iconOf } from "./tree.js"
import { VirtualList } from "./virtual-list.js"
import { counted, modeText, nameText, sizeText, timeText, typeOf } from "./words.js"

/** The entries of a directory. `open` is called with the path of the one that is chosen. */
export async function listing(
  image: Image,
  path: string,
  open: (path: string) => void,
  signal: AbortSignal,
): Promise<HTMLElement> {
  const damages: unknown[] = []
  const entries: WalkEntry[] = []
  const onError = (error: unknown) => damages.push(error)
  for await (const entry of image.walk(path, { depth: 1, onError, signal })) {
    if (entry.depth === 1) entries.push(entry)
  }
  const sorted = [
    ...entries.filter((entry) => entry.isDirectory()),
    ...entries.filter((entry) => !entry.isDirectory()),
  ]
  const list = new VirtualList({
    label: `Contents of ${nameText(path)}`,
    role: "listbox",
    rowHeight: 32,
    render: (index) => entryRow(sorted[index] as WalkEntry),
    onOpen: (index) => open((sorted[index] as WalkEntry).path),
  })
  list.update(sorted.length)
  const head = h(
    "div",
    { class: "row entry-row entry-head", "aria-hidden": "true" },
    h("span", { class: "name" }, counted(sorted.length, "entry").replace("entrys", "entries")),
    h("span", { class: "entry-size" }, "Size"),
    h("span", { class: "entry-mode" }, "Mode"),
    h("span", { class: "entry-time" }, "Modified"),
  )
  return h(
    "div",
    { class: "fill-column" },
    ...damages.slice(0, 3).map((error) => failurePanel(error)),
    head,
    list.element,
  )
}

function entryRow(entry: WalkEntry): HTMLElement {
  const { stats } = entry
  const type = typeOf(entry)
  return h(
    "div",
    { class: "row entry-row" },
    icon(iconOf(type)),
    h("span", { class: "name", title: nameText(entry.name) }, nameText(entry.name)),
    h("span", { class: "entry-size" }, type === "file" ? sizeText(stats.size) : ""),
    h("span", { class: "entry-mode" }, modeText(stats)),
    h("span", { class: "entry-time" }, timeText(stats.mtimeNs)),
  )
}

/** The extended attributes of an inode, those that only the filesystem uses too. */
export async function attributes(image: Image, path: string, signal: AbortSignal): Promise<HTMLElement> {
  const options = { followSymlinks: false, signal }
  const shown = new Set(await image.listxattr(path, options))
  const names = await image.listxattr(path, { ...options, hidden: true, encoding: "buffer" })
  const texts = await image.listxattr(path, { ...options, hidden: true })
  if (names.length === 0) return h("p", { class: "empty" }, "No extended attributes.")
  const list = h("dl", { class: "facts attributes" })
  for (const [index, name] of names.entries()) {
    const text = texts[index] as string
    const value = await image.getxattr(path, name, options)
    list.append(
      h(
        "div",
        {},
        h("dt", {}, nameText(text), !shown.has(text) && h("span", { class: "tag" }, "hidden")),
        h("dd", {}, h("code", {}, valueText(value))),
      ),
    )
  }
  return list
}
