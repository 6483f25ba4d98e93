// One run's metric minus its twin's at equal steps, below their curves: `runs` holds the two.

import { titleOf } from "../protocol/metrics.js"
import { t } from "../protocol/words.js"
import { hub } from "../state/hub.js"
import { differenceNotice } from "../notice/curves.js"
import { labelOf, number } from "../ui/format.js"
import { aired, sensible } from "./axes.js"
import { Curves } from "./curves.js"
import { level } from "./marks.js"

export class Difference extends Curves {
  get pair() {
    return this.props.runs ?? []
  }

  // Drawn as one line, in the first run's colour.
  get runs() {
    return this.pair.slice(0, 1)
  }

  get metric() {
    return `difference/${this.pair[1]?.id}/${this.props.metric}`
  }

  asks() {
    const [first] = this.pair
    if (this.pair.length < 2) return {}
    return { own: { [first.id]: this.props.x === "seconds" ? [this.metric, "seconds"] : [this.metric] },
      runs: this.pair.map((r) => r.id) }
  }

  // Its x follows a zoom of the curves above it; a zoom of its own wins.
  get zoom() {
    const at = this.props.follow && hub.choice.zoom
    return this.own ?? (at ? { x: at.slice(0, 2), y: null } : null)
  }

  set zoom(zoom) {
    this.own = zoom
    if (!zoom && this.props.follow) hub.set({ zoom: null }) // else that of the curves would stay
  }

  // A switch of either run makes another difference.
  starts() {
    return super.starts(this.pair)
  }

  why() {
    const [first, second] = this.pair.map((r) => hub.run(r.id))
    if (!second) return t("Choose two runs to see their difference here.")
    if (first.gone || second.gone) return t("One of the two runs was deleted.")
    const series = first.series.get(this.metric)
    if (series?.steps.length) return ""
    if (series?.missing) return t("One of the two runs does not record {metric}.", { metric: this.props.metric })
    return first.loaded ? t("The first step that both have appears in a moment.") : t("Loading…")
  }

  name() {
    return ""
  }

  words(lines) {
    const { props } = this
    const [a, b] = this.pair.map(labelOf)
    const now = lines[0]?.ys.findLast((v) => v !== null)
    const size = Number.isFinite(now) ? number(Math.abs(now), 3) : null
    const what = titleOf(props.metric).toLowerCase()
    const title = size === null ? t("{a} minus {b}", { a, b }) : now === 0 ? t("{a} and {b} are equal so far", { a, b })
      : now < 0 ? t("{a} is {size} below {b}", { a, b, size }) : t("{a} is {size} above {b}", { a, b, size })
    this.heading(props.title ?? title, props.subtitle ?? [t("{what} of {a} minus that of {b}, at equal steps", { what, a, b }),
      this.unit(), props.smooth > 0 ? t("raw and smoothed") : t("raw")].filter((w) => w !== what).join(" · "))
  }

  notice() {
    const [a = "A", b = "B"] = this.pair.map(labelOf)
    const [line] = this.lines
    return differenceNotice({ a, b, what: titleOf(this.props.metric), steps: line?.steps ?? [], ys: line?.ys ?? [], why: this.why() })
  }

  range(lines) {
    const all = lines.flatMap((l) => [...l.ys, ...l.ys, ...(l.raw?.ys ?? [])])
    const [bottom, top] = sensible(all)
    return aired(Math.min(bottom, 0), Math.max(top, 0))
  }

  extras(layout) {
    level(layout, this.theme, 0, "solid")
  }

  end() {
    return null
  }

  validation() {
    return []
  }

  clicked() {}
}
