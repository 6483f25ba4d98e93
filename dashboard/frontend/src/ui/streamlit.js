// What the views have to know of the page that Streamlit draws around them. Its classes and roles are
// no promise: an upgrade is this file to look through, and css/streamlit.css.

/**
 * Whether a key that is pressed on an element may mean the page's part: it is pressed inside of the
 * part, or on the page where it belongs to nobody. A field and a focused button keep their keys.
 * @param {Element} at
 * @param {Element} part
 * @param {string} key
 */
export function isForPart(at, part, key) {
  const typing = at.closest("input, textarea, select, [contenteditable=true], [role=combobox], [role=listbox], [role=dialog]")
  const inside = part.contains(at)
  if (typing && !inside) return false
  if (!inside && at !== document.body && !at.closest(".stMain")) return false
  if (key === " " && at.closest("button, [role=radio], a")) return false
  return !(key.startsWith("Arrow") && (typing || at.closest("[role=radiogroup]")))
}

/** The links to the pages: at the top, or in the sidebar of a narrow window. */
export const PAGE_LINKS = "[data-testid=stTopNavLink], [data-testid=stSidebarNavLink]"

/**
 * The link to a page of the dashboard.
 * @param {string} path
 */
export const linkTo = (path) => [...document.querySelectorAll(PAGE_LINKS)].find(
  (link) => link instanceof HTMLAnchorElement && link.pathname === path)

/**
 * Go to a page as its link does, so that nothing of this visit is lost.
 * @param {string} path
 */
export function openPage(path) {
  const link = linkTo(path)
  if (link instanceof HTMLElement) link.click()
  else location.assign(path)
}

/**
 * Have the sidebar open where something in it is meant; fold it where it would cover the page.
 * @param {boolean} wanted
 */
export function showSidebar(wanted) {
  // In a narrow window it has no aria-expanded; what opens it is there only while it is folded.
  const open = document.querySelector("[data-testid=stSidebar]") !== null && document.querySelector("[data-testid=stExpandSidebarButton]") === null
  const narrow = innerWidth <= 768
  if (wanted === open || (!wanted && !narrow)) return
  const button = document.querySelector(wanted ? "[data-testid=stExpandSidebarButton]" : "[data-testid=stSidebarCollapseButton] button")
  if (button instanceof HTMLElement) button.click()
}

/** Whether a dialog or a list of options is open, which has the keys and the reader's eyes. */
export const isAsking = () => document.querySelector(".stDialog, [data-baseweb=popover] [role=listbox]") !== null

// A download takes the focus out of its dialog, which then hears no Escape.
export function closeDialogs() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || document.activeElement !== document.body) return
    const close = document.querySelector(".stDialog button[aria-label=Close]")
    if (close instanceof HTMLElement) close.click()
  })
}

// A report reaches Streamlit as one of the page that it last drew. Sent between a click on another
// page's link, or Back, and that page's first word, it would call the reader back.
const LEAVING = 4000 // ms after which a page that was not left is taken to stay
let shown = "" // the path of the page whose parts were drawn last
let left = { at: -Infinity, page: "" }

/** Notice when a reader sets out for another page. */
export function watchLeaving() {
  const leave = () => {
    left = { at: performance.now(), page: shown }
  }
  addEventListener("popstate", () => {
    if (location.pathname !== shown) leave()
  }, true)
  addEventListener("click", ({ target }) => {
    const link = target instanceof Element ? target.closest("a") : null
    if (link?.href && link.pathname !== location.pathname) leave()
  }, true)
}

/**
 * A part's report, which waits while its page is being left, and is dropped with the part.
 * @template {any[]} Said
 * @param {HTMLElement} root
 * @param {(...said: Said) => void} report
 * @returns {(...said: Said) => void}
 */
export function unlessLeft(root, report) {
  const page = shown = location.pathname
  return function send(...said) {
    if (left.page !== page || performance.now() - left.at > LEAVING) report(...said)
    else setTimeout(() => root.isConnected && send(...said), 200)
  }
}
