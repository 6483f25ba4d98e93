// Small parts of a panel: its title, the colour's legend, the list of keys.

import { t } from "../../protocol/words.js"
import { buttonOf, el, say } from "../../ui/dom.js"
import { Help } from "../../ui/help.js"

export class PanelTitle {
  constructor() {
    this.node = el("div", "anl-panel-title")
    this.title = el("h3", "anl-title")
    this.note = el("div", "anl-subtitle")
    this.node.append(this.title, this.note)
  }

  /** @param {() => import("../../types").Notice} notice what is drawn below it */
  explainedBy(notice) {
    this.title.after(new Help(notice, this.title).node)
  }

  show(title, note) {
    say(this.title, title)
    say(this.note, note)
    this.note.title = note
  }
}

// What the colours mean: √p, or √|Δp| on one symmetric scale.
export class Legend {
  constructor() {
    this.node = el("div", "anl-legend")
    this.bar = el("span", "anl-legend-bar")
    this.low = el("span")
    this.high = el("span")
    this.what = el("span")
    this.node.append(this.low, this.bar, this.high, this.what)
  }

  show(theme, signed) {
    const stops = signed ? theme.diverging : theme.ramp
    this.bar.style.background = `linear-gradient(90deg, ${stops.join()})`
    say(this.low, signed ? "−1" : "0")
    say(this.high, signed ? "+1" : "1")
    say(this.what, signed ? t("A − B, colour ±√|Δp|") : t("attention p, colour √p"))
  }
}

export function keysDialog(rows) {
  const dialog = el("dialog", "anl-keys")
  dialog.setAttribute("aria-label", t("Keys"))
  const list = el("dl")
  for (const [keys, what] of rows) list.append(el("dt", "", keys), el("dd", "", what))
  const close = buttonOf("", t("Close"))
  close.onclick = () => dialog.close()
  dialog.append(el("h3", "anl-title", t("Keys of this page")), list, close)
  dialog.onclick = (event) => event.target === dialog && dialog.close()
  return dialog
}
