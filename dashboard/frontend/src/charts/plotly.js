// The drawing library: how it is loaded, once a tab, how every graph is set up, and what the views
// have to know of its inside.

import { el, idle } from "../ui/dom.js"

export const CONFIG = { displaylogo: false, displayModeBar: false, doubleClick: false, showTips: false, responsive: false,
  scrollZoom: false }

/**
 * @param {string} address
 * @returns {Promise<any>}
 */
export function loadPlotly(address) {
  return (window.addnormPlotly ??= fetched(address))
}

/** @param {string} address */
async function fetched(address) {
  if (window.Plotly?.react) return window.Plotly
  await idle()
  await new Promise((resolve, reject) => {
    const script = el("script")
    script.src = address
    script.onload = resolve
    script.onerror = () => {
      window.addnormPlotly = undefined
      reject(new Error("plotly.js did not load"))
    }
    document.head.appendChild(script)
  })
  return window.Plotly
}

// Plotly has no public way to ask where a drawn axis lies on the screen, what range it shows, or
// whether a pointer drags in a graph. The names with a leading underscore, `d2p` and `p2d` may
// change with any version of it, so this is the one place that uses them; the version is pinned by
// requirements.txt.

/** @import { Plot, PlotAxis } from "../types" */

/**
 * Whether a pointer is dragging in the graph: a redraw would end the drag.
 * @param {Plot} plot
 */
export const isDragging = (plot) => Boolean(plot._dragging)

/**
 * The drawn x and y axis, or null before the first drawing.
 * @param {Plot} plot
 */
function axesOf(plot) {
  const { xaxis, yaxis } = plot._fullLayout ?? {}
  return xaxis && yaxis ? { x: xaxis, y: yaxis } : null
}

/**
 * The ranges that are shown; null before the first drawing.
 * @param {Plot} plot
 */
export function shownRanges(plot) {
  const axes = axesOf(plot)
  return axes && { x: [...axes.x.range], y: [...axes.y.range] }
}

/**
 * The frame inside the axes, in pixels from the graph's corner, with ways from values on the x axis
 * to pixels from the frame's left and back; null before the first drawing.
 * @param {Plot} plot
 */
export function boxOf(plot) {
  const axes = axesOf(plot)
  if (!axes) return null
  const { x, y } = axes
  return { left: x._offset, top: y._offset, width: x._length, height: y._length,
    toPixels: (/** @type {number} */ value) => x.d2p(value), toValue: (/** @type {number} */ pixels) => x.p2d(pixels) }
}

/**
 * Where a point of a click lies, in pixels from the graph's top.
 * @param {{ y: number, yaxis: PlotAxis }} point
 */
export const heightOf = (point) => point.yaxis._offset + point.yaxis.d2p(point.y)
