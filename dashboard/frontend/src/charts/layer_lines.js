// A statistic of every layer through training: one line a layer, coloured by its depth.

import { OBSERVABLES, STATISTICS } from "../protocol/metrics.js"
import { ENDED } from "../protocol/states.js"
import { t } from "../protocol/words.js"
import { hub } from "../state/hub.js"
import { linesNotice } from "../notice/depth.js"
import { escaped, short } from "../ui/format.js"
import { LEVEL_MARKS, ramp } from "../ui/theme.js"
import { frameOf, aired, sensible } from "./axes.js"
import { Chart } from "./chart.js"
import { alone } from "./marks.js"

export class Lines extends Chart {
  /** @type {number[][]} */
  table

  asks() {
    const { runs = [], metric } = this.props
    return { focus: runs.map((r) => r.id), layers: [metric] }
  }

  notice() {
    const { runs = [], metric } = this.props
    const live = runs.length ? hub.run(runs[0].id) : undefined
    const series = live?.series.get(metric)
    const [, statistic, observable] = metric.split("/")
    return linesNotice({ statistic, observable, what: OBSERVABLES[observable] ?? observable, steps: series?.steps ?? [],
      values: (series?.values ?? []).map((row) => (Array.isArray(row) ? row : [row])), why: this.reason(runs, metric),
      rewired: (live?.alarms ?? []).filter(([, level]) => level === "switch").map(([step]) => step) })
  }

  // Cividis without the end that vanishes on this ground.
  colour(layer, depth) {
    const [from, to] = this.theme.dark ? [0.3, 1] : [0, 0.86]
    this.table ??= ramp(this.theme.cividis)
    const at = from + ((to - from) * layer) / Math.max(depth - 1, 1)
    return `rgb(${this.table[Math.round(at * 255)].join()})`
  }

  build(width, height) {
    const { props } = this
    const { runs = [], metric } = props
    const [run] = runs
    const live = run && hub.run(run.id)
    const [, statistic, observable] = metric.split("/")
    const what = OBSERVABLES[observable] ?? observable
    const unit = STATISTICS[statistic] ?? statistic
    this.explain(this.reason(runs, metric))
    this.heading(props.title ?? t("{what} through training", { what: what[0].toUpperCase() + what.slice(1) }),
      props.subtitle ?? [t("{unit} of each layer", { unit }), ...(run ? [short(run.name)] : [])].join(" · "))
    const series = live?.series.get(metric)
    const steps = series?.steps ?? []
    const rows = (series?.values ?? []).map((r) => (Array.isArray(r) ? r : [r]))
    const depth = rows[0]?.length ?? 0
    const all = rows.flat().filter((v) => v !== null)
    const least = all.reduce((a, b) => Math.min(a, b), Infinity)
    const most = all.reduce((a, b) => Math.max(a, b), -Infinity)
    const log = least > 0 && most / least > 40
    const extent = live && !ENDED.has(live.state) ? frameOf(steps.at(-1) ?? 0, live.steps) : Math.max(1, steps.at(-1) ?? live?.steps ?? 1)
    let [bottom, top] = log ? [least, most] : sensible(all)
    // Noise around a constant should look like noise around a constant.
    const room = 0.15 * Math.max(Math.abs(bottom), Math.abs(top)) - (top - bottom) / 2
    if (!log && room > 0) [bottom, top] = [bottom - room, top + room]
    const y = aired(bottom, top, log)
    const layout = this.layout(width, height, { x: [0, extent], y, yLog: log, xTitle: t("step"), yTitle: unit, right: 62 })
    layout.hovermode = depth > 16 ? "closest" : "x unified"
    layout.xaxis.unifiedhovertitle = { text: t("step {step:,}", { step: "%{x}" }) }
    /** @type {any[]} */
    const traces = Array.from({ length: depth }, (_, i) => ({ type: "scatter", mode: "lines", x: steps,
      y: rows.map((r) => r[i]), name: t("layer {layer}", { layer: i + 1 }), hovertemplate: "%{y:.4~g}",
      line: { color: this.colour(i, depth), width: 1.7 } }))
    traces.push(...traces.flatMap(({ x, y, line }) => alone(x, y, line.color)))
    for (const [step, level, text] of live?.alarms ?? []) {
      if (level !== "switch" || step > extent) continue
      layout.shapes.push({ type: "line", yref: "paper", y0: 0, y1: 1, x0: step, x1: step,
        line: { color: this.theme.add, width: 1.2, dash: "dash" } })
      layout.annotations.push({ x: step, y: 1, yref: "paper", yanchor: "top", yshift: 6, showarrow: false,
        text: LEVEL_MARKS.switch, font: { size: 12, color: this.theme.add }, hovertext: `${t("step {step:,}", { step })}: ${escaped(text)}` })
    }
    const named = depth > 1 ? [0, depth - 1] : depth ? [0] : []
    this.endLabels(layout, named.map((i) => ({ x: steps.at(-1) ?? NaN, y: rows.at(-1)?.[i] ?? NaN, text: t("layer {layer}", { layer: i + 1 }),
      colour: this.theme.muted })))
    return { traces, layout }
  }
}
