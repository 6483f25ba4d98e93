// A chart as a picture file, with its title and what it shows in the picture.

import { t } from "../protocol/words.js"
import { hub } from "../state/hub.js"
import { buttonOf, el } from "../ui/dom.js"
import { escaped } from "../ui/format.js"
import { CONFIG } from "./plotly.js"

const HEAD = 46 // pixels above the graph

export class Exports {
  constructor(chart) {
    this.chart = chart
    this.node = el("div", "anl-exports")
    for (const format of ["png", "svg"]) {
      const button = buttonOf("anl-export", format.toUpperCase())
      button.title = t("Save this chart as {format}", { format: format.toUpperCase() })
      button.onclick = () => this.save(format)
      this.node.append(button)
    }
    chart.body.append(this.node)
  }

  figure() {
    const { chart } = this
    const { theme } = chart
    const { traces, layout } = chart.build(chart.body.clientWidth, chart.body.clientHeight)
    const height = layout.height + HEAD
    const text = (words, y, font) => ({ text: escaped(words), xref: "paper", yref: "paper", x: 0, y: 1, yshift: y, xanchor: "left",
      yanchor: "bottom", showarrow: false, align: "left", font, xshift: 8 - layout.margin.l })
    const annotations = [...layout.annotations,
      text(chart.title.textContent, 28, { size: 15, color: theme.ink, weight: 600 }),
      text(chart.subtitle.textContent, 11, { size: 12, color: theme.muted })]
    const shapes = [...layout.shapes, ...(chart.cursor?.shapes() ?? [])]
    return { data: traces, config: CONFIG, layout: { ...layout, height, annotations, shapes, paper_bgcolor: theme.card,
      margin: { ...layout.margin, t: layout.margin.t + HEAD } } }
  }

  async save(format) {
    const { chart } = this
    if (!chart.ready) return
    const words = [chart.title.textContent, chart.props.follow && hub.choice.step !== null ? t("step {step}", { step: hub.choice.step }) : ""]
    const filename = words.join(" ").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 80) || "chart"
    const figure = this.figure()
    const { width, height } = figure.layout
    await window.Plotly.downloadImage(figure, { format, filename, width, height, scale: format === "png" ? 2 : 1 })
  }
}
