// Layers x heads on one canvas: hit-testing, the chosen head framed, names on hover.

import { el, say } from "../../ui/dom.js"
import { edgesOf, pixelTable, sized, stamp } from "./pixels.js"

export class HeadsGrid {
  /** @type {import("../../types").Grid} */
  grid
  /** @type {import("../../types").Theme} */
  theme
  /** @type {boolean} */
  signed
  /** @type {number[] | null} */
  chosen

  constructor({ pick, about }) {
    this.pick = pick // (layer, head)
    this.about = about // (layer, head) -> what the tip says
    this.node = el("div", "anl-grid-holder")
    this.canvas = el("canvas", "anl-canvas anl-grid")
    this.canvas.tabIndex = 0
    this.canvas.setAttribute("role", "application")
    this.tip = el("div", "anl-tip")
    this.tip.hidden = true
    this.node.append(this.canvas, this.tip)
    this.canvas.onclick = (event) => {
      const found = this.at(event)
      if (found) this.pick(...found)
    }
    this.canvas.onpointermove = (event) => this.hover(event)
    this.canvas.onpointerleave = () => (this.tip.hidden = true)
  }

  show(grid, { theme, signed, chosen, label }) {
    const same = this.grid === grid && this.theme === theme && this.signed === signed && this.fits()
    Object.assign(this, { grid, theme, signed, chosen })
    this.canvas.setAttribute("aria-label", label)
    if (!same) this.compose()
    this.paint()
  }

  clear() {
    this.grid = null
    this.canvas.removeAttribute("aria-label")
    this.canvas.width = this.canvas.height = 1
  }

  fits() {
    const { clientWidth, clientHeight } = this.node
    return this.room?.[0] === clientWidth && this.room?.[1] === clientHeight
  }

  // Thumbnails larger than this are not worth asking for.
  wishedSide(layers, heads) {
    const { clientWidth, clientHeight } = this.node
    const cell = Math.max(Math.min(clientWidth / heads, clientHeight / layers), Math.min(clientWidth / layers, clientHeight / heads))
    const pixels = Math.min(cell, MOST_CELL) * (window.devicePixelRatio || 1)
    return pixels > 80 ? 128 : pixels > 48 ? 64 : 32
  }

  // Layers run down, as in the network's drawing, unless that wastes the room.
  geometry() {
    const [L, H, n] = this.grid.shape
    const { clientWidth: w, clientHeight: h } = this.node
    this.room = [w, h]
    const label = 20
    const scale = window.devicePixelRatio || 1
    const fit = (columns, rows) => Math.min((w - label - 3) / columns, (h - label - 3) / rows)
    const across = fit(L, H) > fit(H, L) * 1.25
    const [columns, rows] = across ? [L, H] : [H, L]
    const size = Math.max(6, Math.floor(Math.min(fit(columns, rows), MOST_CELL) * scale))
    const gap = Math.max(1, Math.round(Math.min(3 * scale, size * 0.09)))
    return { L, H, n, across, columns, rows, label, scale, size, gap, cell: size / scale }
  }

  compose() {
    const place = (this.place = this.geometry())
    const { L, H, n, across, columns, rows, label, size, gap } = place
    const { context, scale, w, h } = sized(this.canvas, label + columns * place.cell + 2, label + rows * place.cell + 2)
    const image = context.createImageData(w, h)
    const table = pixelTable(this.theme, this.signed)
    const cells = edgesOf(size - gap, n)
    const start = Math.round(label * scale)
    for (let layer = 0; layer < L; layer++) {
      for (let head = 0; head < H; head++) {
        const [column, row] = across ? [layer, head] : [head, layer]
        stamp(image, start + column * size, start + row * size, size - gap, this.grid.data,
          (layer * H + head) * n * n, n, table, this.signed, cells)
      }
    }
    this.image = image
  }

  paint() {
    const { columns, rows, label, size, gap, scale, across } = this.place
    const context = this.canvas.getContext("2d")
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.putImageData(this.image, 0, 0)
    const start = Math.round(label * scale)
    const [layer, head] = this.chosen
    const [x, y] = across ? [layer, head] : [head, layer]
    const width = 2 * scale
    context.strokeStyle = this.theme.add
    context.lineWidth = width
    context.strokeRect(start + x * size - width / 2, start + y * size - width / 2, size - gap + width, size - gap + width)
    context.scale(scale, scale)
    context.font = `12px ${this.theme.font}`
    context.textBaseline = "middle"
    const cell = size / scale
    const skip = Math.max(1, Math.ceil(17 / cell))
    const name = (i, letter) => (i === 0 ? letter : "") + (i + 1)
    const tint = (on) => (context.fillStyle = on ? this.theme.add_text : this.theme.muted)
    context.textAlign = "center"
    const spot = (count, chosen) => [...Array(count).keys()].filter((i) =>
      i === chosen || (i % skip === 0 && Math.abs(i - chosen) >= skip) || skip === 1)
    for (const i of spot(columns, x)) {
      tint(i === x)
      context.fillText(name(i, across ? "L" : "H"), label + i * cell + (size - gap) / scale / 2, label / 2 - 1)
    }
    context.textAlign = "right"
    for (const i of spot(rows, y)) {
      tint(i === y)
      context.fillText(name(i, across ? "H" : "L"), label - 4, label + i * cell + (size - gap) / scale / 2)
    }
  }

  // The head under the pointer.
  at(event) {
    if (!this.grid) return null
    const { cell, label, columns, rows, across } = this.place
    const [x, y] = [Math.floor((event.offsetX - label) / cell), Math.floor((event.offsetY - label) / cell)]
    if (x < 0 || y < 0 || x >= columns || y >= rows) return null
    return across ? [x, y] : [y, x]
  }

  hover(event) {
    const found = this.at(event)
    this.tip.hidden = !found
    if (!found) return
    say(this.tip, this.about(...found))
    const left = Math.min(event.offsetX + 14, this.node.clientWidth - this.tip.offsetWidth - 2)
    const top = event.offsetY + 16 + this.tip.offsetHeight > this.node.clientHeight ? event.offsetY - 30 : event.offsetY + 16
    this.tip.style.transform = `translate(${Math.max(left, 0)}px, ${top}px)`
  }
}

const MOST_CELL = 220 // a single head need not fill the card
