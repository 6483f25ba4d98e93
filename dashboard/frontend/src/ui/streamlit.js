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

// A download takes the focus out of its dialog, which then hears no Escape.
export function closeDialogs() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || document.activeElement !== document.body) return
    const close = document.querySelector(".stDialog button[aria-label=Close]")
    if (close instanceof HTMLElement) close.click()
  })
}
