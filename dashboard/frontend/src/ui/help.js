// "What am I looking at?": the one control, beside the title of every chart, that says what is drawn,
// what theory says of it, and what there is to see in it now.

import { termOf } from "../protocol/glossary.js"
import { isPublished } from "../protocol/server.js"
import { t } from "../protocol/words.js"
import { buttonOf, el, say } from "./dom.js"

/** @import { Notice } from "../types" */

const WIDTH = 400 // pixels, where the window has them
const EDGE = 12 // to the window's border
const ANEW = 1000 // ms: what is drawn may change while it is open

let made = 0

export class Help {
  /** @type {number | undefined} */
  timer
  said = "" // of what there is to notice
  named = "" // the terms that are linked

  /**
   * @param {() => Notice} notice what is drawn now
   * @param {HTMLElement} [title] of the chart, for who hears the button read
   */
  constructor(notice, title) {
    this.notice = notice
    this.node = el("span", "anl-what")
    this.button = buttonOf("anl-what-button", "?")
    this.panel = el("div", "anl-what-panel")
    this.panel.id = `anl-what-${++made}`
    this.panel.tabIndex = -1
    this.panel.setAttribute("popover", "auto") // closed by Escape and by a press beside it
    this.panel.setAttribute("aria-label", t("What am I looking at?"))
    this.axes = el("p")
    this.theory = el("p", "anl-what-theory")
    this.now = el("div", "anl-what-now")
    this.links = el("p", "anl-what-terms")
    this.panel.append(el("h4", "", t("What am I looking at?")), this.axes, this.theory, this.now, this.links)
    this.node.append(this.button, this.panel)
    this.button.setAttribute("aria-haspopup", "dialog")
    this.button.setAttribute("aria-expanded", "false")
    this.button.setAttribute("aria-controls", this.panel.id)
    this.button.title = t("What am I looking at?")
    this.button.setAttribute("aria-label", t("What am I looking at?"))
    if (title) {
      title.id ||= `${this.panel.id}-of`
      this.button.setAttribute("aria-describedby", title.id)
    }
    this.button.setAttribute("popovertarget", this.panel.id)
    this.panel.addEventListener("beforetoggle", (event) => this.toggles(/** @type {ToggleEvent} */ (event).newState === "open"))
    this.panel.addEventListener("toggle", (event) => this.toggled(/** @type {ToggleEvent} */ (event).newState === "open"))
    // Keys that mean something on the page mean nothing here.
    for (const node of [this.panel, this.button]) node.onkeydown = (event) => event.stopPropagation()
    this.place = this.place.bind(this)
  }

  // What it says, before it is seen; it is seen once it has its place.
  /** @param {boolean} open */
  toggles(open) {
    this.panel.style.visibility = open ? "hidden" : ""
    if (open) this.panel.setAttribute("role", "dialog")
    else this.panel.removeAttribute("role") // what is closed is no dialog of this page
    if (open) this.fill()
  }

  /** @param {boolean} open */
  toggled(open) {
    this.button.setAttribute("aria-expanded", String(open))
    clearInterval(this.timer)
    const listen = open ? addEventListener : removeEventListener
    listen("scroll", this.place, true)
    listen("resize", this.place)
    if (!open) return
    this.place()
    this.panel.style.visibility = ""
    this.panel.focus({ preventScroll: true })
    this.timer = setInterval(() => (this.panel.isConnected ? this.fill() : this.toggled(false)), ANEW)
  }

  // Only what changed is touched, so that a selection and a reader keep their place.
  fill() {
    const { axes, theory, now, terms } = this.notice()
    say(this.axes, axes)
    say(this.theory, theory)
    this.theory.hidden = !theory
    const said = now.filter(Boolean)
    if (said.join("\n") !== this.said) {
      this.said = said.join("\n")
      this.now.replaceChildren(el("h5", "", t("What to notice now")), ...said.map((text) => el("p", "", text)))
    }
    const found = new Map(terms.map(termOf).filter((term) => term !== null).map((term) => [term.id, term]))
    const named = [...found.keys()].join()
    if (named === this.named) return
    this.named = named
    this.links.replaceChildren(el("span", "", isPublished() ? t("About:") : t("In the glossary:")), ...[...found.values()].map((term) => {
      if (isPublished()) return el("span", "", term.name) // there is no glossary to open
      const link = el("a", "", term.name)
      Object.assign(link, { href: term.address, target: "_blank", rel: "noopener" }) // the chart stays as it is
      return link
    }))
    this.links.hidden = !found.size
  }

  // Below the button, or above where there is more room, within the window.
  place() {
    const at = this.button.getBoundingClientRect()
    const width = Math.min(WIDTH, innerWidth - 2 * EDGE)
    const [above, below] = [at.top - 2 * EDGE, innerHeight - at.bottom - 2 * EDGE]
    const style = this.panel.style
    style.width = `${width}px`
    style.left = `${Math.min(Math.max(at.left - 20, EDGE), innerWidth - width - EDGE)}px`
    style.maxHeight = `${Math.max(above, below)}px`
    const tall = this.panel.offsetHeight
    style.top = `${below >= Math.min(tall, above) || below >= tall ? at.bottom + 6 : Math.max(at.top - tall - 6, EDGE)}px`
  }
}
