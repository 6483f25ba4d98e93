// Averages over steps and over runs.

import assert from "node:assert/strict"
import { test } from "node:test"

import { acrossRuns, averageOf, cellsOf, merged, onOneGrid, rangeOf, smoothed } from "../src/state/aggregate.js"

const every = (values, first = 0) =>
  cellsOf({ steps: values.map((_, i) => first + i), values, buckets: [], means: [], width: 1 })

test("where every row is a point, each is a cell", () => {
  assert.deepEqual(every([2, null]), [
    { begin: 0, end: 0, middle: 0, span: 1, mean: 2, low: 2, high: 2 },
    { begin: 1, end: 1, middle: 1, span: 1, mean: null, low: null, high: null },
  ])
})

test("a thinned series has a cell for each bucket; the last ends with the run", () => {
  const cells = cellsOf({ steps: [0, 3, 4, 5], values: [1, 5, 2, null], buckets: [0, 4], means: [3, 2], width: 4 })
  assert.deepEqual(cells, [
    { begin: 0, end: 3, middle: 1.5, span: 4, mean: 3, low: 1, high: 5, broken: false },
    { begin: 4, end: 5, middle: 4.5, span: 2, mean: 2, low: 2, high: 2, broken: true },
  ])
})

test("cells that become one weigh as their rows do", () => {
  const [a, b] = [{ begin: 0, end: 2, span: 3, mean: 1, low: 0, high: 2 }, { begin: 3, end: 3, span: 1, mean: 5, low: 5, high: 5 }]
  assert.deepEqual(merged(a, b), { begin: 0, end: 3, middle: 1.5, span: 4, mean: 2, low: 0, high: 5, broken: false })
  assert.equal(merged(a, { ...b, mean: null }).broken, true)
})

test("runs of different density lie on the grid of the coarsest", () => {
  const coarse = cellsOf({ steps: [0, 2], values: [1, 2], buckets: [0, 2], means: [1, 2], width: 2 })
  const { grid, runs } = onOneGrid([every([1, 3, 5, 7, 9]), coarse])
  assert.deepEqual(grid, [0, 2, 4])
  assert.deepEqual(runs[0].map((c) => c.mean), [2, 6, 9])
  assert.equal(runs[1][2], null)
  assert.deepEqual(onOneGrid([]), { grid: [], runs: [] })
})

test("the mean over runs is cut where one of them ends or is no number", () => {
  const mean = acrossRuns([every([1, 2, 3]), every([3, 4])]).map((c) => [c.mean, c.low, c.high])
  assert.deepEqual(mean, [[2, 1, 3], [3, 2, 4], [null, null, null]])
  assert.equal(acrossRuns([every([1, null]), every([3, 4])])[1].mean, null)
})

test("repeats of one experiment count as one, and one experiment has no range", () => {
  const three = [every([1]), every([3]), every([8])]
  const [cell] = acrossRuns(three, [[0, 1], [2]])
  assert.deepEqual([cell.mean, cell.low, cell.high], [5, 1, 8])
  const [alone] = acrossRuns(three.slice(0, 2), [[0, 1]])
  assert.deepEqual([alone.mean, alone.low, alone.high], [2, null, null])
})

test("a smoothed line knows no row that comes later", () => {
  const values = [4, 3, 5, 2, 9]
  const whole = smoothed(every(values), 0.8, { extent: 1000 })
  const part = smoothed(every(values.slice(0, 3)), 0.8, { extent: 1000 })
  assert.deepEqual(whole.slice(0, 3), part)
  assert.equal(whole[0], 4)
  assert.ok(whole[4] > 2 && whole[4] < 9)
})

test("it begins anew at a switch, behind a gap and behind what is not a number", () => {
  const cells = every([9, 9, 1, 1])
  assert.deepEqual(smoothed(cells, 0.9, { extent: 1000, starts: [2] }), [9, 9, 1, 1])
  const [, , after] = smoothed(cells, 0.9, { extent: 1000 })
  assert.ok(after > 1, "without the switch it remembers")
  assert.equal(smoothed(every([9, null, 1]), 0.9, { extent: 1000 })[2], 1)
  const far = [...every([9, 9, 9]), ...every([1], 50)]
  assert.equal(smoothed(far, 0.9, { extent: 1000 })[3], 1)
})

test("thinned cells weigh as their rows do", () => {
  const rows = [5, 5, 5, 5, 1, 1, 1, 1]
  const thin = cellsOf({ steps: [0, 4, 7], values: [5, 1, 1], buckets: [0, 4], means: [5, 1], width: 4 })
  const [exact, coarse] = [every(rows), thin].map((c) => smoothed(c, 0.5, { extent: 8000 }).at(-1))
  assert.ok(Math.abs(exact - coarse) < 0.05, `${exact} and ${coarse}`)
})

test("ranges and averages leave out what is unknown", () => {
  assert.deepEqual(rangeOf([[1, null], [3, null]]), [[1, 3], [null, null]])
  assert.equal(averageOf([1, 2, 6]), 3)
  assert.equal(averageOf([]), null)
})
