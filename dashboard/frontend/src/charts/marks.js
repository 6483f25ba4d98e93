// What is drawn around the lines of a chart: bands, levels, and marks of what happened at a step.

import { t } from "../protocol/words.js"
import { hub } from "../state/hub.js"
import { escaped, short } from "../ui/format.js"
import { LEVEL_MARKS, levelColour, faded, runColour } from "../ui/theme.js"

// A band between two courses; nothing where either is unknown.
export function area(xs, { low, high }, colour) {
  const known = xs.map((_, i) => i).filter((i) => low[i] !== null && high[i] !== null && xs[i] !== null)
  const back = [...known].reverse()
  return { type: "scatter", mode: "lines", fill: "toself", fillcolor: colour, hoverinfo: "skip", line: { width: 0 },
    x: [...known, ...back].map((i) => xs[i]), y: [...known.map((i) => high[i]), ...back.map((i) => low[i])] }
}

/**
 * A dot for each value that stands between two gaps, where a line has nothing to draw.
 * @param {(number | null)[]} xs
 * @param {(number | null)[]} ys
 * @param {string} colour
 * @returns {any[]} one trace of Plotly's, or none
 */
export function alone(xs, ys, colour) {
  const known = (/** @type {number} */ i) => Number.isFinite(ys[i] ?? NaN) && Number.isFinite(xs[i] ?? NaN)
  const found = xs.map((_, i) => i).filter((i) => known(i) && !known(i - 1) && !known(i + 1))
  if (!found.length) return []
  return [{ type: "scatter", mode: "markers", x: found.map((i) => xs[i]), y: found.map((i) => ys[i]), hoverinfo: "skip", marker: { color: colour, size: 6 } }]
}

// Named in the line below the title: a curve that sits on it would cover a label.
export function level(layout, theme, value, dash) {
  layout.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: value, y1: value,
    line: { color: theme.muted, width: 1.4, dash }, layer: dash === "solid" ? "below" : "above" })
}

// A cross where a line ends because its values are no numbers any more, with the run's name.
// Above the frame, which a diverging line leaves, it stands on its edge.
export function divergences(chart, lines, named, layout) {
  const { theme } = chart
  const [bottom, top] = layout.yaxis.range.map((v) => (layout.yaxis.type === "log" ? 10 ** v : v))
  const found = []
  for (const line of lines) {
    for (const run of line.runs) {
      const series = chart.seriesOf(run)
      const end = series?.values.findIndex((v) => v === null)
      if (!(end >= 0) || series.values.slice(end).some((v) => v !== null)) continue
      const x = chart.axis(run, [series.steps[Math.max(end - 1, 0)]])[0]
      // The mark stands on the line that is drawn, at the last place that it reaches.
      const at = line.xs.findLastIndex((v, i) => v <= x && line.ys[i] !== null)
      const step = series.steps[end]
      if (at >= 0) found.push({ line, run, step, x: line.xs[at], y: Math.min(Math.max(line.ys[at], bottom), top) })
    }
  }
  if (!found.length) return []
  const back = (f) => chart.chosen && chart.chosen !== f.line
  return [{ type: "scatter", mode: "markers", x: found.map((f) => f.x), y: found.map((f) => f.y), cliponaxis: false,
    marker: { symbol: "x-thin", size: named.length ? 9 : 7,
      line: { width: named.length ? 2.4 : 1.6, color: found.map((f) => faded(theme.warning, back(f) ? 0.2 : 1)) } },
    text: found.map((f) => t("{run} diverged at step {step:,}", { run: escaped(short(f.run.name)), step: f.step })),
    hovertemplate: "✕ %{text}<extra></extra>", name: "" }]
}

// Where a fork starts: a triangle at its first point, and to its parent a dotted line where that is drawn.
export function branches(chart, lines) {
  const { theme } = chart
  const found = lines.filter((l) => l.runs.every((r) => r.fork)).map((line) => {
    const { fork } = line.run
    const at = line.ys.findIndex((v) => v !== null)
    const parent = lines.find((l) => l.runs.some((r) => r.id === fork.run))
    const x = chart.axis(line.run, [fork.step])[0]
    const before = parent?.xs.findLastIndex((v, i) => v <= x && parent.ys[i] !== null) ?? -1
    return { line, fork, x: line.xs[at], y: line.ys[at], from: before < 0 ? null : { x, y: parent.ys[before] } }
  }).filter((f) => f.x !== undefined && f.x !== null)
  if (!found.length) return []
  const colours = found.map((f) => faded(runColour(theme, f.line.run), chart.chosen && chart.chosen !== f.line ? 0.25 : 1))
  const dotted = found.flatMap((f, i) => (f.from ? [{ type: "scatter", mode: "lines", x: [f.from.x, f.x], y: [f.from.y, f.y],
    hoverinfo: "skip", line: { color: colours[i], width: 1.4, dash: "dot" } }] : []))
  return [...dotted, { type: "scatter", mode: "markers", x: found.map((f) => f.x), y: found.map((f) => f.y), cliponaxis: Boolean(chart.zoom),
    marker: { symbol: "triangle-right", size: 10, color: colours, line: { width: 1.5, color: theme.card } }, name: "",
    text: found.map((f) => t("{run}: forked from {parent} at step {step:,}",
      { run: escaped(short(f.line.run.name)), parent: escaped(short(f.fork.name)), step: f.fork.step })),
    hovertemplate: "▸ %{text}<extra></extra>" }]
}

/** Pixels between the middles of two marks that stand beside each other. */
const APART = 14
const MOST_MARKS = 12 // of a run, the newest

// Switches, restarts and alarms of the lines that are named, the newest dozen of each run. Marks that
// would lie over each other stand below each other.
export function marks(chart, layout, lines) {
  const { theme } = chart
  const { range } = layout.xaxis
  const log = layout.xaxis.type === "log"
  const pixels = (layout.width - layout.margin.l - layout.margin.r) / (range[1] - range[0])
  const found = eventsOf(chart, lines).flatMap(({ run, step, kind, text }) => {
    const place = chart.axis(run, [step])[0]
    const x = log && place !== null ? (place > 0 ? Math.log10(place) : null) : place
    return x === null || x < range[0] || x > range[1] ? [] : [{ run, step, kind, text, place, x }]
  })
  const rows = stacked(found.map((f) => f.x * pixels), APART)
  found.forEach(({ run, step, kind, text, place, x }, i) => {
    const colour = levelColour(theme, kind)
    layout.shapes.push({ type: "line", yref: "paper", y0: 0, y1: 1, x0: place, x1: place,
      line: { color: faded(colour, 0.55), width: 1, dash: "dash" }, layer: "below" })
    layout.annotations.push({ x, y: 1, yref: "paper", yanchor: "top", yshift: 6 - APART * rows[i], showarrow: false,
      text: signOf(kind), font: { size: 12, color: colour },
      hovertext: `${t("{run}, step {step:,}", { run: escaped(run.name), step })}<br>${wrapped(escaped(text), 44)}`,
      hoverlabel: { bgcolor: theme.card, bordercolor: colour, font: { color: theme.ink, size: 12 } } })
  })
}

const signOf = (kind) => LEVEL_MARKS[kind] ?? "▼"

// What happened to the runs that are drawn alone. Forks are in `branches`; a
// note of how steps are computed is told beside the charts.
function eventsOf(chart, lines) {
  return lines.filter((line) => line.runs.length === 1 && (!chart.chosen || chart.chosen === line))
    .flatMap(({ run }) => hub.run(run.id).alarms.slice(-MOST_MARKS).map(([step, kind, text]) => ({ run, step, kind, text })))
    .filter(({ kind }) => kind !== "fork" && kind !== "note")
}

/** The signs of what `marks` draws of these lines, each once: "▼ ▲". */
export const signsOf = (chart, lines) => [...new Set(eventsOf(chart, lines).map(({ kind }) => signOf(kind)))].join(" ")

/**
 * The row of each place on a line, 0 at the top: no two of a row are nearer than `apart`.
 * @param {number[]} places
 * @param {number} apart
 */
export function stacked(places, apart) {
  /** @type {number[]} the place of the last one in each row */
  const ends = []
  const rows = places.map(() => 0)
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b] || a - b)
  for (const i of order) {
    const free = ends.findIndex((end) => places[i] - end >= apart)
    rows[i] = free < 0 ? ends.length : free
    ends[rows[i]] = places[i]
  }
  return rows
}

function wrapped(text, width) {
  return text.replace(new RegExp(`(.{1,${width}})(\\s|$)`, "g"), "$1<br>").replace(/<br>$/, "")
}
