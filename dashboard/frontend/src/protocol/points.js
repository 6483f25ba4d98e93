// Points of a reply, and how many of them a run gets.

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
 * @param {import("../types").Points} points
 * @returns {{ steps: number[], values: import("../types").Value[], buckets: number[], means: (number | null)[], width: number }}
 */
export function unpacked({ s, v, w, a }) {
  let step = 0
  const steps = s.map((difference) => (step += difference))
  if (!a) return { steps, values: v, buckets: [], means: [], width: 1 }
  const buckets = []
  for (const at of steps) {
    const begin = at - (at % w)
    if (begin !== buckets.at(-1)) buckets.push(begin)
  }
  return { steps, values: v, buckets, means: a, width: w }
}
