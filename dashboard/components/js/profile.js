// A statistic against depth at the newest probe: how the residual stream grows, or does not.

class Profile extends Chart {
  asks() {
    const { metric, start } = this.props
    return { runs: this.runs.map((r) => r.id), latest: start ? [metric, start] : [metric] }
  }

  why(runs) {
    const { metric } = this.props
    if (runs.some((r) => hub.run(r.id).latest[metric])) return ""
    return this.reason(runs, metric)
  }

  build(width, height) {
    const { theme, props } = this
    const { metric, start } = props
    const { runs } = this
    const observable = metric.split("/").at(-1)
    const what = OBSERVABLES[observable] ?? observable
    const unit = unitOf(metric).replace(" of activations", "")
    this.explain(this.why(runs))
    const lines = []
    const steps = new Set()
    for (const run of runs) {
      const row = hub.run(run.id).latest[metric]
      if (!row) continue
      const embed = start ? hub.run(run.id).latest[start] : null
      steps.add(row.step)
      const layers = Array.isArray(row.value) ? row.value : [row.value]
      lines.push({ run, x: [...(embed ? [0] : []), ...layers.map((_, i) => i + 1)],
        y: [...(embed ? [embed.value] : []), ...layers] })
    }
    const when = steps.size === 1 ? `at step ${[...steps][0]}` : steps.size ? `at steps ${[...steps].sort((a, b) => a - b).join(", ")}` : ""
    this.heading(props.title ?? `${what[0].toUpperCase()}${what.slice(1)} by depth`,
      props.subtitle ?? [unit + (when && " " + when), start ? "layer 0 is the embedding" : ""].filter(Boolean).join(", "))
    const all = lines.flatMap((l) => l.y).filter((v) => v !== null && isFinite(v))
    const positive = all.length && Math.min(...all) > 0
    const log = positive && Math.max(...all) / Math.min(...all) > 40
    const depth = Math.max(1, ...lines.map((l) => l.x.at(-1)))
    const font = `12px ${theme.font}`
    const right = Math.min(Math.max(20, ...lines.map((l) => textWidth(short(l.run.name, 18), font) + 14)), width * 0.4)
    let y = aired(...(all.length ? [Math.min(...all), Math.max(...all)] : [NaN, NaN]), log)
    if (!log && positive && y[0] < Math.max(...all) * 0.5) y = [0, y[1]]
    const layout = this.layout(width, height, { x: [start ? -0.2 : 0.8, depth + 0.2], y, yLog: log,
      xTitle: "layer", yTitle: unit, right })
    layout.xaxis.tickformat = "d"
    layout.xaxis.tickvals = ticks(start ? 0 : 1, depth, Math.min(depth, width / 50)).filter((v) => v % 1 === 0)
    layout.xaxis.unifiedhovertitle = { text: "layer %{x}" }
    const traces = lines.map((l) => ({ type: "scatter", mode: "lines+markers", x: l.x, y: l.y,
      name: short(l.run.name), cliponaxis: Boolean(this.zoom), line: { color: runColour(theme, l.run), width: 2.2 },
      marker: { size: 5.5, color: runColour(theme, l.run) }, hovertemplate: "%{y:.4~g}" }))
    this.endLabels(layout, lines.map((l) => ({ x: l.x.at(-1), y: l.y.at(-1), text: short(l.run.name, 18),
      colour: runColour(theme, l.run, true) })))
    return { traces, layout }
  }
}
