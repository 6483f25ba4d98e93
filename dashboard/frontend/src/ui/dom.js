// Elements, and how they are changed.

// The page comes first: plotly.js is fetched and read once the browser has nothing else to do.
export const idle = () => new Promise((resolve) =>
  (window.requestIdleCallback ? requestIdleCallback(resolve, { timeout: 1500 }) : setTimeout(resolve, 200)))

/**
 * What all views share: elements, colours, numbers, ticks.
 * A new element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, className = "", text = "") {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== "") node.textContent = text
  return node
}

/**
 * Only touches the page when something changed, so that selections and screen readers keep still.
 * @param {Element} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/**
 * A text that may be cut where there is no room for it: its title says the whole.
 * @param {HTMLElement} node
 * @param {string} text
 */
export function sayWhole(node, text) {
  say(node, text)
  node.title = text
}

let measuring = null

/**
 * Pixels that a line of text takes.
 * @param {string} text
 * @param {string} font
 */
export function textWidth(text, font) {
  measuring ??= el("canvas").getContext("2d")
  measuring.font = font
  return measuring.measureText(text).width
}
