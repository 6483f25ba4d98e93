// Averages over steps and over runs. A *cell* is a bucket of steps: the steps it begins and ends at,
// its middle, how many steps it spans, the mean of all its rows, its smallest and largest value.

/**
 * The cells of a series as the server thins it; where every row is a point, each is a cell.
 * @param {{ steps: number[], values: any[], buckets: number[], means: (number | null)[], width?: number }} series
 * @returns {import("../types").Cell[]}
 */
export function cellsOf({ steps, values, buckets, means, width }) {
  if (!(width > 1)) {
    return steps.map((s, i) => ({ begin: s, end: s, middle: s, span: 1, mean: values[i], low: values[i], high: values[i] }))
  }
  const last = steps.at(-1)
  let k = 0
  return buckets.map((begin, i) => {
    const span = Math.min(width, last - begin + 1)
    let [low, high, broken] = [null, null, false]
    for (; k < steps.length && steps[k] < begin + width; k++) {
      const v = values[k]
      broken ||= v === null // a row of it is no number: its mean is not that of the whole bucket
      if (v === null) continue
      if (low === null || v < low) low = v
      if (high === null || v > high) high = v
    }
    return { begin, end: begin + span - 1, middle: begin + (span - 1) / 2, span, mean: means[i] ?? null, low, high, broken }
  })
}

const WINDOWS = 1000 // distances are counted in thousandths of a run
const GAP = 4 // cells further apart than so many usual distances have a gap between them

/**
 * The average of the rows up to the end of each cell, which forgets by distance in steps, so that
 * thinned cells weigh as their rows do. It knows no row that comes later, and begins anew where a
 * comparison with what was before would mislead: at each step of `starts` (a layer was rewired, the
 * run was taken up again), behind a gap, and behind what is not a number. With `log`, distances are
 * those of a logarithmic axis; `extent` is the run's length in steps, `weight` from 0 to 1.
 * @param {import("../types").Cell[]} cells
 * @param {number} weight
 * @param {{ extent: number, log?: boolean, starts?: number[] }} scale
 * @returns {(number | null)[]}
 */
export function smoothed(cells, weight, { extent, log = false, starts = [] }) {
  const place = (step) => (log ? Math.log10(step) : step)
  const decay = Math.min(Math.sqrt(weight), 0.999)
  const rate = (Math.log(decay) * WINDOWS) / (log ? Math.log10(Math.max(extent, 10)) : Math.max(extent, 1))
  const usual = usualDistance(cells)
  const stretch = (step) => starts.filter((s) => s <= step).length
  let [sum, mass, before, stretchBefore] = [0, 0, null, null]
  return cells.map(({ begin, end, mean, span }) => {
    if (mean === null) {
      before = null
      return null
    }
    // A cell with a start inside it is of neither stretch.
    const [first, last] = [stretch(begin), stretch(end)]
    const apart = before && begin - before.begin > GAP * Math.max(usual, before.span)
    const keep = before === null || apart || first !== stretchBefore || first !== last ? 0
      : Math.exp(rate * (place(end) - place(before.end))) || 0
    sum = keep * sum + mean * span
    mass = keep * mass + span
    before = { begin, end, span }
    stretchBefore = first === last ? last : null
    return sum / mass
  })
}

// The median distance between cells.
function usualDistance(cells) {
  const all = cells.slice(1).map((c, i) => c.begin - cells[i].begin).sort((a, b) => a - b)
  return all.length ? all[Math.floor(all.length / 2)] : 1
}

/**
 * Cells of several runs on one grid, that of the coarsest: of each run one cell or null a place.
 * @param {import("../types").Cell[][]} runs
 * @returns {{ grid: number[], runs: (import("../types").Cell | null)[][] }}
 */
export function onOneGrid(runs) {
  if (!runs.length) return { grid: [], runs: [] } // none has been loaded yet
  const coarse = (cells) => cells.reduce((most, c) => Math.max(most, c.span), 0)
  const grid = [...runs].sort((a, b) => coarse(b) - coarse(a) || b.length - a.length)[0].map((c) => c.begin)
  const longest = Math.max(...runs.map((cells) => cells.at(-1)?.begin ?? 0))
  const step = grid.length > 1 ? Math.max(grid.at(-1) - grid.at(-2), 1) : 1
  while (grid.at(-1) + step <= longest) grid.push(grid.at(-1) + step)
  return { grid, runs: runs.map((cells) => rebinned(cells, grid)) }
}

function rebinned(cells, grid) {
  let k = 0
  return grid.map((begin, i) => {
    const until = grid[i + 1] ?? Infinity
    let cell = null
    for (; k < cells.length && cells[k].begin < until; k++) {
      if (cells[k].begin >= begin) cell = cell ? merged(cell, cells[k]) : cells[k]
    }
    return cell
  })
}

/**
 * Two neighbouring cells as one.
 * @param {import("../types").Cell} a
 * @param {import("../types").Cell} b
 * @returns {import("../types").Cell}
 */
export function merged(a, b) {
  const least = (p, q, choose) => (p === null ? q : q === null ? p : choose(p, q))
  const span = a.span + b.span
  const mean = least(a.mean, b.mean, (p, q) => (p * a.span + q * b.span) / span)
  return { begin: a.begin, end: b.end, middle: a.begin + (span - 1) / 2, span, mean, low: least(a.low, b.low, Math.min),
    high: least(a.high, b.high, Math.max), broken: Boolean(a.broken || b.broken || a.mean === null || b.mean === null) }
}

/**
 * The mean over runs of each one's mean in the cell, and the range of experiments. Only where all
 * runs have a value: over a set that changes, a mean jumps where a run ends or is no number any
 * more. `experiments` holds the places of repeats together: they are averaged first and count as
 * one; one experiment alone has no range.
 * @param {import("../types").Cell[][]} runs
 * @param {number[][]} experiments
 * @returns {import("../types").Cell[]}
 */
export function acrossRuns(runs, experiments = runs.map((_, i) => [i])) {
  const { grid, runs: rows } = onOneGrid(runs)
  const several = experiments.length > 1
  return grid.map((begin, i) => {
    const here = rows.map((cells) => cells[i])
    if (!here.every((c) => c && c.mean !== null && !c.broken)) {
      return { begin, end: begin, middle: begin, span: 1, mean: null, low: null, high: null }
    }
    const { middle, span } = here.reduce((a, b) => (b.span > a.span ? b : a))
    const end = Math.max(...here.map((c) => c.end))
    const each = experiments.map((places) => averageOf(places.map((k) => here[k].mean)))
    return { begin, end, middle, span, mean: averageOf(each), low: several ? Math.min(...here.map((c) => c.low)) : null,
      high: several ? Math.max(...here.map((c) => c.high)) : null }
  })
}

/**
 * The range of the runs' own smoothed lines at each place of their grid.
 * @param {(number | null)[][]} lines
 * @returns {(number | null)[][]}
 */
export function rangeOf(lines) {
  return (lines[0] ?? []).map((_, i) => {
    const here = lines.map((line) => line[i]).filter((v) => v !== null)
    return here.length ? [Math.min(...here), Math.max(...here)] : [null, null]
  })
}

/**
 * @param {number[]} values
 * @returns {number | null}
 */
export function averageOf(values) {
  return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null
}

/**
 * The sample standard deviation (n - 1), as core/runs/alike.py has it; null below two values.
 * @param {number[]} values
 * @returns {number | null}
 */
export function deviationOf(values) {
  if (values.length < 2) return null
  const mean = averageOf(values)
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1))
}
