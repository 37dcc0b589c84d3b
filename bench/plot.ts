// SPDX-License-Identifier: MIT
/** Bars and lines as SVG, readable on a light and on a dark page. */

/** Bars side by side in groups; every group has a bar for each of the names. */
export interface BarChart {
  title: string
  /** What the bars measure. */
  unit: string
  names: readonly string[]
  groups: readonly { name: string; values: readonly number[]; labels: readonly string[] }[]
}

/** Lines over common axes; several panels side by side share the names of the lines. */
export interface LineChart {
  title: string
  xLabel: string
  yLabel: string
  names: readonly string[]
  panels: readonly { name: string; x: readonly number[]; lines: readonly (readonly number[])[] }[]
  /** How numbers of the axes are written. */
  format: (value: number) => string
  /** Both axes of all panels begin here; the highest y, if panels are to have it in common. */
  yMax?: number
}

const WIDTH = 820
/** Room for a label of an axis. */
const LABEL_WIDTH = 32
const FONT = 'font-family="system-ui, sans-serif" font-size="12"'
const COLORS = ["#8a8f98", "#2f81f7", "#d29922", "#3fb950", "#db61a2", "#a371f7", "#f0883e"]
/** The only colours that depend on the page: text and lines of axes. */
const STYLE = `<style>
text { fill: #24292f }
.axis { stroke: #8c959f; stroke-width: 1; fill: none }
.grid { stroke: #8c959f; stroke-opacity: .25 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>`

/** Draws bars. */
export function drawBars({ title, unit, names, groups }: BarChart): string {
  const [left, top, height] = [60, 64, 240]
  const max = niceCeiling(Math.max(...groups.flatMap(({ values }) => values)))
  const step = (WIDTH - left - 16) / groups.length
  const width = Math.min(48, (step * 0.8) / names.length)
  const y = (value: number): number => top + height * (1 - value / max)
  const parts = [...gridLines(left, WIDTH - 16, y, max, (value) => String(value)), ...legend(names, left, 44)]
  groups.forEach(({ name, values, labels }, g) => {
    const middle = left + step * (g + 0.5)
    values.forEach((value, i) => {
      const x = middle + (i - names.length / 2) * width
      const size = `width="${round(width - 3)}" height="${round(top + height - y(value))}"`
      parts.push(`<rect x="${round(x)}" y="${round(y(value))}" ${size} rx="2" fill="${COLORS[i]}"/>`)
      parts.push(text(x + width / 2 - 1.5, y(value) - 4, labels[i] ?? "", "middle", 10))
    })
    parts.push(text(middle, top + height + 18, name, "middle"))
  })
  parts.push(text(left - 6, top - 13, unit, "end", 11))
  return document(title, top + height + 32, parts)
}

/** Draws lines. */
export function drawLines({ title, xLabel, yLabel, names, panels, format, yMax }: LineChart): string {
  const columns = Math.min(3, panels.length)
  const [left, gap, head, rowHeight] = [52, 20, 64, panels.length > 1 ? 236 : 320]
  const panelWidth = (WIDTH - left * columns - gap) / columns
  const height = rowHeight - 66
  const parts = legend(names, left, 44)
  panels.forEach((panel, p) => {
    const x0 = left + (p % columns) * (panelWidth + left)
    const y0 = head + 18 + Math.floor(p / columns) * rowHeight
    const max = yMax ?? niceCeiling(Math.max(...panel.lines.flat()))
    const [from, to] = [panel.x[0] as number, panel.x.at(-1) as number]
    const x = (value: number): number => x0 + (panelWidth * (value - from)) / (to - from || 1)
    const y = (value: number): number => y0 + height * (1 - value / max)
    parts.push(...gridLines(x0, x0 + panelWidth, y, max, format))
    let free = Number.NEGATIVE_INFINITY
    for (const value of panel.x) {
      if (x(value) < free) continue
      parts.push(text(x(value), y0 + height + 16, format(value), "middle", 10))
      free = x(value) + LABEL_WIDTH
    }
    parts.push(text(x0 + panelWidth / 2, y0 + height + 32, xLabel, "middle", 11))
    parts.push(text(x0, y0 - 8, panel.name === "" ? yLabel : `${panel.name}: ${yLabel}`, "start", 11))
    panel.lines.forEach((line, i) => {
      const points = line.map((value, at) => `${round(x(panel.x[at] as number))},${round(y(value))}`)
      const style = `fill="none" stroke="${COLORS[i]}" stroke-width="2"`
      parts.push(`<polyline points="${points.join(" ")}" ${style}/>`)
    })
  })
  return document(title, head + Math.ceil(panels.length / columns) * rowHeight, parts)
}

function document(title: string, height: number, parts: readonly string[]): string {
  const size = `width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`
  const open = `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${FONT} role="img" aria-label="${escapeText(title)}">`
  return `${[open, STYLE, text(16, 22, title, "start", 15), ...parts, "</svg>"].join("\n")}\n`
}

function legend(names: readonly string[], left: number, y: number): string[] {
  let x = left
  return names.flatMap((name, i) => {
    const at = x
    x += 32 + name.length * 7
    return [
      `<rect x="${at}" y="${y - 9}" width="10" height="10" rx="2" fill="${COLORS[i]}"/>`,
      text(at + 15, y, name, "start", 11),
    ]
  })
}

function gridLines(
  x0: number,
  x1: number,
  y: (value: number) => number,
  max: number,
  format: (value: number) => string,
): string[] {
  return [0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
    const at = round(y(share * max))
    const style = share === 0 ? "axis" : "grid"
    return [
      `<line x1="${round(x0)}" y1="${at}" x2="${round(x1)}" y2="${at}" class="${style}"/>`,
      text(x0 - 6, at + 4, format(share * max), "end", 10),
    ]
  })
}

function text(x: number, y: number, content: string, anchor: "start" | "middle" | "end", size = 12): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}">${escapeText(content)}</text>`
}

/** The next number of the form 1, 2, 4 or 8 times a power of ten, so that quarters of it are short. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value || 1))
  return ([1, 2, 4, 8, 10].find((factor) => factor * power >= value) ?? 10) * power
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escapeText(content: string): string {
  return content.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
