// The drawing library: how it is loaded, once a tab, and how every graph is set up.

import { idle } from "./hub.js"
import { el } from "./tools.js"

export const CONFIG = { displaylogo: false, displayModeBar: false, doubleClick: false, showTips: false, responsive: false,
  scrollZoom: false }

export function loadPlotly(address) {
  return (window.addnormPlotly ??= new Promise(async (resolve, reject) => {
    if (window.Plotly?.react) return resolve(window.Plotly)
    await idle()
    const script = el("script")
    script.src = address
    script.onload = () => resolve(window.Plotly)
    script.onerror = () => {
      window.addnormPlotly = undefined
      reject(new Error("plotly.js did not load"))
    }
    document.head.appendChild(script)
  }))
}
