// What an operation costs one run: the loss before and after, and what it writes now.

import { fetchAnswer, sentenceOf } from "../../protocol/fetch.js"
import { t } from "../../protocol/words.js"
import { sayWhole, el, say } from "../../ui/dom.js"
import { shownToken, number } from "../../ui/format.js"
import { markDash, runColour, faded } from "../../ui/theme.js"
import { Progress } from "./progress.js"

export class Cost {
  /** @type {{ name: string, delta: number | null, error: number | null, before: number | null } | null} what was said last */
  told = null

  constructor(act) {
    this.node = el("div", "anl-cost-one")
    this.head = el("div", "anl-who")
    this.dot = el("span", "anl-dot")
    this.name = el("span", "anl-name")
    this.head.append(this.dot, this.name)
    this.progress = new Progress(act)
    this.big = el("div", "anl-delta")
    this.big.setAttribute("role", "status")
    this.value = el("b")
    this.unit = el("span")
    this.big.append(this.value, this.unit)
    this.small = el("div", "anl-delta-words")
    this.first = el("div", "anl-sample-head")
    this.before = el("pre", "anl-wrote")
    this.after = el("pre", "anl-wrote")
    this.where = el("div", "anl-where")
    this.answer = el("div", "anl-answer anl-unanswered")
    this.changed = el("div")
    this.changed.append(el("div", "anl-sample-head", t("writes now, the same seed; grey as before")), this.after,
      el("div", "anl-sample-head", t("where it hurts: nats more at each token of the probe text")), this.where)
    this.answer.append(this.big, this.small, this.first, this.before, this.changed)
    this.node.append(this.head, this.answer, this.progress.node)
  }

  async show(asked, standing, one, theme) {
    this.dot.style.background = runColour(theme, asked)
    markDash(this.dot, asked)
    sayWhole(this.name, asked.name)
    const done = standing.state === "done"
    this.progress.node.style.visibility = done ? "hidden" : ""
    this.progress.show(standing, { label: "" })
    this.answer.classList.toggle("anl-old", !done)
    const mark = one.address + theme.dark
    if (!done || this.about === mark) return
    this.about = mark
    try {
      const answer = await fetchAnswer(one.address, ["before", "after"])
      if (this.about === mark) this.say(answer, theme)
    } catch (error) {
      this.about = ""
      this.progress.node.style.visibility = ""
      this.progress.show({ state: "failed", progress: 0, message: sentenceOf(error) }, { label: "" })
    }
  }

  say(answer, theme) {
    this.told = { name: this.name.textContent ?? "", delta: answer.delta, error: answer.delta_error, before: answer.before.nats }
    this.answer.classList.remove("anl-unanswered")
    const { delta, delta_error: error, before, after, common, operations, windows, tokens, arrays } = answer
    const nothing = !operations.length
    const finite = Number.isFinite(delta)
    const clear = finite && Math.abs(delta) > 2 * (error ?? 0)
    say(this.value, !finite ? t("not finite") : nothing ? "0" : `${delta < 0 ? "−" : "+"}${Math.abs(delta).toFixed(3)}`)
    this.value.className = nothing ? "" : !finite || (clear && delta > 0) ? "anl-bad" : clear ? "anl-better" : ""
    const spread = (error ?? 0).toFixed(3)
    say(this.unit, nothing ? t(" nats: nothing is changed") : !finite ? ""
      : clear ? t(" ± {spread} nats", { spread }) : t(" ± {spread} nats: no clear change", { spread }))
    const size = (v) => (v === null ? t("not finite") : v.toFixed(3))
    say(this.small, nothing
      ? t("loss {before} ± {error} nats on {windows} held-out windows", { before: size(before.nats), error: size(before.error), windows })
      : t("loss {before} → {after} nats on {windows} held-out windows", { before: size(before.nats), after: size(after.nats), windows }))
    say(this.first, nothing ? t("writes") : t("wrote before"))
    this.changed.hidden = nothing
    this.before.replaceChildren(before.text)
    const same = el("span", "anl-same", after.text.slice(0, common))
    this.after.replaceChildren(...(nothing ? [after.text] : [same, after.text.slice(common)]))
    if (!nothing && !after.text) this.after.replaceChildren(el("span", "anl-hint", t("nothing: its logits are not finite")))
    this.where.replaceChildren(...tokens.map((text, i) => {
      const more = i ? arrays.after[i - 1] - arrays.before[i - 1] : 0
      const node = el("span", "", text === "\n" ? "↵" : text)
      const colour = more > 0 ? theme.warning : theme.norm
      node.style.background = Number.isFinite(more) ? faded(colour, Math.min(Math.abs(more) / 4, 1) * 0.75) : theme.warning
      node.title = i ? t("{token}: {before} → {after} nats", { token: shownToken(text), before: number(arrays.before[i - 1], 3), after: number(arrays.after[i - 1], 3) }) : ""
      return node
    }))
  }
}
