// Text as a network writes it: each token in the colour of its probability, what else it could have
// been under the pointer or the keys.

import { t } from "../../protocol/words.js"
import { OVER } from "../../state/inspections.js"
import { sayWhole, el, say, taken } from "../../ui/dom.js"
import { shownToken } from "../../ui/format.js"
import { markDash, runColour } from "../../ui/theme.js"
import { tokensNotice } from "../../notice/anatomy.js"
import { Follower } from "./follower.js"
import { Progress } from "./progress.js"
import { rampLegend, choices, shade, share } from "./token_parts.js"

class Written {
  /** @type {string} */
  about
  /** @type {boolean} */
  dark
  /** @type {import("../../types").Theme} */
  theme

  constructor(act) {
    this.node = el("div", "anl-written")
    this.head = el("div", "anl-who")
    this.dot = el("span", "anl-dot")
    this.name = el("span", "anl-name")
    this.state = el("span", "anl-status")
    this.head.append(this.dot, this.name, this.state)
    this.text = el("div", "anl-text")
    this.text.tabIndex = 0
    this.text.setAttribute("role", "application")
    this.prompt = el("span", "anl-prompt")
    this.flow = el("span", "anl-flow")
    this.text.append(this.prompt, this.flow)
    this.detail = el("div", "anl-detail")
    this.progress = new Progress(act)
    this.node.append(this.head, this.text, this.detail, this.progress.node)
    this.items = []
    this.text.onpointermove = (event) => this.point(event.target)
    this.text.onpointerleave = () => document.activeElement !== this.text && this.mark(-1)
    this.text.onclick = (event) => this.point(event.target)
    this.text.onkeydown = (event) => this.key(event)
    this.text.onblur = () => this.mark(-1)
  }

  show(asked, standing, items, prompt, theme) {
    const fresh = this.about !== asked.run + asked.id || items.length < this.items.length
    const repaint = fresh || this.dark !== theme.dark
    Object.assign(this, { about: asked.run + asked.id, dark: theme.dark, theme })
    this.dot.style.background = runColour(theme, asked)
    markDash(this.dot, asked)
    sayWhole(this.name, asked.name)
    const nats = items.reduce((sum, { p }) => sum - Math.log(Math.max(p, 1e-300)), 0) / Math.max(items.length, 1)
    sayWhole(this.state, t("step {step:,}", { step: asked.step })
      + (items.length ? t(" · {n} tokens · {nats:.2f} nats each", { n: items.length, nats }) : ""))
    say(this.prompt, prompt)
    if (fresh) {
      this.flow.replaceChildren()
      this.chosen = -1
    }
    if (repaint) [...this.flow.children].forEach((node, i) => this.paint(node, items[i]))
    for (let i = this.flow.children.length; i < items.length; i++) {
      const node = el("span", "anl-token", items[i].text === "\n" ? "↵\n" : items[i].text)
      node.dataset.i = String(i)
      this.paint(node, items[i])
      this.flow.append(node)
    }
    if (items.length !== this.items.length && this.text.matches(":not(:hover)")) this.text.scrollTop = this.text.scrollHeight
    this.items = items.slice()
    const busy = !OVER.has(standing.state)
    this.text.classList.toggle("anl-writing", busy)
    this.text.setAttribute("aria-label", t("Text of {run}, {n} tokens. Arrows move from token to token.", { run: asked.name, n: items.length }))
    this.text.setAttribute("aria-busy", String(busy))
    this.progress.node.style.visibility = standing.state === "done" ? "hidden" : ""
    this.progress.show(standing, { label: "" })
    if (this.chosen < 0) this.quiet(busy)
  }

  paint(node, item) {
    const [ground, ink] = shade(this.theme, item.p)
    node.style.background = ground
    node.style.color = ink
  }

  quiet(busy) {
    this.detail.replaceChildren(el("span", "anl-hint", this.items.length ? t("Point at a token, or walk with the arrows, to see what else it could have been.") : busy ? t("The first token appears in a moment.") : t("Nothing was written.")))
  }

  point(node) {
    if (node.dataset?.i !== undefined) this.mark(Number(node.dataset.i))
  }

  key(event) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -20, ArrowDown: 20, Home: -1e9, End: 1e9 }
    if (!(event.key in moves) || !this.items.length) return
    taken(event)
    this.mark(Math.min(Math.max(this.chosen + moves[event.key], 0), this.items.length - 1))
    this.flow.children[this.chosen].scrollIntoView({ block: "nearest" })
  }

  mark(i) {
    this.flow.children[this.chosen]?.classList.remove("anl-picked")
    this.chosen = i
    const item = this.items[i]
    if (!item) return this.quiet(false)
    this.flow.children[i].classList.add("anl-picked")
    const words = el("span", "anl-detail-words")
    words.append(el("code", "", shownToken(item.text)), t(" p = {p} · entropy {entropy:.2f} nats", { p: share(item.p), entropy: item.entropy }))
    this.detail.replaceChildren(words, choices(item.alternatives, item.text))
  }
}

export class Tokens extends Follower {
  constructor(root) {
    super(root)
    this.columns = el("div", "anl-columns")
    this.legend = rampLegend(t("probability of each token"))
    this.body.append(this.columns)
    this.head.append(this.legend)
    /** @type {Written[]} */
    this.written = []
  }

  streams() {
    return true
  }

  notice() {
    return tokensNotice({ texts: this.asked.map((a, i) => ({ name: a.name, items: this.ones[i].items })), why: this.asked.map((_, i) => this.standing(i).message).find(Boolean) ?? "" })
  }

  tick() {
    const { asked } = this
    const { prompt, title } = this.props
    this.heading(title ?? t("What it writes"))
    this.legend.paint(this.theme)
    this.fit(this.written, this.columns, (act) => new Written(act))
    asked.forEach((a, i) => {
      this.written[i].show(a, this.standing(i), this.ones[i].items, prompt, this.theme)
    })
  }

  // The text is here already; only what the page says about it is drawn anew.
  announce() {}
}
