// SPDX-License-Identifier: MIT
import { type Image, PagePool, type Sharing, type Source } from "erofs-wasm"
import { nameOf, type Origin, sourceOf } from "./sources.js"

/** An image that is open on the page. */
export interface OpenImage {
  readonly id: number
  readonly name: string
  readonly origin: Origin
  /** Further devices, in the order of the image's table. */
  readonly devices: readonly Origin[]
  /** Number of its colour: the smallest that no other image has. */
  readonly color: number
  readonly image: Image
  /** A wrong checksum of the superblock was put up with. */
  readonly ignoreChecksum: boolean
}

/** How to open an image. */
export interface OpenOptions {
  signal?: AbortSignal
  ignoreChecksum?: boolean
}

/** What the pool is made with. */
export interface PoolSettings {
  bytes: number
  /** None: nothing is shared. */
  sharing: readonly Sharing[]
}

/** Colours that style.css knows. */
export const COLORS = 6

/** The pool and the images in it. Sends "change" when one comes or goes, or the pool is another one. */
export class Session extends EventTarget {
  #pool: PagePool
  #settings: PoolSettings
  #images: OpenImage[] = []
  #nextId = 1

  private constructor(pool: PagePool, settings: PoolSettings) {
    super()
    this.#pool = pool
    this.#settings = settings
  }

  /** Makes the pool. */
  static async create(settings: PoolSettings): Promise<Session> {
    return new Session(await newPool(settings), settings)
  }

  get pool(): PagePool {
    return this.#pool
  }

  get settings(): Readonly<PoolSettings> {
    return this.#settings
  }

  get images(): readonly OpenImage[] {
    return this.#images
  }

  /** Opens an image. */
  async open(origin: Origin, { signal, ignoreChecksum = false }: OpenOptions = {}): Promise<OpenImage> {
    const plan = { origin, devices: [], ignoreChecksum }
    const image = await mount(this.#pool, plan, signal)
    const taken = new Set(this.#images.map(({ color }) => color))
    let color = 0
    while (taken.has(color)) color++
    const opened = { ...plan, id: this.#nextId++, name: nameOf(origin), color, image }
    this.#images.push(opened)
    this.#changed()
    return opened
  }

  /** Opens an image again, with its further devices. */
  async attach(opened: OpenImage, devices: readonly Origin[], signal?: AbortSignal): Promise<OpenImage> {
    const image = await mount(this.#pool, { ...opened, devices }, signal)
    await opened.image.close()
    const again = { ...opened, image, devices }
    this.#images = this.#images.map((each) => (each === opened ? again : each))
    this.#changed()
    return again
  }

  /** Closes an image. Throws EBUSY while it is being read. */
  async close(opened: OpenImage): Promise<void> {
    await opened.image.close()
    this.#images = this.#images.filter((each) => each !== opened)
    this.#changed()
  }

  /** Puts another pool in the place of this one and opens all images again. Nothing changes if that fails. */
  async configure(settings: PoolSettings, signal?: AbortSignal): Promise<void> {
    const pool = await newPool(settings)
    try {
      const images: OpenImage[] = []
      for (const opened of this.#images) {
        images.push({ ...opened, image: await mount(pool, opened, signal) })
      }
      await this.#pool.close()
      this.#pool = pool
      this.#settings = settings
      this.#images = images
    } catch (error) {
      await pool.close()
      throw error
    }
    this.#changed()
  }

  #changed(): void {
    this.dispatchEvent(new Event("change"))
  }
}

function newPool({ bytes, sharing }: PoolSettings): Promise<PagePool> {
  return PagePool.create({ bytes, sharing: sharing.length > 0 ? sharing : "none" })
}

/** Mounts an image; its sources are closed if that fails. */
async function mount(
  pool: PagePool,
  { origin, devices, ignoreChecksum }: Pick<OpenImage, "origin" | "devices" | "ignoreChecksum">,
  signal: AbortSignal | undefined,
): Promise<Image> {
  const sources: Source[] = []
  try {
    for (const each of [origin, ...devices]) sources.push(await sourceOf(each, signal))
    const [source, ...further] = sources as [Source, ...Source[]]
    return await pool.mount(source, { devices: further, ignoreChecksum, ...(signal && { signal }) })
  } catch (error) {
    for (const source of sources) await source.close?.()
    throw error
  }
}
