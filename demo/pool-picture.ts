// SPDX-License-Identifier: MIT
import { h } from "./dom.js"
import { type Group, isSameGroup, keyOf, type Residency } from "./residency.js"
import { COLORS } from "./session.js"

/** Sides of a cell in pixels, gap included, largest first. */
const CELL_SIZES = [16, 12, 9, 7, 5, 4, 3, 2]
/** Milliseconds for which a frame that changed stands out. */
const GLOW = 500
/** Milliseconds from one step of that to the next. */
const GLOW_STEP = 50

/** The frames of the pool as a field of cells, each in the colours of the images that it serves. */
export class PoolPicture {
  readonly element: HTMLCanvasElement = h("canvas", { class: "pool-picture", role: "img" })
  readonly #context = this.element.getContext("2d") as CanvasRenderingContext2D
  #residency: Residency | undefined
  #changes = new Float64Array(0)
  /** What each frame was, as the images of its group, to see what changed. */
  #keys: (string | undefined)[] = []
  #highlight: Group | undefined
  #cell = 0
  #columns = 1
  #frame = 0
  /** Everything has to be drawn anew: other cells, other colours, another highlight. */
  #isStale = true
  /** What each cell shows, as keys of groups: only what changed is drawn. */
  #drawn: string[] = []
  #glowing = new Set<number>()
  readonly #tiles = new Map<string, string | HTMLCanvasElement>()
  readonly #isCalm = matchMedia("(prefers-reduced-motion: reduce)")

  constructor() {
    new ResizeObserver(() => this.draw()).observe(this.element)
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#isStale = true
      this.draw()
    })
  }

  /** Shows the pool as it is now; frames that changed glow. */
  show(residency: Residency): void {
    const { frames, groups } = residency
    if (this.#changes.length !== frames.length) {
      this.#changes = new Float64Array(frames.length)
      this.#keys = []
      this.#cell = 0
    }
    const names = groups.map(keyOf)
    const now = performance.now()
    const isFirst = this.#keys.length === 0
    for (let frame = 0; frame < frames.length; frame++) {
      const key = names[frames[frame] as number]
      if (key === this.#keys[frame]) continue
      this.#keys[frame] = key
      if (!isFirst && key !== undefined) this.#changes[frame] = now
    }
    if (residency.extent < (this.#residency?.extent ?? 0)) this.#cell = 0
    this.#residency = residency
    this.draw()
  }

  /** Dims all frames but those of a group. */
  highlight(group: Group | undefined): void {
    this.#highlight = group
    this.#isStale = true
    this.draw()
  }

  /** The frame at a place of the page; undefined beside the field. */
  frameAt(x: number, y: number): number | undefined {
    const box = this.element.getBoundingClientRect()
    const column = Math.floor((x - box.left) / this.#cell)
    const frame = Math.floor((y - box.top) / this.#cell) * this.#columns + column
    const { frames } = this.#residency ?? {}
    return column >= 0 && column < this.#columns && frames && frame < frames.length ? frame : undefined
  }

  /** Draws before the next picture of the screen. */
  draw(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0
      if (this.#residency && this.element.isConnected) this.#paint(this.#residency)
    })
  }

  #paint({ frames, groups, extent }: Residency): void {
    const { clientWidth: width, clientHeight: height } = this.element
    if (width === 0 || height === 0) return
    const scale = devicePixelRatio
    if (
      this.element.width !== Math.round(width * scale) ||
      this.element.height !== Math.round(height * scale)
    ) {
      this.element.width = Math.round(width * scale)
      this.element.height = Math.round(height * scale)
      this.#cell = 0
      this.#isStale = true
    }
    this.#measure(width, height, extent)
    const cell = this.#cell
    const side = cell > 3 ? cell - 1 : cell
    const style = getComputedStyle(this.element)
    const free = style.getPropertyValue("--frame-free")
    const glow = style.getPropertyValue("--frame-glow")
    const context = this.#context
    context.setTransform(scale, 0, 0, scale, 0, 0)
    if (this.#isStale) {
      context.clearRect(0, 0, width, height)
      this.#drawn = []
      this.#tiles.clear()
      this.#isStale = false
    }
    const tiles = groups.map((group) => this.#tile(group, side * scale, style))
    const seen = Math.min(frames.length, this.#columns * Math.floor(height / cell))
    const now = performance.now()
    const glowing = new Set<number>()
    for (let frame = 0; frame < seen; frame++) {
      const key = this.#keys[frame] ?? ""
      const age = now - (this.#changes[frame] as number)
      const isGlowing = key !== "" && age < GLOW && !this.#isCalm.matches
      if (isGlowing) glowing.add(frame)
      else if (key === this.#drawn[frame] && !this.#glowing.has(frame)) continue
      this.#drawn[frame] = key
      const number = frames[frame] as number
      const group = groups[number]
      const x = (frame % this.#columns) * cell
      const y = Math.floor(frame / this.#columns) * cell
      context.globalAlpha = 1
      context.clearRect(x, y, side, side)
      context.globalAlpha = this.#highlight && !isSameGroup(this.#highlight, group) ? 0.18 : 1
      const tile = tiles[number] ?? free
      if (typeof tile === "string") {
        context.fillStyle = tile
        context.fillRect(x, y, side, side)
      } else context.drawImage(tile, x, y, side, side)
      if (!isGlowing) continue
      context.globalAlpha = 1 - age / GLOW
      context.fillStyle = glow
      context.fillRect(x, y, side, side)
    }
    this.#glowing = glowing
    if (glowing.size > 0) setTimeout(() => this.draw(), GLOW_STEP)
  }

  /** What a cell of a group is filled with: a colour, or a picture of several. */
  #tile(group: Group, side: number, style: CSSStyleDeclaration): string | HTMLCanvasElement {
    const key = keyOf(group)
    const known = this.#tiles.get(key)
    if (known) return known
    const tile = group.kind === "own" ? style.getPropertyValue("--frame-own") : paintTile(group, side, style)
    this.#tiles.set(key, tile)
    return tile
  }

  /** The largest cells with which all frames in use are seen. They only become smaller until the pool shrinks. */
  #measure(width: number, height: number, extent: number): void {
    const fits = (size: number) => Math.floor(width / size) * Math.floor(height / size) >= extent
    const size = CELL_SIZES.find(fits) ?? (CELL_SIZES.at(-1) as number)
    const cell = this.#cell === 0 ? size : Math.min(size, this.#cell)
    if (cell !== this.#cell) this.#isStale = true
    this.#cell = cell
    this.#columns = Math.max(1, Math.floor(width / this.#cell))
  }
}

/** A cell of a group: one colour, or the colours of all its images as slanting bands. */
function paintTile({ images, kind }: Group, side: number, style: CSSStyleDeclaration): HTMLCanvasElement {
  const canvas = h("canvas", { width: Math.max(1, Math.round(side)), height: Math.max(1, Math.round(side)) })
  const context = canvas.getContext("2d") as CanvasRenderingContext2D
  const { width } = canvas
  const bands = context.createLinearGradient(0, 0, width, width)
  for (const [index, image] of images.entries()) {
    const color = style.getPropertyValue(`--image-${image.color % COLORS}`)
    bands.addColorStop(index / images.length, color)
    bands.addColorStop((index + 1) / images.length, color)
  }
  context.fillStyle = images.length === 0 ? style.getPropertyValue("--frame-own") : bands
  context.globalAlpha = kind === "device" ? 0.45 : 1
  context.fillRect(0, 0, width, width)
  return canvas
}
