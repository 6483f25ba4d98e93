// One head as lines between two columns of tokens: queries at the left, keys at the right.

import { t } from "../../protocol/words.js"
import { sized } from "../../ui/canvas.js"
import { el } from "../../ui/dom.js"
import { shownToken } from "../../ui/format.js"
import { faded } from "../../ui/theme.js"
import { portion } from "./pixels.js"

const LINE_ROW = 19
const FAINTEST = 0.02 // lines below this would only grey the picture

export class HeadLines {
  /** @type {{ n: number, row: number, top: number, w: number, h: number, from: number, to: number }} where things lie, once it is drawn */
  place
  /** @type {import("../../types").Grid} */
  head
  /** @type {string[]} */
  tokens
  /** @type {import("../../types").Theme} */
  theme
  /** @type {boolean} */
  signed
  /** @type {{ kind: string, index: number } | null} */
  locked

  constructor({ hover, lock }) {
    this.tell = hover
    this.lock = lock
    this.node = el("div", "anl-lines-holder")
    this.node.tabIndex = 0
    this.node.setAttribute("role", "group")
    this.canvas = el("canvas", "anl-canvas")
    this.spacer = el("div")
    this.node.append(this.canvas, this.spacer)
    this.spot = null
    this.node.onscroll = () => this.paint()
    this.canvas.onpointermove = (event) => this.point(this.find(event))
    this.canvas.onpointerleave = () => this.point(null)
    this.canvas.onclick = (event) => {
      const place = this.find(event)
      if (place) this.lock(place.query !== null ? { kind: "row", index: place.query } : { kind: "column", index: place.key })
    }
  }

  show(head, { tokens, theme, signed, locked }) {
    const moved = locked && (locked.index !== this.locked?.index || locked.kind !== this.locked?.kind)
    Object.assign(this, { head, tokens, theme, signed, locked })
    this.node.setAttribute("aria-label", t("Attention as lines from each query, left, to its keys, right"))
    this.paint()
    if (moved) this.reveal(locked.index)
  }

  reveal(index) {
    const { row, h } = this.place
    const top = index * row
    if (top < this.node.scrollTop + row || top > this.node.scrollTop + h - 2 * row) {
      this.node.scrollTop = Math.max(0, top - h / 2)
    }
  }

  paint() {
    if (!this.head) return
    const [n] = this.head.shape
    const { clientWidth: w, clientHeight: h } = this.node
    if (!w || !h) return
    const { context, scale } = sized(this.canvas, w, h)
    const row = Math.max(LINE_ROW, Math.min(26, (h - 8) / n))
    this.spacer.style.height = Math.max(0, n * row + 8 - h) + "px"
    const top = this.node.scrollTop - 4
    const wide = Math.min(w * 0.3, Math.max(90, w * 0.22))
    this.place = { n, row, top, w, h, from: wide, to: w - wide }
    context.setTransform(scale, 0, 0, scale, 0, 0)
    context.clearRect(0, 0, w, h)
    const first = Math.max(0, Math.floor(top / row))
    const last = Math.min(n - 1, Math.ceil((top + h) / row))
    for (const [query, key, value] of this.chosen(n, first, last)) this.line(context, query, key, value)
    this.tokensAt(context, first, last)
  }

  // The lines to draw: of the chosen query or key, else of every query that is visible.
  chosen(n, first, last) {
    const { data } = this.head
    const out = []
    const add = (i, j) => Math.abs(data[i * n + j]) >= FAINTEST && out.push([i, j, data[i * n + j]])
    const locked = this.locked ?? (this.spot?.query !== null && this.spot ? { kind: "row", index: this.spot.query } : this.spot ? { kind: "column", index: this.spot.key } : null)
    if (locked?.kind === "row") for (let j = 0; j < n; j++) add(locked.index, j)
    else if (locked) for (let i = 0; i < n; i++) add(i, locked.index)
    else for (let i = first; i <= last; i++) for (let j = 0; j < n; j++) add(i, j)
    this.active = locked
    return out.sort((a, b) => Math.abs(a[2]) - Math.abs(b[2]))
  }

  line(context, query, key, value) {
    const { row, top, from, to } = this.place
    const [y, z] = [(query + 0.5) * row - top, (key + 0.5) * row - top]
    const colour = this.signed ? this.theme.diverging[value < 0 ? 0 : 2] : this.theme.attention
    context.strokeStyle = faded(colour, Math.min(1, (this.active ? 0.12 : 0.02) + Math.abs(value) * (this.active ? 0.88 : 0.7)))
    context.lineWidth = this.active ? 1 + 2.5 * Math.abs(value) : 1.2
    context.beginPath()
    context.moveTo(from + 4, y)
    context.bezierCurveTo(from + (to - from) * 0.4, y, from + (to - from) * 0.6, z, to - 4, z)
    context.stroke()
  }

  tokensAt(context, first, last) {
    const { n, row, top, from, to } = this.place
    const { theme } = this
    const { data } = this.head
    context.textBaseline = "middle"
    for (let i = first; i <= last; i++) {
      const y = (i + 0.5) * row - top
      const text = shownToken(this.tokens[i] ?? String(i + 1))
      for (const left of [true, false]) {
        const on = this.active && (this.active.kind === "row") === left && this.active.index === i
        const value = this.active && (this.active.kind === "row") !== left
          ? data[left ? i * n + this.active.index : this.active.index * n + i] : null
        context.textAlign = left ? "right" : "left"
        context.font = `${on ? "700 " : ""}13px ${theme.code}`
        context.fillStyle = on ? theme.add_text : theme.ink
        context.globalAlpha = value !== null && Math.abs(value) < FAINTEST ? 0.4 : 1
        context.fillText(text, left ? from - 4 : to + 4, y)
        context.font = `12px ${theme.font}`
        context.fillStyle = theme.muted
        const said = value !== null && Math.abs(value) >= FAINTEST ? portion(value, this.signed) : String(i + 1)
        context.fillStyle = value !== null && Math.abs(value) >= FAINTEST ? theme.ink : theme.muted
        context.fillText(said, left ? from - 30 : to + 30, y)
        context.globalAlpha = 1
        if (on) {
          context.strokeStyle = theme.add
          context.lineWidth = 1.5
          context.strokeRect(left ? from - 64 : to - 2, y - row / 2 + 1, 66, row - 2)
        }
      }
    }
  }

  find(event) {
    if (!this.place) return null
    const { n, row, top, from, to } = this.place
    const i = Math.floor((event.offsetY + top) / row)
    if (i < 0 || i >= n) return null
    if (event.offsetX <= from + 12) return { query: i, key: null }
    return event.offsetX >= to - 12 ? { query: null, key: i } : null
  }

  point(spot) {
    if (this.spot?.query === spot?.query && this.spot?.key === spot?.key) return
    this.spot = spot
    this.paint()
    this.tell(null)
  }
}
