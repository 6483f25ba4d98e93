// What curves are made of: the course of a run or a group along the chosen axis.

import { ENDED } from "../protocol/states.js"
import { t } from "../protocol/words.js"
import { acrossRuns, averageOf, cellsOf, onOneGrid, rangeOf, smoothed } from "../state/aggregate.js"
import { experimentsOf } from "../state/groups.js"
import { hub } from "../state/hub.js"
import { frameOf } from "./axes.js"
import { Chart } from "./chart.js"
import { Details } from "./zoom_fetch.js"

export class Courses extends Chart {
  constructor(root) {
    super(root)
    this.details = new Details()
    this.made = new Map()
  }

  get metric() {
    return this.props.metric
  }

  // Steps as the chosen axis counts them.
  axis(run, steps) {
    const { x } = this.props
    if (x === "tokens") return steps.map((s) => (run.tokens_per_step === null ? null : s * (run.tokens_per_step ?? 1)))
    if (x === "flops") return steps.map((s) => (run.flops_per_step ? s * run.flops_per_step : null))
    if (x !== "seconds") return steps
    const times = hub.run(run.id).series.get("seconds")
    return times?.steps.length ? interpolated(times.steps, times.values, steps) : steps.map(() => null)
  }

  // And back: the step at a place of the axis.
  stepAt(run, x) {
    const { x: axis } = this.props
    if (axis === "tokens") return x / (run.tokens_per_step ?? 1)
    if (axis === "flops") return x / (run.flops_per_step ?? 1)
    if (axis !== "seconds") return x
    const times = hub.run(run.id).series.get("seconds")
    return times?.steps.length ? interpolated(times.values, times.steps, [x])[0] : 0
  }

  // What is known of a run's metric: its thinned points with the refetched ones among them.
  seriesOf(run) {
    return hub.run(run.id).series.get(this.metric)
  }

  cells(run) {
    const series = this.seriesOf(run)
    if (!series?.steps.length) return []
    return this.details.into(cellsOf(series), run.id)
  }

  // One line of the picture, made anew only when what it is made of changed, so that Plotly
  // finds the same arrays again.
  line(runs) {
    const { props } = this
    const key = runs.map((r) => r.id).join()
    const scale = this.scale(runs)
    const stamp = JSON.stringify([scale, props.smooth, this.details.version, runs.map((r) => [this.seriesOf(r)?.version,
      hub.run(r.id).series.get("seconds")?.version, hub.run(r.id).series.get("loss/validation")?.version])])
    const known = this.made.get(key)
    if (known?.stamp === stamp) return { ...known, runs, run: runs[0] }
    const cells = runs.map((r) => this.cells(r))
    const line = runs.length > 1 ? this.group(runs, cells, scale) : this.single(runs[0], cells[0], scale)
    const made = { ...line, stamp, key }
    this.made.set(key, made)
    return { ...made, runs, run: runs[0] }
  }

  // What runs are smoothed by: their own length, whatever else is drawn and however the axis counts,
  // so that a run's line is the same beside others and alone.
  scale(runs) {
    const extent = Math.max(...runs.map((r) => frameOf(this.seriesOf(r)?.steps.at(-1) ?? 0, this.planned(r))))
    return { extent, log: Boolean(this.props.log_x), starts: this.starts(runs) }
  }

  // The steps from which on a run is another network, or began anew from a checkpoint.
  starts(runs) {
    const all = runs.flatMap((r) => hub.run(r.id).alarms.filter(([, kind]) => kind === "switch" || kind === "restart"))
    return [...new Set(all.map(([step]) => step))].sort((a, b) => a - b)
  }

  // How long a run will be in steps; of an ended one, how long it was.
  planned(run) {
    const live = hub.run(run.id)
    return (ENDED.has(live.state) && live.step) || live.steps || run.steps || 1
  }

  course(cells, scale) {
    const { smooth } = this.props
    return smooth > 0 ? smoothed(cells, smooth, scale) : cells.map((c) => c.mean)
  }

  // A smoothed value holds the rows up to its cell's end, so there it stands.
  placesOf(cells) {
    return cells.map((c) => (this.props.smooth > 0 ? c.end : c.middle))
  }

  single(run, cells, scale) {
    const points = this.details.points(this.seriesOf(run), run.id)
    const raw = { xs: [...this.axis(run, points.steps)], ys: [...points.values] }
    if (!(this.props.smooth > 0)) return { cells, xs: raw.xs, ys: raw.ys, raw, steps: points.steps }
    const steps = this.placesOf(cells)
    return { cells, xs: [...this.axis(run, steps)], ys: this.course(cells, scale), raw, steps }
  }

  group(runs, all, scale) {
    const there = runs.filter((_, i) => all[i].length) // those that wait have nothing to average yet
    const own = all.filter((c) => c.length)
    const experiments = experimentsOf(there)
    const cells = acrossRuns(own, experiments)
    const steps = this.placesOf(cells)
    const axes = there.map((r) => this.axis(r, steps))
    // Seconds differ from member to member: the mean stands at their mean.
    const xs = cells.map((_, i) => averageOf(axes.map((a) => a[i]).filter((v) => v !== null)))
    const several = experiments.length > 1
    const whole = several ? { low: cells.map((c) => c.low), high: cells.map((c) => c.high) } : undefined
    const shared = { cells, xs, steps, begun: there.length, until: this.until(there, own, cells) }
    if (!(this.props.smooth > 0)) return { ...shared, ys: cells.map((c) => c.mean), band: whole }
    const { runs: rows } = onOneGrid(own)
    const courses = rows.map((row) => this.course(row.map((c, i) => c ?? { ...cells[i], mean: null }), scale))
    const range = rangeOf(courses).map((r, i) => (cells[i].mean === null ? [null, null] : r))
    return { ...shared, ys: this.course(cells, scale), whole,
      band: several ? { low: range.map((r) => r[0]), high: range.map((r) => r[1]) } : undefined }
  }

  // Where a mean ends before the longest of its runs, because another one ended; "" where it does not.
  until(runs, own, cells) {
    const last = cells.findLast((c) => c.mean !== null)
    if (!last) return ""
    const beyond = own.some((c) => (c.at(-1)?.begin ?? 0) > last.end)
    const ended = runs.some((r) => ENDED.has(hub.run(r.id).state))
    return beyond && ended ? t("to step {step:,}", { step: last.end }) : ""
  }

  // Who is drawn together: members of a group, of which two or more are drawn.
  gathered(runs) {
    const groups = new Map()
    for (const run of runs) {
      const name = run.group ?? run.id
      if (!groups.has(name)) groups.set(name, [])
      groups.get(name).push(run)
    }
    return [...groups.values()]
  }

  // One frame for all runs, so that it holds still while they grow.
  extent(runs) {
    const last = Math.max(1, ...runs.map((r) => this.axis(r, [this.seriesOf(r)?.steps.at(-1) ?? 0])[0] ?? 0))
    if (this.props.x === "seconds") return roundUp(last)
    const whole = Math.max(last, ...runs.map((r) => this.axis(r, [this.planned(r)])[0] ?? 0))
    return frameOf(last, whole)
  }

  // The first place that a logarithmic axis shows.
  least(runs) {
    const first = runs.map((r) => this.axis(r, [Math.max(1, this.seriesOf(r)?.steps.find((s) => s > 0) ?? 1)])[0])
    return Math.min(...first.filter((v) => v > 0), Infinity) === Infinity ? 1 : Math.min(...first.filter((v) => v > 0))
  }
}

// y at each of the places, between known points in order; beyond them the nearest.
function interpolated(xs, ys, places) {
  let k = 0
  return places.map((x) => {
    if (k && xs[k - 1] > x) k = 0
    while (k < xs.length - 1 && xs[k] < x) k += 1
    if (!k || xs[k] <= x) return ys[k]
    return ys[k - 1] + ((ys[k] - ys[k - 1]) * (x - xs[k - 1])) / (xs[k] - xs[k - 1])
  })
}

function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)))
  return power * ([1, 1.5, 2, 3, 4, 5, 6, 8].find((m) => m * power >= value * 1.02) ?? 10)
}
