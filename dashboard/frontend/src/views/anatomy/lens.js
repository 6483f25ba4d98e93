// What every layer would say next, at every token: a table of layers and tokens, one for each run,
// that scroll and point together.

import { fetchAnswer, sentenceOf } from "../../protocol/fetch.js"
import { t } from "../../protocol/words.js"
import { sayWhole, el, taken } from "../../ui/dom.js"
import { shownToken } from "../../ui/format.js"
import { markDash, runColour } from "../../ui/theme.js"
import { lensNotice } from "../../notice/anatomy.js"
import { Follower } from "./follower.js"
import { Progress } from "./progress.js"
import { rampLegend, choices, shade, share } from "./token_parts.js"

// `blocks.3.resid_mid` -> `4, attention`: layers as people count them.
function rowName(row) {
  const found = row.match(/^blocks\.(\d+)\.(\w+)/)
  if (!found) return t("embedding")
  const layer = Number(found[1]) + 1
  return found[2] === "resid_mid" ? t("layer {layer}, attention", { layer }) : t("layer {layer}", { layer })
}

class LensTable {
  /** @type {import("../../types").Question} */
  asked
  /** @type {import("../../types").Theme} */
  theme
  /** @type {any} the result of the analysis, with its arrays */
  answer = null
  /** @type {HTMLElement[][]} by row and token */
  cells = []
  /** @type {string[]} of the rows */
  names = []
  about = ""
  K = 0 // tokens of a cell that are known, the likeliest first

  /**
   * @param {Lens} view
   * @param {(action: string) => void} act
   */
  constructor(view, act) {
    this.view = view
    this.node = el("div", "anl-lens")
    this.head = el("div", "anl-who")
    this.dot = el("span", "anl-dot")
    this.name = el("span", "anl-name")
    this.state = el("span", "anl-status")
    this.head.append(this.dot, this.name, this.state)
    this.scroll = el("div", "anl-lens-scroll")
    this.scroll.tabIndex = 0
    this.scroll.setAttribute("role", "application")
    this.table = el("table", "anl-lens-table")
    this.scroll.append(this.table)
    this.detail = el("div", "anl-detail")
    this.progress = new Progress(act)
    this.node.append(this.head, this.progress.node, this.scroll, this.detail)
    this.scroll.onscroll = () => view.scrolled(this)
    this.scroll.onpointermove = (event) => this.point(event.target)
    this.scroll.onpointerleave = () => document.activeElement !== this.scroll && view.mark(null)
    this.scroll.onblur = () => view.mark(null)
    this.scroll.onkeydown = (event) => this.key(event)
  }

  async show(asked, standing, one, theme, by, rows) {
    Object.assign(this, { asked, theme })
    this.dot.style.background = runColour(theme, asked)
    markDash(this.dot, asked)
    sayWhole(this.name, asked.name)
    sayWhole(this.state, t("step {step:,}", { step: asked.step }))
    const done = standing.state === "done"
    this.progress.node.hidden = done
    this.progress.show(standing, { label: "" })
    this.scroll.classList.toggle("anl-old", !done)
    this.scroll.style.minHeight = `${Math.min(rows + 2, 20) * 22}px` // nothing jumps when it comes
    if (!done) return
    const about = one.address
    if (this.about !== about) {
      this.about = about
      try {
        const answer = await fetchAnswer(one.address, ["top_ids", "top_p", "right_p", "right_rank", "entropy"])
        if (this.about !== about) return
        this.answer = answer
        this.build()
      } catch (error) {
        this.about = ""
        this.progress.node.hidden = false
        this.progress.show({ state: "failed", progress: 0, message: sentenceOf(error) }, { label: "" })
        return
      }
    }
    this.paint(by)
  }

  build() {
    const { rows, tokens, arrays } = this.answer
    const [N, T] = [rows.length, tokens.length]
    this.names = rows.map((row, n) => (n === N - 1 ? t("{row}, output", { row: rowName(row) }) : rowName(row)))
    this.K = arrays.top_ids.length / (N * T)
    this.table.replaceChildren()
    const line = (name, words, kind) => {
      const tr = el("tr", kind)
      tr.append(el("th", "", name))
      words.forEach((w) => tr.append(el("td", "", w)))
      return tr
    }
    this.table.append(line(t("right"), tokens.map((_, j) => (j + 1 < T ? shownToken(tokens[j + 1]) : "")), "anl-lens-right"))
    this.cells = []
    // The output on top: depth grows upwards, as in every picture of layers.
    for (let n = N - 1; n >= 0; n--) {
      const tr = el("tr")
      tr.append(el("th", "", this.names[n]))
      this.cells[n] = tokens.map((_, t) => {
        const td = el("td", "", shownToken(this.token(n, t, 0)))
        td.dataset.n = String(n)
        td.dataset.t = String(t)
        tr.append(td)
        return td
      })
      this.table.append(tr)
    }
    this.table.append(line(t("reads"), tokens.map(shownToken), "anl-lens-reads"))
    this.scroll.setAttribute("aria-label", t("Logit lens of {run}: {rows} rows, {tokens} tokens. Arrows move from cell to cell.", { run: this.asked.name, rows: N, tokens: T }))
    this.painted = ""
    this.quiet()
  }

  token(n, t, k) {
    const { arrays, alphabet, tokens } = this.answer
    return [...alphabet][arrays.top_ids[(n * tokens.length + t) * this.K + k]]
  }

  paint(by) {
    const mark = by + this.theme.dark
    if (!this.answer || mark === this.painted) return
    this.painted = mark
    const { arrays, tokens } = this.answer
    const T = tokens.length
    this.cells.forEach((row, n) => row.forEach((td, t) => {
      const at = n * T + t
      const p = by === "right" ? arrays.right_p[at] : arrays.top_p[at * this.K]
      const [ground, ink] = Number.isFinite(p) ? shade(this.theme, p) : ["transparent", this.theme.muted]
      td.style.background = ground
      td.style.color = ink
      td.classList.toggle("anl-hit", arrays.right_rank[at] === 0)
    }))
  }

  point(node) {
    if (node.dataset?.n !== undefined) this.view.mark([Number(node.dataset.n), Number(node.dataset.t)])
  }

  key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0], Home: [0, -1e6], End: [0, 1e6] }
    if (!moves[event.key] || !this.answer) return
    taken(event)
    const [N, T] = [this.cells.length, this.answer.tokens.length]
    const [n, t] = this.view.marked ?? [N - 1, -1]
    const [dn, dt] = moves[event.key]
    const [row, token] = [Math.min(Math.max(n + dn, 0), N - 1), Math.min(Math.max(t + dt, 0), T - 1)]
    this.view.mark([row, token])
    this.cells[row][token].scrollIntoView({ block: "nearest", inline: "nearest" })
  }

  quiet() {
    this.detail.replaceChildren(el("span", "anl-hint", t("Point at a cell, or walk with the arrows. An underlined cell names the right token.")))
  }

  mark(at) {
    this.table.querySelector(".anl-picked")?.classList.remove("anl-picked")
    if (!this.answer) return
    if (!at) return this.quiet()
    const N = this.cells.length
    const n = Math.min(at[0], N - 1)
    const j = Math.min(at[1], this.answer.tokens.length - 1)
    this.cells[n][j].classList.add("anl-picked")
    const { arrays, tokens } = this.answer
    const i = n * tokens.length + j
    const list = Array.from({ length: this.K }, (_, k) => [this.token(n, j, k), arrays.top_p[i * this.K + k]])
    const right = tokens[j + 1]
    const words = el("span", "anl-detail-words", t("{row}, after ", { row: this.names[n] }))
    words.append(el("code", "", shownToken(tokens[j])))
    if (right !== undefined) {
      words.append(t(": right is "), el("code", "", shownToken(right)),
        t(", p = {p}, rank {rank}", { p: share(arrays.right_p[i]), rank: arrays.right_rank[i] + 1 }))
    }
    words.append(t(" · entropy {entropy:.2f} nats", { entropy: arrays.entropy[i] }))
    this.detail.replaceChildren(words, choices(list, right))
  }
}

export class Lens extends Follower {
  constructor(root) {
    super(root)
    this.columns = el("div", "anl-columns")
    this.body.append(this.columns)
    this.legend = rampLegend("")
    this.head.append(this.legend)
    /** @type {LensTable[]} */
    this.tables = []
    /** @type {number[] | null} row and token */
    this.marked = null
  }

  tick() {
    const { asked } = this
    const { title, subtitle, by, rows } = this.props
    this.heading(title ?? t("What each layer would say next"), subtitle ?? "")
    this.legend.paint(this.theme)
    this.legend.words(by === "right" ? t("probability of the right token") : t("probability of the token in the cell"))
    this.fit(this.tables, this.columns, (act) => new LensTable(this, act))
    asked.forEach((a, i) => {
      this.tables[i].show(a, this.standing(i), this.ones[i], this.theme, by, rows[i])
    })
  }

  notice() {
    const tables = this.tables.flatMap(({ answer, asked, names, K }) => (answer ? [{ name: asked.name, rows: names, tokens: answer.tokens.length,
      rank: answer.arrays.right_rank, top: answer.arrays.top_ids, K }] : []))
    return lensNotice({ tables, by: this.props.by, why: this.asked.map((_, i) => this.standing(i).message).find(Boolean) ?? "" })
  }

  mark(at) {
    this.marked = at
    for (const table of this.tables) table.mark(at)
  }

  scrolled(from) {
    for (const table of this.tables) {
      if (table !== from && table.scroll.scrollLeft !== from.scroll.scrollLeft) table.scroll.scrollLeft = from.scroll.scrollLeft
    }
  }
}
