// Heads as cards, the highest score first; only those in view are in the page.

import { Help } from "../../ui/help.js"
import { cardsNotice } from "../../notice/heads.js"
import { CALLED, IN_A_WORD, LOOKS, UNCLEAR, scoreOf, strongest, uniformEntropy, weighty } from "../../notice/head_words.js"
import { t } from "../../protocol/words.js"
import { isFiniteNumber } from "../../state/aggregate.js"
import { sized } from "../../ui/canvas.js"
import { el, say, taken } from "../../ui/dom.js"
import { apart, pixelTable, portion, stamp } from "./pixels.js"

const CARD_HEIGHT = 90
const CARD_GAP = 8
const SORT_KEYS = { "induction": "induction", "previous token": "previous", "first token": "first",
  "duplicate token": "duplicate", "entropy": "entropy" }

export class HeadCards {
  /** @type {import("../../types").Grid | null} */
  grid = null
  /** @type {any} */
  scores
  /** @type {any} */
  others
  /** @type {string} */
  sort
  /** @type {number[]} layer and head */
  chosen
  across = 1
  uniform = 0 // nats of a head that attends evenly
  /** @type {import("../../types").Theme} */
  theme
  /** @type {boolean} */
  signed
  /** @type {number} how many there are */
  tokens
  /** @type {boolean} */
  causal

  constructor({ pick }) {
    this.pick = pick
    this.node = el("div", "anl-cards")
    this.node.setAttribute("role", "listbox")
    this.node.setAttribute("aria-label", t("Heads, sorted"))
    this.node.tabIndex = 0
    this.spacer = el("div", "anl-cards-all")
    this.node.append(this.spacer)
    this.cards = new Map()
    this.order = []
    this.sorted = el("h3", "anl-title")
    this.head = el("div", "anl-cards-head")
    this.head.append(this.sorted, new Help(() => this.notice(), this.sorted).node)
    this.node.onscroll = () => this.draw()
    this.node.onkeydown = (event) => this.key(event)
  }

  show({ grid, scores, others, sort, chosen, theme, signed, tokens, causal }) {
    const before = this.chosen?.join()
    const fresh = this.grid !== grid || this.theme !== theme || this.signed !== signed
    Object.assign(this, { grid, scores, others, sort, chosen, theme, signed, tokens, causal })
    this.uniform = uniformEntropy(tokens, causal)
    say(this.sorted, t("Heads by {score}", { score: CALLED[sort] ?? sort }))
    this.sortHeads()
    if (fresh) for (const card of this.cards.values()) card.stale = true
    this.draw()
    if (before !== undefined && before !== chosen.join()) this.reveal()
  }

  notice() {
    return cardsNotice({ shape: this.grid?.shape ?? [], scores: this.scores, tokens: this.tokens, causal: this.causal, step: this.grid ? 0 : null, why: "",
      signed: this.signed, sort: this.sort, order: this.order, valueOf: (layer, head) => this.score(layer, head) })
  }

  score(layer, head) {
    const value = scoreOf(this.scores, SORT_KEYS[this.sort], layer, head)
    return isFiniteNumber(value) ? value : null
  }

  // Entropy from the sharpest on; every other score from the highest on, of heads that give nearly
  // all to the first token after the others; unknown ones last.
  sortHeads() {
    const [L, H] = this.grid?.shape ?? [0, 0]
    const rank = (/** @type {number[]} */ [layer, head]) => {
      const value = this.score(layer, head)
      if (value === null) return Infinity
      if (this.sort === "entropy") return value
      return this.sort === "first token" || weighty(this.scores, SORT_KEYS[this.sort], layer, head) ? -value : 1 - value
    }
    this.order = [...Array(L * H).keys()].map((i) => [Math.floor(i / H), i % H])
    const ranked = this.order.map((place) => ({ place, rank: rank(place) }))
    ranked.sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank) || a.place[0] - b.place[0] || a.place[1] - b.place[1])
    this.order = ranked.map(({ place }) => place)
  }

  clear() {
    this.order = []
    this.grid = null
    this.draw()
  }

  draw() {
    const across = this.node.clientWidth > 420 ? Math.floor(this.node.clientWidth / 240) : 1
    const pitch = CARD_HEIGHT + CARD_GAP
    this.across = across
    const rows = Math.ceil(this.order.length / across)
    this.spacer.style.height = Math.max(rows * pitch - CARD_GAP, 0) + "px"
    const first = Math.max(0, Math.floor(this.node.scrollTop / pitch) - 1) * across
    const last = Math.min(this.order.length, (Math.ceil((this.node.scrollTop + this.node.clientHeight) / pitch) + 1) * across)
    const wanted = new Set()
    for (let i = first; i < last; i++) {
      const [layer, head] = this.order[i]
      const key = layer + "." + head
      wanted.add(key)
      if (!this.cards.has(key)) this.make(key, layer, head)
      const card = this.cards.get(key)
      const width = 100 / across
      card.node.style.cssText = `top:${Math.floor(i / across) * pitch}px;left:calc(${(i % across) * width}% + ${i % across ? CARD_GAP / 2 : 0}px);width:calc(${width}% - ${across > 1 ? CARD_GAP / 2 : 0}px)`
      this.fill(card, layer, head)
      // In the page's order too, for who hears it read.
      const here = this.spacer.children[wanted.size - 1]
      if (here !== card.node) this.spacer.insertBefore(card.node, here ?? null)
    }
    for (const [key, { node }] of this.cards) {
      if (wanted.has(key)) continue
      node.remove()
      this.cards.delete(key)
    }
    const on = this.chosen && this.cards.get(this.chosen.join("."))
    if (on) this.node.setAttribute("aria-activedescendant", on.node.id)
    else this.node.removeAttribute("aria-activedescendant")
  }

  make(key, layer, head) {
    const node = el("div", "anl-head-card")
    node.setAttribute("role", "option")
    node.id = `anl-head-${key}`
    const canvas = el("canvas", "anl-canvas")
    const text = el("div", "anl-head-card-text")
    const [title, name, bar, fill, more] = [el("b"), el("span"), el("div", "anl-score"), el("div"), el("div", "anl-more")]
    const [sink, rest, resting, share] = [el("div", "anl-sink"), el("div", "anl-score"), el("div"), el("span")]
    const head_ = el("div", "anl-head-card-title")
    head_.append(title, " ", name)
    bar.append(fill)
    rest.append(resting)
    sink.append(rest, " ", share)
    text.append(head_, bar, " ", more, " ", sink)
    node.append(canvas, text)
    node.onclick = () => this.pick(layer, head)
    this.spacer.append(node)
    this.cards.set(key, { node, canvas, title, name, fill, more, sink, resting, share, stale: true })
  }

  fill(card, layer, head) {
    const { scores, sort } = this
    const on = this.chosen[0] === layer && this.chosen[1] === head
    card.node.classList.toggle("anl-att-chosen", on)
    card.node.setAttribute("aria-selected", String(on))
    const value = this.score(layer, head)
    const of = (name) => scoreOf(scores, name, layer, head)
    const name = scores ? strongest(scores, layer, head) : ""
    say(card.title, `${layer + 1}.${head + 1}`)
    say(card.name, UNCLEAR[name]?.[0] ?? CALLED[name] ?? name)
    card.name.title = UNCLEAR[name]?.[1] ?? LOOKS[name] ?? ""
    const full = sort === "entropy" ? Math.max(this.uniform, 1e-9) : 1
    card.fill.style.width = `${Math.min(Math.max((value ?? 0) / full, 0), 1) * 100}%`
    const [key, what] = [SORT_KEYS[sort], IN_A_WORD[sort]]
    const b = scoreOf(this.others, key, layer, head)
    const two = isFiniteNumber(b) && value !== null ? apart(value, b) : null
    const both = this.signed && value !== null
      ? two ? `${what} A − B ${two.difference} · A ${two.a}, B ${two.b}` : `${what} A ${portion(value)}` : ""
    const entropy = t("entropy {entropy}", { entropy: portion(of("entropy")) })
    const parts = sort === "entropy" ? [entropy] : [`${what} ${portion(value)}`, entropy]
    const said = scores ? parts.join(" · ") : "…"
    say(card.more, both || said)
    card.more.classList.toggle("anl-more-both", Boolean(both))
    const first = of("first")
    card.resting.style.width = `${Math.min(Math.max(first ?? 0, 0), 1) * 100}%`
    card.sink.title = t("The share of its attention that goes to the first token")
    say(card.share, scores ? t("sink {share}", { share: portion(first) }) : "")
    // What is seen is a part of the name, so that who speaks to the page can say it.
    card.node.setAttribute("aria-label", t("layer {layer}, head {head}", { layer: layer + 1, head: head + 1 }) + ": "
      + [card.title, card.name, card.more, card.share].map((part) => part.textContent).join(" "))
    if (card.stale) this.thumbnail(card, layer, head)
    card.stale = false
  }

  thumbnail(card, layer, head) {
    if (!this.grid) return
    const [, H, n] = this.grid.shape
    const { context, w, h } = sized(card.canvas, 58, 58)
    const image = context.createImageData(w, h)
    stamp(image, 0, 0, Math.min(w, h), this.grid.data, (layer * H + head) * n * n, n, pixelTable(this.theme, this.signed), this.signed)
    context.putImageData(image, 0, 0)
  }

  reveal() {
    const at = this.order.findIndex(([l, h]) => l === this.chosen[0] && h === this.chosen[1])
    const top = Math.floor(at / (this.across || 1)) * (CARD_HEIGHT + CARD_GAP)
    const { scrollTop, clientHeight } = this.node
    if (top < scrollTop) this.node.scrollTop = top
    else if (top + CARD_HEIGHT > scrollTop + clientHeight) this.node.scrollTop = top + CARD_HEIGHT - clientHeight
  }

  // In the list the arrows go through the sorted heads.
  key(event) {
    const moves = { ArrowDown: this.across, ArrowUp: -this.across, ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }
    const move = moves[event.key]
    if (move === undefined || !this.order.length) return
    const at = this.order.findIndex(([l, h]) => l === this.chosen[0] && h === this.chosen[1])
    this.pick(...this.order[Math.min(Math.max(at + move, 0), this.order.length - 1)])
    taken(event)
  }
}
