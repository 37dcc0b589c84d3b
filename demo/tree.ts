// SPDX-License-Identifier: MIT
import { h, icon } from "./dom.js"
import { failureLine } from "./failure.js"
import type { OpenImage, Session } from "./session.js"
import { VirtualList } from "./virtual-list.js"
import { type InodeType, nameText, pathBelow, typeOf } from "./words.js"

/** Something that can be selected: a path of an image. */
export interface Place {
  opened: OpenImage
  path: string
}

/** A row of the tree. */
interface Row {
  opened: OpenImage
  path: string
  name: string
  type: InodeType
  parent: Row | undefined
  level: number
  /** Place among its siblings, from 1, and how many they are. */
  position: number
  siblings: number
  isOpen: boolean
  /** What is in it, once it was read. */
  children: Row[] | undefined
  /** Why it could not be read. */
  error: unknown
}

/** The trees of all images. Directories are read when they are opened. */
export class TreeView {
  readonly element: HTMLElement
  readonly #session: Session
  readonly #onSelect: (place: Place, isLeaf: boolean) => void
  readonly #onClose: (opened: OpenImage) => void
  readonly #list: VirtualList
  #roots: Row[] = []
  #rows: Row[] = []

  /** `onSelect` is told whether a leaf was opened by click or Enter, not just passed by. */
  constructor(
    session: Session,
    onSelect: (place: Place, isLeaf: boolean) => void,
    onClose: (opened: OpenImage) => void,
  ) {
    this.#session = session
    this.#onSelect = onSelect
    this.#onClose = onClose
    this.#list = new VirtualList({
      label: "Files of the images",
      role: "tree",
      rowHeight: 30,
      render: (index) => this.#render(this.#row(index)),
      onActive: (index) => this.#select(this.#row(index)),
      onOpen: (index, event) => this.#opened(this.#row(index), event),
      onKey: (event, index) => this.#keyed(event, this.#row(index)),
    })
    this.element = this.#list.element
    session.addEventListener("change", () => this.#changed())
  }

  /** Opens the way to a path, as far as there is one, and makes it the active row. */
  async show({ opened, path }: Place): Promise<void> {
    let row = this.#roots.find((root) => root.opened === opened)
    const names = path.split("/").filter(Boolean)
    for (const name of names) {
      if (!row) return
      await this.#expand(row)
      row = row.children?.find((child) => child.name === name) ?? row
    }
    if (!row) return
    if (names.length === 0) await this.#expand(row)
    this.#list.activate(this.#rows.indexOf(row))
  }

  /** Images came or went, or were opened again: what was open stays open. */
  #changed(): void {
    const { images } = this.#session
    this.#roots = images.map((opened, index) => {
      const known = this.#roots.find((root) => root.opened.id === opened.id)
      const root = known?.opened === opened ? known : newRoot(opened)
      return Object.assign(root, { position: index + 1, siblings: images.length })
    })
    this.#flatten()
  }

  #row(index: number): Row {
    return this.#rows[index] as Row
  }

  #select(row: Row, isLeaf = false): void {
    this.#onSelect({ opened: row.opened, path: row.path }, isLeaf)
  }

  #opened(row: Row, event: Event): void {
    const target = event.target as Element
    if (target.closest(".tree-close")) {
      this.#onClose(row.opened)
      return
    }
    // A click on the name only opens: whoever looks at a folder again does not want it closed.
    const isToggle = target.closest(".tree-twist") !== null || event instanceof KeyboardEvent
    if (isToggle && row.isOpen) this.#collapse(row)
    else void this.#expand(row)
    this.#select(row, row.type !== "dir")
  }

  #keyed(event: KeyboardEvent, row: Row): boolean {
    if (event.key === "ArrowRight" && row.type === "dir") {
      if (!row.isOpen) void this.#expand(row)
      else if (row.children?.[0]) this.#go(row.children[0])
    } else if (event.key === "ArrowLeft") {
      if (row.isOpen) this.#collapse(row)
      else if (row.parent) this.#go(row.parent)
    } else if (event.key === "Delete" && !row.parent) this.#onClose(row.opened)
    else if (event.key.length === 1 && event.key !== " ") this.#typed(event.key, row)
    else return false
    return true
  }

  /** Goes to the next row whose name begins with the letter. */
  #typed(letter: string, from: Row): void {
    const start = this.#rows.indexOf(from) + 1
    const turned = [...this.#rows.slice(start), ...this.#rows.slice(0, start)]
    const found = turned.find((row) => row.name.toLowerCase().startsWith(letter.toLowerCase()))
    if (found) this.#go(found)
  }

  #go(row: Row): void {
    this.#list.activate(this.#rows.indexOf(row))
    this.#select(row)
  }

  async #expand(row: Row): Promise<void> {
    if (row.type !== "dir" || row.isOpen) return
    row.isOpen = true
    if (!row.children) {
      try {
        const entries = await row.opened.image.readdir(row.path, { withFileTypes: true })
        const sorted = [
          ...entries.filter((entry) => entry.isDirectory()),
          ...entries.filter((entry) => !entry.isDirectory()),
        ]
        row.children = sorted.map((entry, index) => ({
          opened: row.opened,
          path: pathBelow(row.path, entry.name),
          name: entry.name,
          type: typeOf(entry),
          parent: row,
          level: row.level + 1,
          position: index + 1,
          siblings: sorted.length,
          isOpen: false,
          children: undefined,
          error: undefined,
        }))
        row.error = undefined
      } catch (error) {
        row.error = error
        row.isOpen = false
      }
    }
    this.#flatten()
  }

  #collapse(row: Row): void {
    row.isOpen = false
    this.#flatten()
  }

  /** The rows in sight if the list were long enough, in their order. */
  #flatten(): void {
    const active = this.#rows[this.#list.active]
    const rows: Row[] = []
    const visit = (row: Row): void => {
      rows.push(row)
      if (row.isOpen) for (const child of row.children ?? []) visit(child)
    }
    for (const root of this.#roots) visit(root)
    this.#rows = rows
    this.#list.update(rows.length)
    let kept = active
    while (kept && !rows.includes(kept)) kept = kept.parent
    if (kept) this.#list.activate(rows.indexOf(kept))
  }

  #render(row: Row): HTMLElement {
    const isDirectory = row.type === "dir"
    const element = h(
      "div",
      {
        class: `row tree-row${row.parent ? "" : " tree-root"}`,
        "aria-level": row.level,
        "aria-posinset": row.position,
        "aria-setsize": row.siblings,
        "aria-expanded": isDirectory ? String(row.isOpen) : undefined,
        style: `--level: ${row.level - 1}`,
      },
      h("span", { class: "tree-twist" }, isDirectory && icon("chevron")),
      row.parent
        ? icon(iconOf(row.type, row.isOpen))
        : h("span", { class: "swatch", "data-color": row.opened.color }),
      h("span", { class: "name", title: nameText(row.name) }, nameText(row.name)),
    )
    if (row.error !== undefined) {
      element.classList.add("tree-damaged")
      element.append(h("span", { class: "tree-error", title: failureLine(row.error) }, icon("alert")))
    }
    if (!row.parent) {
      element.append(
        h("span", { class: "tree-close", title: `Close ${nameText(row.name)} (Delete)` }, icon("close")),
      )
    }
    return element
  }
}

/** The drawing for a type of inode. */
export function iconOf(type: InodeType, isOpen = false): string {
  if (type === "dir") return isOpen ? "folder-open" : "folder"
  if (type === "file") return "file"
  return type === "symlink" ? "link" : "device"
}

function newRoot(opened: OpenImage): Row {
  return {
    opened,
    path: "/",
    name: opened.name,
    type: "dir",
    parent: undefined,
    level: 1,
    position: 1,
    siblings: 1,
    isOpen: false,
    children: undefined,
    error: undefined,
  }
}
