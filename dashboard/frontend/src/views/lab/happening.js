// What stood out in training, in words.

import { ENDED } from "../../protocol/states.js"
import { t } from "../../protocol/words.js"
import { hub } from "../../state/hub.js"
import { Card } from "../../ui/card.js"
import { el } from "../../ui/dom.js"
import { labelOf } from "../../ui/format.js"
import { runColour } from "../../ui/theme.js"

const LEVELS = new Set(["good", "note", "switch", "restart", "fork"])

export class Happening extends Card {
  constructor(root) {
    super(root)
    this.list = el("div", "anl-events")
    this.list.setAttribute("role", "log")
    this.list.tabIndex = 0
    this.body.append(this.list)
  }

  asks() {
    return { runs: this.runs.map((r) => r.id) }
  }

  tick(force = false) {
    const { runs } = this.props
    if (!runs) return
    const live = runs.map((r) => hub.run(r.id))
    const now = JSON.stringify(live.map((l) => [l.events, l.state, l.gone]))
    if (!force && now === this.drawn) return
    this.drawn = now
    this.heading(this.props.title ?? t("What is happening"))
    const alarms = runs.flatMap((run, i) => live[i].alarms.map((a) => ({ run, step: a[0], level: a[1], text: a[2] })))
    const verdicts = runs.flatMap((run, i) => {
      const said = (this.props.outcomes ?? {})[run.id]
      return said && ENDED.has(live[i].state) && !live[i].gone ? [{ run, step: said[0], level: said[1], text: said[2] }] : []
    })
    const lines = [...verdicts, ...alarms].sort((a, b) => b.step - a.step) // a verdict before the alarms of its step
    const nodes = lines.slice(0, 30).map((alarm) => this.alarm(alarm, runs.length > 1))
    if (!nodes.length) nodes.push(el("p", "anl-quiet", this.quiet(live)))
    runs.forEach((run, i) => live[i].sample && nodes.push(this.sample(run, live[i].sample, runs.length > 1)))
    this.list.replaceChildren(...nodes)
  }

  quiet(live) {
    if (!live.length) return t("Choose settings and press Train. What stands out is said here in words.")
    if (live.every((l) => l.gone)) return t("This run was deleted.")
    if (live.every((l) => !l.loaded)) return t("Loading…")
    if (live.some((l) => l.state === "running")) return t("Nothing stands out so far. Plateaus, vanishing gradients and breakthroughs are named here at their step.")
    if (live.every((l) => l.state === "queued" || l.state === "starting")) return live.some((l) => l.step > 0) ? t("Waiting to go on.") : t("Waiting for the first step.")
    return t("Nothing stood out.")
  }

  alarm({ run, step, level, text }, several) {
    const node = el("div", "anl-event anl-event-" + (LEVELS.has(level) ? level : "warning"))
    const head = el("b", "", t("step {step:,}", { step }))
    node.append(head)
    if (several) {
      const who = el("span", "anl-by", " " + labelOf(run))
      who.style.color = runColour(this.theme, run, true)
      node.append(who)
    }
    node.append(` · ${text}`)
    return node
  }

  sample(run, [step, text], several) {
    const node = el("div", "anl-sample")
    node.append(el("div", "anl-sample-head", [t("Sample, step {step:,}", { step }), ...(several ? [labelOf(run)] : [])].join(" · ")))
    node.append(el("pre", "", text))
    return node
  }
}
