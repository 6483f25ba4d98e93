// @ts-check
// What Streamlit's own page leaves wrong before any of our views is there: the browser's history, and
// the menu of pages in a narrow window. web/index_page.py puts this text into the page's head, where
// it runs before Streamlit.

const LEAVING = 2000 // ms after which an emptied address was not left for another page
const LINKS = '[data-testid="stTopNavLink"], [data-testid="stSidebarNavLink"]' // as in ui/streamlit.js

/**
 * Let Back and Forward lead to what was on the screen.
 *
 * Streamlit empties the address of a page on the way out, as an entry of its own, and adds two more
 * for the page that is opened: its bare address, and what the page's script makes of it, which may
 * come first, under the old page's path, even instead of the emptied one. Back would lead to addresses
 * that say nothing. Here a page that is left keeps its address, and the one that is opened gets one
 * entry. And where Back is pressed while a script runs, its late word does not lead to its page again.
 * @param {Pick<Window, "history" | "location" | "addEventListener">} page
 */
export function mendHistory({ history, location, addEventListener }) {
  const push = history.pushState.bind(history)
  const replace = history.replaceState.bind(history)
  // Opened by a link or by its address, and nothing was pressed since: what the script makes of the
  // address is no entry of its own.
  let bare = true
  let went = false // by Back or Forward, and nothing was pressed since
  let leaves = false // by a link to a page, and nothing was pressed since
  /** @type {{ state: any, href: string, timer: any } | null} */
  let emptied = null // what stood in the address before it was emptied

  /** Put the emptied entry back as it was. */
  const restore = () => {
    if (!emptied) return
    clearTimeout(emptied.timer)
    replace(emptied.state, "", emptied.href)
    emptied = null
  }
  /** No other page followed: what the address says now is an entry of its own. */
  const stay = () => {
    if (!emptied) return
    const { state } = history
    const { href } = location
    restore()
    push(state, "", href)
  }

  /**
   * Whether an address of this page may be a step on the way to another: nothing of it is left.
   * @param {URL} to
   */
  const onTheWay = (to) => leaves
    || (location.search && ![...new URLSearchParams(location.search).keys()].some((name) => to.searchParams.has(name)))

  history.pushState = (state, title, address) => {
    const to = new URL(address ?? "", location.href)
    const opens = to.pathname !== location.pathname
    if (opens && went) return
    if (!opens && (bare || emptied)) return replace(state, title, address)
    if (!opens && onTheWay(to)) {
      emptied = { state: history.state, href: location.href, timer: setTimeout(stay, LEAVING) }
      return replace(state, title, address)
    }
    restore()
    bare = opens
    leaves = false
    push(state, title, address)
  }

  for (const press of ["pointerdown", "keydown"]) {
    addEventListener(press, ({ target }) => {
      stay()
      bare = went = false
      leaves = target instanceof Element && target.closest(LINKS) !== null
    }, true)
  }
  addEventListener("popstate", () => {
    clearTimeout(emptied?.timer)
    emptied = null
    bare = leaves = false
    went = true
  }, true)
}

/**
 * Close the list of pages once one is picked: in a narrow window it covers the page. Neither its
 * links nor the button that folds it have a key or a promised class.
 * @param {MouseEvent} event
 */
function foldMenu(event) {
  if (innerWidth > 768 || !(event.target instanceof Element)) return
  if (!event.target.closest('[data-testid="stSidebarNavLink"]')) return
  setTimeout(() => {
    const close = document.querySelector('[data-testid="stSidebarCollapseButton"] button')
    if (close instanceof HTMLElement) close.click()
  }, 150)
}

/**
 * The link to the page that is open leads to its front, as people expect of a link: out of a lesson to
 * their list. To Streamlit it is a rerun with the same address.
 * @param {MouseEvent} event
 */
function toFront(event) {
  const link = event.target instanceof Element ? event.target.closest(LINKS) : null
  if (!(link instanceof HTMLAnchorElement) || link.pathname !== location.pathname) return
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return // it opens another tab
  const front = document.querySelector(".st-key-all_lessons button")
  if (!(front instanceof HTMLElement)) return
  event.preventDefault() // its own rerun could overtake the button's
  event.stopPropagation()
  front.click()
}

if (typeof document !== "undefined") {
  mendHistory(window)
  addEventListener("click", foldMenu, true)
  addEventListener("click", toFront, true)
}
