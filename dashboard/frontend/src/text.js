// The views made of words and numbers.

import { Card } from "./chart.js"
import { hub } from "./hub.js"
import { loadPlotly } from "./plotly.js"
import { BAD, ENDED, STATES } from "./states.js"
import { clock, el, headline, labelOf, runColour, say } from "./tools.js"

// Runs of a grid that came to an end, however.
export const endedOf = (grid) => grid.done + grid.failed + grid.stopped

// How far a grid is: `grid of 24 · 19 done · 2 training · 0:48 left`.
export function gridWords(grid) {
  const parts = [["done", "done"], ["training", "training"], ["paused", "paused"], ["diverged", "diverged"],
    ["failed", "failed"], ["stopped", "stopped"]].filter(([n]) => grid[n] || n === "done").map(([n, word]) => `${grid[n]} ${word}`)
  const left = grid.seconds_left === null ? [] : [`${clock(grid.seconds_left)} left`]
  return [`grid of ${grid.total}`, ...parts, ...left].join(" · ")
}

export class Topbar extends Card {
  constructor(root) {
    super(root)
    this.head.remove()
    this.note.remove()
    this.body.className = "anl-counts"
    this.body.setAttribute("role", "status")
  }

  asks() {
    return { counts: true }
  }

  tick() {
    if (hub.lost) return say(this.body, "connection lost, retrying")
    const counts = hub.counts
    if (!counts) return
    const grids = counts.grids ?? []
    // One grid at work says all; beside other runs, or with another, the sum of all runs does.
    const inGrids = grids.reduce((sum, g) => sum + g.training + g.paused + g.waiting, 0)
    const alone = inGrids >= counts.training + counts.paused + counts.waiting
    if (grids.length === 1 && alone) return say(this.body, gridWords(grids[0]))
    const parts = ["training", "paused", "waiting"].filter((n) => counts[n]).map((n) => `${counts[n]} ${n}`)
    say(this.body, parts.join(" · ") || "nothing is training")
  }
}

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
    for (const [key, label] of [["step", "step"], ["loss", "train loss"], ["grad", "gradient norm"],
      ["rate", "tokens/s"], ["left", "left"]]) {
      const cell = el("div")
      const value = el("dd")
      cell.append(el("dt", "", label), value)
      numbers.append(cell)
      this.cells[key] = value
    }
    this.of = el("span", "anl-of")
    this.now = el("span")
    this.cells.step.append(this.now, this.of)
    this.bar = el("div", "anl-bar")
    this.fill = el("div")
    this.bar.append(this.fill)
    this.bar.setAttribute("role", "progressbar")
    this.bar.setAttribute("aria-label", "steps done")
    this.message = el("div", "anl-message")
    this.message.setAttribute("role", "status")
    this.body.append(line, numbers, this.bar, this.message)
  }

  asks() {
    const ids = this.props.runs.map((r) => r.id)
    return { runs: ids, headline: ids }
  }

  tick() {
    const [run] = this.props.runs ?? []
    if (!run) return
    const live = hub.run(run.id)
    const state = live.gone ? "deleted" : (STATES[live.state ?? run.state] ?? live.state)
    this.dot.style.background = runColour(this.theme, run)
    this.dot.classList.toggle("anl-pulse", live.state === "running" && !hub.lost)
    say(this.name, run.name)
    say(this.state, [state, run.detail, run.twin ? `twin of ${run.twin}` : ""].filter(Boolean).join(" · "))
    this.name.title = run.name // whole, where there is no room for it
    this.state.title = this.state.textContent
    say(this.now, live.loaded ? live.step.toLocaleString("en-US") : "–")
    say(this.of, ` / ${(live.steps || run.steps || 0).toLocaleString("en-US")}`)
    say(this.cells.loss, headline(live.loss))
    const said = live.alarms.filter((a) => a[1] === "warning" || a[1] === "good")
    const stuck = typeof live.loss === "string" || said.at(-1)?.[1] === "warning"
    this.cells.loss.classList.toggle("anl-bad", stuck)
    say(this.cells.grad, headline(live.grad))
    say(this.cells.rate.previousSibling, `${run.unit ?? "tokens"}/s`)
    say(this.cells.rate, live.rate ? Math.round(live.rate).toLocaleString("en-US") : "–")
    say(this.cells.left, ENDED.has(live.state) ? "–" : clock(live.left))
    const share = live.steps ? Math.min(live.step / live.steps, 1) : 0
    this.fill.style.width = `${share * 100}%`
    this.bar.setAttribute("aria-valuenow", String(Math.round(share * 100)))
    const message = hub.lost ? "Connection lost, retrying." : live.gone ? "This run was deleted." : live.message || ""
    say(this.message, message)
    this.message.classList.toggle("anl-bad", hub.lost || live.gone || BAD.has(live.state))
  }
}

const LEVELS = new Set(["good", "note", "switch", "restart"])

export class Happening extends Card {
  constructor(root) {
    super(root)
    this.list = el("div", "anl-events")
    this.list.setAttribute("role", "log")
    this.list.tabIndex = 0
    this.body.append(this.list)
  }

  asks() {
    return { runs: this.props.runs.map((r) => r.id) }
  }

  tick(force = false) {
    const { runs } = this.props
    if (!runs) return
    const live = runs.map((r) => hub.run(r.id))
    const now = JSON.stringify(live.map((l) => [l.events, l.state, l.gone]))
    if (!force && now === this.drawn) return
    this.drawn = now
    this.heading(this.props.title ?? "What is happening")
    const alarms = runs.flatMap((run, i) => live[i].alarms.map((a) => ({ run, step: a[0], level: a[1], text: a[2] })))
    const verdicts = runs.flatMap((run, i) => {
      const said = (this.props.outcomes ?? {})[run.id]
      return said && ENDED.has(live[i].state) && !live[i].gone ? [{ run, step: said[0], level: said[1], text: said[2] }] : []
    })
    const lines = [...verdicts, ...alarms].sort((a, b) => b.step - a.step) // a verdict before the alarms of its step
    const nodes = lines.slice(0, 30).map((alarm) => this.alarm(alarm, runs.length > 1))
    if (!nodes.length) nodes.push(el("p", "anl-quiet", this.quiet(live)))
    runs.forEach((run, i) => live[i].sample && nodes.push(this.sample(run, live[i].sample, runs.length > 1)))
    this.list.replaceChildren(...nodes)
  }

  quiet(live) {
    if (!live.length) return "Choose settings and press Train. What stands out is said here in words."
    if (live.every((l) => l.gone)) return "This run was deleted."
    if (live.every((l) => !l.loaded)) return "Loading…"
    if (live.some((l) => l.state === "running")) return "Nothing stands out so far. Plateaus, vanishing gradients and breakthroughs are named here at their step."
    if (live.every((l) => l.state === "queued" || l.state === "starting")) return "Waiting for the first step."
    return "Nothing stood out."
  }

  alarm({ run, step, level, text }, several) {
    const node = el("div", "anl-event anl-event-" + (LEVELS.has(level) ? level : "warning"))
    const head = el("b", "", `step ${step.toLocaleString("en-US")}`)
    node.append(head)
    if (several) {
      const who = el("span", "anl-by", " " + labelOf(run))
      who.style.color = runColour(this.theme, run, true)
      node.append(who)
    }
    node.append(` · ${text}`)
    return node
  }

  sample(run, [step, text], several) {
    const node = el("div", "anl-sample")
    node.append(el("div", "anl-sample-head", `Sample, step ${step.toLocaleString("en-US")}${several ? " · " + labelOf(run) : ""}`))
    node.append(el("pre", "", text))
    return node
  }
}

// Draws nothing; being there loads the module and plotly.js before a chart needs them.
export class Preload {
  constructor(root) {
    this.props = {}
    root.style.display = "none"
  }

  asks() {
    return {}
  }

  update(component) {
    this.props = component.data
    loadPlotly(this.props.plotly).catch(() => {})
  }

  tick() {}

  destroy() {}
}
