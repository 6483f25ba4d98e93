// The card of the run that trains: where it stands, in numbers.

import { BAD, ENDED, STATES } from "../../protocol/states.js"
import { t } from "../../protocol/words.js"
import { hub } from "../../state/hub.js"
import { Card } from "../../ui/card.js"
import { el, say } from "../../ui/dom.js"
import { clock, headline } from "../../ui/format.js"
import { markDash, runColour } from "../../ui/theme.js"

export class RunState extends Card {
  constructor(root) {
    super(root)
    this.head.remove()
    this.dot = el("span", "anl-dot")
    this.name = el("span", "anl-name")
    this.state = el("span", "anl-status")
    const line = el("div", "anl-who")
    line.append(this.dot, this.name, this.state)
    this.cells = {}
    const numbers = el("dl", "anl-numbers")
    for (const [key, label] of [["step", t("step")], ["loss", t("train loss")], ["grad", t("gradient norm")],
      ["rate", t("tokens/s")], ["left", t("left")]]) {
      const cell = el("div")
      const value = el("dd")
      cell.append(el("dt", "", label), value)
      numbers.append(cell)
      this.cells[key] = value
    }
    this.of = el("span", "anl-of")
    this.now = el("span")
    this.cells.step.append(this.now, this.of)
    this.optimal = el("span", "anl-optimal")
    this.optimal.title = t("The lowest loss that any network can have on this task")
    this.cells.loss.after(this.optimal)
    this.bar = el("div", "anl-bar")
    this.fill = el("div")
    this.bar.append(this.fill)
    this.bar.setAttribute("role", "progressbar")
    this.bar.setAttribute("aria-label", t("steps done"))
    this.message = el("div", "anl-message")
    this.message.setAttribute("role", "status")
    this.body.append(line, numbers, this.bar, this.message)
  }

  asks() {
    const ids = this.runs.map((r) => r.id)
    return { runs: ids, headline: ids }
  }

  tick() {
    const [run] = this.props.runs ?? []
    if (!run) return
    const live = hub.run(run.id)
    const word = live.gone ? t("deleted") : (STATES[live.state ?? run.state ?? ""] ?? live.state)
    const state = live.state === "queued" && live.place ? [word, live.place].join(t(", ")) : word
    this.dot.style.background = runColour(this.theme, run)
    markDash(this.dot, run)
    this.dot.classList.toggle("anl-pulse", live.state === "running" && !hub.lost)
    say(this.name, run.name)
    const rewired = live.alarms.filter(([, level]) => level === "switch").map(([step]) => step.toLocaleString("en-US"))
    say(this.state, [state, run.detail, run.fork ? t("forked from {run} at step {step:,}", { run: run.fork.name, step: run.fork.step }) : "",
      rewired.length ? t("rewired at step {steps}", { steps: rewired.join(", ") }) : "",
      run.twin ? t("twin of {run}", { run: run.twin }) : ""].filter(Boolean).join(" · "))
    this.name.title = run.name // whole, where there is no room for it
    this.state.title = this.state.textContent
    say(this.now, live.loaded ? live.step.toLocaleString("en-US") : "–")
    say(this.of, ` / ${(live.steps || run.steps || 0).toLocaleString("en-US")}`)
    say(this.cells.loss, headline(live.loss))
    this.cells.loss.classList.toggle("anl-bad", typeof live.loss === "string" || live.stuck)
    say(this.optimal, run.optimal === undefined ? "" : t("optimal {loss}", { loss: headline(run.optimal) }))
    say(this.cells.grad, headline(live.grad))
    say(this.cells.rate.previousSibling, run.unit === "images" ? t("images/s") : t("tokens/s"))
    say(this.cells.rate, live.rate ? Math.round(live.rate).toLocaleString("en-US") : "–")
    say(this.cells.left, ENDED.has(live.state) ? "–" : clock(live.left))
    const first = run.fork?.step ?? 0
    const share = live.steps > first ? Math.min(Math.max(live.step - first, 0) / (live.steps - first), 1) : 0
    this.fill.style.width = `${share * 100}%`
    this.bar.setAttribute("aria-valuenow", String(Math.round(share * 100)))
    const message = hub.lost ? t("Connection lost, retrying.") : live.gone ? t("This run was deleted.") : live.message || ""
    say(this.message, message)
    this.message.classList.toggle("anl-bad", hub.lost || live.gone || BAD.has(live.state))
  }
}
