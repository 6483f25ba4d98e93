// One layer step by step: two wirings' steps side by side, and of the chosen one its equation and
// its matrix as numbers.

import { fetchAnswer, sentenceOf } from "../../protocol/fetch.js"
import { t } from "../../protocol/words.js"
import { buttonOf, el, say, taken } from "../../ui/dom.js"
import { shownToken } from "../../ui/format.js"
import { blockNotice } from "../../notice/anatomy.js"
import { Follower } from "./follower.js"
import { COLUMNS, matrixOf, pagesOf } from "./matrix.js"
import { Progress } from "./progress.js"

/** @typedef {{ key: string, symbol: string, title: string, equation: [string, string][], where: string, observables: string[], made_of: string[] }} Step */
/** @typedef {{ title: string, steps: Step[] }} Lane */

const MOVES = new Map([["ArrowLeft", -1], ["ArrowUp", -1], ["ArrowRight", 1], ["ArrowDown", 1], ["Home", -1e6], ["End", 1e6]])
const PAGES = new Map([["PageUp", -1], ["PageDown", 1]])

/**
 * An equation with Add and Norm in their colours.
 * @param {HTMLElement} node
 * @param {[string, string][]} pieces
 */
function write(node, pieces) {
  node.replaceChildren(...pieces.map(([kind, text]) => el("span", kind ? `anl-${kind}-word` : "", text)))
}

// What one wiring has at a step: its name, the equation, the matrix and where it is from.
class Pane {
  /** @type {any} the result of the analysis, with its arrays */
  answer = null
  about = ""

  /** @param {(action: string) => void} act */
  constructor(act) {
    this.node = el("section", "anl-pane")
    this.lane = el("div", "anl-pane-lane")
    this.title = el("h4", "anl-pane-title")
    this.equation = el("div", "anl-pane-equation")
    this.equation.setAttribute("role", "math")
    this.where = el("div", "anl-pane-where")
    this.progress = new Progress(act)
    this.scroll = el("div", "anl-matrix-scroll")
    this.scroll.tabIndex = 0
    this.foot = el("div", "anl-pane-foot")
    this.node.append(this.lane, this.title, this.equation, this.where, this.progress.node, this.scroll, this.foot)
  }

  /**
   * Where the question stands; its answer is fetched once.
   * @param {Block} view
   * @param {import("../../protocol/replies").Standing | null} standing
   * @param {string} address
   * @param {Step[]} steps
   */
  async hear(view, standing, address, steps) {
    const done = standing?.state === "done"
    this.progress.node.hidden = !standing || done
    if (standing) this.progress.show(standing, { label: "" })
    if (!done) {
      this.answer = null
      this.about = ""
      return
    }
    if (this.about === address) return
    this.about = address
    try {
      const answer = await fetchAnswer(address, steps.map((step) => step.key))
      if (this.about !== address) return
      this.answer = answer
      view.paint()
    } catch (error) {
      this.about = ""
      this.progress.node.hidden = false
      this.progress.show({ state: "failed", progress: 0, message: sentenceOf(error) }, { label: "" })
    }
  }

  /**
   * @param {Block} view
   * @param {Lane} lane
   * @param {Step | null} step
   * @param {boolean} asked whether numbers are on their way or there
   */
  show(view, lane, step, asked) {
    say(this.lane, lane.title)
    this.node.classList.toggle("anl-pane-absent", !step)
    if (!step) {
      say(this.title, t("No such step"))
      this.equation.replaceChildren()
      say(this.where, "")
      this.scroll.replaceChildren()
      return say(this.foot, t("{wiring} goes on with what it has.", { wiring: lane.title }))
    }
    say(this.title, t(step.title))
    write(this.equation, step.equation)
    say(this.where, step.where)
    if (!asked) {
      this.scroll.replaceChildren()
      return say(this.foot, t("The equation alone: a run chosen as run B shows its numbers here."))
    }
    const values = this.answer?.arrays[step.key]
    if (!values) return
    const tokens = this.answer.tokens.map(shownToken)
    const width = values.length / tokens.length
    this.scroll.replaceChildren(matrixOf(view.theme, { values, tokens, columns: step.key.startsWith("attn_scores") || step.key === "attn_pattern" ? tokens : [],
      from: view.from, share: step.key === "attn_pattern" }))
    const size = { rows: tokens.length, width }
    this.scroll.setAttribute("aria-label", t("{symbol}, {rows} tokens and {width} columns", { symbol: step.symbol, ...size }))
    const names = step.observables.length ? step.observables : step.made_of
    this.foot.replaceChildren(...names.map((name) => el("code", "", name)),
      el("span", "", step.observables.length ? t("{rows} × {width}", size) : t("made of these, {rows} × {width}; no observable of its own", size)))
  }
}

export class Block extends Follower {
  at = 0 // the row that is shown
  from = 0 // the first column that is shown
  /** @type {HTMLButtonElement[]} of the list, row by row */
  cells = []
  listed = ""
  key = "x" // of the step that is shown

  /** @param {HTMLElement} root */
  constructor(root) {
    super(root)
    this.walk = el("div", "anl-block")
    this.walk.tabIndex = 0
    this.walk.setAttribute("role", "group")
    this.walk.setAttribute("aria-keyshortcuts", [...MOVES.keys(), ...PAGES.keys()].join(" "))
    this.walk.setAttribute("aria-label", t("Steps of one block. Arrow keys, Home and End go from step to step; Page Up and Page Down show other columns."))
    this.list = el("div", "anl-block-list")
    this.side = el("div", "anl-block-side")
    this.bar = el("div", "anl-block-bar")
    this.back = buttonOf("anl-button", t("Back"), { onclick: () => this.go(this.at - 1) })
    this.next = buttonOf("anl-button", t("Next"), { onclick: () => this.go(this.at + 1) })
    this.where = el("span", "anl-hint")
    this.where.setAttribute("role", "status")
    this.hint = el("span", "anl-hint", t("click, then ← →"))
    this.fewer = buttonOf("anl-button", "‹", { title: t("The columns before"), onclick: () => this.turn(-1) })
    this.more = buttonOf("anl-button", "›", { title: t("The next columns"), onclick: () => this.turn(1) })
    this.seen = el("span", "anl-hint anl-block-columns")
    this.bar.append(this.back, this.next, this.where, this.hint, this.fewer, this.seen, this.more)
    this.panes = el("div", "anl-columns anl-block-panes")
    this.side.append(this.bar, this.panes)
    this.walk.append(this.list, this.side)
    this.body.append(this.walk)
    this.walk.onkeydown = (event) => this.press(event)
    // A press anywhere on the card is enough for the arrows to walk.
    this.root.addEventListener("click", (event) => {
      if (event.target instanceof Element && !event.target.closest("button, [tabindex]")) this.walk.focus({ preventScroll: true })
    })
    /** @type {Pane[]} */
    this.shown = [0, 1].map((i) => new Pane((action) => this.act(i)(action)))
    this.panes.append(...this.shown.map((pane) => pane.node))
  }

  /** @returns {Lane[]} */
  get lanes() {
    return this.props.lanes
  }

  /** @returns {(number | null)[][]} */
  get rows() {
    return this.props.rows
  }

  notice() {
    const panes = this.shown.flatMap((pane, i) => {
      const step = this.stepOf(i)
      return step ? [{ wiring: this.lanes[i].title, title: step.title, values: pane.answer?.arrays[step.key] ?? null, tokens: pane.answer?.tokens.length ?? 0, share: step.key === "attn_pattern" }] : []
    })
    return blockNotice({ at: this.at, all: this.rows.length, panes, why: this.asked.map((_, i) => this.standing(i).message).find(Boolean) ?? "" })
  }

  tick() {
    this.heading(this.props.title ?? "", this.props.subtitle ?? "")
    this.write()
    this.shown.forEach((pane, i) => {
      const asked = i < this.asked.length
      pane.hear(this, asked ? this.standing(i) : null, asked ? this.ones[i].address : "", this.lanes[i].steps)
    })
    this.paint()
  }

  // The list of steps, made anew where the wirings are others.
  write() {
    const now = JSON.stringify([this.lanes, this.rows])
    if (now === this.listed) return
    this.listed = now
    const { key } = this // of the step that was shown, which stays where the other wiring has it
    const place = this.rows.findIndex((row) => row.some((at, i) => at !== null && this.lanes[i].steps[at].key === key))
    this.at = Math.max(place, 0)
    this.list.replaceChildren(...this.lanes.map((lane) => el("div", "anl-block-lane", lane.title)))
    this.cells = []
    this.rows.forEach((row, r) => row.forEach((place, i) => {
      if (place === null) return void this.list.append(el("span", "anl-block-gap"))
      const step = this.lanes[i].steps[place]
      const button = buttonOf("anl-block-step", "", { onclick: () => this.go(r) })
      button.dataset.row = String(r)
      button.dataset.key = step.key
      button.tabIndex = -1 // the arrows walk through them
      if (row.includes(null)) button.dataset.only = "" // the wirings differ here
      button.append(el("b", "", step.symbol), el("span", "", t(step.title)))
      this.list.append(button)
      this.cells.push(button)
    }))
  }

  /**
   * The step of a lane in the row that is shown.
   * @param {number} lane
   */
  stepOf(lane) {
    const place = this.rows[this.at]?.[lane] ?? null
    return place === null ? null : this.lanes[lane].steps[place]
  }

  /** @param {number} row */
  go(row) {
    this.at = Math.min(Math.max(row, 0), this.rows.length - 1)
    this.from = 0
    this.paint()
    if (this.list.offsetTop > this.side.offsetTop) return // below the numbers: they stay in sight
    const button = this.cells.find((cell) => cell.dataset.row === String(this.at))
    button?.scrollIntoView({ block: "nearest", inline: "nearest" })
  }

  /** @param {number} by so many pages of columns */
  turn(by) {
    this.from = Math.min(Math.max(this.from + by * COLUMNS, 0), (pagesOf(this.width) - 1) * COLUMNS)
    this.paint()
  }

  // Columns of the widest matrix that is shown.
  get width() {
    const widths = this.shown.map((pane, i) => {
      const step = this.stepOf(i)
      const values = step && pane.answer?.arrays[step.key]
      return values ? values.length / pane.answer.tokens.length : 0
    })
    return Math.max(...widths)
  }

  paint() {
    this.key = (this.stepOf(0) ?? this.stepOf(1))?.key ?? this.key
    for (const cell of this.cells) {
      const on = cell.dataset.row === String(this.at)
      cell.setAttribute("aria-current", on ? "step" : "false")
    }
    this.back.disabled = this.at === 0
    this.next.disabled = this.at === this.rows.length - 1
    say(this.where, t("step {n} of {all}", { n: this.at + 1, all: this.rows.length }))
    this.shown.forEach((pane, i) => pane.show(this, this.lanes[i], this.stepOf(i), i < this.asked.length))
    const { width } = this
    const wide = width > COLUMNS
    for (const node of [this.fewer, this.more, this.seen]) node.hidden = !wide
    const until = Math.min(this.from + COLUMNS, width)
    say(this.seen, t("columns {first} to {last} of {all}", { first: this.from + 1, last: until, all: width }))
    this.fewer.disabled = this.from === 0
    this.more.disabled = until >= width
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const move = MOVES.get(event.key)
    const page = PAGES.get(event.key)
    if (event.altKey || event.ctrlKey || event.metaKey || (move === undefined && page === undefined)) return
    taken(event)
    if (move !== undefined) this.go(this.at + move)
    else this.turn(Number(page))
  }
}
