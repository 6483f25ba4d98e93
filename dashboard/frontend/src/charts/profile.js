// A statistic against depth, at the newest probe, at the step under the cursor or at a given one: how
// the residual stream grows, or does not.

import { fetchText, sentenceOf } from "../protocol/fetch.js"
import { OBSERVABLES, PROFILES, STATISTICS, unitOf } from "../protocol/metrics.js"
import { t } from "../protocol/words.js"
import { hub } from "../state/hub.js"
import { textWidth } from "../ui/canvas.js"
import { profileNotice } from "../notice/depth.js"
import { labelOf, escaped } from "../ui/format.js"
import { runColour, runDash, faded } from "../ui/theme.js"
import { aired, ticks } from "./axes.js"
import { Chart } from "./chart.js"
import { NAMED, TOLD_TOGETHER } from "./curves.js"

const ASK_MS = 500 // between looks at a question that waits for its answer
const MOST_PROFILES = 40 // lines; the focused run is always among them

export class Profile extends Chart {
  constructor(root) {
    super(root)
    this.at = new Map() // id -> { metric: { step, value } } at the cursor's step, or the given one
    this.told = "" // what was known when a given step was asked for
    /** @type {{ asked: string, metrics: Record<string, any> | null, said: string }} */
    this.model = { asked: "", metrics: null, said: "" } // what was measured of the model beside the runs
  }

  destroy() {
    super.destroy()
    clearTimeout(this.asking)
  }

  // Look after the question to the model that lies beside the runs, until it is answered.
  async follow() {
    clearTimeout(this.asking)
    const { beside } = this.props
    const asked = beside ? `${beside.run.id} ${beside.asked}` : ""
    if (this.model.asked !== asked) this.model = { asked, metrics: null, said: beside?.problem ?? "" }
    const { model } = this
    if (!beside?.asked || model.metrics || this.dead) return
    const address = `/api/inspections/${encodeURIComponent(beside.run.id)}/${beside.asked}`
    let again = true
    try {
      const answer = JSON.parse(await fetchText(address))
      again = !["done", "failed", "cancelled"].includes(answer.state)
      if (answer.state === "done") model.metrics = JSON.parse(await fetchText(address + "/result")).metrics
      model.said = answer.state === "done" ? "" : again ? t("{name} is being measured", { name: beside.run.name }) : `${beside.run.name}: ${answer.message}`
    } catch (error) {
      again = error instanceof TypeError // no connection: asked again
      if (!again) model.said = `${beside.run.name}: ${sentenceOf(error)}`
    }
    if (this.dead || this.model !== model) return
    if (again) this.asking = setTimeout(() => this.follow(), ASK_MS)
    this.tick(true)
  }

  // Those of the chosen runs that are drawn.
  get shownRuns() {
    const { focus } = hub.choice
    const runs = this.runs
    if (runs.length <= MOST_PROFILES) return runs
    const first = runs.filter((r) => r.id === focus)
    return [...first, ...runs.filter((r) => r.id !== focus)].slice(0, MOST_PROFILES)
  }

  get metrics() {
    const { metric, start } = this.props
    return start ? [metric, start] : [metric]
  }

  get step() {
    return this.props.at ?? (this.props.cursor ? hub.choice.step : null)
  }

  asks() {
    return { runs: this.shownRuns.map((r) => r.id), latest: this.metrics }
  }

  signature() {
    return JSON.stringify([hub.lost, this.step, this.shownRuns.map(({ id }) => {
      const run = hub.run(id)
      return [run.state, run.loaded, this.metrics.map((m) => run.latest[m]?.step)]
    })])
  }

  update(component) {
    this.at.clear()
    this.told = ""
    super.update(component)
    this.follow()
    if (this.step !== null) this.fetch()
  }

  // At a given step a run that trains may have its row only now: it is asked for once for each news.
  tick(anyway) {
    const signature = this.signature()
    const missing = this.shownRuns.some((r) => hub.run(r.id).latest[this.props.metric] && !this.at.get(r.id)?.[this.props.metric])
    if (this.props.at != null && missing && signature !== this.told) {
      this.told = signature
      this.fetch()
    }
    super.tick(anyway)
  }

  choice(before) {
    if (!this.props.follow && !this.props.cursor) return
    const { step, ids } = hub.choice
    if (this.step !== null && (step !== before.step || ids !== before.ids)) return this.fetch()
    if (step !== before.step || ids !== before.ids || hub.choice.focus !== before.focus) this.tick(true)
  }

  // One request at a time: while the cursor moves, the newest place is asked for next.
  async fetch() {
    if (this.fetching) {
      this.late = true
      return
    }
    this.fetching = true
    const { step } = this
    const ids = this.shownRuns.map((r) => r.id)
    try {
      const query = new URLSearchParams({ runs: ids.join(), metric: this.metrics.join(), step: String(step) })
      const { runs } = JSON.parse(await fetchText("/api/profile?" + query))
      this.at = new Map(runs.map((rows, i) => [ids[i], Object.fromEntries(Object.entries(rows)
        .map(([m, [at, value]]) => [m, { step: at, value }]))]))
    } catch {
      this.at.clear() // the newest is drawn, and says so
    }
    this.fetching = false
    if (this.dead) return
    if (this.late && this.step !== null) {
      this.late = false
      this.fetch()
    }
    this.tick(true)
  }

  notice() {
    const { metric, start } = this.props
    const model = this.modelLine()
    return profileNotice({ metric, embedded: Boolean(start), lines: [...this.linesOf(this.shownRuns), ...(model ? [model] : [])].map(({ run, step, y }) => ({ name: labelOf(run), step, y })),
      runs: this.runs.length + Number(Boolean(model)), never: this.step === null ? this.never(this.shownRuns, metric) : 0, why: this.why(this.shownRuns), step: this.step })
  }

  row(run, metric) {
    return this.step === null ? hub.run(run.id).latest[metric] : this.at.get(run.id)?.[metric]
  }

  why(runs) {
    const { metric } = this.props
    if (runs.some((r) => this.row(r, metric)) || this.modelLine()) return ""
    if (this.step !== null && runs.length && this.at.size) return t("Nothing was measured up to step {step:,}.", { step: this.step })
    return this.reason(runs, metric)
  }

  build(width, height) {
    const { theme, props } = this
    const { metric, start } = props
    const runs = this.shownRuns
    const observable = metric.split("/").at(-1)
    const what = PROFILES[metric] ?? OBSERVABLES[observable] ?? observable
    const unit = STATISTICS[metric.split("/")[1]] ?? unitOf(metric)
    this.explain(this.why(runs))
    const trained = this.linesOf(runs)
    const model = this.modelLine()
    const share = model !== null && trained.some((l) => l.x.at(-1) !== model.x.at(-1))
    const lines = model ? [...trained, model] : trained
    if (share) for (const l of lines) l.x = l.x.map((i) => i / Math.max(1, l.layers))
    const left = this.runs.length - runs.length
    const when = this.when(trained)
    const title = [t("{what} by layer", { what: what[0].toUpperCase() + what.slice(1) }), ...(props.cursor && when ? [when] : [])].join(t(", "))
    this.heading(props.title ?? title, props.subtitle ? [props.subtitle, ...(when && props.at == null ? [when] : [])].join(" · ") : [when && !props.cursor ? t("{unit} at {steps}", { unit, steps: when }) : unit,
      props.cursor ? (this.step === null ? t("newest; follows the cursor of the curves") : t("follows the cursor of the curves")) : "",
      start && !share ? t("layer 0 is the embedding") : "", this.besideWords(model),
      left > 0 ? t("{n:,} of {all:,} runs", { n: MOST_PROFILES, all: this.runs.length }) : ""].filter(Boolean).join(t(", ")))
    const all = lines.flatMap((l) => l.y).filter((v) => v !== null && isFinite(v))
    const [least, most] = [Math.min(...all), Math.max(...all)]
    const positive = all.length > 0 && least > 0
    const log = positive && most / least > 40
    const depth = Math.max(1, ...lines.map((l) => l.x.at(-1)))
    const font = `12px ${theme.font}`
    const focused = props.follow && lines.find((l) => l.run.id === hub.choice.focus)
    const named = lines.length <= NAMED ? lines : focused ? [focused] : []
    const right = Math.min(Math.max(20, ...named.map((l) => textWidth(labelOf(l.run), font) + 14)), width * 0.4)
    let y = all.length ? aired(least, most, log) : aired(NaN, NaN, log)
    if (!log && positive) y = [0, y[1]] // a stream that stays as large is a flat line
    const layout = this.layout(width, height, { x: share ? [-0.03, 1.03] : [start ? -0.2 : 0.8, depth + 0.2], y, yLog: log,
      xTitle: share ? t("share of depth") : t("layer"), yTitle: unit, right })
    layout.xaxis.tickformat = share ? ".0%" : "d"
    layout.xaxis.tickvals = share ? [0, 0.25, 0.5, 0.75, 1] : ticks(start ? 0 : 1, depth, Math.min(depth, width / 50)).filter((v) => v % 1 === 0)
    layout.xaxis.unifiedhovertitle = { text: share ? t("{share} of depth", { share: "%{x:.0%}" }) : t("layer {layer}", { layer: "%{x}" }) }
    layout.hovermode = lines.length <= TOLD_TOGETHER ? "x unified" : "closest"
    const thin = lines.length > NAMED
    const order = focused ? [...lines.filter((l) => l !== focused), focused] : lines
    const traces = order.map((l) => {
      const colour = focused && l !== focused ? faded(runColour(theme, l.run), 0.25) : runColour(theme, l.run)
      return { type: "scatter", mode: thin ? "lines" : "lines+markers", x: l.x, y: l.y, name: escaped(labelOf(l.run)),
        cliponaxis: Boolean(this.zoom), line: { color: colour, dash: runDash(l.run), width: l === focused ? 2.8 : thin ? 1.2 : 2.2 },
        marker: { size: 5.5, color: colour }, hovertemplate: "%{y:.4~g}" }
    })
    this.endLabels(layout, named.map((l) => ({ x: l.x.at(-1), y: l.y.at(-1), text: labelOf(l.run), full: l.run.name,
      colour: runColour(theme, l.run, true) })))
    return { traces, layout }
  }

  // Of each run that has one, its row: the embedding, where it is drawn, and the layers.
  linesOf(runs) {
    const { metric, start } = this.props
    return runs.flatMap((run) => {
      const row = this.row(run, metric)
      if (!row) return []
      const embed = start ? this.row(run, start) : null
      const layers = Array.isArray(row.value) ? row.value : [row.value]
      return [{ run, step: row.step, layers: layers.length, x: [...(embed ? [0] : []), ...layers.map((_, i) => i + 1)], y: [...(embed ? [embed.value] : []), ...layers] }]
    })
  }

  // The line of the model beside the runs; null without one, or while it is not measured.
  modelLine() {
    const { metric, start, beside } = this.props
    const measured = beside && this.model.metrics
    const values = measured?.[metric]
    if (!measured || !Array.isArray(values)) return null
    const embed = start ? measured[start] : null
    const begins = typeof embed === "number"
    return { run: beside.run, step: 0, layers: values.length, x: [...(begins ? [0] : []), ...values.map((_, i) => i + 1)], y: [...(begins ? [embed] : []), ...values] }
  }

  // What is to be said of the model beside the runs where its line is not all there is to say.
  besideWords(model) {
    const { beside } = this.props
    if (!beside) return ""
    if (this.model.said) return this.model.said
    if (model) return ""
    return this.model.metrics ? t("{name} was not trained here: this was not measured of it", { name: beside.run.name }) : ""
  }

  // Each run's row is its nearest at or before the cursor, so the steps may differ.
  when(lines) {
    const steps = [...new Set(lines.map((l) => l.step))].sort((a, b) => a - b)
    if (!steps.length) return ""
    if (steps.length === 1) return t("step {step:,}", { step: steps[0] })
    const listed = steps.map((s) => s.toLocaleString("en-US")).join(", ")
    return steps.length <= 3 ? t("steps {steps}", { steps: listed }) : t("steps {first:,} to {last:,}", { first: steps[0], last: steps.at(-1) })
  }
}
