// The menu behind "?" at the top of every page: the tour, the words, the keys.

import { t } from "../../protocol/words.js"
import { buttonOf, el } from "../../ui/dom.js"
import { openPage } from "../../ui/streamlit.js"

export const START = "addnorm-tour" // the event that starts the tour where the Lab is open
export const WANTED = "addnorm_tour_wanted" // kept for this tab until the Lab is open

function startTour() {
  if (location.pathname === "/") return void dispatchEvent(new Event(START))
  sessionStorage.setItem(WANTED, "1")
  openPage("/")
}

/** The button and its menu. */
export function helpMenu() {
  const menu = Object.assign(el("div", "help-menu"), { id: "help-menu", popover: "auto" })
  const item = (/** @type {string} */ text, /** @type {() => void} */ act) =>
    buttonOf("help-item", text, { onclick: () => (menu.hidePopover(), act()) })
  const keys = el("dl", "help-keys")
  for (const [key, does] of [["T", t("train")], ["P", t("pause, resume")], ["S", t("one step")], ["?", t("in Attention: its keys")]]) {
    const term = el("dt")
    term.append(el("kbd", "", key))
    keys.append(term, el("dd", "", does))
  }
  menu.append(item(t("Tour of the Lab"), startTour), item(t("Glossary"), () => openPage("/glossary")), keys)
  const button = buttonOf("help-button", "?", { popoverTargetElement: menu })
  button.setAttribute("aria-label", t("Help: tour, glossary, keys"))
  return [button, menu]
}
