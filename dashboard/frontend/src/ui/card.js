// A card: a title, a line below it, a body, and a note in place of a picture.

import { ENDED } from "../protocol/states.js"
import { t } from "../protocol/words.js"
import { hub } from "../state/hub.js"
import { el, say } from "./dom.js"
import { Help } from "./help.js"
import { applyTheme, themeOf } from "./theme.js"

/** @import { Asks, Choice, Component, Notice, Props, Run, Theme } from "../types" */

export class Card {
  // Empty until the first `update`: a change of size may come before it.
  props = /** @type {Props} */ ({})
  /** @type {Theme} */
  theme
  /** @type {Component["setTriggerValue"]} */
  trigger
  dead = false // taken off the page

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root
    root.innerHTML = ""
    this.head = el("div", "anl-head")
    this.title = el("h3", "anl-title")
    this.subtitle = el("div", "anl-subtitle")
    const line = el("div", "anl-title-line")
    line.append(this.title)
    this.help = this.notice === Card.prototype.notice ? null : new Help(() => this.notice(), this.title)
    if (this.help) line.append(this.help.node)
    this.head.append(line, this.subtitle)
    this.body = el("div", "anl-body")
    this.note = el("div", "anl-note")
    this.note.hidden = true
    root.append(this.head, this.body, this.note)
  }

  /** @returns {Notice} what is drawn now, in words; each chart has its own */
  notice() {
    return { axes: "", theory: "", now: [], terms: [] }
  }

  /** @returns {Asks} what the view wants of the next reply */
  asks() {
    return {}
  }

  // The runs to draw: its own, or with `follow` those that the page's parts chose together.
  get runs() {
    const own = this.props.runs ?? []
    if (!this.props.follow || !hub.choice.ids) return own
    return hub.choice.ids.map((id) => hub.about.get(id)).filter((run) => run !== undefined)
  }

  // Another run was chosen, focused, or another step.
  /** @param {Choice} _before */
  choice(_before) {
    if (this.props.follow) this.tick(true)
  }

  /** @param {Component} component */
  update(component) {
    this.props = component.data
    this.trigger = component.setTriggerValue
    this.theme = themeOf(this.root, this.props.palette)
    applyTheme(this.root, this.theme)
    this.root.classList.toggle("anl-card", Boolean(this.props.frame))
    this.root.style.height = this.props.height ? this.props.height + "px" : ""
    hub.refresh(this.props.runs ?? [])
    this.tick(true)
  }

  /**
   * @param {string} title
   * @param {string} subtitle
   */
  heading(title, subtitle = "") {
    say(this.title, title)
    say(this.subtitle, subtitle)
  }

  /**
   * In place of the picture: why there is none yet. The picture keeps its room below it.
   * @param {string} text
   */
  explain(text) {
    this.note.hidden = !text
    this.body.classList.toggle("anl-veiled", Boolean(text))
    if (text) say(this.note, text)
  }

  /**
   * Why a metric can't be drawn, or "" when it can.
   * @param {Run[]} runs
   * @param {string} metric
   */
  reason(runs, metric) {
    if (!runs.length) return t("Choose a run to see it here.")
    const live = runs.map((r) => hub.run(r.id))
    if (live.every((r) => r.gone)) return t("This run was deleted.")
    if (!live.some((r) => r.loaded)) return hub.lost ? t("Connection lost, retrying.") : t("Loading…")
    const series = live.map((r) => r.series.get(metric))
    if (series.some((s) => s?.steps.length)) return ""
    if (series.some((s) => s?.missing)) return t("These runs do not record {metric}.", { metric })
    if (live.every((r) => r.state === "queued")) return t("Waiting for its turn to train.")
    if (runs.every((r) => r.tokens_per_step === null)) return t("These runs do not record {metric}.", { metric })
    if (live.every((r) => ENDED.has(r.state))) return t("Ended before anything was recorded.")
    return t("The first points appear in a moment.")
  }

  /**
   * How many runs ended without a value of a metric, and will have none.
   * @param {Run[]} runs
   * @param {string} metric
   */
  never(runs, metric) {
    return runs.map((r) => hub.run(r.id)).filter((r) => r.loaded && ENDED.has(r.state) && !r.latest[metric] && !r.series.get(metric)?.steps.length).length
  }

  /** A reply came, or with `force` the page changed. @param {boolean} [_force] */
  tick(_force) {}

  destroy() {
    this.dead = true
  }
}
