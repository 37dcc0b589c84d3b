// SPDX-License-Identifier: MIT
/** What an extraction reads of entries beside their inodes and contents: targets of symlinks, extended attributes. */
import { ErofsError } from "../errors.js"
import type { Image } from "../image.js"
import type { WalkEntry } from "../walk.js"

/** An extended attribute. */
export interface Xattr {
  name: string
  value: Uint8Array
}

/** What is read of an entry before it is made. Throws what reading does. */
export interface Details {
  /** Target of a symlink. */
  link(): string
  /** Whether it has extended attributes that are to be kept. */
  hasXattrs(): boolean
  /** These; of regular files only where the image is near, as theirs are set much later. */
  xattrs(): readonly Xattr[]
}

/** An inode, and a path of it for messages. */
export interface Named {
  readonly nid: bigint
  readonly path: string
}

/**
 * Something that is read for an item: at once, or later. Neither fails: what cannot be read says so when it is asked for.
 */
export interface Reading<Item, Result> {
  now(item: Item): Result
  later(item: Item): Promise<Result>
}

/** Items that are read for at the same time where that takes its time. */
const AT_A_TIME = 64

/** Reads details of an image's entries. */
export class DetailReader implements Reading<WalkEntry, Details> {
  readonly #image: Image
  readonly #keepsXattrs: boolean

  constructor(image: Image, keepsXattrs: boolean) {
    this.#image = image
    this.#keepsXattrs = keepsXattrs
  }

  now(entry: WalkEntry): Details {
    const mayHave = this.#mayHaveXattrs(entry)
    return {
      link: () => this.#image.readlinkSync(entry),
      hasXattrs: () => mayHave && this.#image.listxattrSync(entry).length > 0,
      xattrs: () => (mayHave ? this.xattrsNow(entry) : []),
    }
  }

  async later(entry: WalkEntry): Promise<Details> {
    const mayHave = this.#mayHaveXattrs(entry)
    const nothing = (): never[] => []
    const link = entry.isSymbolicLink() ? await outcomeOf(this.#image.readlink(entry)) : () => ""
    const names = mayHave ? await outcomeOf(this.#image.listxattr(entry)) : nothing
    const xattrs = mayHave && !entry.isFile() ? await outcomeOf(this.xattrsLater(entry)) : nothing
    return { link, hasXattrs: () => names().length > 0, xattrs }
  }

  /** Extended attributes. Throws EUCLEAN for a name that is none. */
  xattrsNow(entry: Named): Xattr[] {
    const names = usable(this.#image.listxattrSync(entry), entry)
    return names.map((name) => ({ name, value: this.#image.getxattrSync(entry, name) }))
  }

  /** Like {@link xattrsNow}, later. */
  async xattrsLater(entry: Named): Promise<Xattr[]> {
    const xattrs: Xattr[] = []
    for (const name of usable(await this.#image.listxattr(entry), entry)) {
      xattrs.push({ name, value: await this.#image.getxattr(entry, name) })
    }
    return xattrs
  }

  #mayHaveXattrs({ node }: WalkEntry): boolean {
    return this.#keepsXattrs && node.inode.xattrSize > 0
  }
}

function usable(names: readonly string[], { nid }: Named): readonly string[] {
  if (!names.some((name) => name.includes("\0"))) return names
  throw new ErofsError("EUCLEAN", "name of an extended attribute contains a NUL byte", { nid })
}

/** Items in their order, and what is read for each: when it is asked for. */
export function* readInTurn<Item, Result>(
  items: Iterable<Item>,
  reading: Reading<Item, Result>,
): Generator<[Item, Result]> {
  for (const item of items) yield [item, reading.now(item)]
}

/** Like {@link readInTurn}, but what is read for the next items is asked for before their turn. */
export async function* readAhead<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  reading: Reading<Item, Result>,
): AsyncGenerator<[Item, Result]> {
  const waiting: [Item, Promise<Result>][] = []
  try {
    for await (const item of items) {
      waiting.push([item, reading.later(item)])
      if (waiting.length >= AT_A_TIME) yield await first(waiting)
    }
    while (waiting.length > 0) yield await first(waiting)
  } finally {
    // Nothing may be under way when the image is closed.
    for (const [, result] of waiting) await result
  }
}

async function first<Item, Result>(waiting: [Item, Promise<Result>][]): Promise<[Item, Result]> {
  const [item, result] = waiting.shift() as [Item, Promise<Result>]
  return [item, await result]
}

/** What came of something: a function that answers or throws. Never rejected. */
export function outcomeOf<Result>(result: Promise<Result>): Promise<() => Result> {
  return result.then(
    (value) => () => value,
    (error: unknown) => () => {
      throw error
    },
  )
}
