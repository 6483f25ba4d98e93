// The network as rows of layers, every part a switch; beside it what the operation costs.

import { LABELS } from "../../protocol/labels.js"
import { t } from "../../protocol/words.js"
import { buttonOf, el, say } from "../../ui/dom.js"
import { number } from "../../ui/format.js"
import { Cost } from "./cost.js"
import { operateNotice } from "../../notice/anatomy.js"
import { Follower } from "./follower.js"

/** @type {Record<string, string[]>} */
const ALLOWED = LABELS.operations

const MODES = [["off", t("Off"), t("its output becomes 0; a norm becomes the identity")],
  ["mean", t("Mean"), t("its output becomes its mean over held-out text")],
  ["scale", t("Scale"), t("its output is multiplied")]]

/** @type {Record<string, (of: { layer: number, part: string }) => string>} */
const NORMS = {
  pre: (of) => t("layer {layer}, norm before {part}", of),
  inner: (of) => t("layer {layer}, norm at the end of {part}", of),
  post: (of) => t("layer {layer}, norm after the Add of {part}", of),
  q: (of) => t("layer {layer}, norm of the queries of {part}", of),
  k: (of) => t("layer {layer}, norm of the keys of {part}", of),
  v: (of) => t("layer {layer}, norm of the values of {part}", of),
  joined: (of) => t("layer {layer}, norm over the joined heads of {part}", of),
  hidden: (of) => t("layer {layer}, norm of the hidden units of {part}", of),
}

// What an operation does, behind the words of its part.
const doneTo = (o) => (o.action === "swap" ? "" : o.action === "scale" ? ` × ${number(o.scale, 3)}` : o.action === "mean" ? t(": mean") : t(": off"))

const targetOf = ({ target, layer, head, place, sublayer }) => [target, layer, head, place, sublayer].join("|")

export class Operate extends Follower {
  /** @type {HTMLButtonElement[]} */
  modes
  /** @type {HTMLLabelElement} */
  label
  /** @type {HTMLInputElement} the factor of what is scaled */
  input
  /** @type {HTMLButtonElement} */
  reset
  /** @type {{ node: HTMLButtonElement, target: any, text: string, words: string }[]} */
  parts = []
  network = ""
  listed = ""

  /** @param {HTMLElement} root */
  constructor(root) {
    super(root)
    this.mode = "off"
    this.factor = 0.5
    this.turn = 0
    this.operations = []
    this.bar = el("div", "anl-modes")
    this.net = el("div", "anl-net")
    this.side = el("div", "anl-cost")
    this.left = el("div", "anl-patient")
    this.left.append(this.bar, this.net)
    this.body.append(this.left, this.side)
    this.body.classList.add("anl-operating")
    this.tools()
    /** @type {Cost[]} */
    this.costs = []
    this.sentence = el("div", "anl-message anl-bad")
    this.done = el("div", "anl-done")
    this.side.append(this.sentence, this.done)
    this.net.onkeydown = (event) => this.walk(event)
  }

  // What a press on a part does to it.
  tools() {
    const group = el("div", "anl-segments")
    group.setAttribute("role", "radiogroup")
    group.setAttribute("aria-label", t("What a press does"))
    this.modes = MODES.map(([mode, word, help]) => {
      const button = el("button", "", word)
      Object.assign(button, { type: "button", title: help })
      button.setAttribute("role", "radio")
      button.dataset.mode = mode
      button.onclick = () => this.become(mode)
      button.onkeydown = (event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
        if (!by) return
        event.preventDefault()
        const next = (MODES.findIndex(([m]) => m === this.mode) + by + MODES.length) % MODES.length
        this.become(MODES[next][0])
        this.modes[next].focus()
      }
      group.append(button)
      return button
    })
    this.label = el("label", "anl-factor", "× ")
    this.input = el("input")
    Object.assign(this.input, { type: "number", min: -10, max: 10, step: 0.1, value: this.factor })
    this.input.setAttribute("aria-label", t("Factor"))
    this.input.onchange = () => this.rescale()
    this.label.append(this.input)
    this.reset = buttonOf("anl-button", t("Reset"))
    this.reset.dataset.action = "reset"
    this.reset.onclick = () => this.send([])
    this.bar.append(group, this.label, this.reset)
    this.become("off")
  }

  become(mode) {
    this.mode = mode
    this.modes.forEach((b) => {
      b.setAttribute("aria-checked", String(b.dataset.mode === mode))
      b.tabIndex = b.dataset.mode === mode ? 0 : -1
    })
    this.label.style.visibility = mode === "scale" ? "" : "hidden"
  }

  // A new factor also holds for what is scaled already.
  rescale() {
    const value = Number(this.input.value)
    this.factor = Number.isFinite(value) && this.input.value !== "" ? Math.min(Math.max(value, -10), 10) : 0.5
    this.input.value = String(this.factor)
    if (this.operations.some((o) => o.action === "scale")) {
      this.send(this.operations.map((o) => (o.action === "scale" ? { ...o, scale: this.factor } : o)))
    }
  }

  update(component) {
    const { network, operations, turn } = component.data
    // What the page drew before the last press is history.
    if ((turn ?? 0) >= this.turn) {
      this.turn = turn ?? 0
      this.operations = operations
    }
    const drawn = JSON.stringify(network)
    if (drawn !== this.network) {
      this.network = drawn
      this.build(network)
    }
    super.update(component)
  }

  build(network) {
    this.parts = []
    const rows = []
    const norm = (layer, place, words) => this.part({ target: "norm", ...(layer === null ? {} : { layer }), place }, "norm", "N", words)
    if (network.final) rows.push(this.alone(t("final norm"), norm(null, "final", t("final norm"))))
    for (const row of [...network.layers].reverse()) rows.push(this.layer(row, network.layers.length, norm))
    if (network.embedding) rows.push(this.alone(t("embedding norm"), norm(null, "embedding", t("embedding norm"))))
    const foot = el("div", "anl-net-row anl-net-end")
    foot.append(el("span", "anl-net-label", ""), el("span", "anl-net-words", t("embedding, from below")))
    rows.push(foot)
    this.net.replaceChildren(...rows)
    this.parts.forEach(({ node }, i) => (node.tabIndex = i ? -1 : 0))
  }

  alone(words, node) {
    const row = el("div", "anl-net-row")
    const holder = el("span", "anl-chain")
    holder.append(node)
    row.append(el("span", "anl-net-label", ""), holder, el("span", "anl-net-words", words))
    return row
  }

  layer({ layer, heads, sublayers }, depth, norm) {
    const row = el("div", "anl-net-row")
    const at = { layer: layer + 1 }
    const block = this.part({ target: "block", layer }, "block", String(layer + 1), t("layer {layer}, the whole block", at))
    row.append(block)
    for (const { part, residual, norms } of sublayers) {
      const chain = el("span", "anl-chain")
      const of = { ...at, part: part === "attention" ? t("attention") : t("feed-forward") }
      const place = (where) => norms.includes(where) && norm(layer, `${part}.${where}`, NORMS[where](of))
      const box = el("span", `anl-sub anl-sub-${part}`)
      box.append(this.part({ target: part, layer }, part, part === "attention" ? t("attn") : t("ffn"), t("layer {layer}, {part}", of)))
      if (part === "attention") {
        for (let head = 0; head < heads; head++) box.append(this.part({ target: "head", layer, head }, "head", String(head + 1), t("layer {layer}, head {head}", { ...at, head: head + 1 })))
      }
      for (const where of ["q", "k", "v", "joined", "hidden"]) if (norms.includes(where)) box.append(place(where))
      const add = residual && this.part({ target: "residual", layer, sublayer: part }, "add", "+", t("layer {layer}, residual around {part}", of))
      chain.append(...[place("pre"), box, place("inner"), add, place("post")].filter(Boolean))
      row.append(chain)
    }
    if (layer + 1 < depth) row.append(this.part({ target: "block", layer, action: "swap" }, "swap", "⇅", t("layer {layer}, swap with layer {other}", { ...at, other: layer + 2 })))
    return row
  }

  part(target, kind, text, words) {
    const node = buttonOf(`anl-part anl-part-${kind}`, text)
    node.setAttribute("aria-label", words)
    node.onclick = () => this.press(target)
    this.parts.push({ node, target, text, words })
    return node
  }

  press(target) {
    const allowed = ALLOWED[target.target]
    const action = target.action ?? (allowed.includes(this.mode) ? this.mode : "off")
    const operation = { ...target, action, ...(action === "scale" ? { scale: this.factor } : {}) }
    const now = this.operations.find((o) => targetOf(o) === targetOf(target))
    const rest = this.operations.filter((o) => o !== now)
    const same = now && now.action === action && now.scale === operation.scale
    this.send(same ? rest : [...rest, operation])
  }

  send(operations) {
    this.operations = operations
    this.turn += 1
    this.trigger("operations", { turn: this.turn, operations })
    this.tick()
  }

  // What is done, in words; a press takes it back.
  list() {
    const now = JSON.stringify(this.operations)
    if (now === this.listed) return
    this.listed = now
    const chips = this.operations.map((o) => {
      const part = this.parts.find(({ target }) => targetOf(target) === targetOf(o) && (target.action === "swap") === (o.action === "swap"))
      const words = part?.words ?? o.target
      const chip = buttonOf("anl-chip", words + doneTo(o))
      chip.title = t("Take back")
      chip.onclick = () => this.send(this.operations.filter((other) => targetOf(other) !== targetOf(o)))
      return chip
    })
    this.done.replaceChildren(...(chips.length ? chips : [el("span", "anl-hint", t("Nothing is done to it yet. Switch off a head, a norm, a residual or a whole block."))]))
  }

  // Arrows walk from part to part as the eye does; Tab leaves the drawing.
  walk(event) {
    const here = this.parts.find(({ node }) => node === document.activeElement)
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
    if (!here || !by) return
    event.preventDefault()
    const centre = (node) => {
      const r = node.getBoundingClientRect()
      return [r.left + r.width / 2, r.top + r.height / 2]
    }
    const [x, y] = centre(here.node)
    let best = null
    for (const { node } of this.parts) {
      const [dx, dy] = centre(node).map((v, i) => v - [x, y][i])
      const along = by[0] ? dx * by[0] : dy * by[1]
      const across = Math.abs(by[0] ? dy : dx)
      if (along <= 2 || (by[0] && across > 14)) continue
      const far = along + 3 * across
      if (!best || far < best.far) best = { node, far }
    }
    if (!best) return
    this.parts.forEach(({ node }) => (node.tabIndex = node === best.node ? 0 : -1))
    best.node.focus()
  }

  tick() {
    const { asked } = this
    const { title, subtitle, problem } = this.props
    this.heading(title ?? t("Press a part to operate on it"), subtitle ?? "")
    this.reset.disabled = !this.operations.length
    for (const { node, target, text, words } of this.parts) {
      const own = this.operations.find((o) => targetOf(o) === targetOf(target) && (o.action === "swap") === (target.action === "swap"))
      node.dataset.done = own?.action ?? ""
      node.setAttribute("aria-pressed", String(Boolean(own)))
      say(node, own?.action === "scale" ? `×${number(own.scale, 2)}` : own?.action === "mean" ? "x̄" : text)
      node.title = own ? words + doneTo(own) : words
    }
    this.list()
    say(this.sentence, problem ?? "")
    this.sentence.hidden = !problem
    this.fit(this.costs, this.side, (act) => new Cost(act))
    asked.forEach((a, i) => {
      this.costs[i].show(a, this.standing(i), this.ones[i], this.theme)
    })
  }

  notice() {
    return operateNotice({ operations: this.operations.length, costs: this.costs.flatMap((cost, i) => (cost.told && this.standing(i).state === "done" ? [cost.told] : [])),
      why: this.asked.map((_, i) => this.standing(i).message).find(Boolean) ?? "" })
  }

  // The cost is drawn here; nothing else on the page depends on it.
  announce() {}
}
