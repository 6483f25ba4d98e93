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

// Whether a pointer is dragging in the graph: a redraw would end the drag.
export const isDragging = (plot) => Boolean(plot._dragging)

// The drawn x and y axis, or null before the first drawing.
function axesOf(plot) {
  const layout = plot._fullLayout
  return layout?.xaxis && layout.yaxis ? { x: layout.xaxis, y: layout.yaxis } : null
}

/**
 * The ranges that are shown, in the axes' own counting (powers of ten on a logarithmic one).
 * @returns {{ x: number[], y: number[] }}
 */
export function shownRanges(plot) {
  const { x, y } = axesOf(plot)
  return { x: [...x.range], y: [...y.range] }
}

/**
 * The frame inside the axes, in pixels from the graph's corner; null before the first drawing.
 * @returns {{ left: number, top: number, width: number, height: number } | null}
 */
export function frameBox(plot) {
  const axes = axesOf(plot)
  if (!axes) return null
  const { x, y } = axes
  return { left: x._offset, top: y._offset, width: x._length, height: y._length }
}

// A value on the x axis as pixels from the frame's left, and back.
export const toPixels = (plot, value) => axesOf(plot).x.d2p(value)

export const fromPixels = (plot, pixels) => axesOf(plot).x.p2d(pixels)

// Where a point of a click lies, in pixels from the graph's top.
export const heightOf = (point) => point.yaxis._offset + point.yaxis.d2p(point.y)
