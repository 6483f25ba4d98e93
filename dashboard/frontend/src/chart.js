// A card, and a Plotly graph inside it that is made once and kept.

import { Exports } from "./export.js"
import { hub } from "./hub.js"
import { CONFIG, isDragging, loadPlotly, shownRanges } from "./plotly.js"
import { ENDED } from "./states.js"
import { applyTheme, el, escaped, faded, number, say, short, textWidth, themeOf, ticks } from "./tools.js"

export class Card {
  /** @type {import("./types").Props} */
  props
  /** @type {import("./types").Theme} */
  theme
  /** @type {import("./types").View["trigger"]} */
  trigger

  constructor(root) {
    this.root = root
    this.props = {}
    root.innerHTML = ""
    this.head = el("div", "anl-head")
    this.title = el("h3", "anl-title")
    this.subtitle = el("div", "anl-subtitle")
    this.head.append(this.title, this.subtitle)
    this.body = el("div", "anl-body")
    this.note = el("div", "anl-note")
    this.note.hidden = true
    root.append(this.head, this.body, this.note)
  }

  /** @returns {import("./types").Asks} what the view wants of the next reply */
  asks() {
    return {}
  }

  // The runs to draw: its own, or with `follow` those that the page's parts chose together.
  get runs() {
    const own = this.props.runs ?? []
    if (!this.props.follow || !hub.choice.ids) return own
    return hub.choice.ids.map((id) => hub.about.get(id)).filter(Boolean)
  }

  // Another run was chosen, focused, or another step.
  choice() {
    if (this.props.follow) this.tick(true)
  }

  update(component) {
    this.props = component.data
    this.trigger = component.setTriggerValue
    this.theme = themeOf(this.root, this.props.palette)
    applyTheme(this.root, this.theme)
    this.root.classList.toggle("anl-card", Boolean(this.props.frame))
    this.root.style.height = this.props.height ? this.props.height + "px" : ""
    hub.refresh(this.props.runs ?? [])
    this.tick(true)
  }

  heading(title, subtitle = "") {
    say(this.title, title)
    say(this.subtitle, subtitle)
  }

  // In place of the picture: why there is none yet. The picture keeps its room below it.
  explain(text) {
    this.note.hidden = !text
    this.body.classList.toggle("anl-veiled", Boolean(text))
    if (text) say(this.note, text)
  }

  // Why a metric can't be drawn, or "" when it can.
  reason(runs, metric) {
    if (!runs.length) return "Choose a run to see it here."
    const live = runs.map((r) => hub.run(r.id))
    if (live.every((r) => r.gone)) return "This run was deleted."
    if (!live.some((r) => r.loaded)) return hub.lost ? "Connection lost, retrying." : "Loading…"
    const series = live.map((r) => r.series.get(metric))
    if (series.some((s) => s?.steps.length)) return ""
    if (series.some((s) => s?.missing)) return `These runs do not record ${metric}.`
    if (live.every((r) => r.state === "queued")) return "Waiting for its turn to train."
    if (live.every((r) => ENDED.has(r.state))) return "Ended before anything was recorded."
    return "The first points appear in a moment."
  }

  /** A reply came, or with `force` the page changed. @param {boolean} [_force] */
  tick(_force) {}

  destroy() {}
}

export class Chart extends Card {
  constructor(root) {
    super(root)
    /** @type {any} a div that Plotly makes a graph of */
    this.plot = el("div", "anl-plot")
    this.body.append(this.plot)
    this.zoom = null
    this.shown = ""
    this.exports = new Exports(this)
    this.resize = new ResizeObserver(() => this.redraw())
    this.resize.observe(this.body)
  }

  destroy() {
    this.resize.disconnect()
    this.dead = true
    if (this.ready) window.Plotly.purge(this.plot)
  }

  // The ranges that were zoomed into, { x, y } as the axes count; null shows everything.
  get zoom() {
    return this.own ?? null
  }

  set zoom(zoom) {
    this.own = zoom
  }

  // Something that changes whenever the picture would; ticks without news cost nothing.
  signature() {
    const series = (id) => [...hub.run(id).series.values()].map((s) => s.version).join()
    return JSON.stringify([this.runs.map((r) => [series(r.id), hub.run(r.id).state,
      hub.run(r.id).alarms.length, Object.values(hub.run(r.id).latest).map((l) => l.step)])])
  }

  tick(force = false) {
    const now = this.signature()
    if (!force && now === this.shown && !this.pending) return
    this.shown = now
    this.redraw()
  }

  async redraw() {
    if (!this.props.plotly || this.dead) return
    if (this.busy || isDragging(this.plot)) {
      this.pending = true // a redraw under the pointer would end the drag
      return
    }
    this.busy = true
    this.pending = false
    try {
      const Plotly = await loadPlotly(this.props.plotly)
      if (this.dead || !drawable(this.body.clientWidth, this.body.clientHeight)) return
      const { traces, layout } = this.build(this.body.clientWidth, this.body.clientHeight)
      await Plotly.react(this.plot, traces, layout, CONFIG)
      if (!this.ready) this.listen()
      this.ready = true
      this.drawn()
    } catch (error) {
      console.error(error)
      if (!this.ready) this.explain("The drawing library did not load. Reload the page.")
    } finally {
      this.busy = false
    }
    if (this.pending && !isDragging(this.plot)) this.redraw()
  }

  /** What is drawn in so many pixels. @returns {{ traces: any[], layout: any }} */
  build(_width, _height) {
    throw new Error("each chart draws its own picture")
  }

  listen() {
    this.plot.on("plotly_relayout", (change) => {
      if (!Object.keys(change).some((k) => /axis\.range|axis\.autorange/.test(k))) return
      this.zoom = shownRanges(this.plot)
      this.zoomed()
    })
    this.plot.on("plotly_doubleclick", () => {
      this.zoom = null
      this.zoomed()
      this.redraw()
    })
  }

  zoomed() {}

  // The picture is there.
  drawn() {}

  /**
   * The shared look. Ranges are always explicit: the picture holds still and labels can be spread.
   * @returns {any} a Plotly layout
   */
  layout(width, height, { x, y, xTitle, yTitle, xLog = false, yLog = false, right = 16 }) {
    const { theme } = this
    // A title that is longer than its axis is left to the line below the chart's title.
    if (textWidth(yTitle, `12px ${theme.font}`) > height - 50) yTitle = ""
    const axis = (title, range, log) => ({
      title: { text: title, font: { size: 12, color: theme.muted }, standoff: 6 },
      range, type: log ? "log" : "linear", gridcolor: theme.grid, gridwidth: 1, zeroline: false,
      tickfont: { size: 12, color: theme.muted }, linecolor: theme.line, showline: false,
      ticks: "", fixedrange: false,
      ...(log ? logTicks(range) : {}),
    })
    return {
      width, height, autosize: false, uirevision: JSON.stringify(this.zoom), dragmode: "zoom", showlegend: false,
      margin: { l: 52, r: right, t: 8, b: 38, pad: 0 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: theme.card,
      font: { family: theme.font, size: 12, color: theme.ink },
      xaxis: { showspikes: true, spikemode: "across", spikesnap: "hovered data", spikecolor: theme.muted,
        spikethickness: 1, spikedash: "solid", ...axis(xTitle, this.zoom?.x ?? x, xLog), nticks: Math.max(3, Math.floor(width / 90)) },
      yaxis: { ...axis(yTitle, this.zoom?.y ?? y, yLog), ...(yLog ? {} : { nticks: Math.max(3, Math.floor(height / 42)) }) },
      hovermode: "x unified",
      hoverlabel: { bgcolor: theme.card, bordercolor: theme.line,
        font: { family: theme.font, size: 12, color: theme.ink } },
      annotations: [], shapes: [],
    }
  }

  // Names in the order of the lines' ends, in a gutter beside the frame, where they cover no curve;
  // pushed apart where they would overlap, and only as many as there is room for.
  endLabels(layout, ends) {
    const inner = layout.height - layout.margin.t - layout.margin.b
    const LAST = 9 // above the axis, so that the lowest name lies on none of its numbers
    const room = layout.margin.r - 9 // of a name; the gutter of a narrow chart is smaller than one
    const [low, high] = layout.yaxis.range
    const log = layout.yaxis.type === "log"
    const place = (v) => (1 - ((log ? Math.log10(v) : v) - low) / (high - low)) * inner
    const shown = ends.filter((e) => e && Number.isFinite(e.x) && Number.isFinite(e.y) && (!log || e.y > 0))
      .map((e) => ({ ...e, at: Math.min(Math.max(place(e.y), 4), inner - LAST), true: place(e.y) }))
      .sort((a, b) => a.at - b.at).slice(0, Math.max(Math.floor(inner / 14), 0))
    for (let i = 1; i < shown.length; i++) {
      shown[i].at = Math.max(shown[i].at, shown[i - 1].at + 14)
    }
    for (let i = shown.length - 1, floor = inner - LAST; i >= 0; i--, floor -= 14) {
      shown[i].at = Math.min(shown[i].at, floor)
    }
    for (const label of inner > 0 && high > low ? shown : []) {
      layout.annotations.push({
        x: 1, y: 1 - label.at / inner, xref: "paper", yref: "paper", text: escaped(fitting(label.text, room, `12px ${this.theme.font}`)),
        showarrow: false, xanchor: "left", yanchor: "middle", xshift: 5, hovertext: escaped(label.full ?? ""),
        bgcolor: faded(this.theme.card, 0.66), borderpad: 1,
        font: { size: 12, color: label.colour },
      })
    }
  }
}

/**
 * A name cut with an ellipsis to the pixels that there are.
 * @param {string} text
 * @param {number} room
 * @param {string} font
 */
export function fitting(text, room, font) {
  if (textWidth(text, font) <= room) return text
  let most = text.length - 1
  while (most > 1 && textWidth(short(text, most), font) > room) most -= 1
  return short(text, most)
}

/**
 * How far the step axis goes: the planned length, or for a young run a half, a quarter, ... of it.
 * @param {number} last
 * @param {number} planned
 */
export function frameOf(last, planned) {
  let whole = Math.max(last, planned, 1)
  while (whole / 2 > last * 1.6 && whole > 2) whole /= 2
  return whole
}

/**
 * Whether a box has room for axes. In one that is folded or not laid out yet, Plotly would place
 * ticks at NaN; the observer of its size draws it when it opens.
 * @param {number} width
 * @param {number} height
 */
export const drawable = (width, height) => width >= 90 && height >= 60

/**
 * Ticks of a logarithmic axis whose range is in powers of ten: whole powers, with 2 and 5 or every
 * tenth between them where there is room, and at least two of them whatever the range.
 * @param {number[]} range
 */
export function logTicks([low, high]) {
  const every = Math.max(1, Math.ceil((high - low) / 6))
  const inside = (v) => Math.log10(v) >= low - 1e-9 && Math.log10(v) <= high + 1e-9
  for (const between of high - low > 2 ? [[1], [1, 2, 5]] : [[1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    const vals = []
    for (let p = Math.floor(low); p <= Math.ceil(high); p += every) for (const m of between) vals.push(m * 10 ** p)
    const shown = vals.filter(inside)
    if (shown.length > 1) return labelled(shown)
  }
  // Less than a tenth apart: there the axis is as good as linear.
  return labelled(ticks(10 ** low, 10 ** high, 4))
}

function labelled(vals) {
  const digits = [2, 3, 4, 5, 6, 7, 8].find((d) => new Set(vals.map((v) => number(v, d))).size === vals.length) ?? 9
  return { tickmode: "array", tickvals: vals, ticktext: vals.map((v) => number(v, digits)) }
}

/**
 * A range with a little air, wide enough to be a range.
 * @param {number} low
 * @param {number} high
 * @param {boolean} log
 * @returns {[number, number]}
 */
export function aired(low, high, log = false) {
  if (!isFinite(low) || !isFinite(high)) return log ? [-1, 1] : [0, 1]
  if (log) [low, high] = [Math.log10(low), Math.log10(high)]
  const gap = high - low || Math.abs(high) * 0.1 || 1
  return [low - gap * 0.05, high + gap * 0.07]
}

/**
 * The finite values' range without what would squash the rest: a diverging tail leaves the frame.
 * @param {(number | null)[]} values
 * @param {boolean} log
 * @returns {[number, number]}
 */
export function sensible(values, log = false) {
  const good = Float64Array.from(values.filter((v) => Number.isFinite(v) && (!log || v > 0))).sort()
  if (!good.length) return [NaN, NaN]
  const at = (q) => good[Math.floor(q * (good.length - 1))]
  if (log) return [good[0], good.at(-1)]
  const reach = 3 * (at(0.8) - at(0.05)) + Math.abs(at(0.5)) * 0.2
  return [Math.max(good[0], at(0.05) - reach), Math.min(good.at(-1), at(0.8) + reach)]
}
