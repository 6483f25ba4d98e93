// Points of a reply: how many a run gets, what they mean, and how they add to what is kept.

/** @import { Missing, Points, Range, Value } from "./replies" */
/** @import { LiveRun, Series } from "../types" */

import { LABELS } from "./labels.js"

const { runs, chart_points: CHART_POINTS, points: POINTS } = LABELS.limits
export const MOST_RUNS = runs // in one chart, and in one request

/**
 * Points of each of n runs: a power of two, as the server's buckets are.
 * @param {number} n
 */
export const pointsFor = (n) => Math.min(POINTS, 2 ** Math.floor(Math.log2(Math.max(CHART_POINTS / Math.max(n, 1), 2))))

/**
 * Points of a reply. Where rows were thinned, `buckets` holds the first step of each bucket and
 * `means` the mean of all its rows; where they were not, a bucket is a row.
 * @param {Pick<Range, "s" | "v" | "w" | "a">} points
 * @returns {{ steps: number[], values: Value[], buckets: number[], means: (number | null)[], width: number }}
 */
export function unpacked({ s, v, w, a }) {
  let step = 0
  const steps = s.map((difference) => (step += difference))
  if (!a || !w) return { steps, values: v, buckets: [], means: [], width: 1 }
  /** @type {number[]} */
  const buckets = []
  for (const at of steps) {
    const begin = at - (at % w)
    if (begin !== buckets.at(-1)) buckets.push(begin)
  }
  return { steps, values: v, buckets, means: a, width: w }
}

/** @returns {Series} */
const empty = () => ({ steps: [], values: [], buckets: [], means: [], width: 1, cursor: "", missing: false, version: 0 })

/**
 * Add points to a series of a run. What stood from `points.from` on is replaced by them: the last
 * bucket grew, or a resume took the run back to an earlier step.
 * @param {LiveRun} run
 * @param {string} metric
 * @param {Points | Missing} points
 */
export function extend(run, metric, points) {
  if ("missing" in points) {
    run.series.set(metric, { ...empty(), missing: true })
    return
  }
  const series = run.series.get(metric) ?? empty()
  const before = (/** @type {number[]} */ steps) => steps.findLastIndex((step) => step < points.from) + 1
  series.steps.length = series.values.length = before(series.steps)
  series.buckets.length = series.means.length = before(series.buckets)
  const fresh = unpacked(points)
  for (const step of fresh.steps) series.steps.push(step)
  for (const value of fresh.values) series.values.push(value)
  series.buckets.push(...fresh.buckets)
  series.means.push(...fresh.means)
  Object.assign(series, { width: fresh.width, cursor: points.c, missing: false, version: series.version + 1 })
  run.series.set(metric, series)
}
