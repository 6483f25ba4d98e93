// A card: a title, a line below it, a body, and a note in place of a picture.

import { hub } from "../state/hub.js"
import { el, say } from "./dom.js"
import { ENDED } from "../protocol/states.js"
import { applyTheme, themeOf } from "./theme.js"

export class Card {
  /** @type {import("../types").Props} */
  props
  /** @type {import("../types").Theme} */
  theme
  /** @type {import("../types").View["trigger"]} */
  trigger

  constructor(root) {
    this.root = root
    this.props = {}
    root.innerHTML = ""
    this.head = el("div", "anl-head")
    this.title = el("h3", "anl-title")
    this.subtitle = el("div", "anl-subtitle")
    this.head.append(this.title, this.subtitle)
    this.body = el("div", "anl-body")
    this.note = el("div", "anl-note")
    this.note.hidden = true
    root.append(this.head, this.body, this.note)
  }

  /** @returns {import("../types").Asks} what the view wants of the next reply */
  asks() {
    return {}
  }

  // The runs to draw: its own, or with `follow` those that the page's parts chose together.
  get runs() {
    const own = this.props.runs ?? []
    if (!this.props.follow || !hub.choice.ids) return own
    return hub.choice.ids.map((id) => hub.about.get(id)).filter(Boolean)
  }

  // Another run was chosen, focused, or another step.
  choice() {
    if (this.props.follow) this.tick(true)
  }

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

  heading(title, subtitle = "") {
    say(this.title, title)
    say(this.subtitle, subtitle)
  }

  // In place of the picture: why there is none yet. The picture keeps its room below it.
  explain(text) {
    this.note.hidden = !text
    this.body.classList.toggle("anl-veiled", Boolean(text))
    if (text) say(this.note, text)
  }

  // Why a metric can't be drawn, or "" when it can.
  reason(runs, metric) {
    if (!runs.length) return "Choose a run to see it here."
    const live = runs.map((r) => hub.run(r.id))
    if (live.every((r) => r.gone)) return "This run was deleted."
    if (!live.some((r) => r.loaded)) return hub.lost ? "Connection lost, retrying." : "Loading…"
    const series = live.map((r) => r.series.get(metric))
    if (series.some((s) => s?.steps.length)) return ""
    if (series.some((s) => s?.missing)) return `These runs do not record ${metric}.`
    if (live.every((r) => r.state === "queued")) return "Waiting for its turn to train."
    if (live.every((r) => ENDED.has(r.state))) return "Ended before anything was recorded."
    return "The first points appear in a moment."
  }

  /** A reply came, or with `force` the page changed. @param {boolean} [_force] */
  tick(_force) {}

  destroy() {}
}
