// The lines of a long table that are in sight, and a few more: only they are in the page.

import { el } from "../../ui/dom.js"

/** @import { Line } from "../../types" */
/** @typedef {HTMLElement & { key?: string, shows?: string }} LineNode */

const LINE = 34 // height of a line in pixels, as the style sheet has it
const MORE = 6 // lines beyond either edge

export class Sight {
  /**
   * @param {HTMLElement} grid what scrolls
   * @param {HTMLElement} sheet as high as all lines
   */
  constructor(grid, sheet) {
    this.grid = grid
    this.sheet = sheet
    /** @type {Map<string, LineNode>} by the key of a line */
    this.nodes = new Map()
  }

  // How many lines the keys for a page go.
  get page() {
    return Math.max(1, Math.floor(this.grid.clientHeight / LINE) - 2)
  }

  /** @param {number} count of all lines */
  measure(count) {
    this.sheet.style.height = count * LINE + "px"
  }

  // Scroll until a line is in sight.
  bring(index) {
    const { grid } = this
    const [top, bottom] = [index * LINE, (index + 1) * LINE + LINE] // below the header, which stays
    if (top < grid.scrollTop) grid.scrollTop = top
    else if (bottom > grid.scrollTop + grid.clientHeight) grid.scrollTop = bottom - grid.clientHeight
  }

  /**
   * Put the lines in sight into the page and take the others out.
   * @param {Line[]} lines
   * @param {(line: Line, node: LineNode, index: number) => void} draw
   */
  show(lines, draw) {
    const top = this.grid.scrollTop
    const from = Math.max(0, Math.floor(top / LINE) - MORE)
    const until = Math.min(lines.length, Math.ceil((top + this.grid.clientHeight) / LINE) + MORE)
    const kept = new Set()
    for (let i = from; i < until; i++) {
      const { key } = lines[i]
      kept.add(key)
      const node = this.nodes.get(key) ?? this.made(key)
      const id = `rt-${i}`
      if (node.id !== id) {
        node.id = id
        node.style.transform = `translateY(${i * LINE}px)`
        node.setAttribute("aria-rowindex", String(i + 2))
      }
      draw(lines[i], node, i)
      if (!node.parentNode) this.sheet.append(node)
    }
    for (const [key, node] of this.nodes) {
      if (kept.has(key)) continue
      node.remove()
      this.nodes.delete(key)
    }
  }

  /** @param {string} key */
  made(key) {
    const node = /** @type {LineNode} */ (el("div", "rt-line"))
    node.setAttribute("role", "row")
    node.key = key
    this.nodes.set(key, node)
    return node
  }
}
