// Layer x step: one column for each bucket of steps, one row for each layer, on one canvas.

import { GROUPS, OBSERVABLES, unitOf } from "../protocol/metrics.js"
import { ENDED } from "../protocol/states.js"
import { t } from "../protocol/words.js"
import { hub } from "../state/hub.js"
import { mapNotice } from "../notice/depth.js"
import { contextOf, sized } from "../ui/canvas.js"
import { Card } from "../ui/card.js"
import { el, say } from "../ui/dom.js"
import { number, short } from "../ui/format.js"
import { faded, ramp } from "../ui/theme.js"
import { frameOf, ticks } from "./axes.js"

/** @type {[number, number]} powers of ten, from a layer that no gradient reaches to one that learns */
const GRADIENTS = [-5, 0]

export class LayerMap extends Card {
  constructor(root) {
    super(root)
    this.canvas = el("canvas", "anl-canvas")
    this.canvas.tabIndex = 0
    this.canvas.setAttribute("role", "img")
    this.tip = el("div", "anl-tip")
    this.tip.hidden = true
    this.body.append(this.canvas, this.tip)
    this.resize = new ResizeObserver(() => this.tick(true))
    this.resize.observe(this.body)
    this.canvas.onpointermove = (event) => this.hover(event)
    this.canvas.onpointerleave = () => (this.tip.hidden = true)
  }

  destroy() {
    super.destroy()
    this.resize.disconnect()
  }

  asks() {
    return { focus: this.runs.map((r) => r.id), layers: [this.props.metric] }
  }

  notice() {
    const { runs = [], metric } = this.props
    const series = runs.length ? hub.run(runs[0].id).series.get(metric) : undefined
    const values = (series?.values ?? []).map((row) => (Array.isArray(row) ? row : [row]))
    return mapNotice({ metric, what: unitOf(metric), steps: series?.steps ?? [], values, why: this.reason(runs, metric) })
  }

  tick(force = false) {
    const { runs, metric } = this.props
    if (!runs) return
    const [run] = runs
    const series = run && hub.run(run.id).series.get(metric)
    const now = `${series?.version} ${run && hub.run(run.id).state} ${hub.lost}`
    if (!force && now === this.drawn) return
    this.drawn = now
    const why = this.reason(runs, metric)
    this.explain(why)
    const group = metric.split("/").at(-1)
    const kind = metric.startsWith("update") ? t("Update size") : metric.startsWith("grad") ? t("Gradient norm") : unitOf(metric)
    const [low, high] = this.range(series).map((power) => number(10 ** power, 1))
    this.heading(this.props.title ?? t("{kind}, layer × step", { kind }),
      this.props.subtitle ?? [t("{what}, log colour {low} to {high}", { what: GROUPS[group] ?? OBSERVABLES[group] ?? group, low, high }),
        ...(run ? [short(run.name)] : [])].join(" · "))
    this.canvas.setAttribute("aria-label", this.title.textContent) // until there are values to tell of
    this.draw(series, run && hub.run(run.id))
  }

  /**
   * Powers of ten that the colours span: those that were asked for, else half decades, so that they change seldom while values come in.
   * Gradient norms have one scale for all runs, which only values far beyond it widen: a network
   * whose layers all learn shall look other than one whose first layers do not.
   * @returns {[low: number, high: number]}
   */
  range(series) {
    if (this.props.decades) return this.props.decades
    const good = []
    for (const column of series?.values ?? []) for (const v of column) if (v > 0 && isFinite(v)) good.push(v)
    const shared = this.props.metric.startsWith("grad_norm/")
    if (!good.length) return shared ? GRADIENTS : [-2, 0]
    good.sort((a, b) => a - b)
    const at = (q) => Math.log10(good[Math.floor(q * (good.length - 1))])
    if (shared) return [Math.min(GRADIENTS[0], Math.round(at(0.01))), Math.max(GRADIENTS[1], Math.round(at(0.995)))]
    const [low, high] = [Math.floor(at(0.01) * 2) / 2, Math.ceil(at(0.995) * 2) / 2]
    return [low, Math.max(high, low + 0.5)]
  }

  draw(series, live) {
    const [width, height] = [this.body.clientWidth, this.body.clientHeight]
    if (!width || !height) return
    const { theme } = this
    const { context, scale } = sized(this.canvas, width, height)
    context.setTransform(scale, 0, 0, scale, 0, 0)
    context.clearRect(0, 0, width, height)
    const box = { x: 42, y: 6, w: width - 42 - 66, h: height - 6 - 40 }
    this.box = null
    context.font = `12px ${theme.font}`
    context.fillStyle = theme.sidebar
    context.fillRect(box.x, box.y, box.w, box.h)
    if (!series?.values.length || !Array.isArray(series.values[0])) return
    const depth = series.values[0].length
    const ended = ENDED.has(live.state)
    const last = series.steps.at(-1)
    const extent = ended ? Math.max(last, 1) : frameOf(last, live.steps)
    const range = this.range(series)
    this.cells(context, box, series, depth, extent, range)
    this.switches(context, box, extent, live)
    this.axes(context, box, depth, extent)
    this.bar(context, box, range)
    this.box = { ...box, depth, extent, series }
    this.canvas.setAttribute("aria-label",
      t("{title}: {depth} layers to step {step:,}, values {low} to {high}",
        { title: this.title.textContent, depth, step: last, low: number(10 ** range[0], 2), high: number(10 ** range[1], 2) }))
  }

  cells(context, box, series, depth, extent, [low, high]) {
    const table = ramp(this.theme.cividis)
    const { steps, values } = series
    const wide = steps.length > 1 ? (steps.at(-1) - steps[0]) / (steps.length - 1) : 1
    const row = box.h / depth
    const hatch = context.createPattern(this.hatched(), "repeat")
    let lost = Infinity
    for (let k = 0; k < steps.length; k++) {
      const left = box.x + (steps[k] / (extent + wide)) * box.w
      const next = k + 1 < steps.length ? steps[k + 1] : steps[k] + wide
      const w = Math.max(((next - steps[k]) / (extent + wide)) * box.w, 0.5)
      for (let i = 0; i < depth; i++) {
        const v = values[k][i]
        const y = box.y + box.h - (i + 1) * row
        if (v === null || !isFinite(v)) {
          context.fillStyle = hatch
          context.fillRect(left, y, w, row)
          lost = Math.min(lost, left)
          continue
        }
        const at = v > 0 ? (Math.log10(v) - low) / (high - low) : 0
        const [r, g, b] = table[Math.round(Math.min(Math.max(at, 0), 1) * 255)]
        context.fillStyle = `rgb(${r},${g},${b})`
        context.fillRect(left, y, w + 0.4, row + 0.4)
      }
    }
    const end = box.x + (steps.at(-1) / extent) * box.w
    if (end - lost > 110) {
      const [x, y] = [(lost + end) / 2, box.y + box.h / 2]
      context.font = `600 12px ${this.theme.font}`
      context.textAlign = "center"
      context.textBaseline = "middle"
      context.fillStyle = this.theme.card
      context.fillRect(x - 50, y - 11, 100, 22)
      context.fillStyle = this.theme.warning_text
      context.fillText(t("not a number"), x, y)
    }
  }

  // Layers that were rewired on the way: a line at the step, as in the curves.
  switches(context, box, extent, live) {
    context.strokeStyle = this.theme.add
    context.setLineDash([5, 4])
    context.lineWidth = 1.4
    for (const [step, level] of live.alarms) {
      if (level !== "switch") continue
      const x = box.x + (step / extent) * box.w
      context.beginPath()
      context.moveTo(x, box.y)
      context.lineTo(x, box.y + box.h)
      context.stroke()
    }
    context.setLineDash([])
  }

  // What is no number is hatched and named: not told by colour alone.
  hatched() {
    const tile = el("canvas")
    tile.width = tile.height = 8
    const context = contextOf(tile)
    context.fillStyle = faded(this.theme.warning, 0.14)
    context.fillRect(0, 0, 8, 8)
    context.strokeStyle = faded(this.theme.warning, 0.5)
    for (const shift of [-8, 0, 8]) {
      context.moveTo(shift, 8)
      context.lineTo(shift + 8, 0)
    }
    context.stroke()
    return tile
  }

  axes(context, box, depth, extent) {
    const { theme } = this
    context.font = `12px ${theme.font}`
    context.fillStyle = theme.muted
    context.textAlign = "right"
    context.textBaseline = "middle"
    const row = box.h / depth
    const shown = depth <= box.h / 16 ? 1 : Math.ceil(depth / (box.h / 26))
    for (let i = 0; i < depth; i++) {
      if (i % shown && i !== depth - 1) continue
      if (i !== depth - 1 && depth - 1 - i < shown && i) continue
      context.fillText(String(i + 1), box.x - 7, box.y + box.h - (i + 0.5) * row)
    }
    context.textAlign = "center"
    context.textBaseline = "top"
    for (const step of ticks(0, extent, box.w / 62)) {
      const x = box.x + (step / extent) * box.w
      context.fillText(step.toLocaleString("en-US"), Math.min(x, box.x + box.w - 8), box.y + box.h + 6)
    }
    context.font = `12px ${theme.font}`
    context.fillText(t("step"), box.x + box.w / 2, box.y + box.h + 22)
    context.save()
    context.translate(12, box.y + box.h / 2)
    context.rotate(-Math.PI / 2)
    context.textBaseline = "middle"
    context.fillText(t("layer"), 0, 0)
    context.restore()
  }

  bar(context, box, [low, high]) {
    const table = ramp(this.theme.cividis)
    const x = box.x + box.w + 16
    for (let i = 0; i < box.h; i++) {
      context.fillStyle = `rgb(${table[Math.round((1 - i / box.h) * 255)].join()})`
      context.fillRect(x, box.y + i, 9, 1.5)
    }
    context.font = `12px ${this.theme.font}`
    context.fillStyle = this.theme.muted
    context.textAlign = "left"
    context.textBaseline = "middle"
    const every = high - low > 3 ? 1 : 0.5
    for (let power = Math.ceil(low / every) * every; power <= high + 1e-9; power += every) {
      const y = box.y + box.h - ((power - low) / (high - low)) * box.h
      const value = power % 1 ? 3.162 * 10 ** Math.floor(power) : 10 ** power
      context.fillText(number(value, 1), x + 14, Math.min(Math.max(y, box.y + 5), box.y + box.h - 5))
    }
  }

  hover(event) {
    const { box } = this
    if (!box) return
    const [x, y] = [event.offsetX - box.x, event.offsetY - box.y]
    const { steps, values } = box.series
    const step = (x / box.w) * box.extent
    let k = steps.findLastIndex((s) => s <= step)
    const layer = box.depth - 1 - Math.floor((y / box.h) * box.depth)
    if (x < 0 || x > box.w || y < 0 || y > box.h || k < 0 || step > steps.at(-1) * 1.03 + 1) {
      this.tip.hidden = true
      return
    }
    const value = values[k][layer]
    this.tip.hidden = false
    say(this.tip, t("step {step:,}, layer {layer}: {value}",
      { step: steps[k], layer: layer + 1, value: value === null ? t("not a number") : number(value, 3) }))
    const left = Math.min(event.offsetX + 12, this.body.clientWidth - this.tip.offsetWidth - 4)
    this.tip.style.transform = `translate(${left}px, ${Math.max(event.offsetY - 30, 0)}px)`
  }
}
