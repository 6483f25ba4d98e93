// Ticks and ranges of axes.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import { frameOf, logTicks, aired, drawable, sensible, ticks } from "../src/charts/axes.js"
import { fitting } from "../src/charts/chart.js"
import { below, framed } from "../src/charts/curve_traces.js"
import { Curves } from "../src/charts/curves.js"
import { hub } from "../src/state/hub.js"

test("ticks are round, inside the range and no more than asked for", () => {
  assert.deepEqual(ticks(0, 100, 5), [0, 20, 40, 60, 80, 100])
  assert.deepEqual(ticks(3, 17, 3), [5, 10, 15])
  assert.deepEqual(ticks(7, 7, 4), [7])
  for (const [low, high, most] of [[0, 399, 6], [-3, 3, 4], [0, 1e6, 9], [0.01, 0.07, 5]]) {
    const found = ticks(low, high, most)
    assert.ok(found.length <= most + 1 && found.every((v) => v >= low && v <= high + 1e-9), String(found))
  }
})

test("a logarithmic axis has two ticks at least, told apart by their words", () => {
  for (const range of [[-3, 4], [0, 1], [0.1, 0.4], [2.001, 2.002], [-7.2, -6.9], [0, 9]]) {
    const { tickvals, ticktext } = logTicks(range)
    assert.ok(tickvals.length > 1, String(range))
    assert.equal(new Set(ticktext).size, tickvals.length, String(ticktext))
    assert.ok(tickvals.every((v) => Math.log10(v) >= range[0] - 1e-6 && Math.log10(v) <= range[1] + 1e-6))
  }
  assert.deepEqual(logTicks([0, 4]).ticktext, ["1", "10", "100", "1,000", "10,000"])
  assert.deepEqual(logTicks([-5, -2]).ticktext.filter((text) => text.includes("e")), ["1e-5", "1e-4"])
  assert.deepEqual(logTicks([0, 4]).tickvals, [1, 10, 100, 1000, 10000])
})

test("a young run is drawn in a half, a quarter, ... of its planned length", () => {
  assert.equal(frameOf(400, 400), 400)
  assert.equal(frameOf(90, 400), 200)
  assert.equal(frameOf(10, 400), 25)
  assert.equal(frameOf(500, 400), 500)
})

test("a range has air, also where there is one value or none", () => {
  assert.ok(aired(1, 2)[0] < 1 && aired(1, 2)[1] > 2)
  assert.ok(aired(3, 3)[0] < 3 && aired(3, 3)[1] > 3)
  assert.deepEqual(aired(NaN, NaN), [0, 1])
  const [low, high] = aired(0.9, 0.9 + 2e-16)
  assert.ok(high - low > 0.01, "rounding is no difference")
  assert.deepEqual(aired(NaN, NaN, true), [-1, 1])
  assert.ok(aired(10, 1000, true)[0] < 1 && aired(10, 1000, true)[1] > 3)
})

test("a diverging tail leaves the frame, and what is no number does not count", () => {
  const values = [...Array.from({ length: 100 }, (_, i) => 2 + i / 100), 1e9, null, NaN]
  const [low, high] = sensible(values)
  assert.ok(low <= 2 && low > 0 && high > 2.9 && high < 10, `${low} to ${high}`)
  assert.deepEqual(sensible([-1, 0, 5, 50], true), [5, 50])
  assert.ok(sensible([null]).every(Number.isNaN))
})

test("a folded box has no room for axes", () => {
  assert.deepEqual([drawable(400, 300), drawable(0, 0), drawable(400, 59)], [true, false, false])
})

test("a name that its gutter has no room for ends in an ellipsis, inside it", () => {
  const font = "12px sans-serif"
  assert.equal(fitting("pre-LN", 400, font), "pre-LN")
  const cut = fitting("pre-LN, 3 layers, rewired at 53", 90, font)
  assert.ok(cut.endsWith("…") && cut.length < 20 && cut.startsWith("pre-LN"), cut)
})

test("circles of the validation loss are in the frame: the last of each, however far from the curve", () => {
  const run = { id: "one" }
  hub.run("one").series.set("loss/validation", { steps: [0, 100], values: [5, 1.1] })
  const line = { run, runs: [run], ys: Array.from({ length: 100 }, (_, i) => 5 - i / 50) }
  const range = (metric) => Curves.prototype.range.call(
    Object.assign(Object.create(Curves.prototype), { props: { metric }, lines: [line] }), [line])
  assert.ok(range("loss/train")[0] < 1.1)
  assert.ok(range("grad_norm/total")[0] > 1.1, "only the training loss has them")
})

test("a line that blew up without diverging leaves the frame of the others, and fills its own", () => {
  const learns = ["one", "two", "three"].map((id) => ({ run: { id }, runs: [{ id }], ys: Array.from({ length: 100 }, (_, i) => 4 - i / 50) }))
  const blown = { run: { id: "blown" }, runs: [{ id: "blown" }], ys: Array.from({ length: 100 }, (_, i) => 4 + i * 20) }
  const top = (lines, yLog = false) => Curves.prototype.range.call(
    Object.assign(Object.create(Curves.prototype), { props: { metric: "loss/train", log_y: yLog }, lines }), lines)[1]
  assert.ok(top([...learns, blown]) < 12, `${top([...learns, blown])}`)
  assert.ok(top([blown]) > 1900)
  assert.ok(top([...learns, blown], true) > 3, "a logarithmic axis has room for it")
})

test("of groups that all have a diverging member the frame keeps their means, not their bands", () => {
  const line = (name, high) => ({ name, ys: [4, 3, 2.5], band: { low: [3.9, 2.9, 2.4], high: [4.1, 3.1, high] }, raw: { ys: [9] } })
  const groups = [line("a", 1e6), line("b", 1e9), line("c", 2.6)]
  const dead = (l) => l.name !== "c"
  assert.deepEqual(framed(groups, dead, true).flat().filter((v) => v > 1000), [])
  assert.deepEqual(framed(groups, dead, true)[1], [9])
  assert.deepEqual(framed(groups.slice(0, 2), dead, true), [[4, 3, 2.5], [4, 3, 2.5]])
  assert.equal(framed([groups[2]], dead, false).length, 3, "of many lines no raw values")
})

test("the band of a group with a diverging member ends where it leaves the frame", () => {
  assert.deepEqual(below([3, null, 4, 9, 3], 5), [3, null, 4, null, null])
  assert.deepEqual(below([3, 4], 5), [3, 4])
})
