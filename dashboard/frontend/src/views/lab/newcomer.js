// Who is here for the first time is offered a tour of the Lab, in a line above the page. The tour stands
// beside what it speaks of and takes nothing away: the page can be used all the while. Whether it was
// seen, and how many switches are shown, is kept by the browser.

import { t } from "../../protocol/words.js"
import { keep, keptOf } from "../../state/kept.js"
import { around, placeBeside } from "../../ui/beside.js"
import { buttonOf, el, say } from "../../ui/dom.js"
import { isAsking, isForPart, showSidebar } from "../../ui/streamlit.js"
import { START, WANTED } from "./help_menu.js"
import { tourStops } from "./tour_stops.js"

/** @import { Component, Props } from "../../types" */

const EACH = 250 // ms between two looks at where the part stands that is spoken of
const KEYS = ["Escape", "ArrowLeft", "ArrowRight"]
const EDGE = 4 // px of the frame around it

export class Newcomer {
  /** @type {Props} */
  props
  at = -1 // the stop; -1 before the first
  /** @type {import("./tour_stops").Stop[]} */
  stops = []
  /** @type {any} */
  timer = 0
  /** @type {Element | null} what had the focus before */
  before = null

  /** @param {HTMLElement} root */
  constructor(root) {
    this.layer = el("div", "tour")
    this.layer.popover = "manual" // above all else, wherever it stands on the page
    this.frame = el("div", "tour-frame")
    this.card = el("section", "tour-card")
    this.card.setAttribute("role", "dialog")
    this.card.setAttribute("aria-labelledby", "tour-title")
    this.card.setAttribute("aria-describedby", "tour-text")
    this.title = Object.assign(el("h2", "tour-title"), { id: "tour-title" })
    this.text = Object.assign(el("p", "tour-text"), { id: "tour-text" })
    this.words = el("div")
    this.words.setAttribute("aria-live", "polite")
    this.words.append(this.title, this.text)
    this.count = el("span", "tour-count")
    this.skip = buttonOf("tour-button", "", { onclick: () => this.end() })
    this.back = buttonOf("tour-button", t("Back"), { onclick: () => this.go(this.at - 1) })
    this.next = buttonOf("tour-button tour-main", "", { onclick: () => this.at < 0 ? this.start() : this.go(this.at + 1) })
    const bar = el("div", "tour-bar")
    bar.append(this.count, this.skip, this.back, this.next)
    this.card.append(this.words, bar)
    this.layer.append(this.frame, this.card)
    this.root = root
    root.append(this.layer)
    this.press = this.press.bind(this)
    this.place = this.place.bind(this)
    this.start = this.start.bind(this)
    addEventListener(START, this.start)
  }

  asks() {
    return {}
  }

  /** @param {Component} component */
  update(component) {
    const first = !this.props
    this.props = component.data
    keep(this.props.view_cookie, this.props.shown)
    if (!first) return
    if (sessionStorage.getItem(WANTED)) this.start()
    else if (!keptOf(this.props.tour_cookie)) this.invite()
  }

  tick() {}

  // A line of the page, which covers nothing and takes no focus: nobody asked for it yet.
  invite() {
    this.at = -1
    this.stops = tourStops()
    this.offered(true)
    document.addEventListener("keydown", this.press)
    this.write(t("New here?"), t("A tour of six stops says what stands where. One minute."))
    say(this.skip, t("Not now"))
    say(this.next, t("Take the tour"))
  }

  // The card is a line of the page while it is offered, else it lies above it.
  /** @param {boolean} on */
  offered(on) {
    this.card.classList.toggle("tour-offer", on)
    this.card.setAttribute("role", on ? "region" : "dialog")
    this.card.removeAttribute("style")
    if (on) this.root.prepend(this.card)
    else this.layer.append(this.card)
  }

  start() {
    sessionStorage.removeItem(WANTED)
    const { activeElement } = document
    this.before = this.card.contains(activeElement) ? null : activeElement
    this.offered(false)
    this.open()
    this.go(0)
    this.next.focus({ preventScroll: true })
  }

  open() {
    this.stops = tourStops()
    if (!this.layer.isConnected) return
    this.layer.showPopover()
    document.addEventListener("keydown", this.press)
    addEventListener("scroll", this.place, { capture: true, passive: true })
    addEventListener("resize", this.place)
    clearInterval(this.timer)
    this.timer = setInterval(() => {
      // A rerun of the page may open the sidebar again, over what is spoken of.
      if (this.at >= 0) showSidebar(Boolean(this.stops[this.at].drawer))
      this.place()
    }, EACH)
  }

  /** @param {number} stop */
  go(stop) {
    if (stop >= this.stops.length) return this.end()
    this.at = Math.max(stop, 0)
    const { title, text, drawer } = this.stops[this.at]
    this.write(title, text)
    say(this.skip, t("Skip"))
    say(this.next, this.at === this.stops.length - 1 ? t("Done") : t("Next"))
    showSidebar(Boolean(drawer))
    const parts = this.parts()
    // In the middle, or where that leaves the card no room beside it at the top.
    const tall = (this.boxOf(parts)?.height ?? 0) > innerHeight - 2 * this.card.offsetHeight - 60
    parts[0]?.scrollIntoView({ block: tall ? "start" : "center", behavior: this.calm ? "auto" : "smooth" })
    this.place()
  }

  /**
   * @param {string} title
   * @param {string} text
   */
  write(title, text) {
    const touring = this.at >= 0
    say(this.title, title)
    say(this.text, text)
    say(this.count, touring ? t("{n} of {all}", { n: this.at + 1, all: this.stops.length }) : "")
    this.back.hidden = this.at < 1
    this.card.setAttribute("aria-keyshortcuts", (touring ? KEYS : KEYS.slice(0, 1)).join(" "))
    this.place()
  }

  // Whether the reader asked for less motion.
  get calm() {
    return matchMedia("(prefers-reduced-motion: reduce)").matches
  }

  /** The parts that the stop speaks of: as many as leave the card room beside them. */
  parts() {
    const groups = (this.stops[this.at]?.at ?? []).map((group) => group.flatMap((selector) => [...document.querySelectorAll(selector)])
      .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width > 0))
    const there = groups.filter((group) => group.length)
    const fits = (/** @type {Element[]} */ group) => (this.boxOf(group)?.height ?? 0) < innerHeight - this.card.offsetHeight - 60
    return there.find(fits) ?? there.at(-1)?.slice(0, 1) ?? []
  }

  /** @param {Element[]} parts */
  boxOf(parts) {
    return around(parts.map((one) => one.getBoundingClientRect()))
  }

  place() {
    if (this.at < 0) return
    this.layer.classList.toggle("tour-away", isAsking())
    const box = this.boxOf(this.parts())
    this.frame.hidden = !box
    if (box) {
      Object.assign(this.frame.style, { left: `${box.left - EDGE}px`, top: `${box.top - EDGE}px`,
        width: `${box.width + 2 * EDGE}px`, height: `${box.height + 2 * EDGE}px` })
    }
    const { offsetWidth: width, offsetHeight: height } = this.card
    const { left, top } = placeBeside(box, { width, height }, { width: innerWidth, height: innerHeight })
    Object.assign(this.card.style, { left: `${left}px`, top: `${top}px` })
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const { key, target } = event
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || isAsking()) return
    if (!(target instanceof Element)) return
    if (!this.card.contains(target) && !isForPart(target, this.card, key)) return
    if (key === "Escape") this.end()
    else if (this.at >= 0 && key === "ArrowRight") this.go(this.at + 1)
    else if (this.at > 0 && key === "ArrowLeft") this.go(this.at - 1)
    else return
    event.preventDefault()
  }

  end() {
    keep(this.props.tour_cookie, "seen")
    this.close()
    if (this.before instanceof HTMLElement && this.before.isConnected) this.before.focus({ preventScroll: true })
    this.before = null
  }

  close() {
    this.offered(false)
    clearInterval(this.timer)
    document.removeEventListener("keydown", this.press)
    removeEventListener("scroll", this.place, { capture: true })
    removeEventListener("resize", this.place)
    if (this.layer.isConnected && this.layer.matches(":popover-open")) this.layer.hidePopover()
  }

  destroy() {
    removeEventListener(START, this.start)
    this.close()
  }
}
