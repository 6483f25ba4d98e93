// The table of runs: what is ticked here is drawn by every view that follows the choice, at once;
// Python hears of it a moment later, for the address. Only the lines in sight are in the page.
// A page says which columns it shows, how many runs may be ticked (`most`), in a word what a tick
// means (`chosen`), and whether names and Enter edit a run or make it stand out (`names`).

import { t } from "../../protocol/words.js"
import { hub } from "../../state/hub.js"
import { Ticks } from "../../state/selection.js"
import { Card } from "../../ui/card.js"
import { el, say, taken } from "../../ui/dom.js"
import { markDash, runColour } from "../../ui/theme.js"
import { drawnOf, lossOf, stateOf, standing } from "./cells.js"
import { Sight } from "./sight.js"
import { columnsOf, fillHeader, fillLine } from "./table_row.js"
import { linesOf, sortOf, sortText } from "./table_rows.js"

const TELL_AFTER = 400 // ms of quiet before Python is told

/** @import { Component, Line, Row } from "../../types" */

export class RunsTable extends Card {
  /** @type {Component} */
  component
  /** @type {Map<string, Row>} */
  byId
  /** @type {Set<string>} the ids that are drawn; none before the first choice */
  ticked
  /** @type {Map<string, number>} by key the place of a line */
  at
  /** @type {any[]} the columns */
  parts
  /** @type {HTMLInputElement} the tick for all runs */
  every
  active = "" // the key of the line that the keys are on
  /** @type {string | null} a run to scroll to */
  wanted = null
  /** @type {number | undefined} */
  later

  /** @param {HTMLElement} root */
  constructor(root) {
    super(root)
    this.chooses = true
    this.head.remove()
    this.note.remove()
    this.body.classList.add("rt")
    this.grid = el("div", "rt-grid")
    Object.assign(this.grid, { tabIndex: 0, role: "grid", ariaLabel: t("Runs"), ariaMultiSelectable: "true" })
    this.header = el("div", "rt-line rt-header")
    this.header.setAttribute("role", "row")
    this.sheet = el("div", "rt-sheet")
    this.sheet.setAttribute("role", "rowgroup")
    this.foot = el("div", "rt-foot")
    this.foot.setAttribute("role", "status")
    this.grid.append(this.header, this.sheet)
    this.body.append(this.grid, this.foot)
    this.sight = new Sight(this.grid, this.sheet)
    /** @type {Set<string>} groups whose runs are shown */
    this.open = new Set()
    this.ticks = new Ticks()
    this.sort = sortOf("")
    /** @type {Line[]} */
    this.lines = []
    this.order = 0
    this.said = ""
    this.grid.addEventListener("scroll", () => this.show(), { passive: true })
    this.grid.addEventListener("keydown", (event) => this.key(event))
    this.sheet.addEventListener("click", (event) => this.click(event))
    // What is done to the ticked runs is done outside of the table: nothing may be untold there.
    this.grid.addEventListener("pointerleave", () => this.flush())
    this.grid.addEventListener("focusout", () => this.flush())
    this.resize = new ResizeObserver(() => this.resized())
    this.resize.observe(this.grid)
  }

  destroy() {
    super.destroy()
    this.resize.disconnect()
    clearTimeout(this.later)
  }

  resized() {
    if (!this.ticked || this.wide === this.grid.clientWidth) return this.show()
    this.wide = this.grid.clientWidth
    this.columns()
    this.show()
  }

  // The state, step and losses of live runs come with every reply of the hub.
  asks() {
    const ids = (this.props.runs ?? []).map((r) => r.id)
    return { runs: ids, headline: ids, counts: true }
  }

  update(component) {
    this.component = component
    const { data } = component
    const told = JSON.stringify([data.rows, data.settings])
    const fresh = told !== this.told
    this.told = told
    super.update(component)
    const { rows, order } = this.props
    if (fresh) {
      this.byId = new Map(rows.map((r) => [r.id, r]))
      hub.know(rows.map((r) => ({ ...r, settings: undefined })))
      hub.choice = { ...hub.choice, ids: null } // views that follow draw the rows as they are now
    }
    const ordered = order.n !== this.order
    if (ordered) this.obey(order)
    this.arrange()
    this.choose()
    if (ordered) this.said = this.report()
    else this.tell() // a tick that was made while the page was drawn anew is not told yet
  }

  // What Python wants to be chosen: from an address, or because a cell of the matrix was opened.
  obey({ n, kind, ids, focus, step, zoom, sort }) {
    this.order = n
    this.ticks = new Ticks(kind, ids)
    this.sort = sortOf(sort)
    hub.set({ focus, step, zoom })
    this.wanted = focus
    this.lost = kind === "only" && !focus
  }

  choose() {
    this.ticked = new Set(this.ticks.of(this.props.rows, this.most))
    const { focus } = hub.choice
    hub.choose([...this.ticked])
    // A run may stand out without being drawn: it stays so while it is listed.
    if (focus && focus !== hub.choice.focus && this.byId.has(focus)) hub.focusRun(focus)
    this.show()
  }

  // Ticks on or off; more than can be drawn are refused.
  tickAll(ids, on) {
    const after = new Set(this.ticked)
    for (const id of ids) on ? after.add(id) : after.delete(id)
    this.refused = after.size > this.most
    if (this.refused && ids.length === 1) return this.show()
    this.ticks = this.ticks.to(after, this.props.rows, this.most)
    this.choose()
  }

  // Another view may have chosen, a cell of the matrix perhaps.
  choice(before) {
    const { ids } = hub.choice
    if (this.ticked && ids && (ids.length !== this.ticked.size || ids.some((id) => !this.ticked.has(id)))) {
      this.ticks = new Ticks("only", ids)
      this.ticked = new Set(ids)
      this.lost = true
    }
    if (hub.choice.focus !== before?.focus && hub.choice.focus) this.wanted = hub.choice.focus
    this.show()
    this.tell()
  }

  report() {
    const { kind, ids } = this.ticks
    const { focus, step, zoom } = hub.choice
    return JSON.stringify({ n: this.order, kind, ids: [...ids], focus, step: step ?? null,
      zoom: zoom ?? null, sort: sortText(this.sort) })
  }

  tell() {
    clearTimeout(this.later)
    this.later = setTimeout(() => this.flush(), TELL_AFTER)
  }

  flush() {
    clearTimeout(this.later)
    if (!this.ticked) return
    const now = this.report()
    if (now === this.said) return
    this.said = now
    this.component.setStateValue("choice", JSON.parse(now))
  }

  // Whether a run's name, tags and note can be changed from here.
  get edits() {
    return this.props.names !== "tick" && this.props.edits !== false
  }

  get most() {
    return this.props.most ?? Infinity
  }

  // Runs that were started elsewhere: the page learns of them, once for each number of them.
  news() {
    const { counts } = hub
    const now = counts && counts.training + counts.paused + counts.waiting
    if (!now || now <= this.props.alive || now === this.heard) return
    this.heard = now
    this.trigger("state", { run: null, state: "new" })
  }

  tick(force) {
    if (force) return
    this.news()
    const live = (this.props.runs ?? []).map((r) => [hub.run(r.id).state, hub.run(r.id).step]).join()
    if (live === this.live) return
    this.live = live
    if (this.sort.by && this.props.runs?.length) this.arrange()
    this.show()
  }

  arrange() {
    const index = this.props.settings.findIndex((s) => s.name === this.sort.by)
    this.lines = linesOf(this.props.rows, this.open, { ...this.sort, index })
    this.at = new Map(this.lines.map((line, i) => [line.key, i]))
    if (!this.at.has(this.active)) this.active = this.lines[0]?.key ?? ""
    this.columns()
    this.grid.setAttribute("aria-rowcount", String(this.lines.length + 1))
  }

  columns() {
    const { settings, rows } = this.props
    this.parts = columnsOf(rows, this.lines, settings, this.grid.clientWidth, this.theme, this.props.shows)
    const whole = 30 + this.parts.reduce((sum, part) => sum + part.width, 0)
    const wide = this.parts.map(({ by, width, grows }) => (by === "run" || grows ? `minmax(${width}px, 1fr)` : width + "px"))
    const { style } = this.grid
    style.setProperty("--rt-columns", `30px ${wide.join(" ")}`)
    style.setProperty("--rt-width", whole + "px")
    this.sight.measure(this.lines.length)
    this.titles()
  }

  titles() {
    const now = JSON.stringify([this.parts, this.sort])
    if (now === this.titled) return
    this.titled = now
    this.every = fillHeader(this.header, this.parts, this.sort, {
      every: (on) => {
        this.ticks = on ? new Ticks() : this.ticks.to(new Set(), this.props.rows, this.most)
        this.choose()
      },
      sort: (by) => this.sortBy(by),
      best: () => this.resort({ ...this.sort, best: !this.sort.best }),
    })
  }

  // Ascending, descending, and back to the newest first.
  sortBy(by) {
    const { sort } = this
    const here = sort.by === by
    this.resort({ ...sort, by: here && sort.down ? "" : by, down: here && !sort.down })
  }

  resort(sort) {
    this.sort = sort
    this.arrange()
    this.grid.scrollTop = 0
    this.show()
    this.tell()
  }

  // The lines in sight, and a few more.
  show() {
    if (!this.ticked) return
    if (this.wanted && this.byId.has(this.wanted)) this.reveal(this.wanted)
    // What others chose is looked for.
    const first = this.lost ? this.lines.findIndex((l) => l.rows.some((r) => this.ticked.has(r.id))) : -1
    if (first >= 0) this.sight.bring(first)
    this.wanted = null
    this.lost = false
    this.sight.show(this.lines, (line, node, i) => this.draw(line, node, i))
    const { rows } = this.props
    const drawn = this.ticked.size
    this.every.checked = drawn > 0 && drawn === Math.min(rows.length, this.most)
    this.every.indeterminate = drawn > 0 && !this.every.checked
    const words = drawnOf(rows, this.ticked, this.props.chosen)
    const newest = drawn === this.most && rows.length > this.most
    say(this.foot, this.refused ? t("At most {n:,} runs are drawn; untick others first.", { n: this.most })
      : !rows.length ? this.props.empty : newest ? t("the newest {words}", { words }) : words)
    this.refused = false
  }

  // Scroll to a run, opening its group.
  reveal(id) {
    const group = this.byId.get(id)?.group
    if (!this.at.has(id) && group) {
      this.open.add(group)
      this.arrange()
    }
    this.active = id
    this.sight.bring(this.at.get(id) ?? 0)
  }

  draw(line, node, index) {
    const { focus } = hub.choice
    const on = line.rows.filter((r) => this.ticked.has(r.id)).length
    const state = stateOf(line)
    const focused = line.rows.some((r) => r.id === focus) && !(line.group && this.open.has(line.group))
    const loss = (by) => lossOf(line.rows, by, this.sort.best)
    const figures = { validation: loss("validation"), training: loss("training") }
    const opened = line.group ? this.open.has(line.group) : null
    const now = JSON.stringify([index, on, state, focused, figures, opened, line.name, line.level, this.titled,
      this.theme.dark, line.rows.length, line.rows.map((r) => [r.colour, r.settings, r.tags, r.note, r.on_disk, r.created, r.left, standing(r).step]), line.key === this.active])
    if (node.shows === now) return
    node.shows = now
    node.style.setProperty("--run", runColour(this.theme, line.rows[0]))
    markDash(node, line.rows[0])
    node.className = ["rt-line", on && "rt-on", focused && "rt-focus", line.level && "rt-member",
      line.key === this.active && "rt-active", state.bad && "rt-dead"].filter(Boolean).join(" ")
    node.setAttribute("aria-selected", String(on === line.rows.length))
    if (focused) node.setAttribute("aria-current", "true")
    else node.removeAttribute("aria-current")
    fillLine(node, line, { on, state, figures, opened, parts: this.parts, edits: this.edits })
    if (line.key === this.active) this.grid.setAttribute("aria-activedescendant", node.id)
  }

  click(event) {
    const key = event.target.closest(".rt-line")?.key
    const line = this.lines[this.at.get(key) ?? -1]
    if (!line) return
    this.grid.focus({ preventScroll: true })
    const before = this.active
    this.active = key
    if (event.target.closest(".rt-caret")) this.fold(line)
    else if (event.target.closest(".rt-edit")) this.edit(line)
    else if (event.target.closest(".rt-name")) this.named(line, event)
    else this.mark(line, { range: event.shiftKey ? before : "", only: event.altKey })
  }

  // Tick or untick a line; `range`: every line from that one to here, `only`: this one alone.
  mark(line, { range = "", only = false } = {}) {
    const ids = line.rows.map((r) => r.id)
    if (only) {
      this.ticks = new Ticks("only", ids)
      return this.choose()
    }
    const on = !ids.every((id) => this.ticked.has(id))
    const [from, to] = [this.at.get(range), this.at.get(line.key)]
    if (from === undefined || to === undefined) return this.tickAll(ids, on)
    const [a, b] = [Math.min(from, to), Math.max(from, to)]
    this.tickAll(this.lines.slice(a, b + 1).flatMap((l) => l.rows.map((r) => r.id)), on)
  }

  // What a name and Enter do.
  named(line, { shiftKey = false, altKey = false } = {}) {
    const { names } = this.props
    if (names === "edit" && !line.group) this.edit(line)
    else if (names === "focus") this.focusOn(line)
    else this.mark(line, { range: shiftKey ? this.active : "", only: altKey })
  }

  edit(line) {
    this.flush()
    this.component.setTriggerValue("edit", line.rows[0].id)
  }

  // A run stands out in every view; once more, and it does not.
  focusOn(line) {
    const id = line.rows[0].id
    const now = hub.choice.focus === id ? null : id
    if (now && !this.ticked.has(id)) this.tickAll([id], true)
    hub.focusRun(now)
    this.wanted = null
    this.show()
  }

  fold(line) {
    if (!this.open.delete(line.group)) this.open.add(line.group)
    this.arrange()
    this.show()
  }

  key(event) {
    const inside = event.target !== this.grid && !event.target.closest(".rt-sheet")
    if (inside || event.ctrlKey || event.metaKey || !this.lines.length) return
    const index = this.at.get(this.active) ?? 0
    const { page } = this.sight
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }
    const line = this.lines[index]
    if (event.key in moves) {
      const to = Math.min(Math.max(index + moves[event.key], 0), this.lines.length - 1)
      this.active = this.lines[to].key
      this.sight.bring(to)
      if (event.shiftKey) this.mark(this.lines[to])
      else this.show()
    } else if (event.key === " ") this.mark(line, { only: event.altKey })
    else if (event.key === "Enter") this.named(line)
    else if (event.key === "F2" && !line.group && this.edits) this.edit(line)
    else if (line.group && event.key === (this.open.has(line.group) ? "ArrowLeft" : "ArrowRight")) this.fold(line)
    else return
    taken(event)
  }
}
