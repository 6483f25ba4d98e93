// The live protocol: what the hub keeps is what the replies say.

import "./browser.js"

import assert from "node:assert/strict"
import { readFileSync, readdirSync } from "node:fs"
import { test } from "node:test"

import { pointsFor, unpacked } from "../src/protocol/points.js"
import { hub } from "../src/state/hub.js"

const METRIC = "loss/train"

function fed(...replies) {
  hub.runs.delete("a")
  const run = hub.run("a")
  for (const points of replies) hub.extend(run, METRIC, points)
  return run.series.get(METRIC)
}

test("steps are sent as distances from the one before", () => {
  assert.deepEqual(unpacked({ s: [3, 1, 4], v: [1, null, 2] }),
    { steps: [3, 4, 8], values: [1, null, 2], buckets: [], means: [], width: 1 })
})

test("thinned points fall into buckets that begin at multiples of their width", () => {
  const found = unpacked({ s: [0, 3, 1, 5, 2], v: [5, 4, 3, 2, 1], w: 4, a: [4.5, 3, 1.5] })
  assert.deepEqual(found.steps, [0, 3, 4, 9, 11])
  assert.deepEqual(found.buckets, [0, 4, 8])
  assert.deepEqual(found.means, [4.5, 3, 1.5])
  assert.equal(found.width, 4)
})

test("news are appended", () => {
  const series = fed({ from: 0, s: [0, 1, 1], v: [3, 2, 1], c: "x" }, { from: 3, s: [3, 1], v: [0.5, 0.4], c: "y" })
  assert.deepEqual(series.steps, [0, 1, 2, 3, 4])
  assert.deepEqual(series.values, [3, 2, 1, 0.5, 0.4])
  assert.equal(series.cursor, "y")
  assert.equal(series.version, 2)
})

test("a resume cuts off what came after its step", () => {
  const series = fed({ from: 0, s: [0, 1, 1, 1], v: [4, 3, 2, 1], c: "x" }, { from: 2, s: [2], v: [7], c: "y" })
  assert.deepEqual([series.steps, series.values], [[0, 1, 2], [4, 3, 7]])
  assert.deepEqual(fed({ from: 0, s: [0, 1], v: [4, 3] }, { from: 1, s: [], v: [] }).steps, [0], "also when nothing follows")
})

test("the last bucket grows: it and its mean are replaced", () => {
  const series = fed({ from: 0, s: [0, 4, 1], v: [9, 8, 7], w: 4, a: [9, 7.5], c: "x" },
    { from: 4, s: [4, 2, 2], v: [8, 6, 5], w: 4, a: [7, 5], c: "y" })
  assert.deepEqual(series.steps, [0, 4, 6, 8])
  assert.deepEqual(series.buckets, [0, 4, 8])
  assert.deepEqual(series.means, [9, 7, 5])
})

test("a series that outgrew its points is sent anew, in wider buckets", () => {
  const series = fed({ from: 0, s: [0, 1, 1], v: [3, 2, 1], c: "x" }, { from: 0, s: [0, 2], v: [3, 1], w: 2, a: [2.5, 1], c: "y" })
  assert.deepEqual([series.steps, series.buckets, series.means, series.width], [[0, 2], [0, 2], [2.5, 1], 2])
})

test("a metric that a run does not record is missing until it comes", () => {
  const none = fed({ missing: true })
  assert.deepEqual([none.missing, none.steps, none.cursor], [true, [], ""])
  const come = fed({ missing: true }, { from: 0, s: [0], v: [1], c: "x" })
  assert.deepEqual([come.missing, come.steps], [false, [0]])
})

test("points of each run are a power of two, and fewer the more runs there are", () => {
  assert.deepEqual([1, 73, 74, 250, 1e9].map(pointsFor), [1024, 1024, 512, 256, 2])
})

const FOLDER = new URL("replies/", import.meta.url)

for (const name of readdirSync(FOLDER)) {
  test(`what the server said in ${name} adds up to what is on disk`, () => {
    const { metrics, ticks, expected } = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"))
    hub.runs.delete("a")
    const run = hub.run("a")
    for (const reply of ticks) hub.take("a", reply.runs[0], "")
    for (const metric of metrics) {
      const series = run.series.get(metric)
      if (!expected.series[metric]) {
        assert.equal(series?.missing ?? true, true, metric)
        continue
      }
      const { steps, values, thinned } = expected.series[metric]
      if (!thinned) assert.deepEqual(series.steps, steps, metric)
      const exact = new Map(steps.map((step, i) => [step, values[i]]))
      assert.ok(series.steps.every((step, i) => !i || step > series.steps[i - 1]), `${metric} runs backwards`)
      assert.ok(series.steps.length > 0)
      series.steps.forEach((step, i) => close(series.values[i], exact.get(step), `${metric} at ${step}`))
      if (thinned) bucketsAreTrue(series, steps, values)
    }
    assert.equal(run.state, expected.state)
    assert.deepEqual(run.alarms.map(([step, level]) => [step, level]), expected.alarms)
    assert.equal(run.sample?.[0] ?? null, expected.sample)
  })
}

// Values of layers are sent with four digits, single ones with six.
function close(found, exact, what, apart = 1e-5) {
  if (Array.isArray(exact)) return exact.forEach((one, k) => close(found[k], one, `${what}, layer ${k + 1}`, 5e-4))
  if (exact === null) return assert.equal(found, null, what)
  assert.ok(Math.abs(found - exact) <= apart * Math.abs(exact), `${what}: ${found} for ${exact}`)
}

// Of each bucket the mean of all its rows, its smallest and its largest value.
function bucketsAreTrue({ steps, values, buckets, means, width }, allSteps, allValues) {
  assert.ok(width > 1 && Number.isInteger(Math.log2(width)))
  assert.deepEqual(buckets, [...new Set(allSteps.map((step) => step - (step % width)))])
  const among = (list, all, begin) => list.filter((_, i) => all[i] >= begin && all[i] < begin + width)
  buckets.forEach((begin, i) => {
    const rows = among(allValues, allSteps, begin)
    const shown = among(values, steps, begin)
    close(means[i], rows.reduce((a, b) => a + b, 0) / rows.length, `mean from ${begin}`)
    close(Math.min(...shown), Math.min(...rows), `least from ${begin}`)
    close(Math.max(...shown), Math.max(...rows), `most from ${begin}`)
  })
}
