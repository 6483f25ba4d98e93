// Elements, and how they are changed.

// The page comes first: plotly.js is fetched and read once the browser has nothing else to do.
export const idle = () => new Promise((resolve) =>
  ("requestIdleCallback" in window ? requestIdleCallback(resolve, { timeout: 1500 }) : setTimeout(resolve, 200)))

/**
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
 * A new button, which sends no form.
 * @param {string} className
 * @param {string} [text]
 * @param {Partial<HTMLButtonElement>} [more]
 */
export const buttonOf = (className, text = "", more = {}) => Object.assign(el("button", className, text), { type: "button", ...more })

/**
 * Only touches the page when something changed, so that selections and screen readers keep still.
 * @param {Element} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/**
 * The element that an event comes from.
 * @param {Event} event
 */
export const targetOf = (event) => (event.target instanceof Element ? event.target : document.body)

/**
 * A text that may be cut where there is no room for it: its title says the whole.
 * @param {HTMLElement} node
 * @param {string} text
 */
export function sayWhole(node, text) {
  say(node, text)
  node.title = text
}


/**
 * A key that is dealt with here does nothing else.
 * @param {Event} event
 */
export function taken(event) {
  event.preventDefault()
  event.stopPropagation()
}
