// The chosen head: as a matrix or as lines, what is under the pointer, what is locked.

import { t } from "../../protocol/words.js"
import { buttonOf, el, say } from "../../ui/dom.js"
import { shownToken } from "../../ui/format.js"
import { UNCLEAR, uniformEntropy, strongest, scoreOf, CALLED, CLEAR, IN_A_WORD } from "../../notice/head_words.js"
import { HeadLines } from "./head_lines.js"
import { HeadMatrix } from "./head_matrix.js"
import { headNotice } from "../../notice/heads.js"
import { real } from "../../notice/words.js"
import { PanelTitle } from "./panel.js"
import { apart, portion } from "./pixels.js"

const LISTED = 8 // attended tokens that are named

export class HeadLarge {
  /** @type {any} */
  picture
  /** @type {number} */
  layer
  /** @type {number} */
  index
  /** @type {import("../../types").Grid | null} */
  head
  /** @type {import("../../types").Theme} */
  theme
  /** @type {boolean} */
  signed
  /** @type {any} */
  scores
  /** @type {any} */
  others
  /** @type {string[]} */
  names
  /** @type {any} */
  source
  /** @type {boolean} */
  causal

  constructor({ changed }) {
    this.changed = changed
    this.lines = false
    this.locked = null
    this.title = new PanelTitle()
    this.title.explainedBy(() => this.notice())
    this.modes = el("div", "anl-form")
    this.modes.setAttribute("role", "group")
    this.modes.setAttribute("aria-label", t("How the head is drawn"))
    this.buttons = [["matrix", t("matrix")], ["lines", t("lines")]].map(([name, label]) => {
      const button = buttonOf("", label)
      button.onclick = () => this.mode(name === "lines")
      this.modes.append(button)
      return button
    })
    this.helpButton = buttonOf("anl-help", "⌨")
    this.helpButton.setAttribute("aria-label", t("Keys"))
    this.title.node.append(this.modes, this.helpButton)
    const events = {
      hover: (spot) => this.hover(spot),
      lock: (place) => this.toggle(place),
    }
    this.matrix = new HeadMatrix(events)
    this.drawing = new HeadLines(events)
    this.stage = el("div", "anl-stage")
    this.skeleton = el("div", "anl-skeleton")
    this.stage.append(this.matrix.node, this.drawing.node, this.skeleton)
    this.caption = el("div", "anl-head-caption")
    this.caption.setAttribute("aria-live", "polite")
    this.list = el("div", "anl-listed")
    this.parts = [this.title.node, this.stage, this.caption, this.list]
  }

  notice() {
    const { head, lines, signed, causal, scores, layer, index: at, picture } = this
    return headNotice({ layer, head: at, pattern: head?.data ?? null, tokens: head ? this.tokens : [], scores, causal, lines, signed, step: picture?.step ?? null, why: "" })
  }

  mode(lines) {
    this.lines = lines
    this.draw()
    this.changed()
  }

  toggle(place) {
    const same = this.locked?.kind === place.kind && this.locked.index === place.index
    this.locked = same ? null : place
    this.draw()
  }

  release() {
    this.locked = null
  }

  // Whether a key meant something here.
  press(key) {
    const n = this.head?.shape[0]
    if (!n) return false
    const name = key.toLowerCase()
    if (name === "v") this.mode(!this.lines)
    else if (name === "escape" && this.locked) this.locked = null
    else if (name === "c" && this.locked) this.locked = { kind: this.locked.kind === "row" ? "column" : "row", index: this.locked.index }
    else if (name === "," || name === ".") {
      const kind = this.locked?.kind ?? "row"
      const index = this.locked ? this.locked.index + (name === "," ? -1 : 1) : name === "," ? n - 1 : 0
      this.locked = { kind, index: Math.min(Math.max(index, 0), n - 1) }
    } else return false
    this.draw()
    return true
  }

  clear(quiet) {
    clearTimeout(this.stale)
    this.head = this.asked = null
    this.title.show(t("The chosen head"), "")
    this.matrix.node.hidden = this.drawing.node.hidden = true
    this.skeleton.hidden = Boolean(quiet)
    say(this.caption, "")
    this.list.replaceChildren()
  }

  // props: picture layer head theme signed scores others names source causal
  show(props) {
    const before = this.theme
    const here = props.source.headHere(props.picture, props.layer, props.index)
    if (here) {
      this.take(here, props)
      return
    }
    const asked = `${props.picture.key} ${props.layer} ${props.index}`
    if (this.asked === asked && before === props.theme) return
    this.asked = asked
    // The head before stays for a moment, so that scrubbing does not flicker; then it would lie.
    clearTimeout(this.stale)
    this.stale = setTimeout(() => this.asked === asked && this.veil(), this.head ? 120 : 0)
    props.source.head(props.picture, props.layer, props.index).then(
      (head) => this.asked === asked && this.take(head, props),
      () => (this.asked = null),
    )
  }

  // The map together with what is said of it: title, caption and scores change with it, not before.
  take(head, props) {
    Object.assign(this, props)
    this.title.show(t("Layer {layer}, head {head}", { layer: props.layer + 1, head: props.index + 1 }), props.names.join(" − "))
    clearTimeout(this.stale)
    this.asked = null
    this.head = head
    this.tokens = this.picture.tokens
    if (this.locked?.index >= head.shape[0]) this.locked = null
    this.draw()
  }

  veil() {
    this.head = null
    this.matrix.node.hidden = this.drawing.node.hidden = true
    this.skeleton.hidden = false
  }

  draw() {
    for (const [i, button] of this.buttons.entries()) {
      button.setAttribute("aria-pressed", String((i === 1) === this.lines))
    }
    if (!this.head) return
    this.skeleton.hidden = true
    this.matrix.node.hidden = this.lines
    this.drawing.node.hidden = !this.lines
    const { tokens, theme, signed, locked } = this
    this.describe() // first: its lines take room from the picture
    this.listed()
    const view = this.lines ? this.drawing : this.matrix
    view.show(this.head, { tokens, theme, signed, locked })
    this.matrix.canvas.setAttribute("aria-label",
      t("Attention of layer {layer}, head {head} over {n:,} tokens, rows are queries. {summary}",
        { layer: this.layer + 1, head: this.index + 1, n: tokens.length, summary: this.summary() }))
  }

  hover(spot) {
    this.spot = spot
    this.describe()
  }

  named(i) {
    return `“${shownToken(this.tokens[i] ?? "")}” (${i + 1})`
  }

  /**
   * @param {import("../../types").Grid} head
   * @param {number} query
   * @param {number} key
   */
  value(head, query, key) {
    const at = query * head.shape[0] + key
    if (!head.parts) return `p = ${portion(head.data[at])}`
    const { a, b, difference } = apart(head.parts[0].data[at], head.parts[1].data[at])
    return `A ${a}, B ${b}, A − B = ${difference}`
  }

  describe() {
    if (!this.head) return
    const { spot } = this
    if (spot?.query >= this.tokens.length || spot?.key >= this.tokens.length) this.spot = null
    if (!this.spot) return say(this.caption, this.summary())
    const { query, key } = this.spot
    say(this.caption, this.causal && key > query
      ? t("query {query} can't see later tokens", { query: this.named(query) })
      : t("query {query} looks at {key}: {value}", { query: this.named(query), key: this.named(key), value: this.value(this.head, query, key) }))
  }

  // What the head does, in numbers, and how to read the picture: of the run and the moment that is
  // drawn. Of a difference the scores of A, of B, and how they differ.
  summary() {
    const { scores, others, picture } = this
    if (!scores) return this.signed ? t("orange: A looks there more; blue: B does") : t("rows are queries, columns the keys they look at")
    if (!this.signed) {
      const induced = scores.induced === undefined ? []
        : [t("induction is measured at checkpoints, the nearest is step {step:,}", { step: scores.induced })]
      return [t("step {step:,}: {what}", { step: picture.step, what: this.does(scores) }), ...induced].join(" · ")
    }
    const at = (who, place, told) => t("{who}, step {step:,}: {what}", { who, step: picture.steps[place], what: this.does(told) })
    if (!others) return at("A", 0, scores)
    const differs = [["entropy", "entropy"], ["previous", "previous token"], ["first", "first token"], ["induction", "induction"]]
      .map(([name, called]) => ({ called, a: this.of(scores, name), b: this.of(others, name) }))
      .flatMap(({ called, a, b }) => (real(a) && real(b) ? [{ called, a, b }] : [])).map(({ called, a, b }) => `${IN_A_WORD[called]} ${apart(a, b).difference}`)
    return [at("A", 0, scores), at("B", 1, others), `A − B: ${differs.join(" · ")}`].join("\n")
  }

  of(scores, name) {
    return scoreOf(scores, name, this.layer, this.index)
  }

  does(scores) {
    const uniform = uniformEntropy(this.tokens.length, this.causal)
    const pattern = strongest(scores, this.layer, this.index)
    const what = UNCLEAR[pattern]?.[0] ?? t("mostly {pattern}", { pattern: CALLED[pattern] ?? pattern })
    const first = this.of(scores, "first")
    const said = [(first ?? 0) >= CLEAR && pattern !== "first token" ? t("beside the first token {what}", { what }) : what,
      t("entropy {entropy} of {highest} nats", { entropy: portion(this.of(scores, "entropy")), highest: portion(uniform) }),
      `${IN_A_WORD["first token"]} ${portion(first)}`, `${IN_A_WORD["previous token"]} ${portion(this.of(scores, "previous"))}`]
    const induction = this.of(scores, "induction")
    if (Number.isFinite(induction)) said.push(`${IN_A_WORD.induction} ${portion(induction)}`)
    return said.join(" · ")
  }

  // The tokens that the locked row looks at most, or that look most at the locked column.
  listed() {
    const { locked, head } = this
    this.list.hidden = !locked
    if (!locked || !head) return this.list.replaceChildren()
    const { kind, index } = locked
    const n = head.shape[0]
    const at = (i) => (kind === "row" ? index * n + i : i * n + index)
    const top = [...Array(n).keys()].map((i) => [i, head.data[at(i)]]).filter(([, v]) => v !== 0)
      .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, LISTED)
    const lead = el("span", "anl-lead", kind === "row" ? t("query {query} looks at", { query: this.named(index) }) : t("key {key} is looked at by", { key: this.named(index) }))
    const chips = top.map(([i, v]) => {
      const chip = el("span", "anl-looked")
      chip.append(el("b", "", shownToken(this.tokens[i] ?? "")), el("span", "", String(i + 1)), el("em", "", portion(v, this.signed)))
      return chip
    })
    const free = buttonOf("anl-free", t("release"))
    free.title = "Esc"
    free.onclick = () => {
      this.release()
      this.draw()
    }
    if (!top.length) chips.push(el("span", "", this.signed ? t("no difference") : t("nothing")))
    this.list.replaceChildren(lead, ...chips, free)
  }
}
