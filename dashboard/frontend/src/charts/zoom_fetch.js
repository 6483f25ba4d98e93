// The exact points of the range that was zoomed into, of every run in one request.

import { fetchText } from "../protocol/fetch.js"
import { MOST_RUNS, pointsFor, unpacked } from "../protocol/points.js"
import { cellsOf } from "../state/aggregate.js"

const QUIET = 200 // ms after the last zoom

export class Details {
  constructor() {
    this.runs = new Map() // id -> { from, to, series }
    this.version = 0
    this.asked = ""
  }

  later(work) {
    clearTimeout(this.timer)
    this.timer = setTimeout(work, QUIET)
  }

  stop() {
    clearTimeout(this.timer)
  }

  clear() {
    this.stop()
    this.asked = ""
    if (this.runs.size) this.version += 1
    this.runs.clear()
  }

  // Fetch what is thinned in the range; true when there is something new.
  async fetch(runs, seriesOf, metric, from, to) {
    const thinned = runs.filter((r) => seriesOf(r).width > 1 && seriesOf(r).steps.at(-1) >= from).slice(0, MOST_RUNS)
    const asked = JSON.stringify([metric, from, to, thinned.map((r) => r.id)])
    if (!thinned.length || asked === this.asked) return false
    this.asked = asked
    const query = new URLSearchParams({ run: thinned.map((r) => r.id).join(), metric, from: String(from), to: String(to),
      points: String(pointsFor(thinned.length)) })
    try {
      const reply = JSON.parse(await fetchText("/api/series?" + query))
      if (asked !== this.asked) return false // the reader zoomed on meanwhile
      this.runs.clear()
      ;(reply.runs ?? [reply]).forEach((points, i) => {
        if (!points?.s.length) return
        const series = unpacked(points)
        this.runs.set(thinned[i].id, { from, to: series.steps.at(-1), series })
      })
      this.version += 1
      return true
    } catch {
      this.asked = "" // the thinned points stay; the next zoom asks again
      return false
    }
  }

  // The cells of a run with the finer ones in place of those that they cover.
  into(cells, id) {
    const fine = this.runs.get(id)
    if (!fine) return cells
    const before = cells.filter((c) => c.begin + c.span <= fine.from)
    const after = cells.filter((c) => c.begin > fine.to)
    return [...before, ...cellsOf(fine.series), ...after]
  }

  // Its points likewise.
  points(base, id) {
    const fine = this.runs.get(id)
    if (!base || !fine) return base ?? { steps: [], values: [] }
    const from = base.steps.findIndex((s) => s >= fine.from)
    const to = base.steps.findIndex((s) => s > fine.to)
    const [a, b] = [from < 0 ? base.steps.length : from, to < 0 ? base.steps.length : to]
    const join = (name) => [...base[name].slice(0, a), ...fine.series[name], ...base[name].slice(b)]
    return { steps: join("steps"), values: join("values") }
  }
}
