// SPDX-License-Identifier: MIT
import type { Operation } from "../drive.js"
import { ExpectedContents } from "../expected-contents.js"
import type { Filesystem } from "../filesystem.js"
import { isRegular } from "../format/mode.js"
import { Walk, type WalkEntry, type WalkOptions } from "../walk.js"
import { TreeOrder } from "./order.js"

/** Entries that are found before their turn where the image's source answers slowly. */
const ENTRIES_AHEAD = 1024

/** What comes in its turn: an entry, with its number among the files; damage to be told; what ends the tree. */
type Step =
  | { entry: WalkEntry; file: number | undefined }
  | { damage: [error: unknown, path: string] }
  | { end: unknown }

/**
 * The entries of a tree in the order of an archive. Where the image's source answers slowly they are found well before
 * their turn, so that the contents of files can be fetched ahead; what goes wrong is told in its turn all the same.
 */
export class Upcoming {
  readonly #order: TreeOrder
  readonly #onError: WalkOptions["onError"]
  readonly #expected: ExpectedContents | undefined
  readonly #steps: Step[] = []
  readonly #seen = new Set<bigint>()
  #files = 0
  #isComplete = false
  /** Number of the file that is the entry given last. */
  #current: number | undefined

  constructor(filesystem: Filesystem, path: string | Uint8Array, options: WalkOptions) {
    const { onError } = options
    this.#onError = onError
    this.#expected = ExpectedContents.of(filesystem)
    const defer = (error: unknown, at: string): void => {
      this.#steps.push({ damage: [error, at] })
    }
    const isDeferred = this.#expected !== undefined && onError !== undefined
    this.#order = new TreeOrder(
      new Walk(filesystem, isDeferred ? { ...options, onError: defer } : options),
      path,
    )
  }

  /** The next entry; undefined at the end. */
  *next(): Operation<WalkEntry | undefined> {
    this.#current = undefined
    if (!this.#expected) return yield* this.#order.next()
    for (;;) {
      if (this.#steps.length < ENTRIES_AHEAD / 2) yield* this.#lookAhead(this.#expected)
      const step = this.#steps.shift()
      if (!step) return undefined
      if ("end" in step) throw step.end
      if ("damage" in step) this.#onError?.(...step.damage)
      else {
        this.#current = step.file
        return step.entry
      }
    }
  }

  /** Says that the content of the entry given last is read now. */
  *reach(): Operation<void> {
    if (this.#current !== undefined) yield* this.#expected?.reach(this.#current) ?? []
  }

  /** Forgets contents that have not been read. */
  close(): void {
    this.#expected?.close()
  }

  *#lookAhead(expected: ExpectedContents): Operation<void> {
    while (!this.#isComplete && this.#steps.length < ENTRIES_AHEAD) {
      try {
        const entry = yield* this.#order.next()
        if (entry) this.#steps.push({ entry, file: this.#fileNumber(entry, expected) })
        else this.#isComplete = true
      } catch (end) {
        this.#steps.push({ end })
        this.#isComplete = true
      }
    }
  }

  /** Expects the content of an entry, unless it has none or comes under another name. */
  #fileNumber({ node, nid }: WalkEntry, expected: ExpectedContents): number | undefined {
    const { mode, size } = node.inode
    if (!isRegular(mode) || size === 0 || this.#seen.has(nid)) return undefined
    this.#seen.add(nid)
    expected.add(nid)
    return this.#files++
  }
}
