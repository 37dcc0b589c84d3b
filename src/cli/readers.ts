// SPDX-License-Identifier: MIT
/** The same ways to read, at once and later: what is measured must not wait where it need not. */
import type { OpenFile } from "../file.js"
import type { Image } from "../image.js"
import type { MappedView } from "../view.js"
import type { WalkEntry, WalkOptions } from "../walk.js"

/** A regular file that is read. */
export interface ReadFile {
  readonly entry: WalkEntry
  /** Bytes of it that are read, from its beginning; at most all. */
  length: number
}

/** A page of an open file. */
export interface Place {
  readonly file: OpenFile
  readonly position: number
}

/** How an image is read. */
export interface Reader {
  readonly mode: "sync" | "async"
  /** Goes through a tree as long as `visit` answers true. */
  walk(start: string, visit: (entry: WalkEntry) => boolean, options: WalkOptions): void | Promise<void>
  open(file: ReadFile): OpenFile | Promise<OpenFile>
  /** Obtains a file as views, `window` bytes at a time, until time is over. Answers how many bytes. */
  views(file: ReadFile, window: number, isOver: () => boolean): number | Promise<number>
  /** Reads a file past the pool, a buffer at a time. Answers how many bytes. */
  direct(file: ReadFile, buffer: Uint8Array): number | Promise<number>
  /** Brings all pages of a view into the pool, and holds them. */
  bringIn(view: MappedView): void | Promise<void>
  /** Obtains pages of a view. */
  pages(view: MappedView, pages: readonly number[]): void | Promise<void>
  /** Reads pages through the pool into a buffer until time is over. Answers how many. */
  copies(places: readonly Place[], buffer: Uint8Array, isOver: () => boolean): number | Promise<number>
}

/** Reads an image that lies in files or memory. */
export class SyncReader implements Reader {
  readonly mode = "sync"
  readonly #image: Image

  constructor(image: Image) {
    this.#image = image
  }

  walk(start: string, visit: (entry: WalkEntry) => boolean, options: WalkOptions): void {
    for (const entry of this.#image.walkSync(start, options)) if (!visit(entry)) return
  }

  open({ entry }: ReadFile): OpenFile {
    return this.#image.openSync(entry)
  }

  views({ entry, length }: ReadFile, window: number, isOver: () => boolean): number {
    // Without `using`, which costs as much as small files do.
    const file = this.#image.openSync(entry)
    try {
      const end = Math.min(length, file.size)
      let at = 0
      while (at < end) {
        at += bytesAsView(file, at, Math.min(window, end - at))
        if (isOver()) break
      }
      return at
    } finally {
      file.closeSync()
    }
  }

  direct({ entry, length }: ReadFile, buffer: Uint8Array): number {
    const file = this.#image.openSync(entry)
    try {
      const end = Math.min(length, file.size)
      let at = 0
      while (at < end) at += file.readSync(buffer.subarray(0, end - at), at, { direct: true })
      return at
    } finally {
      file.closeSync()
    }
  }

  bringIn(view: MappedView): void {
    view.segmentsSync()
  }

  pages(view: MappedView, pages: readonly number[]): void {
    for (const page of pages) view.pageSync(page)
  }

  copies(places: readonly Place[], buffer: Uint8Array, isOver: () => boolean): number {
    let count = 0
    for (const { file, position } of places) {
      file.readSync(buffer, position)
      count++
      if (isOver()) break
    }
    return count
  }
}

/** Obtains bytes of a file as one view. Answers how many. */
function bytesAsView(file: OpenFile, position: number, length: number): number {
  const view = file.map(position, length)
  try {
    let bytes = 0
    for (const segment of view.segmentsSync()) bytes += segment.length
    return bytes
  } finally {
    view.dispose()
  }
}

/** Reads an image that comes from afar. */
export class AsyncReader implements Reader {
  readonly mode = "async"
  readonly #image: Image

  constructor(image: Image) {
    this.#image = image
  }

  async walk(start: string, visit: (entry: WalkEntry) => boolean, options: WalkOptions): Promise<void> {
    for await (const entry of this.#image.walk(start, options)) if (!visit(entry)) return
  }

  async open({ entry }: ReadFile): Promise<OpenFile> {
    return await this.#image.open(entry)
  }

  async views({ entry, length }: ReadFile, window: number, isOver: () => boolean): Promise<number> {
    using file = await this.#image.open(entry)
    const end = Math.min(length, file.size)
    let at = 0
    while (at < end) {
      using view = file.map(at, Math.min(window, end - at))
      for (const segment of await view.segments()) at += segment.length
      if (isOver()) break
    }
    return at
  }

  async direct({ entry, length }: ReadFile, buffer: Uint8Array): Promise<number> {
    using file = await this.#image.open(entry)
    const end = Math.min(length, file.size)
    let at = 0
    while (at < end) at += await file.read(buffer.subarray(0, end - at), at, { direct: true })
    return at
  }

  async bringIn(view: MappedView): Promise<void> {
    await view.segments()
  }

  async pages(view: MappedView, pages: readonly number[]): Promise<void> {
    for (const page of pages) await view.page(page)
  }

  async copies(places: readonly Place[], buffer: Uint8Array, isOver: () => boolean): Promise<number> {
    let count = 0
    for (const { file, position } of places) {
      await file.read(buffer, position)
      count++
      if (isOver()) break
    }
    return count
  }
}
