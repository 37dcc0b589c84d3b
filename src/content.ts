// SPDX-License-Identifier: MIT
import type { ContentDescription } from "./content-description.js"
import type { Core } from "./core.js"
import type { Devices } from "./devices.js"
import { MetadataWindow } from "./metadata-window.js"
import type { Proof } from "./proofs.js"
import type { Slot } from "./slot.js"

/** Extents between two remembered sums of {@link Content.saveHint}. */
const HINT_STEP = 1024

/**
 * Something whose pages can be filled: a file's content, a device as metadata, the metabox, the packed inode.
 * Holds one reference to its address space.
 */
export class Content {
  readonly space: number
  /** Bytes. */
  readonly size: number
  /** For errors; undefined for a device. */
  readonly nid: bigint | undefined
  readonly devices: Devices
  /** What the core maps it by. */
  readonly description: ContentDescription
  /** Where its indexes lie; undefined for a device, which has none. */
  readonly metadata: Content | undefined
  /** The packed inode, where fragments lie. */
  readonly packed: Content | undefined
  #window: MetadataWindow | undefined
  /** Fills that have been planned. */
  fills = 0
  /** Bytes of it for each byte that is fetched for it, of one whose pages are metadata. */
  density = 1
  /** Whether it is a directory's. */
  isDirectory = false
  /** What its pages must be, of a verified file: others are not published. */
  proof: Proof | undefined
  /** Encoded extents of 4 bytes: address of every so many-th extent that was passed, by its number / HINT_STEP. */
  readonly #hints: ({ extent: number; address: number } | undefined)[] | undefined
  readonly #hintBits: number
  #isReleased = false

  /** Completes the description by where metadata and packed inode lie, and keeps it. */
  constructor(
    description: ContentDescription,
    where: {
      devices: Devices
      nid: bigint | undefined
      metadata: Content | undefined
      packed: Content | undefined
    },
  ) {
    this.space = description.space
    this.size = description.size
    this.nid = where.nid
    this.devices = where.devices
    this.metadata = where.metadata
    this.packed = where.packed
    description.metaSpace = where.metadata?.space ?? 0
    description.metaSize = where.metadata?.size ?? 0
    description.packedSpace = where.packed?.space ?? 0
    description.packedSize = where.packed?.size ?? 0
    this.description = description
    this.#hintBits = description.clusterBits
    if (description.recordSize === 4) this.#hints = []
  }

  /** How much of it is read at once as metadata, if its source is remote. */
  get window(): MetadataWindow | undefined {
    const { isRemote, granularity } = this.devices.primary
    if (isRemote) this.#window ??= new MetadataWindow(granularity, this.metadata?.window, this.density)
    return this.#window
  }

  /** Sets the nearest known sum for a byte that is to be mapped. Without it the table is added up from its start. */
  useHint(position: number): void {
    if (!this.#hints) return
    // No further than sums are known: the position is what the image claims, up to 2^53.
    const wanted = Math.floor(position / 2 ** this.#hintBits / HINT_STEP)
    let index = Math.min(wanted, this.#hints.length - 1)
    while (index > 0 && !this.#hints[index]) index--
    const hint = index < 0 ? undefined : this.#hints[index]
    const isUsable = hint !== undefined && hint.extent * 2 ** this.#hintBits <= position
    this.description.hintExtent = isUsable ? hint.extent : 0
    this.description.hintAddress = isUsable ? hint.address : 0
  }

  /** Remembers how far the core has added up. */
  saveHint(slot: Slot): void {
    if (!this.#hints) return
    const { extent, address } = slot.hint
    if (extent > 0) this.#hints[Math.floor(extent / HINT_STEP)] ??= { extent, address }
  }

  /** Whether the address space has been given back: its number may stand for another by now. */
  get isReleased(): boolean {
    return this.#isReleased
  }

  /** Gives the address space back. */
  release(core: Core): void {
    this.#isReleased = true
    core.releaseSpace(this.space, this.description.mount)
  }
}
