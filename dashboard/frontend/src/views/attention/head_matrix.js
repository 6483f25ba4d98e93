// One head over its tokens as a picture: rows are queries, columns the keys that they look at.

import { ticks } from "../../charts/axes.js"
import { t } from "../../protocol/words.js"
import { contextOf, sized } from "../../ui/canvas.js"
import { el } from "../../ui/dom.js"
import { shownToken } from "../../ui/format.js"
import { faded } from "../../ui/theme.js"
import { bytesOf, pixelTable, stamp } from "./pixels.js"

// Pixels beside the tokens or their places, for the name of the axis.
const AXIS = 17

export class HeadMatrix {
  /** @type {{ n: number, named: boolean, left: number, below: number, size: number, scale: number, side: number, cell: number }} where things lie, once it is drawn */
  place
  /** @type {ImageData} */
  image
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
    this.tell = hover // (query, key), or null
    this.lock = lock // ({ kind: "row" | "column", index })
    this.node = el("div", "anl-matrix-holder")
    this.canvas = el("canvas", "anl-canvas anl-matrix")
    this.canvas.setAttribute("role", "img")
    this.node.append(this.canvas)
    this.spot = null
    this.canvas.onpointermove = (event) => this.move(event)
    this.canvas.onpointerleave = () => this.point(null)
    this.canvas.onclick = (event) => this.click(event)
  }

  show(head, { tokens, theme, signed, locked }) {
    const { clientWidth, clientHeight } = this.node
    const same = this.head === head && this.theme === theme && this.signed === signed &&
      this.room?.[0] === clientWidth && this.room?.[1] === clientHeight && this.tokens === tokens
    Object.assign(this, { head, tokens, theme, signed, locked })
    if (!same) this.compose()
    this.paint()
  }

  compose() {
    const { clientWidth: w, clientHeight: h } = this.node
    this.room = [w, h]
    const [n] = this.head.shape
    const scale = window.devicePixelRatio || 1
    const named = (Math.min(w, h) - 18 - AXIS) / n >= 8
    const [left, below] = [(named ? 20 : 30) + AXIS, 20 + AXIS]
    const most = Math.floor(Math.min(w - left - 2, h - below - 2, n * 64) * scale)
    // Whole pixels for each cell where cells are large enough to be seen as such.
    const size = Math.max(most >= 4 * n ? Math.floor(most / n) * n : most, 16)
    this.place = { n, named, left, below, size, scale, side: size / scale, cell: size / scale / n }
    const { context } = sized(this.canvas, left + this.place.side + 2, this.place.side + below)
    this.image = context.createImageData(size, size)
    stamp(this.image, 0, 0, size, bytesOf(this.head.data, this.signed), 0, n, pixelTable(this.theme, this.signed), this.signed)
  }

  paint() {
    const { named, left, side, cell, scale } = this.place
    const { theme } = this
    const context = contextOf(this.canvas)
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.clearRect(0, 0, this.canvas.width, this.canvas.height)
    context.putImageData(this.image, Math.round(left * scale), 0)
    context.scale(scale, scale)
    const { kind, index } = this.locked ?? {}
    const marked = { row: kind === "row" ? index : this.spot?.query, column: kind === "column" ? index : this.spot?.key }
    context.textBaseline = "middle"
    if (named) this.names(context, marked)
    else this.numbers(context)
    this.axes(context)
    const frame = (row, at, colour, width) => {
      context.strokeStyle = colour
      context.lineWidth = width
      // Around thin rows, so that what is marked stays visible.
      const thick = cell < 5 ? cell + 4 : cell
      const start = Math.min(Math.max(at * cell - (thick - cell) / 2, 0), side - thick)
      if (row) context.strokeRect(left + width / 2, start, side - width, thick)
      else context.strokeRect(left + start, width / 2, thick, side - width)
    }
    if (this.spot && !(kind === "row" && index === this.spot.query)) frame(true, this.spot.query, faded(theme.add, 0.55), 1)
    if (this.spot && !(kind === "column" && index === this.spot.key)) frame(false, this.spot.key, faded(theme.add, 0.55), 1)
    if (kind) frame(kind === "row", index, theme.add, 2)
  }

  names(context, { row, column }) {
    const { n, left, side, cell } = this.place
    const { theme } = this
    for (let i = 0; i < n; i++) {
      const font = (on) => `${on ? "700 " : ""}${Math.min(13, cell + 1)}px ${theme.code}`
      const text = shownToken(this.tokens[i] ?? String(i + 1))
      context.textAlign = "right"
      context.font = font(i === row)
      context.fillStyle = i === row ? theme.add_text : theme.muted
      context.fillText(text, left - 6, (i + 0.5) * cell)
      context.textAlign = "center"
      context.font = font(i === column)
      context.fillStyle = i === column ? theme.add_text : theme.muted
      context.fillText(text, left + (i + 0.5) * cell, side + 11)
    }
  }

  // Too many tokens to write them: their places, counted from 1.
  numbers(context) {
    const { n, left, side, cell } = this.place
    context.font = `12px ${this.theme.font}`
    context.fillStyle = this.theme.muted
    for (const at of ticks(0, n, side / 52)) {
      const i = Math.max(at, 1)
      if (i > n || (at && at * cell < 16)) continue
      context.textAlign = "right"
      context.fillText(String(i), left - 5, Math.min(Math.max((i - 0.5) * cell, 6), side - 5))
      context.textAlign = "center"
      context.fillText(String(i), left + Math.min(Math.max((i - 0.5) * cell, 6), side - 8), side + 11)
    }
  }

  axes(context) {
    const { left, side, below } = this.place
    context.font = `12px ${this.theme.font}`
    context.fillStyle = this.theme.muted
    context.textAlign = "center"
    context.fillText(side < 200 ? t("key") : t("key: the token that is looked at"), left + side / 2, side + below - AXIS / 2)
    context.save()
    context.translate(AXIS / 2 - 1, side / 2)
    context.rotate(-Math.PI / 2)
    context.fillText(side < 200 ? t("query") : t("query: the token that looks"), 0, 0)
    context.restore()
  }

  // What is under the pointer; on an axis one of the two is null.
  find(event) {
    if (!this.place || !this.head) return null
    const { n, left, side, cell } = this.place
    const [x, y] = [event.offsetX - left, event.offsetY]
    const inside = (v) => (v >= 0 && v < side ? Math.min(Math.floor(v / cell), n - 1) : null)
    const [key, query] = [inside(x), inside(y)]
    return key === null && query === null ? null : { key, query }
  }

  // A cell or a row's name locks the row; a column's name, or Shift, the column.
  click(event) {
    // A click's place is rounded to whole pixels, the pointer's is not: lock what was shown.
    const place = this.spot ?? this.find(event)
    if (!place) return
    const column = place.query === null || (event.shiftKey && place.key !== null)
    this.lock(column ? { kind: "column", index: place.key } : { kind: "row", index: place.query })
  }

  move(event) {
    const place = this.find(event)
    this.point(place && place.key !== null && place.query !== null ? place : null)
  }

  point(spot) {
    if (this.spot?.query === spot?.query && this.spot?.key === spot?.key) return
    this.spot = spot
    if (this.head) this.paint()
    this.tell(spot)
  }
}
