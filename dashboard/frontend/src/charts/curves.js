// A metric through training, all chosen runs in one graph: raw faint, smoothed bold, names at the
// ends. Runs of one group are drawn as their mean in the range of its members.

import { titleOf, unitOf } from "../protocol/metrics.js"
import { ENDED, STATES } from "../protocol/states.js"
import { timesOf } from "../state/groups.js"
import { t, tn } from "../protocol/words.js"
import { hub } from "../state/hub.js"
import { textWidth } from "../ui/canvas.js"
import { curvesNotice } from "../notice/curves.js"
import { labelOf, escaped, number, short } from "../ui/format.js"
import { runColour } from "../ui/theme.js"
import { aired, sensible } from "./axes.js"
import { MANY, framed, isDead, tracesOf } from "./curve_traces.js"
import { EndNames } from "./end_names.js"
import { branches, divergences, level, marks, signsOf } from "./marks.js"
import { heightOf } from "./plotly.js"
import { Courses } from "./series_chart.js"
import { StepCursor } from "./step_cursor.js"

export const TOLD_TOGETHER = 20 // lines that the pointer is told all at once
export const NAMED = 12 // lines with their names at the ends and their marks
const BLOWN = 3 // times the least loss that a line began with: what ends above it would press the others flat

export class Curves extends Courses {
  /** @type {any[]} */
  lines = []
  /** @type {any} the line that stands out */
  chosen = null
  top = Infinity // of the frame, as a value
  /** @type {any[]} the last two presses, with what was chosen before each */
  presses = []

  /** @param {HTMLElement} root */
  constructor(root) {
    super(root)
    this.cursor = new StepCursor(this)
    this.only = null // the run that stands out, where the page's parts choose none together
    this.ends = new EndNames(this)
    this.body.append(this.ends.node)
  }

  destroy() {
    super.destroy()
    this.details.stop()
  }

  /** @returns {import("../types").Asks} */
  asks() {
    const { metric, x } = this.props
    const metrics = [metric]
    const ids = this.runs.map((r) => r.id)
    if (metric === "loss/train" && ids.length <= NAMED) metrics.push("loss/validation")
    if (x === "seconds") metrics.push("seconds")
    return { runs: ids, metrics }
  }

  // Curves that follow the page share their zoom with it: it is part of the address.
  get zoom() {
    if (!this.props.follow) return super.zoom
    const at = hub.choice.zoom
    return at && { x: at.slice(0, 2), y: at.slice(2) }
  }

  set zoom(zoom) {
    if (!this.props.follow) {
      super.zoom = zoom
      return
    }
    this.zooming = true
    hub.set({ zoom: zoom?.y ? [...zoom.x, ...zoom.y] : null })
    this.zooming = false
  }

  update(component) {
    const { metric, x, log_x: logX, log_y: logY } = component.data
    const shows = [metric, x, logX, logY].join()
    if (this.shows !== undefined && this.shows !== shows) {
      // Another quantity on an axis: the old range means nothing there.
      this.zoom = null
      this.details.clear()
      this.made.clear()
    }
    this.shows = shows
    super.update(component)
    if (this.zoom) this.zoomed()
  }

  choice(before) {
    const { zoom, ids, step } = hub.choice
    if (!this.props.follow || this.zooming) return
    if (zoom !== before.zoom || (zoom && ids !== before.ids)) this.zoomed()
    if (step !== before.step && zoom === before.zoom && ids === before.ids && hub.choice.focus === before.focus) {
      return this.cursor.place()
    }
    this.tick(true)
  }

  signature() {
    const { metric } = this
    return JSON.stringify([hub.lost, this.runs.map(({ id }) => {
      const run = hub.run(id)
      const version = (name) => run.series.get(name)?.version
      return [version(metric), version("loss/validation"), version("seconds"), run.state, run.alarms.length, run.loaded]
    })])
  }

  why(runs) {
    const why = this.reason(runs, this.props.metric)
    if (why || this.props.x !== "flops" || runs.some((r) => r.flops_per_step)) return why
    return t("FLOPs are known once a run has started and knows its alphabet.")
  }

  build(width, height) {
    const { props, theme } = this
    const { log_x: xLog, log_y: yLog } = props
    const runs = this.runs.filter((r) => !hub.run(r.id).gone)
    const extent = this.extent(runs)
    const least = this.least(runs)
    const lines = this.gathered(runs).map((members) => this.line(members)).filter((l) => l.xs.length)
    this.lines = lines
    this.plot.dataset.lines = String(lines.length)
    const focus = this.focus
    this.chosen = focus ? lines.find((l) => l.runs.some((r) => r.id === focus)) : null
    this.words(lines)
    this.explain(this.why(this.runs))
    const named = this.named(lines)
    const font = `12px ${theme.font}`
    const ends = named.map((l) => textWidth(this.name(l), font) + 14)
    const right = Math.min(Math.max(24, ...ends), width * 0.3)
    const x = xLog ? [Math.log10(least), Math.log10(extent)] : [0, extent]
    const xTitle = { step: t("step"), tokens: t("tokens"), seconds: t("seconds of training"), flops: t("training FLOPs") }[props.x]
    const y = this.range(lines)
    this.top = yLog ? 10 ** y[1] : y[1]
    const layout = this.layout(width, height, { x, y, xTitle, yTitle: this.unit(), xLog, yLog, right })
    const together = lines.length <= TOLD_TOGETHER
    layout.hovermode = together ? "x unified" : "closest"
    layout.hoverdistance = together ? 20 : 40
    layout.xaxis.showspikes = together
    layout.xaxis.unifiedhovertitle = { text: props.x === "step" ? t("step {step}", { step: "%{x}" }) : `${xTitle} %{x}` }
    layout.xaxis.hoverformat = { flops: ".3~e", seconds: ",.1f" }[props.x] ?? ",.0f"
    const traces = tracesOf(this, lines, together)
    for (const line of lines) traces.push(...this.validation(line))
    traces.push(...branches(this, lines), ...divergences(this, lines, named, layout))
    this.endLabels(layout, named.map((line) => this.end(line, layout)))
    for (const [, value, dash] of this.levels()) level(layout, theme, value, dash)
    this.extras(layout)
    marks(this, layout, named)
    return { traces, layout }
  }

  // The losses that are known beforehand: name, value, how the line is drawn. A log axis has no 0.
  levels() {
    const { baseline, optimal, log_y: yLog } = this.props
    const all = [[...(baseline ?? []), "dot"], [...(optimal ?? []), "dash"]]
    return all.filter(([, value]) => Number.isFinite(value) && (!yLog || value > 0))
  }

  // The run that stands out.
  get focus() {
    return this.props.follow ? hub.choice.focus : this.only
  }

  // One run stands out, the others fade; the same one again, and none does.
  standOut(id) {
    const now = this.chosen?.runs.some((r) => r.id === id) ? null : id
    if (this.props.follow) return hub.focusRun(now)
    this.only = now
    this.redraw()
  }

  extras(_layout) {}

  unit() {
    // What the loss of a run from elsewhere is measured in, only its program knows.
    if (this.props.metric.startsWith("loss/") && this.runs.some((r) => r.tokens_per_step === null)) return t("loss")
    // What one prediction is: a character, a token, an image. The page knows it of each run.
    if (this.props.metric.startsWith("loss/") && this.props.unit) return this.props.unit
    return unitOf(this.props.metric, this.runs[0]?.unit === "images")
  }

  // The lines that are few enough to bear names and marks.
  named(lines) {
    return lines.length <= NAMED ? lines : this.chosen ? [this.chosen] : []
  }

  // The title and what is drawn, in a line below it.
  words(lines) {
    const { props } = this
    const unit = this.unit()
    const grouped = lines.filter((l) => l.runs.length > 1)
    const thin = lines.length > MANY
    const drawn = !(props.smooth > 0) ? t("raw") : thin ? t("smoothed") : t("raw and smoothed")
    const how = grouped.length ? this.averaged(grouped) : drawn
    const n = lines.length
    const count = n <= NAMED ? "" : grouped.length ? tn("{n:,} line", "{n:,} lines", n) : tn("{n:,} run", "{n:,} runs", n)
    const circles = lines.some((l) => this.validation(l).length) ? t("circles: validation") : ""
    const events = signsOf(this, this.named(lines))
    const said = props.subtitle || (titleOf(props.metric).toLowerCase() === unit ? "" : unit)
    this.heading(props.title ?? titleOf(props.metric), [said, how, count, circles,
      ...this.levels().map(([name, value, dash]) => (dash === "dot"
        ? t("dotted: {name} {value}", { name: t(name), value: number(value) })
        : t("dashed: {name} {value}", { name: t(name), value: number(value) }))),
      events ? t("{marks}: events", { marks: events }) : ""]
      .filter(Boolean).join(" · "))
  }

  notice() {
    const { metric, x, smooth } = this.props
    const lines = this.lines.map((line) => {
      const live = hub.run(line.run.id)
      const single = line.runs.length === 1
      return { name: this.name(line).replace(/ · .*/, ""), runs: line.runs.length, steps: line.steps, ys: line.ys, state: single ? live.state : null,
        judged: line.runs.filter((run) => ENDED.has(hub.run(run.id).state)).map((run) => ({ name: labelOf(run), verdict: run.verdict })), stuck: single && live.stuck,
        low: line.band?.low.findLast(Number.isFinite), high: line.band?.high.findLast(Number.isFinite) }
    })
    return curvesNotice({ metric, unit: this.props.unit ?? this.unit(), x, lines, chosen: this.runs.length, never: this.never(this.runs, metric), why: this.why(this.runs), smooth: smooth > 0,
      levels: this.levels(), zoomed: Boolean(this.zoom) })
  }

  // What a line of several runs shows of them.
  averaged(grouped) {
    const sizes = [...new Set(grouped.map((l) => (l.begun < l.runs.length ? t("{n} of {all}", { n: l.begun, all: l.runs.length }) : l.runs.length)))]
    const [n, band] = [sizes.length === 1 ? sizes[0] : null, grouped.some((l) => l.band)]
    const what = n === null ? (band ? t("mean and range of each group's runs") : t("mean of each group's runs"))
      : band ? t("mean and range of {n} runs", { n }) : t("mean of {n} runs", { n })
    return grouped.some((l) => l.until) ? t("{what}, as far as all of them go", { what }) : what
  }

  name(line) {
    const [run] = line.runs
    if (line.runs.length > 1) return `${short(run.group)} ${timesOf(line.runs)}` + (line.until ? " · " + line.until : "")
    return labelOf(run) + (hub.run(run.id).state === "diverged" ? ` · ${STATES.diverged}` : "")
  }

  // What diverged, or blew up without an end, leaves the frame rather than flattening the others.
  range(lines) {
    const { log_y: yLog } = this.props
    const lost = this.leaving(lines)
    const alive = lines.filter((l) => !lost(l))
    const all = framed(lines, lost, lines.length <= MANY)
    const held = alive.map((l) => [...this.evaluations(l)?.values ?? []])
    all.push(...held)
    all.push(...this.levels().map(([, value]) => [value]))
    let [bottom, top] = sensible(all.flat(), yLog)
    for (const ys of [...alive.map((l) => l.ys), ...held]) { // where each stands now is in the frame, however young it is
      const now = ys.findLast((v) => v !== null && (!yLog || v > 0))
      if (Number.isFinite(now)) [bottom, top] = [Math.min(bottom, now), Math.max(top, now)]
    }
    return aired(bottom, top, yLog)
  }

  // Which lines the frame need not hold: the others would lie flat on its ground.
  leaving(lines) {
    const { metric, log_y: yLog } = this.props
    if (yLog || !metric.startsWith("loss/")) return isDead
    const least = Math.min(...lines.map((l) => l.ys.find(Number.isFinite) ?? Infinity))
    return (line) => isDead(line) || (line.ys.findLast(Number.isFinite) ?? 0) > BLOWN * least
  }

  // Where a line leaves the frame, or ends: there its name stands.
  end(line, layout) {
    const log = layout.xaxis.type === "log"
    const right = log ? 10 ** layout.xaxis.range[1] : layout.xaxis.range[1]
    for (let i = line.xs.length - 1; i >= 0; i--) {
      if (line.ys[i] !== null && line.xs[i] <= right) {
        const name = this.name(line)
        return { x: log ? Math.log10(line.xs[i]) : line.xs[i], y: line.ys[i], text: !this.zoom && line.ys[i] > this.top ? `↑ ${name}` : name, full: line.runs.length > 1 ? line.run.group : line.run.name, run: line.run.id,
          colour: runColour(this.theme, line.run, true) }
      }
    }
    return null
  }

  // Of the training loss of few runs: what was measured on other text, drawn as circles.
  evaluations(line) {
    const series = this.props.metric === "loss/train" && hub.run(line.run.id).series.get("loss/validation")
    return series && series.steps.length && line.runs.length === 1 && this.lines.length <= NAMED ? series : null
  }

  validation(line) {
    const series = this.evaluations(line)
    if (!series || (this.chosen && this.chosen !== line)) return []
    return [{ type: "scatter", mode: "markers", x: this.axis(line.run, [...series.steps]),
      y: [...series.values], name: [escaped(labelOf(line.run)), t("validation")].join(", "), cliponaxis: Boolean(this.zoom),
      hoverinfo: "skip", marker: { size: 6.5, color: this.theme.card, line: { color: runColour(this.theme, line.run), width: 1.6 } } }]
  }

  listen() {
    super.listen()
    this.cursor.attach()
    this.plot.on("plotly_click", (event) => this.clicked(event))
    this.body.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return
      if (this.chosen) this.standOut(this.focus)
      else if (this.zoom) this.whole()
    })
    this.body.addEventListener("pointerdown", (event) => this.pressed(event), true)
    this.body.addEventListener("dblclick", () => this.doubled())
  }

  // What a press may change is kept, for a double click is two presses.
  pressed({ target }) {
    const { step, focus } = hub.choice
    // Asked now: a live run's next points may put another node in the target's place.
    this.presses = [this.presses[1], { step, focus, inside: this.plot.contains(target) }]
    this.body.focus({ preventScroll: true }) // Plotly keeps the browser from doing so
  }

  // A double click shows everything and chooses nothing. Its first click may put the cursor under the
  // pointer: then Plotly does not see the second one and the browser tells of it, else Plotly does.
  doubled() {
    const [first] = this.presses
    if (!this.props.follow) return this.whole()
    if (!first?.inside) return
    hub.set({ step: first.step, focus: first.focus })
    this.whole()
  }

  // A click on a line makes its run stand out; on the same line again, no run does.
  clicked({ points, event }) {
    if (!this.props.follow || !points.length) return
    const top = this.plot.getBoundingClientRect().top
    const away = (p) => Math.abs(heightOf(p) - (event.clientY - top))
    const id = (p) => p.data.meta ?? p.customdata
    const point = points.filter(id).sort((a, b) => away(a) - away(b))[0]
    if (!point || away(point) > 30) return this.cursor.to(event) // beside the lines
    this.standOut(id(point))
  }

  drawn() {
    this.cursor.place()
    this.ends.place()
  }

  // Zoomed in on thinned series: their exact points in that range are fetched.
  zoomed() {
    if (!this.zoom) {
      this.details.clear()
      this.redraw()
      return
    }
    this.redraw()
    this.details.later(() => this.refine())
  }

  async refine() {
    if (!this.zoom || this.dead) return
    const runs = this.runs.filter((r) => this.seriesOf(r)?.steps.length)
    const real = (v) => (this.props.log_x ? 10 ** v : v)
    const [left, right] = this.zoom.x.map(real)
    const from = Math.max(0, Math.floor(Math.min(...runs.map((r) => this.stepAt(r, left)))))
    const to = Math.ceil(Math.max(...runs.map((r) => this.stepAt(r, right))))
    if (await this.details.fetch(runs, (r) => this.seriesOf(r), this.metric, from, to)) this.redraw()
  }
}
