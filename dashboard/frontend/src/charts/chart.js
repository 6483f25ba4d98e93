// A Plotly graph in a card, made once and kept.

import { t } from "../protocol/words.js"
import { hub } from "../state/hub.js"
import { textWidth } from "../ui/canvas.js"
import { Card } from "../ui/card.js"
import { el } from "../ui/dom.js"
import { escaped, short } from "../ui/format.js"
import { faded } from "../ui/theme.js"
import { logTicks, drawable } from "./axes.js"
import { Exports } from "./export.js"
import { CONFIG, isDragging, loadPlotly, shownRanges } from "./plotly.js"

/** @import { End, Plot, Theme, Zoom } from "../types" */

export class Chart extends Card {
  ready = false // drawn once
  busy = false // being drawn
  pending = false // to be drawn again
  /** @type {Zoom | null} */
  own = null
  /** @type {(End & { at: number })[]} the names at the ends of lines that were drawn */
  labelled = []

  /** @param {HTMLElement} root */
  constructor(root) {
    super(root)
    this.draws = true // a tick takes the browser long
    this.plot = /** @type {Plot} */ (el("div", "anl-plot")) // Plotly makes a graph of it
    this.body.append(this.plot)
    this.shown = ""
    this.labelled = []
    this.exports = new Exports(this)
    this.resize = new ResizeObserver(() => this.redraw())
    this.resize.observe(this.body)
  }

  destroy() {
    super.destroy()
    this.resize.disconnect()
    if (this.ready) window.Plotly.purge(this.plot)
  }

  /** @returns {Zoom | null} the ranges that were zoomed into; null shows everything */
  get zoom() {
    return this.own
  }

  set zoom(zoom) {
    this.own = zoom
  }

  // Something that changes whenever the picture would; ticks without news cost nothing.
  signature() {
    const series = (/** @type {string} */ id) => [...hub.run(id).series.values()].map((s) => s.version).join()
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
    if (!this.ready) this.explain(t("Loading…"))
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
      if (!this.ready) this.explain(t("The drawing library did not load. Reload the page."))
    } finally {
      this.busy = false
    }
    if (this.pending && !isDragging(this.plot)) this.redraw()
  }

  /**
   * What is drawn in so many pixels.
   * @param {number} _width
   * @param {number} _height
   * @returns {{ traces: any[], layout: any }}
   */
  build(_width, _height) {
    throw new Error("each chart draws its own picture")
  }

  listen() {
    this.plot.on("plotly_relayout", (change) => {
      if (!Object.keys(change).some((k) => /axis\.range|axis\.autorange/.test(k))) return
      this.zoom = shownRanges(this.plot)
      this.zoomed()
    })
    this.plot.on("plotly_doubleclick", () => this.doubled())
  }

  doubled() {
    this.whole()
  }

  // Everything is shown again.
  whole() {
    this.zoom = null
    this.zoomed()
    this.redraw()
  }

  zoomed() {}

  // The picture is there.
  drawn() {}

  /**
   * The shared look. Ranges are always explicit: the picture holds still and labels can be spread.
   * @param {number} width
   * @param {number} height
   * @param {{ x: number[], y: number[], xTitle: string, yTitle: string, xLog?: boolean, yLog?: boolean, right?: number }} axes
   * @returns {any} a Plotly layout
   */
  layout(width, height, { x, y, xTitle, yTitle, xLog = false, yLog = false, right = 16 }) {
    const { theme } = this
    // A title that is longer than its axis is left to the line below the chart's title.
    if (textWidth(yTitle, `12px ${theme.font}`) > height - 50) yTitle = ""
    const axis = (/** @type {string} */ title, /** @type {number[]} */ range, /** @type {boolean} */ log) => ({
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

  /**
   * Names in the order of the lines' ends, in a gutter beside the frame, where they cover no curve;
   * pushed apart where they would overlap, and only as many as there is room for.
   * @param {any} layout
   * @param {(End | null)[]} ends
   */
  endLabels(layout, ends) {
    const inner = layout.height - layout.margin.t - layout.margin.b
    const LAST = 9 // above the axis, so that the lowest name lies on none of its numbers
    const room = layout.margin.r - 9 // of a name; the gutter of a narrow chart is smaller than one
    const [low, high] = layout.yaxis.range
    const log = layout.yaxis.type === "log"
    const place = (/** @type {number} */ v) => (1 - ((log ? Math.log10(v) : v) - low) / (high - low)) * inner
    const shown = ends.filter((e) => e !== null).filter((e) => Number.isFinite(e.x) && Number.isFinite(e.y) && (!log || e.y > 0))
      .map((e) => ({ ...e, at: Math.min(Math.max(place(e.y), 4), inner - LAST), true: place(e.y) }))
      .sort((a, b) => a.at - b.at).slice(0, Math.max(Math.floor(inner / 14), 0))
    for (let i = 1; i < shown.length; i++) {
      shown[i].at = Math.max(shown[i].at, shown[i - 1].at + 14)
    }
    for (let i = shown.length - 1, floor = inner - LAST; i >= 0; i--, floor -= 14) {
      shown[i].at = Math.min(shown[i].at, floor)
    }
    this.labelled = inner > 0 && high > low ? shown : []
    for (const label of this.labelled) {
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
