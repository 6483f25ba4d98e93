// One head, enlarged over its tokens: who looks at whom.

import { t } from "../../protocol/words.js"
import { contextOf, sized } from "../../ui/canvas.js"
import { el, say } from "../../ui/dom.js"
import { shownToken } from "../../ui/format.js"
import { ramp } from "../../ui/theme.js"

/**
 * -Σ p ln p of each row of a pattern, the mean over all n rows, in nats; as `core.heads` has it.
 * @param {ArrayLike<number>} pattern row by row
 * @param {number} n
 */
export function meanEntropy(pattern, n) {
  let sum = 0
  for (let i = 0; i < n * n; i++) if (pattern[i] > 0) sum -= pattern[i] * Math.log(pattern[i])
  return sum / n
}

export class Head {
  /** @type {import("../../types").Grid} */
  grid
  /** @type {string[]} */
  tokens
  /** @type {import("../../types").Theme} */
  theme
  /** @type {number | null} */
  row

  constructor() {
    this.node = el("div", "anl-head-large")
    this.title = el("div", "anl-head-title")
    this.canvas = el("canvas", "anl-canvas")
    this.canvas.setAttribute("role", "img")
    this.holder = el("div", "anl-head-holder")
    this.skeleton = el("div", "anl-skeleton")
    this.canvas.hidden = true
    this.holder.append(this.canvas, this.skeleton)
    this.caption = el("div", "anl-caption")
    this.words = el("div", "anl-head-words")
    this.words.append(this.title, this.caption)
    this.node.append(this.holder, this.words)
    this.canvas.onpointermove = (event) => this.hover(event)
    this.canvas.onpointerleave = () => {
      this.row = null
      this.paint()
    }
  }

  show(grid, { layer, head, tokens, theme }) {
    Object.assign(this, { grid, tokens, theme, row: null })
    this.canvas.hidden = false
    this.skeleton.hidden = true
    say(this.title, t("layer {layer}, head {head}", { layer: layer + 1, head: head + 1 }))
    this.canvas.setAttribute("aria-label", t("Attention of layer {layer}, head {head}: {summary}", { layer: layer + 1, head: head + 1, summary: this.summary() }))
    this.paint()
  }

  /** @param {number} i */
  token(i) {
    return shownToken(this.tokens[i] ?? String(i))
  }

  // How it looks on average, from the numbers alone.
  summary() {
    const [n] = this.grid.shape
    const p = this.grid.data
    let [previous, first] = [0, 0]
    for (let i = 1; i < n; i++) {
      previous += p[i * n + i - 1]
      first += p[i * n]
    }
    const share = (v) => (v / Math.max(n - 1, 1)).toFixed(2).replace(/^0/, "")
    return t("entropy {entropy:.2f} nats · previous token {previous} · first token {first}",
      { entropy: meanEntropy(p, n), previous: share(previous), first: share(first) })
  }

  paint() {
    if (!this.grid) return
    const [n] = this.grid.shape
    const { theme } = this
    const [w, h] = [this.holder.clientWidth, this.holder.clientHeight]
    if (w < 20 || h < 20) return
    const named = Math.min(w, h) / n >= 11
    const margin = named ? 16 : 0
    const cell = (Math.min(w, h) - margin) / n
    const side = cell * n
    const { context, scale } = sized(this.canvas, side + margin, side + margin)
    context.setTransform(scale, 0, 0, scale, 0, 0)
    context.clearRect(0, 0, side + margin, side + margin)
    const table = ramp(theme.ramp)
    const image = new ImageData(n, n)
    for (let i = 0; i < n * n; i++) {
      const [r, g, b] = table[Math.round(Math.sqrt(Math.min(Math.max(this.grid.data[i], 0), 1)) * 255)]
      image.data.set([r, g, b, 255], i * 4)
    }
    const stamp = el("canvas")
    Object.assign(stamp, { width: n, height: n })
    contextOf(stamp).putImageData(image, 0, 0)
    context.imageSmoothingEnabled = false
    context.drawImage(stamp, margin, 0, side, side)
    if (named) {
      context.font = `12px ${theme.code}`
      context.fillStyle = theme.muted
      context.textBaseline = "middle"
      context.textAlign = "center"
      for (let i = 0; i < n; i++) {
        context.fillText(this.token(i), margin / 2 - 1, (i + 0.5) * cell)
        context.fillText(this.token(i), margin + (i + 0.5) * cell, side + margin / 2 + 1)
      }
    }
    if (this.row !== null) {
      context.strokeStyle = theme.add
      context.lineWidth = 1.5
      context.strokeRect(margin + 0.75, this.row * cell, side - 1.5, Math.max(cell, 2))
    }
    this.geometry = { margin, cell, n }
    if (this.row === null) say(this.caption, this.summary())
  }

  hover(event) {
    if (!this.geometry) return
    const { margin, cell, n } = this.geometry
    const [i, j] = [Math.floor(event.offsetY / cell), Math.floor((event.offsetX - margin) / cell)]
    if (i < 0 || i >= n || j < 0 || j >= n) return
    this.row = i
    this.paint()
    const value = this.grid.data[i * n + j]
    say(this.caption, j > i
      ? t("“{from}” ({i}) can't see later tokens", { from: this.token(i), i: i + 1 })
      : t("“{from}” ({i}) looks at “{to}” ({j}): p = {p}",
        { from: this.token(i), i: i + 1, to: this.token(j), j: j + 1, p: value.toFixed(3).replace(/^0/, "") }))
  }
}
