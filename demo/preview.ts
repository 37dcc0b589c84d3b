// SPDX-License-Identifier: MIT
/** A file to look at: as text, as bytes, as a picture. */
import type { OpenFile } from "erofs-wasm"
import { h } from "./dom.js"
import { failurePanel } from "./failure.js"
import { hexView } from "./hex-view.js"
import { counted, sizeText } from "./words.js"

type Form = "text" | "hex" | "picture"

/** Bytes that the choice of the form looks at. */
const PROBE = 4096
/** Bytes of text shown at once. */
const TEXT_PIECE = 256 << 10
/** A larger picture is shown as bytes. */
const MAX_PICTURE = 64 << 20

const SIGNATURES: [type: string, offset: number, bytes: string][] = [
  ["image/png", 0, "\x89PNG\r\n\x1a\n"],
  ["image/jpeg", 0, "\xff\xd8\xff"],
  ["image/gif", 0, "GIF8"],
  ["image/webp", 8, "WEBP"],
  ["image/avif", 4, "ftypavif"],
  ["image/bmp", 0, "BM"],
  ["image/x-icon", 0, "\0\0\x01\0"],
]

/** A file in the form that suits it, and a choice of the others. Throws what reading its beginning throws. */
export async function preview(file: OpenFile, signal: AbortSignal): Promise<HTMLElement> {
  const start = new Uint8Array(Math.min(PROBE, file.size))
  let broken: unknown
  try {
    await file.read(start, 0, { signal })
  } catch (error) {
    signal.throwIfAborted()
    broken = error
  }
  const picture = broken === undefined ? pictureType(start, file) : undefined
  const isText = broken === undefined && looksLikeText(start, file.size > PROBE)
  const place = h("div", { class: "preview-place" })
  const forms: Form[] = picture ? ["picture", "text", "hex"] : ["text", "hex"]
  const chosen: Form = picture ? "picture" : isText ? "text" : "hex"

  let shown = new AbortController()
  signal.addEventListener("abort", () => shown.abort(), { once: true })
  const show = async (form: Form): Promise<void> => {
    shown.abort()
    shown = new AbortController()
    const mine = shown.signal
    try {
      const view = await viewOf(form, file, picture, mine)
      if (!mine.aborted) place.replaceChildren(view)
    } catch (error) {
      if (!mine.aborted) place.replaceChildren(failurePanel(error))
    }
  }
  const choice = h(
    "div",
    { class: "segments", role: "radiogroup", "aria-label": "Show as" },
    ...forms.map((form) =>
      h(
        "label",
        {},
        h("input", {
          type: "radio",
          name: "form",
          value: form,
          checked: form === chosen,
          change: () => void show(form),
        }),
        h("span", {}, form.charAt(0).toUpperCase() + form.slice(1)),
      ),
    ),
  )
  await show(chosen)
  return h("div", { class: "fill-column" }, choice, broken !== undefined && failurePanel(broken), place)
}

async function viewOf(
  form: Form,
  file: OpenFile,
  type: string | undefined,
  signal: AbortSignal,
): Promise<HTMLElement> {
  if (form === "hex") return hexView(file, signal)
  return form === "picture" && type ? pictureView(file, type, signal) : textView(file, signal)
}

/** The text's beginning, with more of it on demand. */
async function textView(file: OpenFile, signal: AbortSignal): Promise<HTMLElement> {
  if (file.size === 0) return h("p", { class: "empty" }, "The file is empty.")
  const decoder = new TextDecoder()
  const numbers = h("pre", { class: "text-numbers", "aria-hidden": "true" })
  const text = h("pre", { class: "text-lines" })
  const more = h("button", { type: "button", class: "text-more" })
  const view = h(
    "div",
    { class: "text", tabindex: 0, role: "region", "aria-label": "Text" },
    h("div", { class: "text-columns" }, numbers, text),
    more,
  )
  let position = 0
  let lines = 0
  const append = async (): Promise<void> => {
    const bytes = new Uint8Array(Math.min(TEXT_PIECE, file.size - position))
    await file.read(bytes, position, { signal })
    position += bytes.length
    const piece = decoder.decode(bytes, { stream: position < file.size })
    text.append(piece)
    const before = lines
    lines += piece.split("\n").length - 1
    const isLast = position >= file.size && !piece.endsWith("\n")
    const end = isLast ? lines + 1 : lines
    numbers.append(Array.from({ length: end - before }, (_, index) => `${before + index + 1}\n`).join(""))
    more.hidden = position >= file.size
    more.textContent = `Show more: ${sizeText(file.size - position)} to go`
  }
  more.addEventListener("click", () => {
    append().catch((error) => {
      if (!signal.aborted) more.replaceWith(failurePanel(error))
    })
  })
  await append()
  return view
}

/** The picture, decoded by the browser. Scripts in SVG do not run in an img element. */
async function pictureView(file: OpenFile, type: string, signal: AbortSignal): Promise<HTMLElement> {
  const bytes = new Uint8Array(file.size)
  await file.read(bytes, 0, { signal })
  const address = URL.createObjectURL(new Blob([bytes], { type }))
  const caption = h("figcaption", { class: "muted" }, sizeText(file.size))
  const picture = h("img", { alt: `Picture in ${file.path}`, src: address })
  const figure = h("figure", { class: "picture" }, picture, caption)
  picture.addEventListener("load", () => {
    URL.revokeObjectURL(address)
    caption.textContent = `${picture.naturalWidth} × ${picture.naturalHeight} pixels, ${sizeText(file.size)}`
  })
  picture.addEventListener("error", () => {
    URL.revokeObjectURL(address)
    figure.replaceChildren(
      h("p", { class: "empty" }, `The browser cannot show these ${counted(file.size, "byte")} as a picture.`),
    )
  })
  return figure
}

/** The media type of a picture that browsers know. */
function pictureType(start: Uint8Array, file: OpenFile): string | undefined {
  if (file.size > MAX_PICTURE) return undefined
  const text = String.fromCharCode(...start.subarray(0, 1024))
  const found = SIGNATURES.find(([, offset, bytes]) => text.startsWith(bytes, offset))
  if (found) return found[0]
  return /\.svg$/i.test(file.path) && text.includes("<svg") ? "image/svg+xml" : undefined
}

/** Whether it is UTF-8 without the controls that texts do not have. */
function looksLikeText(start: Uint8Array, isCut: boolean): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(start, { stream: isCut })
    // Escapes are the colours of terminals, in logs.
    return !/(?![\t\n\f\r])\p{Cc}/u.test(text.replaceAll("\u001b", ""))
  } catch {
    return false
  }
}
