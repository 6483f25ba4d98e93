// Which trained: a table of cells, each the runs of one combination, coloured by their final loss.
// What a cell says comes from the server, which alone judges: with the page, and for cells whose
// runs wait or train anew between its reruns.

import { fetchText } from "../../protocol/fetch.js"
import { t, tn } from "../../protocol/words.js"
import { hub } from "../../state/hub.js"
import { Card } from "../../ui/card.js"
import { buttonOf, el, say, taken } from "../../ui/dom.js"
import { short } from "../../ui/format.js"
import { endedOf, gridWords } from "../../ui/grid_words.js"
import { matrixNotice } from "../../notice/matrix.js"
import { colourOf } from "../../ui/theme.js"

const FAR = 12 // waiting runs that are asked for: the next ones
const MOST_CELLS = 64 // in one request

export class Matrix extends Card {
  /** @type {{ low: number, high: number, any: boolean, one: boolean }} of the losses that are shown */
  scale
  /** @type {Map<string, string>} by run, as the page knew it */
  stateOf
  /** @type {HTMLButtonElement[][]} */
  buttons

  /** @param {HTMLElement} root */
  constructor(root) {
    super(root)
    this.line = el("div", "anl-grid-line")
    this.line.setAttribute("role", "status")
    this.words = el("span")
    this.track = el("div", "anl-bar")
    this.fill = el("div")
    this.track.append(this.fill)
    this.line.append(this.words, this.track)
    this.scroll = el("div", "anl-matrix-scroll")
    this.legend = el("div", "anl-matrix-legend")
    this.body.append(this.line, this.scroll, this.legend)
    this.scroll.onkeydown = (event) => this.key(event)
    this.at = [0, 0]
    /** @type {Map<string, any>} */
    this.heard = new Map() // of cells with live runs: what the server said last
  }

  get members() {
    return this.props.members ?? []
  }

  // What this grid's progress is, while it is at work.
  get grid() {
    return hub.counts?.grids?.find((g) => g.id === this.props.grid)
  }

  asks() {
    const live = this.members.filter((m) => m.kind === "live").map((m) => m.id)
    const waits = (id) => (hub.runs.get(id)?.state ?? this.stateOf.get(id)) === "queued"
    const next = live.filter(waits).slice(0, FAR)
    return { runs: [...live.filter((id) => !waits(id)), ...next], counts: true }
  }

  notice() {
    const { rows = [], columns = [], cells = [], unit = "" } = this.props
    return matrixNotice({ rows, columns, cells: cells.map((row) => row.map((cell) => this.shown(cell))), unit })
  }

  update(component) {
    this.heard.clear() // the page was drawn anew, with cells as they are now
    this.news = ""
    this.stateOf = new Map((component.data.members ?? []).map((m) => [m.id, m.state]))
    super.update(component)
  }

  choice() {
    this.mark()
  }

  // What the server says of a cell now: of one with live runs as it was heard last.
  shown(cell) {
    return this.heard.get(this.keyOf(cell)) ?? cell
  }

  keyOf(cell) {
    return cell.runs.map((i) => this.members[i].id).join("~")
  }

  // Cells whose runs train, or wait next: the server judges them anew when something was heard.
  async ask() {
    const asked = new Set(this.asks().runs)
    const cells = this.props.cells.flat().filter((c) => c.runs.some((i) => asked.has(this.members[i].id))).slice(0, MOST_CELLS)
    const news = JSON.stringify([...asked].map((id) => [id, hub.runs.get(id)?.state, hub.runs.get(id)?.step]))
    if (!cells.length || news === this.news || this.asking) return
    this.asking = true
    const keys = cells.map((c) => this.keyOf(c))
    try {
      const reply = JSON.parse(await fetchText("/api/cells?" + new URLSearchParams({ cells: keys.join(), ...(this.props.in_bits ? { in_bits: "1" } : {}) })))
      keys.forEach((key, i) => this.heard.set(key, { ...cells[i], ...reply.cells[i] }))
      this.news = news
    } catch {
      // asked again at the next tick
    }
    this.asking = false
    if (!this.dead) this.drawCells()
  }

  tick(force = false) {
    if (!this.props.cells) return
    this.ask()
    this.drawCells(force)
  }

  drawCells(force = false) {
    const { props } = this
    const cells = props.cells.map((row) => row.map((cell) => this.shown(cell)))
    const now = JSON.stringify([cells, hub.lost])
    this.progress()
    if (!force && now === this.drawn) return
    this.drawn = now
    if (force) this.heading(props.title, props.subtitle)
    const known = cells.flat().filter((c) => ["learned", "mixed"].includes(c.kind) && c.value !== null).map((c) => c.value)
    const low = Math.min(...known)
    const high = Math.max(...known, props.dead ?? -Infinity)
    this.scale = { low, high: high > low ? high : low + 1, any: known.length > 0, one: high <= low }
    this.build(cells)
    this.explainScale(cells)
  }

  build(cells) {
    const { rows, columns } = this.props
    const table = el("table", "anl-matrix")
    table.setAttribute("aria-label", this.title.textContent)
    const head = el("thead")
    const line = el("tr")
    line.append(el("td"))
    for (const name of columns) {
      const column = this.header(name, "col")
      column.style.width = `${96 / columns.length}%` // as wide as each other
      line.append(column)
    }
    head.append(line)
    const body = el("tbody")
    this.buttons = cells.map((row, r) => {
      const line = el("tr")
      line.append(this.header(rows[r], "row"))
      body.append(line)
      return row.map((cell, c) => {
        const place = el("td")
        const button = this.button(cell, r, c)
        place.append(button)
        line.append(place)
        return button
      })
    })
    table.append(head, body)
    const focused = this.scroll.contains(document.activeElement)
    this.scroll.replaceChildren(table)
    this.at = [Math.min(this.at[0], rows.length - 1), Math.min(this.at[1], columns.length - 1)]
    this.rove(focused)
    this.mark()
  }

  header(text, scope) {
    const node = el("th", "", short(text, 26))
    node.scope = scope
    if (text.length > 26) node.title = text
    return node
  }

  button(cell, r, c) {
    const { rows, columns } = this.props
    const node = buttonOf(`anl-cell anl-cell-${cell.kind}`)
    const count = cell.of > 1 ? tn("{n:,} run", "{n:,} runs", cell.of) : ""
    const what = [rows[r], columns[c]].filter(Boolean).join(t(", "))
    const loss = cell.value !== null && cell.value !== undefined ? t("loss {loss}", { loss: cell.text }) : ""
    node.setAttribute("aria-label", [what, [cell.said, loss, count].filter(Boolean).join(t(", "))].join(t(": ")))
    node.title = [what, cell.said, count, cell.of ? t("Press to draw") : ""].filter(Boolean).join("\n")
    node.append(el("span", "anl-cell-text", cell.text))
    if (cell.small) node.append(el("span", "anl-cell-small", cell.small))
    if (cell.kind === "learned" || cell.kind === "mixed") node.style.background = this.green(cell.value)
    if (cell.share !== null && cell.share !== undefined) {
      const done = el("span", "anl-cell-done")
      done.style.width = `${Math.round(cell.share * 100)}%`
      node.append(done)
    }
    if (!cell.of) node.setAttribute("aria-disabled", "true")
    node.onclick = () => this.open(r, c)
    return node
  }

  // The less the loss, the deeper the green.
  green(value) {
    const { low, high, one } = this.scale
    const at = one ? 1 : 1 - (value - low) / (high - low)
    const [pale, deep] = this.theme.learned.map(colourOf)
    return `rgb(${pale.map((v, i) => Math.round(v + (deep[i] - v) * at)).join()})`
  }

  explainScale(cells) {
    const kinds = new Set(cells.flat().map((c) => c.kind))
    const nodes = []
    if (this.scale.any) {
      const bar = el("span", "anl-matrix-ramp")
      bar.style.background = `linear-gradient(90deg, ${[...this.theme.learned].reverse().join()})`
      const known = this.scale
      nodes.push(el("span", "", known.low.toFixed(2)), ...(known.one ? [] : [bar, el("span", "", known.high.toFixed(2))]))
    }
    nodes.push(el("span", "anl-matrix-unit", this.props.unit))
    for (const [kind, words] of [["mixed", t("only some learned")], ["dead", t("on the plateau")], ["diverged", t("diverged")]]) {
      if (!kinds.has(kind)) continue
      const one = el("span", "anl-matrix-key")
      one.append(el("i", `anl-cell-${kind}`), words)
      nodes.push(one)
    }
    this.legend.replaceChildren(...nodes)
  }

  progress() {
    const { grid } = this
    this.line.hidden = !grid
    if (!grid) return
    say(this.words, gridWords(grid))
    this.fill.style.width = `${(100 * endedOf(grid)) / Math.max(grid.total, 1)}%`
  }

  ids(r, c) {
    return (this.props.cells[r]?.[c]?.runs ?? []).map((i) => this.members[i].id)
  }

  open(r, c) {
    this.at = [r, c]
    this.rove(true)
    const ids = this.ids(r, c)
    if (!ids.length) return
    hub.choose(ids)
    this.trigger?.("cell", { ids })
  }

  // Cells whose runs are drawn now, unless everything is.
  mark() {
    const chosen = hub.choice.ids && new Set(hub.choice.ids)
    const all = chosen && this.members.every((m) => chosen.has(m.id))
    this.buttons?.forEach((row, r) => row.forEach((node, c) => {
      const ids = this.ids(r, c)
      const on = Boolean(chosen && !all && ids.length && ids.every((id) => chosen.has(id)))
      node.setAttribute("aria-pressed", String(on))
    }))
  }

  rove(focus) {
    this.buttons.forEach((row, r) => row.forEach((node, c) => {
      node.tabIndex = r === this.at[0] && c === this.at[1] ? 0 : -1
    }))
    if (focus) this.buttons[this.at[0]]?.[this.at[1]]?.focus()
  }

  key(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key]
    if (!step || !this.buttons?.length) return
    taken(event)
    const limit = (value, most) => Math.min(Math.max(value, 0), most)
    this.at = [limit(this.at[0] + step[0], this.buttons.length - 1), limit(this.at[1] + step[1], this.buttons[0].length - 1)]
    this.rove(true)
  }
}
