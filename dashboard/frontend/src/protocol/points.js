// Points of a reply, and how many of them a run gets.

export const MOST_RUNS = 250 // in one request
const MOST_POINTS = 75000 // of one metric in a chart, and 1,024 of one run

/**
 * Points of each of n runs: a power of two, as the server's buckets are.
 * @param {number} n
 */
export const pointsFor = (n) => Math.min(1024, 2 ** Math.floor(Math.log2(MOST_POINTS / Math.max(n, 1))))

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
