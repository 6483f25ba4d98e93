// How far a question is.

import { t } from "../../protocol/words.js"
import { OVER } from "../../state/inspections.js"
import { buttonOf, el, say } from "../../ui/dom.js"

// A question's line: whose it is, what it does, how far it is; Cancel, or Ask again.
export class Progress {
  action = ""

  /** @param {(action: string) => void} act what Cancel and Ask again do */
  constructor(act) {
    this.node = el("div", "anl-question")
    this.text = el("span", "anl-question-text")
    this.text.setAttribute("role", "status")
    this.dot = el("span", "anl-dot")
    this.button = buttonOf("anl-button")
    this.button.onclick = () => act(this.action)
    const line = el("div", "anl-question-line")
    line.append(this.dot, this.text, this.button)
    this.bar = el("div", "anl-bar")
    this.fill = el("div")
    this.bar.append(this.fill)
    this.bar.setAttribute("role", "progressbar")
    this.node.append(line, this.bar)
  }

  /**
   * @param {import("../../protocol/replies").Standing} standing
   * @param {{ label: string, colour?: string, lost?: boolean }} whose
   */
  show({ state, progress, message }, { label, colour, lost }) {
    const atWork = !OVER.has(state)
    const bad = state === "failed"
    const said = lost ? t("connection lost, retrying") : state === "cancelled" ? t("cancelled") : message
    say(this.text, [label, said].filter(Boolean).join(t(": ")))
    this.text.classList.toggle("anl-bad", bad)
    this.dot.hidden = !colour
    this.dot.style.background = colour ?? ""
    this.dot.classList.toggle("anl-pulse", atWork)
    this.action = atWork ? "cancel" : "again"
    say(this.button, atWork ? t("Cancel") : t("Ask again"))
    this.button.dataset.action = this.action
    this.bar.style.visibility = atWork ? "" : "hidden"
    this.bar.classList.toggle("anl-waiting", state === "waiting" || !progress)
    this.fill.style.width = `${Math.max(progress, 0.02) * 100}%`
    this.bar.setAttribute("aria-label", label || t("progress"))
    this.bar.setAttribute("aria-valuenow", String(Math.round(progress * 100)))
  }
}
