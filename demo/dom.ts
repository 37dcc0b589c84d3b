// SPDX-License-Identifier: MIT
/** Making elements. */

type Child = Node | string | undefined | false
type Attributes = Record<string, string | number | boolean | undefined | ((event: never) => void)>

/**
 * An element with attributes and children. An attribute that is a function is called on the event of that name
 * (`{ click: open }`); one that is true is set empty, one that is false or undefined is left out.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    // An attribute would be an inline style, which the page's policy refuses.
    if (name === "style") element.style.cssText = String(value)
    else if (typeof value === "function") element.addEventListener(name, value as (event: Event) => void)
    else if (value === true) element.setAttribute(name, "")
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value))
  }
  element.append(
    ...children.filter((child): child is Node | string => child !== undefined && child !== false),
  )
  return element
}

/** One of the drawings of index.html, for the eye only. */
export function icon(name: string): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg"
  const svg = document.createElementNS(namespace, "svg")
  svg.setAttribute("class", "icon")
  svg.setAttribute("aria-hidden", "true")
  const use = document.createElementNS(namespace, "use")
  use.setAttribute("href", `#icon-${name}`)
  svg.append(use)
  return svg
}

/** The element of index.html with that id. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const element = document.getElementById(id)
  if (!element) throw new Error(`index.html has no #${id}`)
  return element as E
}
