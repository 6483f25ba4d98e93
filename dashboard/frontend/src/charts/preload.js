// What charts need, fetched before one is shown.

import { loadPlotly } from "./plotly.js"

// Draws nothing; being there loads the module and plotly.js before a chart needs them.
export class Preload {
  constructor(root) {
    this.props = {}
    root.style.display = "none"
  }

  asks() {
    return {}
  }

  update(component) {
    this.props = component.data
    loadPlotly(this.props.plotly).catch(() => {})
  }

  tick() {}

  destroy() {}
}
