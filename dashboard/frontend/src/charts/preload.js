// What charts need, fetched before one is shown.

import { loadPlotly } from "./plotly.js"

// Draws nothing; being there loads the module and plotly.js before a chart needs them.
export class Preload {
  /** @type {import("../types").Props} */
  props

  /** @param {HTMLElement} root */
  constructor(root) {
    root.style.display = "none"
  }

  asks() {
    return {}
  }

  /** @param {import("../types").Component} component */
  update(component) {
    this.props = component.data
    if (this.props.plotly) loadPlotly(this.props.plotly).catch(() => {})
  }

  tick() {}

  destroy() {}
}
