// Plotly's traces of curves: the lines with what lies under them, and what the pointer is told.

import { t } from "../protocol/words.js"
import { hub } from "../state/hub.js"
import { escaped, number } from "../ui/format.js"
import { runColour, runDash, faded } from "../ui/theme.js"
import { alone, area } from "./marks.js"

/** @import { Curves } from "./curves.js" */

export const MANY = 30 // lines: above, only their smoothed course is drawn, and thin

/** @param {any} line */
export const isDead = (line) => line.runs.some((r) => hub.run(r.id).state === "diverged")

/**
 * All lines of a chart, the one that stands out last; `together` where the pointer is told all.
 * @param {Curves} chart
 * @param {any[]} lines
 * @param {boolean} together
 */
export function tracesOf(chart, lines, together) {
  const { theme, chosen } = chart
  const thin = lines.length > MANY
  const under = []
  const over = []
  const dots = chosen ? [] : lines.flatMap((line) => alone(line.xs, line.ys, runColour(theme, line.run)))
  for (const line of lines.filter((l) => l !== chosen)) {
    const colour = runColour(theme, line.run)
    if (chosen) over.push(main(chart, line, faded(colour, thin ? 0.13 : 0.25), thin ? 1 : 2, together))
    else {
      under.push(...around(chart, line, colour, thin))
      over.push(main(chart, line, thin ? faded(colour, 0.75) : colour, thin ? 1 : 2.2, together))
    }
  }
  const last = chosen ? [...around(chart, chosen, runColour(theme, chosen.run), false),
    main(chart, chosen, runColour(theme, chosen.run), 2.8, together),
    ...alone(chosen.xs, chosen.ys, runColour(theme, chosen.run))] : []
  return [...under, ...(together ? over : bundled(over)), ...dots, ...last]
}

// What lies under a line: bands of a group, and the raw values.
function around(chart, line, colour, thin) {
  const found = []
  const band = (range) => (isDead(line) ? { ...range, high: below(range.high, chart.top) } : range)
  if (line.whole && !thin) found.push(area(line.xs, band(line.whole), faded(colour, 0.08)))
  if (line.band) found.push(area(line.xs, band(line.band), faded(colour, thin ? 0.1 : 0.2)))
  if (chart.props.smooth > 0 && line.raw && !thin) {
    found.push({ type: "scatter", mode: "lines", x: line.raw.xs, y: line.raw.ys, hoverinfo: "skip",
      line: { color: faded(colour, chart.theme.dark ? 0.42 : 0.36), width: 1 } })
  }
  return found
}

function main(chart, line, color, width, together) {
  const shared = { type: "scatter", mode: "lines", x: line.xs, y: line.ys, name: escaped(chart.name(line)),
    meta: line.run.id, line: { color, width, dash: runDash(line.run) } }
  if (together) return { ...shared, customdata: told(chart, line), hovertemplate: "%{customdata}" }
  return { ...shared, hovertemplate: `<b>${shared.name}</b><br>${t(chart.props.x)} %{x}: %{y:.4~g}<extra></extra>` }
}

// What the pointer is told: the value, or the mean of a bucket with its range, and validation
// where it was measured.
function told(chart, line) {
  const made = chart.made.get(line.key)
  return (made.told ??= tell(chart, line))
}

/**
 * One text for each of a line's points.
 * @param {Curves} chart
 * @param {any} line
 */
export function tell(chart, line) {
  const { metric, smooth } = chart.props
  const series = metric === "loss/train" && line.runs.length === 1 && hub.run(line.run.id).series.get("loss/validation")
  const thinned = line.cells.some((c) => c.span > 1)
  if (!(smooth > 0) && line.raw) return line.raw.ys.map((v) => number(v))
  let k = 0
  return line.cells.map((cell, i) => {
    let held = null
    for (; series && k < series.steps.length && series.steps[k] < cell.begin + cell.span; k++) {
      if (series.steps[k] >= cell.begin) held = /** @type {number | null} */ (series.values[k])
    }
    const ranges = cell.low !== null && ((thinned && cell.span > 1) || line.runs.length > 1)
    const raw = ranges ? t("{value} ({low} to {high})", { value: number(cell.mean), low: number(cell.low, 3), high: number(cell.high, 3) }) : number(cell.mean)
    const smoothed = { value: number(line.ys[i]), raw }
    const said = !(smooth > 0) ? raw
      : line.runs.length > 1 ? t("{value} smoothed, mean {raw}", smoothed) : t("{value} smoothed, raw {raw}", smoothed)
    return held === null ? said : t("{said}, validation {value}", { said, value: number(held) })
  })
}

/**
 * The values whose range is the frame's: those of the lines that did not diverge with all around
 * them; where every one did, the bare lines, as their bands and raw values are what runs away.
 * @param {any[]} lines
 * @param {(line: any) => boolean} dead
 * @param {boolean} few
 * @returns {(number | null)[][]}
 */
export function framed(lines, dead, few) {
  const alive = lines.filter((l) => !dead(l))
  if (!alive.length) return lines.map((l) => l.ys)
  return alive.flatMap((l) => [l.ys, ...(few && l.raw ? [l.raw.ys] : []), ...(l.band ? [l.band.low, l.band.high] : [])])
}

/**
 * The upper edge of a band as far as it stays in the frame: what a diverging member opens above it
 * would fill the chart.
 * @param {(number | null)[]} edge
 * @param {number} top
 */
export function below(edge, top) {
  const out = edge.findIndex((v) => v !== null && v > top)
  return out < 0 ? edge : edge.map((v, i) => (i < out ? v : null))
}

// Many thin lines of one colour are one trace with gaps, which Plotly draws several times as fast.
function bundled(traces) {
  const found = new Map()
  for (const trace of traces) {
    const look = `${trace.line.color} ${trace.line.dash}`
    if (!found.has(look)) {
      found.set(look, { ...trace, meta: null, name: "", x: [], y: [], customdata: [], text: [],
        hovertemplate: trace.hovertemplate.replace(/<b>.*?<\/b>/, "<b>%{text}</b>") })
    }
    const { x, y, customdata, text } = found.get(look)
    for (let i = 0; i < trace.x.length; i++) {
      x.push(trace.x[i])
      y.push(trace.y[i])
      customdata.push(trace.meta)
      text.push(trace.name)
    }
    x.push(null)
    y.push(null)
    customdata.push(null)
    text.push("")
  }
  return [...found.values()]
}
