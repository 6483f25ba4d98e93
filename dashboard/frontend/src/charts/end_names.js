// A button over each name at a line's end, so that names can be pressed and reached by Tab.

import { t } from "../protocol/words.js"
import { el } from "../ui/dom.js"

/** @import { Curves } from "./curves.js" */

export class EndNames {
  /** @param {Curves} chart */
  constructor(chart) {
    this.chart = chart
    this.node = el("div", "anl-ends")
    this.node.addEventListener("click", (event) => this.pressed(/** @type {HTMLElement} */ (event.target)))
  }

  // A press on a name does what a press on its line does.
  pressed({ dataset }) {
    if (dataset.run) this.chart.standOut(dataset.run)
  }

  place() {
    const { plot, labelled, chosen } = this.chart
    const { width, margin } = plot.layout
    const root = /** @type {Document | ShadowRoot} */ (this.node.getRootNode())
    const active = /** @type {HTMLElement | null} */ (root.activeElement)
    const held = active && this.node.contains(active) ? active.dataset.run : null
    const labels = labelled.filter((label) => label.run)
    while (this.node.children.length > labels.length) this.node.lastElementChild?.remove()
    labels.forEach((label, i) => {
      const button = /** @type {HTMLButtonElement} */ (this.node.children[i] ?? this.node.appendChild(el("button")))
      button.type = "button"
      const on = Boolean(chosen?.runs.some((r) => r.id === label.run))
      button.dataset.run = label.run
      button.setAttribute("aria-pressed", String(on))
      button.ariaLabel = label.text
      button.title = `${label.full}\n${on ? t("Press: all runs again") : t("Press: only this run stands out")}`
      Object.assign(button.style, { left: `${width - margin.r + 3}px`, width: `${margin.r - 5}px`, top: `${margin.t + label.at - 8}px` })
      if (held === label.run) button.focus({ preventScroll: true })
    })
  }
}
