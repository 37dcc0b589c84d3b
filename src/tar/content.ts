// SPDX-License-Identifier: MIT
import type { Content } from "../content.js"
import type { Operation } from "../drive.js"
import type { Filesystem } from "../filesystem.js"
import type { Node } from "../inodes.js"
import { PAGE_SIZE } from "../page.js"
import { copyBytes } from "../read.js"
import { ReadAhead } from "../read-ahead.js"

/** The bytes of one file from front to back, with zeros for those that cannot be read if that may be. */
export class MemberContent {
  readonly #filesystem: Filesystem
  readonly #node: Node
  readonly #content: Content
  readonly #onDamage: (error: unknown, isNew: boolean) => void
  readonly #readAhead = new ReadAhead()
  #position = 0
  /** Up to here page by page, as something could not be read. */
  #carefulUntil = 0
  /** Up to here zeros. */
  #zerosUntil = 0
  /** Pages to become zeros if the next one cannot be read. */
  #stride = 1

  /**
   * Takes over one use of the node. `onDamage` is told of what cannot be read, with `isNew` unless the page in front
   * could not be read either; it throws where that is to be the end.
   */
  constructor(
    filesystem: Filesystem,
    node: Node,
    content: Content,
    onDamage: (error: unknown, isNew: boolean) => void,
  ) {
    this.#filesystem = filesystem
    this.#node = node
    this.#content = content
    this.#onDamage = onDamage
  }

  get isAtEnd(): boolean {
    return this.#position === this.#content.size
  }

  /** Writes the next bytes into `into`. Answers how many; 0 does not mean the end. */
  *read(into: Uint8Array): Operation<number> {
    const position = this.#position
    const zeros = this.#zerosUntil - position
    if (zeros > 0) return this.#advance(into.fill(0, 0, zeros).subarray(0, zeros).length)
    const isCareful = position < this.#carefulUntil
    const room = isCareful ? PAGE_SIZE - (position % PAGE_SIZE) : this.#content.size - position
    const piece = into.subarray(0, Math.min(room, this.#content.size - position))
    try {
      yield* this.#copy(piece)
    } catch (error) {
      this.#onDamage(error, isCareful && this.#stride === 1)
      if (isCareful) this.#giveUpPages()
      else this.#carefulUntil = position + piece.length
      return 0
    }
    this.#stride = 1
    return this.#advance(piece.length)
  }

  /** Gives the node back. */
  release(): void {
    this.#filesystem.inodes.unhold(this.#node)
  }

  #copy(piece: Uint8Array): Operation<void> {
    const from = this.#position
    this.#readAhead.note(Math.floor(from / PAGE_SIZE), Math.ceil((from + piece.length) / PAGE_SIZE))
    return copyBytes(this.#filesystem.engine, this.#content, piece, from, piece.length, this.#readAhead)
  }

  /** Twice as many after every failure in a row: a long damaged extent shall not be decoded once for each of its pages. */
  #giveUpPages(): void {
    const page = Math.floor(this.#position / PAGE_SIZE)
    this.#zerosUntil = Math.min(this.#content.size, (page + this.#stride) * PAGE_SIZE)
    this.#stride *= 2
  }

  #advance(count: number): number {
    this.#position += count
    return count
  }
}
