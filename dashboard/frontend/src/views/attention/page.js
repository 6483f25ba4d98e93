// The Attention page: all heads, the chosen one over its tokens, cards, and training time below.

import { frameOf } from "../../charts/axes.js"
import { ENDED } from "../../protocol/states.js"
import { t } from "../../protocol/words.js"
import { hub } from "../../state/hub.js"
import { targetOf, el, say } from "../../ui/dom.js"
import { short } from "../../ui/format.js"
import { headsNotice, scrubberNotice } from "../../notice/heads.js"
import { Help } from "../../ui/help.js"
import { isForPart } from "../../ui/streamlit.js"
import { applyTheme, runColour, themeOf } from "../../ui/theme.js"
import { HeadCards } from "./head_cards.js"
import { HeadLarge } from "./head_large.js"
import { HeadsGrid } from "./heads_grid.js"
import { Legend, PanelTitle, keysDialog } from "./panel.js"
import { headsWords, headWords, missingWords, stepWords } from "./page_words.js"
import { REST_MS } from "./pixels.js"
import { Scrubber, lossAt, nearest } from "./scrubber.js"
import { AttentionSource } from "./source.js"

const KEYS = [
  ["← ↑ ↓ →", t("the next head")],
  ["[  ]", t("the snapshot before, after")],
  [t("Space"), t("play and pause")],
  [",  .", t("lock the query before, after")],
  ["C", t("lock the column of a locked row, and back")],
  ["V", t("matrix or lines")],
  ["Esc", t("release what is locked")],
  ["?", t("these keys")],
]

/** @import { Component, Props, Theme } from "../../types" */

export class AttentionPage {
  /** @type {Props} given by the first `update`, which comes before all else */
  props
  /** @type {Theme} */
  theme
  /** @type {Component["setTriggerValue"]} */
  trigger
  /** @type {Component["setStateValue"]} */
  setState
  /** @type {any} what is shown, with its grid; null while there is nothing */
  picture = null
  /** @type {number | null | undefined} */
  step
  at = -1 // the place of the step among those that can be shown
  drawn = ""
  dead = false
  ended = false

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root
    root.innerHTML = ""
    root.classList.add("anl-attention")
    this.source = new AttentionSource(this)
    this.layer = this.head = 0
    this.following = true
    const pick = (layer, head) => this.choose(layer, head)
    this.grid = new HeadsGrid({ pick, about: (l, h) => this.about(l, h) })
    this.large = new HeadLarge({ changed: () => this.remember() })
    this.cards = new HeadCards({ pick })
    this.scrubber = new Scrubber({ seek: (i) => this.seek(i) })
    this.scrubber.waits = () => this.source.waiting
    const card = (/** @type {string} */ name, /** @type {HTMLElement[]} */ ...parts) => {
      const node = el("section", `anl-panel ${name}`)
      node.append(...parts)
      this.root.append(node)
      return node
    }
    this.gridTitle = new PanelTitle()
    this.wait = el("div", "anl-att-wait")
    this.wait.setAttribute("role", "status")
    this.skeleton = el("div", "anl-skeleton")
    this.note = el("div", "anl-note")
    this.legend = new Legend()
    const foot = el("div", "anl-foot")
    foot.append(this.legend.node, this.wait)
    card("anl-panel-grid", this.gridTitle.node, this.grid.node, this.skeleton, this.note, foot)
    card("anl-panel-head", ...this.large.parts)
    card("anl-panel-cards", this.cards.head, this.cards.node)
    card("anl-panel-scrubber", this.scrubber.node)
    this.gridTitle.explainedBy(() => this.notice())
    this.scrubber.node.append(new Help(() => this.timeNotice()).node)
    this.help = keysDialog(KEYS)
    this.root.append(this.help)
    this.large.helpButton.onclick = () => this.help.showModal()
    this.resize = new ResizeObserver(() => requestAnimationFrame(() => this.dead || this.draw()))
    this.resize.observe(root)
    this.onkey = (event) => this.key(event)
    document.addEventListener("keydown", this.onkey)
  }

  destroy() {
    this.dead = true
    this.scrubber.pause()
    this.resize.disconnect()
    this.source.close()
    document.removeEventListener("keydown", this.onkey)
  }

  asks() {
    const ids = this.runs.map((r) => r.id)
    return { runs: ids, focus: ids, metrics: ["loss/train"] }
  }

  update(component) {
    const before = this.props
    this.props = component.data
    this.trigger = component.setTriggerValue
    this.setState = component.setStateValue
    this.theme = themeOf(this.root, this.props.palette)
    applyTheme(this.root, this.theme)
    const { open } = this.props
    if (!before) {
      ;[this.layer, this.head] = [open.layer ?? -1, open.head ?? 0]
      this.large.lines = Boolean(open.lines)
      this.step = open.step
      this.following = open.step === null || open.step === undefined
    } else if (before.runs?.[0]?.id !== this.runs[0]?.id) {
      this.following = true
      this.large.release()
    }
    hub.refresh(this.runs)
    this.source.take(this.props)
    this.drawn = ""
    this.tick()
  }

  get runs() {
    return this.props.runs ?? []
  }

  // The runs that are shown, the one whose snapshots are scrubbed first.
  get shown() {
    const [a, b] = this.runs
    return this.props.side === "b" && b ? [b] : this.props.side === "difference" && b ? [a, b] : [a]
  }

  get signed() {
    return this.shown.length === 2
  }

  async tick() {
    const changed = await this.source.refresh()
    if (this.dead) return
    if (changed || !this.picture) this.aim()
    const now = this.signature()
    if (changed || now !== this.drawn) this.draw()
    if (now !== this.drawn && this.picture) this.remember()
    this.drawn = now
  }

  // Something that changes whenever the words or the curves would.
  signature() {
    const of = ({ id }) => [hub.run(id).state, hub.run(id).gone, hub.run(id).steps, hub.run(id).series.get("loss/train")?.version]
    return [hub.lost, this.source.turned, ...this.runs.map(of)].join()
  }

  // Choose the stop to show: the newest while following, else the one nearest to the wanted step.
  aim() {
    const { stops } = this.source
    if (!stops.length) return this.show()
    this.at = this.following || !Number.isFinite(this.step) ? stops.length - 1 : nearest(stops, this.step)
    this.step = stops[this.at]
    this.show()
  }

  seek(index) {
    const { stops } = this.source
    this.at = Math.min(Math.max(index, 0), stops.length - 1)
    this.step = stops[this.at]
    this.following = this.at === stops.length - 1
    this.source.moved(this.step)
    this.show()
    this.drawScrubber()
    this.remember()
  }

  // Bring the picture of the wanted step; at once when it is here already.
  async show() {
    const picture = this.source.picture(this.step)
    if (!picture) {
      this.picture = null
      return this.draw()
    }
    if (picture.key === this.picture?.key && this.picture.grid) return this.draw()
    const found = await this.source.grid(picture, this.grid)
    if (!found || this.dead) return
    this.picture = { ...picture, grid: found }
    const [L, H] = found.shape
    if (this.layer < 0) this.layer = Math.floor(L / 2)
    this.layer = Math.min(this.layer, L - 1)
    this.head = Math.min(this.head, H - 1)
    this.draw()
    clearTimeout(this.resting)
    this.resting = setTimeout(() => this.rest(), REST_MS)
  }

  // The reader stays here: scores, the neighbours' pictures, the checkpoint that is nearest.
  async rest() {
    if (this.dead || !this.picture) return
    this.source.prefetch(this.at, this.layer, this.head)
    this.source.wish(this.step)
    this.remember()
    await this.source.scores(this.picture)
    this.draw()
  }

  choose(layer, head) {
    if (!this.picture) return
    const [L, H] = this.picture.grid.shape
    this.layer = Math.min(Math.max(layer, 0), L - 1)
    this.head = Math.min(Math.max(head, 0), H - 1)
    this.draw()
    this.remember()
  }

  draw() {
    if (!this.props || !this.root.clientWidth) return
    const { picture, theme, signed } = this
    const why = this.why()
    this.note.hidden = !why
    say(this.note, why)
    this.skeleton.hidden = Boolean(picture) || Boolean(why && this.ended)
    this.root.classList.toggle("anl-empty", !picture)
    this.asked()
    this.titles()
    if (picture && this.grid.node.clientWidth) {
      const chosen = [this.layer, this.head]
      const label = t("Attention heads; chosen: layer {layer}, head {head} at step {step:,}. Arrows choose a head, brackets a snapshot.",
        { layer: this.layer + 1, head: this.head + 1, step: picture.step ?? this.step })
      this.grid.show(picture.grid, { theme, signed, chosen, label })
      const scores = this.source.known(picture)
      this.cards.show({ grid: picture.grid, scores, others: signed ? this.source.known(picture, 1) : null, sort: this.props.sort, chosen, theme, signed,
        tokens: picture.tokens.length, causal: this.runs[0].causal })
      this.large.show({ picture, layer: this.layer, index: this.head, theme, signed, scores, names: this.names(),
        others: signed ? this.source.known(picture, 1) : null, source: this.source, causal: this.runs[0].causal })
    } else {
      this.grid.clear()
      this.cards.clear()
      this.large.clear(why && this.ended)
    }
    this.legend.show(theme, signed)
    this.drawScrubber()
  }

  notice() {
    const { picture, signed } = this
    return headsNotice({ shape: picture?.grid?.shape ?? [], scores: picture && this.source.known(picture), tokens: picture?.tokens.length ?? 0,
      causal: this.runs[0]?.causal ?? true, step: picture?.step ?? null, why: this.why(), signed })
  }

  timeNotice() {
    return scrubberNotice({ stops: this.source.stops, at: this.scrubber.at ?? -1, curve: this.scrubber.curves?.[0], own: this.source.own, why: this.why() })
  }

  names() {
    return this.shown.map((run) => short(run.name, 18))
  }

  titles() {
    const [run] = this.shown
    const { picture } = this
    this.gridTitle.show(...headsWords(picture?.grid.shape ?? [run.layers, run.heads], picture))
  }

  about(layer, head) {
    const scores = this.source.known(this.picture)
    return headWords(layer, head, scores, this.picture)
  }

  // Why there is no picture, or "".
  why() {
    const [run] = this.shown
    const live = hub.run(run.id)
    this.ended = live.gone || ENDED.has(live.state)
    return missingWords(run, live, this.source, Boolean(this.picture))
  }

  // How far the answer to an own text has come.
  asked() {
    const { failed } = this.source
    const words = failed && this.picture ? { text: failed, progress: 0, failed: true } : this.source.standing()
    this.wait.hidden = !words
    if (!words) return
    say(this.wait, words.text)
    this.wait.title = words.text // a narrow window cuts it
    this.wait.style.backgroundSize = `${Math.round(words.progress * 100)}% 100%`
    this.wait.classList.toggle("anl-failed", words.failed)
  }

  drawScrubber() {
    const { stops } = this.source
    const [first] = this.shown
    const live = hub.run(first.id)
    const curves = this.shown.map((run) => {
      const series = hub.run(run.id).series.get("loss/train")
      return { steps: series?.steps ?? [], values: series?.values ?? [], colour: runColour(this.theme, run), name: run.name }
    })
    const step = stops[this.at]
    const last = Math.max(live.step ?? 0, stops.at(-1) ?? 0)
    const ended = ENDED.has(live.state ?? first.state)
    const planned = live.steps || (first.steps ?? 0)
    const total = Math.max(ended ? last : frameOf(last, planned), 1)
    const loss = lossAt(curves[0], step)
    const stop = { at: this.at, count: stops.length, own: this.source.own, follows: this.following && !ended }
    const words = step === undefined ? "" : stepWords(step, planned, loss, stop)
    this.scrubber.show({ stops, at: step === undefined ? -1 : this.at, curves, total, theme: this.theme, words })
  }

  // What is chosen stands in the address, beside what Streamlit keeps there.
  remember() {
    clearTimeout(this.writing)
    this.writing = setTimeout(() => {
      if (this.dead) return
      const address = new URL(window.location.href)
      const put = (name, value) => value === null ? address.searchParams.delete(name) : address.searchParams.set(name, value)
      put("attention_layer", this.layer + 1)
      put("attention_head", this.head + 1)
      put("attention_step", this.following && !ENDED.has(hub.run(this.shown[0].id).state) ? null : this.step)
      put("attention_lines", this.large.lines ? "true" : null)
      window.history.replaceState(window.history.state, "", address)
    }, REST_MS)
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.help.open) return
    if (!isForPart(targetOf(event), this.root, event.key)) return
    if (!this.press(event.key)) return
    event.preventDefault()
  }

  press(key) {
    const across = this.grid.place?.across
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }
    if (moves[key]) {
      const [down, right] = moves[key]
      this.choose(this.layer + (across ? right : down), this.head + (across ? down : right))
    } else if (key === "[" || key === "]") {
      this.scrubber.pause()
      if (this.source.stops.length) this.seek(this.at + (key === "[" ? -1 : 1))
    } else if (key === " ") this.scrubber.toggle()
    else if (key === "?") this.help.showModal()
    else if (this.large.press(key)) this.draw()
    else return false
    return true
  }
}
