// A figure that the page made: drawn once, changed in place, so that zoom and camera stay.

import { Chart } from "./chart.js"

export class Figure extends Chart {
  // What the page sends is the whole picture; nothing is pulled.
  signature() {
    return this.props.revision ?? ""
  }

  update(component) {
    // Another question, another picture: the zoom into the last one means nothing here.
    if (this.props.about !== component.data.about) this.zoom = null
    super.update(component)
  }

  // What Python noticed in what it drew; the words are the reader's already.
  notice() {
    return this.props.notice ?? super.notice()
  }

  build(width, height) {
    const { figure, title, subtitle, note, label } = this.props
    this.heading(title ?? "", subtitle ?? "")
    this.explain(note ?? "")
    if (this.help) this.help.node.hidden = !this.props.notice
    this.plot.setAttribute("role", "img")
    this.plot.setAttribute("aria-label", label ?? title ?? "")
    const layout = structuredClone(figure.layout)
    layout.font.family = layout.hoverlabel.font.family = this.theme.font
    Object.assign(layout, { width, height, autosize: false, uirevision: this.props.about ?? "kept" })
    if (layout.scene) layout.scene.uirevision = layout.uirevision
    return { traces: structuredClone(figure.data), layout }
  }

  // Plotly keeps zoom and camera itself, by uirevision; a double click goes back.
  listen() {
    this.plot.on("plotly_doubleclick", () => {
      const { figure } = this.props
      if (figure.layout.scene) return
      window.Plotly.relayout(this.plot, { "xaxis.range": figure.layout.xaxis.range?.slice(), "yaxis.range": figure.layout.yaxis.range?.slice(),
        ...(figure.layout.xaxis.range ? {} : { "xaxis.autorange": true }), ...(figure.layout.yaxis.range ? {} : { "yaxis.autorange": true }) })
    })
  }
}
