// A metric through training, all runs in one graph: raw faint, smoothed bold, names at the ends.

// An average that forgets by distance in x, not by count, so that thinned points weigh the same,
// and looks both ways, so that it does not lag behind a fall; blind to what is not a number.
function smoothed(xs, values, weight, extent) {
  const decay = Math.min(Math.sqrt(weight), 0.999)
  const sums = values.map(() => [0, 0])
  const sweep = (order) => {
    let [sum, mass, before] = [0, 0, null]
    for (const i of order) {
      const value = values[i]
      if (value === null || !isFinite(value)) continue
      const keep = before === null ? 0 : decay ** ((Math.abs(xs[i] - before) / extent) * 2000)
      sums[i][0] += sum * keep
      sums[i][1] += mass * keep
      sum = sum * keep + value
      mass = mass * keep + 1
      before = xs[i]
    }
  }
  const order = values.map((_, i) => i)
  sweep(order)
  sweep(order.reverse())
  return values.map((v, i) => (v === null || !isFinite(v) ? null : (sums[i][0] + v) / (sums[i][1] + 1)))
}

class Curves extends Chart {
  constructor(root) {
    super(root)
    this.detail = new Map()
  }

  asks() {
    const { metric, x } = this.props
    const metrics = [metric]
    if (metric === "loss/train") metrics.push("loss/validation")
    if (x === "seconds") metrics.push("seconds")
    return { runs: this.runs.map((r) => r.id), metrics }
  }

  update(component) {
    const { metric, x, log_y: log } = component.data
    const shows = [metric, x, log].join()
    // Another quantity on an axis: the old range means nothing there.
    if (this.shows !== undefined && this.shows !== shows) {
      this.zoom = null
      this.detail.clear()
    }
    this.shows = shows
    super.update(component)
  }

  // Steps as the chosen axis counts them.
  axis(run, steps) {
    const { x } = this.props
    if (x === "tokens") return steps.map((s) => s * (run.tokens_per_step ?? 1))
    if (x === "flops") return steps.map((s) => s * (run.flops_per_step ?? 1))
    if (x !== "seconds") return steps
    const times = hub.run(run.id).series.get("seconds")
    if (!times?.steps.length) return steps.map(() => null)
    let k = 0
    return steps.map((s) => {
      while (k < times.steps.length - 1 && times.steps[k] < s) k += 1
      const [s1, t1] = [times.steps[k], times.values[k]]
      if (!k || s1 === s) return t1
      const [s0, t0] = [times.steps[k - 1], times.values[k - 1]]
      return t0 + ((t1 - t0) * (s - s0)) / (s1 - s0)
    })
  }

  // The base points, with the refetched ones in the range that was zoomed into.
  points(run) {
    const base = hub.run(run.id).series.get(this.props.metric)
    const fine = this.detail.get(run.id)
    if (!base || !fine) return base ?? { steps: [], values: [] }
    const before = base.steps.findIndex((s) => s >= fine.from)
    const after = base.steps.findIndex((s) => s > fine.to)
    const [a, b] = [before < 0 ? base.steps.length : before, after < 0 ? base.steps.length : after]
    const join = (name) => [...base[name].slice(0, a), ...fine[name], ...base[name].slice(b)]
    return { steps: join("steps"), values: join("values") }
  }

  // One frame for all runs, so that it holds still while they grow.
  extent(lines) {
    const last = Math.max(1, ...lines.map((l) => l.xs.at(-1) ?? 0))
    if (this.props.x === "seconds") return roundUp(last)
    const whole = Math.max(last, ...this.runs.map((r) => {
      const live = hub.run(r.id)
      const ended = ENDED.has(live.state) && live.step
      return this.axis(r, [ended ? live.step : live.steps || r.steps || 1])[0] ?? 0
    }))
    return frameOf(last, whole)
  }

  build(width, height) {
    const { props, theme } = this
    const { metric, log_y: yLog, smooth, baseline } = props
    const { runs } = this
    const unit = runs[0]?.unit === "images" ? unitOf(metric).replace("character", "image") : unitOf(metric)
    const drawn = smooth > 0 ? "raw and smoothed" : "raw"
    this.heading(props.title ?? titleOf(metric),
      [props.subtitle ?? (titleOf(metric).toLowerCase() === unit ? drawn : `${unit} · ${drawn}`),
        baseline && `dotted: ${baseline[0]} ${number(baseline[1])}`].filter(Boolean).join(" · "))
    this.explain(this.reason(runs, metric))
    const lines = runs.filter((r) => !hub.run(r.id).gone).map((run) => {
      const { steps, values } = this.points(run)
      return { run, steps, values, xs: this.axis(run, steps), live: hub.run(run.id) }
    })
    const extent = this.extent(lines)
    const font = `12px ${theme.font}`
    const name = (l) => short(l.run.name) + (l.live.state === "diverged" ? " · diverged" : "")
    const right = Math.min(Math.max(24, ...lines.map((l) => textWidth(name(l), font) + 14)), width * 0.3)
    const traces = []
    const ends = []
    const all = []
    for (const line of lines) {
      const colour = runColour(theme, line.run)
      line.smooth = smooth > 0 ? smoothed(line.xs, line.values, smooth, extent) : line.values
      if (smooth > 0) {
        traces.push({ type: "scatter", mode: "lines", x: line.xs, y: line.values, hoverinfo: "skip",
          line: { color: faded(colour, theme.dark ? 0.42 : 0.36), width: 1 } })
      }
      // A run that diverged leaves the frame rather than flattening the others.
      if (line.live.state !== "diverged" || lines.every((l) => l.live.state === "diverged")) {
        all.push(...line.smooth, ...line.values)
      }
      traces.push({ type: "scatter", mode: "lines", x: line.xs, y: line.smooth, name: short(line.run.name),
        customdata: this.words(line), line: { color: colour, width: 2.2 },
        hovertemplate: `%{customdata}` })
    }
    if (metric === "loss/train") for (const line of lines) this.validation(traces, line, all)
    if (baseline) all.push(baseline[1])
    let [bottom, top] = sensible(all, yLog)
    for (const line of lines) { // where each line stands now is in the frame, however young it is
      const now = line.live.state === "diverged" ? null : line.smooth.findLast((v) => v !== null && (!yLog || v > 0))
      if (Number.isFinite(now)) [bottom, top] = [Math.min(bottom, now), Math.max(top, now)]
    }
    const y = aired(bottom, top, yLog)
    const xTitle = { step: "step", tokens: "tokens", seconds: "seconds of training",
      flops: "training FLOPs" }[props.x]
    const layout = this.layout(width, height, { x: [0, extent], y, xTitle, yTitle: unit, yLog, right })
    layout.xaxis.unifiedhovertitle = { text: `${xTitle} %{x}` }
    for (const line of lines) ends.push(this.end(line, layout, name(line)))
    this.endLabels(layout, ends)
    if (baseline) this.baseline(layout, baseline)
    this.alarms(layout, lines)
    return { traces, layout }
  }

  // Where a line leaves the frame, or ends: there its name stands.
  end(line, layout, text) {
    const right = layout.xaxis.range[1]
    for (let i = line.xs.length - 1; i >= 0; i--) {
      if (line.smooth[i] !== null && line.xs[i] <= right) {
        return { x: line.xs[i], y: line.smooth[i], text, colour: runColour(this.theme, line.run, true) }
      }
    }
    return null
  }

  // What the pointer is told: the raw value, and validation where it was measured.
  words(line) {
    const series = this.props.metric === "loss/train" && line.live.series.get("loss/validation")
    const measured = new Map(series ? series.steps.map((s, i) => [s, series.values[i]]) : [])
    return line.values.map((v, i) => {
      const held = measured.get(line.steps[i])
      return number(v) + (held === undefined ? "" : `, validation ${number(held)}`)
    })
  }

  validation(traces, line, all) {
    const series = line.live.series.get("loss/validation")
    if (!series?.steps.length) return
    if (line.live.state !== "diverged") all.push(...series.values)
    traces.push({ type: "scatter", mode: "markers", x: this.axis(line.run, series.steps),
      y: series.values, name: short(line.run.name) + ", validation", cliponaxis: Boolean(this.zoom),
      hoverinfo: "skip", marker: { size: 6.5, color: this.theme.card, line: { color: runColour(this.theme, line.run), width: 1.6 } } })
  }

  // Named in the line below the title: a curve that sits on it would cover a label.
  baseline(layout, [, value]) {
    const { theme } = this
    layout.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: value, y1: value,
      line: { color: theme.muted, width: 1.4, dash: "dot" }, layer: "above" })
  }

  alarms(layout, lines) {
    const { theme } = this
    for (const line of lines) {
      for (const [step, level, text] of line.live.alarms.slice(-12)) {
        const colour = levelColour(theme, level)
        const x = this.axis(line.run, [step])[0]
        if (x === null || x < layout.xaxis.range[0] || x > layout.xaxis.range[1]) continue
        layout.shapes.push({ type: "line", yref: "paper", y0: 0, y1: 1, x0: x, x1: x,
          line: { color: faded(colour, 0.55), width: 1, dash: "dash" }, layer: "below" })
        layout.annotations.push({ x, y: 1, yref: "paper", yanchor: "top", yshift: 6, showarrow: false,
          text: LEVEL_MARKS[level] ?? "▼", font: { size: 11, color: colour },
          hovertext: `${escaped(line.run.name)}, step ${step}<br>${wrapped(escaped(text), 44)}`,
          hoverlabel: { bgcolor: theme.card, bordercolor: colour, font: { color: theme.ink, size: 12 } } })
      }
    }
  }

  // Zoomed in on a thinned series: its exact points in that range are fetched.
  zoomed() {
    clearTimeout(this.later)
    if (!this.zoom || this.props.x !== "step") {
      this.detail.clear()
      this.redraw()
      return
    }
    this.later = setTimeout(() => this.refine(), 200)
  }

  async refine() {
    if (!this.zoom || this.dead) return
    const [from, to] = [Math.max(0, Math.floor(this.zoom.x[0])), Math.ceil(this.zoom.x[1])]
    const { metric } = this.props
    await Promise.all(this.runs.map(async (run) => {
      const base = hub.run(run.id).series.get(metric)
      const inside = base?.steps.filter((s) => s >= from && s <= to).length ?? 0
      if (!inside || inside >= Math.min(to, base.steps.at(-1)) - from) return // exact already
      const query = new URLSearchParams({ run: run.id, metric, points: 1500, from, to })
      try {
        const { s, v } = JSON.parse(await fetchText("/api/series?" + query))
        let step = 0
        this.detail.set(run.id, { from, to: s.reduce((a, b) => a + b, 0), steps: s.map((d) => (step += d)), values: v })
      } catch {
        // The thinned points stay; the next zoom asks again.
      }
    }))
    this.redraw()
  }
}

function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)))
  return power * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((m) => m * power >= value * 1.02)
}

function wrapped(text, width) {
  return text.replace(new RegExp(`(.{1,${width}})(\\s|$)`, "g"), "$1<br>").replace(/<br>$/, "")
}
