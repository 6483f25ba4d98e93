// A dashed line at one step, shared by the page's parts: dragged anywhere, set by a click on the x
// axis or beside the curves, moved with the arrow keys. It lies over the graph, so that moving it redraws nothing.

import { t } from "../protocol/words.js"
import { hub } from "../state/hub.js"
import { el, say } from "../ui/dom.js"
import { boxOf } from "./plotly.js"

export class StepCursor {
  constructor(chart) {
    this.chart = chart
    this.node = el("div", "anl-cursor")
    this.label = el("span", "anl-cursor-step")
    this.handle = el("div", "anl-cursor-handle")
    this.strip = el("div", "anl-cursor-strip")
    this.strip.title = t("Click or drag: the step at which profiles are drawn")
    this.grip = el("div", "anl-cursor-grip") // the whole line, as wide as a finger finds
    this.node.append(this.label, this.grip, this.handle)
    this.node.hidden = this.strip.hidden = true
    chart.body.append(this.strip, this.node)
  }

  attach() {
    const { chart } = this
    chart.body.tabIndex = 0
    chart.body.setAttribute("role", "group")
    chart.body.addEventListener("keydown", (event) => this.key(event))
    for (const part of [this.strip, this.grip, this.handle]) {
      part.onpointerdown = (event) => {
        part.setPointerCapture(event.pointerId)
        this.dragging = true
        this.to(event)
        event.preventDefault()
        chart.body.focus({ preventScroll: true })
      }
      part.onpointermove = (event) => this.dragging && this.to(event)
      part.onpointerup = part.onpointercancel = () => (this.dragging = false)
    }
    this.node.ondblclick = () => hub.cursorAt(null)
  }

  // The run whose tokens, seconds or FLOPs the cursor's step is counted in.
  get run() {
    return this.chart.chosen?.run ?? this.chart.lines?.[0]?.run
  }

  get last() {
    return Math.max(0, ...this.chart.runs.map((r) => this.chart.seriesOf(r)?.steps.at(-1) ?? 0))
  }

  to(event) {
    const { plot } = this.chart
    const box = boxOf(plot)
    if (!box || !this.run) return
    const x = event.clientX - plot.getBoundingClientRect().left - box.left
    const step = Math.round(this.chart.stepAt(this.run, box.toValue(Math.min(Math.max(x, 0), box.width))))
    hub.cursorAt(Math.min(Math.max(step, 0), this.last))
  }

  key(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (!way || !this.chart.props.follow || !this.run) return
    event.preventDefault()
    const { last } = this
    const by = Math.max(1, Math.round(last / (event.shiftKey ? 20 : 200)))
    const at = (hub.choice.step ?? last) + way * by
    hub.cursorAt(at >= last && way > 0 ? null : Math.max(at, 0))
  }

  // The same line for a picture of the chart.
  shapes() {
    const { step } = hub.choice
    const x = this.chart.props.follow && step !== null && this.run ? this.chart.axis(this.run, [step])[0] : null
    if (x === null) return []
    return [{ type: "line", yref: "paper", y0: 0, y1: 1, x0: x, x1: x, line: { color: this.chart.theme.ink, width: 1.2, dash: "dash" } }]
  }

  place() {
    const { chart, node, run } = this
    const box = boxOf(chart.plot)
    const { step } = hub.choice
    if (!chart.props.follow || !box || !run) {
      node.hidden = this.strip.hidden = true
      return
    }
    this.strip.hidden = false
    const { left, top, width, height } = box
    Object.assign(this.strip.style, { left: left + "px", width: width + "px", top: top + height + "px" })
    const place = chart.axis(run, [step ?? this.last])[0]
    const x = place === null ? NaN : box.toPixels(place)
    node.hidden = !(x >= -1 && x <= width + 1)
    if (node.hidden) return
    node.classList.toggle("anl-cursor-idle", step === null)
    Object.assign(node.style, { left: left + x + "px", top: top + "px", height: height + "px" })
    say(this.label, step === null ? "" : t("step {step:,}", { step }))
    this.label.classList.toggle("anl-cursor-left", x > width - 90)
  }
}
