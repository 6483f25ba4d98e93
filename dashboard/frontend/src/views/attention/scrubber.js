// Training time at the foot: the loss curve, the snapshots on it, and the one that is shown.

import { sensible, ticks } from "../../charts/axes.js"
import { t } from "../../protocol/words.js"
import { sized } from "../../ui/canvas.js"
import { buttonOf, el, say, taken } from "../../ui/dom.js"
import { faded } from "../../ui/theme.js"

const PLAY_MS = 250 // a snapshot, while it plays

export class Scrubber {
  /** @type {number} */
  at
  /** @type {{ left: number, width: number, top: number, height: number }} where the curve lies, once it is drawn */
  box
  /** @type {number | undefined} */
  timer
  /** @type {any[]} */
  curves
  /** @type {number} */
  total
  /** @type {import("../../types").Theme} */
  theme
  /** @type {string} */
  words
  /** @type {() => boolean} */
  waits

  constructor({ seek }) {
    this.seek = seek // (index of a snapshot)
    this.node = el("div", "anl-scrubber")
    this.play = buttonOf("anl-play", "▶")
    this.canvas = el("canvas", "anl-canvas")
    this.canvas.tabIndex = 0
    this.canvas.setAttribute("role", "slider")
    this.holder = el("div", "anl-scrubber-holder")
    this.holder.append(this.canvas)
    this.node.append(this.play, this.holder)
    this.stops = []
    this.play.onclick = () => this.toggle()
    this.canvas.onpointerdown = (event) => {
      this.canvas.setPointerCapture(event.pointerId)
      this.dragging = true
      this.pause()
      this.drag(event)
    }
    this.canvas.onpointermove = (event) => this.dragging && this.drag(event)
    this.canvas.onpointerup = this.canvas.onpointercancel = () => (this.dragging = false)
    this.canvas.onkeydown = (event) => this.key(event)
  }

  /**
   * Curves are [{ steps, values, colour, name }], the shown run's first.
   * @param {{ stops: any[], at: number, curves: any[], total: number, theme: import("../../types").Theme, words: string }} picture
   */
  show({ stops, at, curves, total, theme, words }) {
    Object.assign(this, { stops, at, curves, total, theme, words })
    this.canvas.setAttribute("aria-label", t("Snapshot of training"))
    this.canvas.setAttribute("aria-valuemin", "1")
    this.canvas.setAttribute("aria-valuemax", String(Math.max(stops.length, 1)))
    this.canvas.setAttribute("aria-valuenow", String(at + 1))
    this.canvas.setAttribute("aria-valuetext", words)
    this.play.disabled = stops.length < 2
    this.label()
    this.paint()
  }

  label() {
    say(this.play, this.timer ? "❚❚" : "▶")
    this.play.setAttribute("aria-label", this.timer ? t("Pause") : t("Play through the snapshots"))
  }

  toggle() {
    if (this.timer) return this.pause()
    if (this.stops.length < 2) return
    if (this.at >= this.stops.length - 1) this.seek(0)
    this.timer = setInterval(() => {
      if (this.waits?.()) return // the picture before has not come yet
      if (this.at >= this.stops.length - 1) return this.pause()
      this.seek(this.at + 1)
    }, PLAY_MS)
    this.label()
  }

  pause() {
    clearInterval(this.timer)
    this.timer = undefined
    this.label()
  }

  x(step) {
    const { left, width } = this.box
    return left + (step / Math.max(this.total, 1)) * width
  }

  paint() {
    const { clientWidth: w, clientHeight: h } = this.holder
    if (!w || !h || !this.theme) return
    const { context, scale } = sized(this.canvas, w, h)
    const { theme } = this
    context.setTransform(scale, 0, 0, scale, 0, 0)
    context.clearRect(0, 0, w, h)
    this.box = { left: 34, width: w - 34 - 10, top: 6, height: h - 26 }
    const { left, width, top, height } = this.box
    const [low, high] = sensible(this.curves.flatMap((c) => c.values))
    const y = (v) => top + (1 - (v - low) / Math.max(high - low, 1e-9)) * height
    context.font = `12px ${theme.font}`
    context.fillStyle = theme.muted
    context.textBaseline = "middle"
    if (Number.isFinite(low)) {
      context.textAlign = "right"
      context.fillText(high.toFixed(1), left - 6, top + 5)
      context.fillText(low.toFixed(1), left - 6, top + height - 4)
    }
    this.curves.toReversed().forEach((curve) => this.curve(context, curve, y, low, high))
    this.marks(context, top + height + 5)
    context.fillStyle = theme.muted
    context.textAlign = "center"
    for (const step of ticks(0, this.total, width / 110)) {
      context.fillText(step === 0 ? t("step {step:,}", { step }) : step.toLocaleString("en-US"), Math.min(this.x(step) + (step === 0 ? 8 : 0), w - 16), h - 6)
    }
    if (this.at >= 0) this.cursor(context, y, low, high)
  }

  curve(context, { steps, values, colour }, y, low, high) {
    context.strokeStyle = colour
    context.lineWidth = 1.6
    context.beginPath()
    let down = false
    for (let i = 0; i < steps.length; i++) {
      const v = values[i]
      if (!Number.isFinite(v)) down = false
      else {
        const place = [this.x(steps[i]), y(Math.min(Math.max(v, low), high))]
        if (down) context.lineTo(...place)
        else context.moveTo(...place)
        down = true
      }
    }
    context.stroke()
  }

  // Where snapshots are.
  marks(context, y) {
    context.fillStyle = faded(this.theme.muted, 0.55)
    for (const step of this.stops) context.fillRect(this.x(step) - 0.5, y, 1, 4)
  }

  cursor(context, y, low, high) {
    const { theme } = this
    const { top, height, left, width } = this.box
    const step = this.stops[this.at]
    const x = this.x(step)
    const value = lossAt(this.curves[0], step)
    context.strokeStyle = context.fillStyle = theme.ink
    context.lineWidth = 1.6
    context.beginPath()
    context.moveTo(x, top - 4)
    context.lineTo(x, top + height + 9)
    context.stroke()
    context.beginPath()
    context.arc(x, Number.isFinite(value) ? y(Math.min(Math.max(value, low), high)) : top + height, 5, 0, 7)
    context.fill()
    context.font = `12.5px ${theme.font}`
    const wide = context.measureText(this.words).width
    const right = x + 14 + wide < left + width
    context.textAlign = right ? "left" : "right"
    const start = right ? x + 11 : Math.max(x - 11, wide + 4) // on a phone it may be longer than either side
    context.fillStyle = faded(theme.card, 0.86)
    context.fillRect(right ? start - 4 : start - wide - 4, top - 5, wide + 8, 19)
    context.fillStyle = theme.ink
    context.fillText(this.words, start, top + 5)
  }

  drag(event) {
    if (!this.stops.length || !this.box) return
    const step = ((event.offsetX - this.box.left) / this.box.width) * this.total
    this.seek(nearest(this.stops, step))
  }

  key(event) {
    const last = this.stops.length - 1
    const moves = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5, Home: -last, End: last }
    if (moves[event.key] === undefined || last < 0) return
    this.pause()
    this.seek(Math.min(Math.max(this.at + moves[event.key], 0), last))
    taken(event)
  }
}

// The index of the entry that is closest to a value, in an ascending list.
export function nearest(list, value) {
  let best = 0
  for (let i = 1; i < list.length; i++) if (Math.abs(list[i] - value) < Math.abs(list[best] - value)) best = i
  return best
}

export function lossAt(curve, step) {
  return curve?.steps.length ? curve.values[nearest(curve.steps, step)] : null
}
