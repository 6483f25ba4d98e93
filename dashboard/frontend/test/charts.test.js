// What charts say and how far their axes go, without drawing them.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import { Chart } from "../src/charts/chart.js"
import { tell } from "../src/charts/curve_traces.js"
import { Curves } from "../src/charts/curves.js"
import { Difference } from "../src/charts/difference.js"
import { LayerMap } from "../src/charts/layer_map.js"
import { alone, stacked } from "../src/charts/marks.js"
import { Profile } from "../src/charts/profile.js"
import { newRun } from "../src/protocol/live.js"
import { hub } from "../src/state/hub.js"

const theme = { font: "sans", runs: ["#000000"], runs_text: ["#000000"], card: "#ffffff" }

// A view that was not put into a page; what it says is kept.
function view(kind, more) {
  const said = []
  const made = Object.create(kind.prototype)
  return Object.assign(made, { theme, said, heading: (...words) => said.push(words), explain: (text) => said.push([text]) }, more)
}

test("gradient norms have one scale of colours; what lies far beyond it widens it", () => {
  const range = (metric, ...values) => view(LayerMap, { props: { metric } }).range({ values: [values] })
  const alive = [0.05, 0.3, 0.6]
  assert.deepEqual(range("grad_norm/block", ...alive), [-5, 0])
  assert.deepEqual(range("grad_norm/block", 4e-6, 0.001, 1.2), [-5, 0], "a dead network is seen beside it")
  assert.deepEqual(range("grad_norm/block", 1e-9, 1, 300, 300, 300), [-9, 2])
  assert.deepEqual(range("grad_norm/block"), [-5, 0])
  assert.deepEqual(range("update_ratio/block", ...alive), [-1.5, -0.5])
})

test("a profile of one run begins at 0 as that of two does, so that a flat line is flat", () => {
  const metric = "activation/rms/resid_post"
  const shown = (values) => {
    hub.run("flat").latest[metric] = { step: 9, value: values }
    const { layout } = view(Profile, { props: { metric, runs: [{ id: "flat", name: "flat" }] }, at: new Map(), own: null })
      .build(300, 250)
    return layout.yaxis.range
  }
  const [low, high] = shown([1.01, 1.02, 1.04])
  assert.ok(low === 0 && high > 1.04 && high < 1.2, `${low} to ${high}`)
  assert.ok(shown([-1, 1])[0] < -1)
})

test("a pretrained model lies beside the runs by its share of depth", () => {
  const metric = "activation/rms/resid_post"
  const start = "activation/rms/embed"
  Object.assign(hub.run("toy").latest, { [metric]: { step: 9, value: [2, 4] }, [start]: { step: 9, value: 1 } })
  const drawn = (metrics, more = {}) => view(Profile, { at: new Map(), own: null, model: { asked: "real 1", metrics, said: "" },
    props: { metric, start, runs: [{ id: "toy", name: "toy" }], beside: { run: { id: "real", name: "real" }, asked: "1" }, ...more } })
  const { traces, layout } = drawn({ [metric]: [5, 6, 7, 8], [start]: 3 }).build(400, 250)
  assert.deepEqual(traces.map(({ name, x, y }) => [name, x, y]), [["toy", [0, 0.5, 1], [1, 2, 4]], ["real", [0, 0.25, 0.5, 0.75, 1], [3, 5, 6, 7, 8]]])
  assert.equal(layout.xaxis.title.text, "share of depth")
  const alike = drawn({ [metric]: [5, 6], [start]: 3 }).build(400, 250)
  assert.deepEqual([alike.traces[1].x, alike.layout.xaxis.title.text], [[0, 1, 2], "layer"], "of one depth layers are layers")
  const lacks = drawn({}, { metric })
  assert.match(lacks.besideWords(lacks.modelLine()), /^real was not trained here/)
  assert.equal(lacks.build(400, 250).traces.length, 1)
})

test("a mean says of how many of its runs it is", () => {
  const runs = ["1", "2", "3"].map((id) => ({ id, name: id }))
  const caption = (begun) => {
    const one = view(Curves, { props: { metric: "loss/train", smooth: 0.9, runs }, validation: () => [] })
    one.words([{ runs, begun, band: undefined }])
    return one.said[0][1]
  }
  assert.match(caption(3), /mean of 3 runs/)
  assert.match(caption(1), /mean of 1 of 3 runs/)
})

test("the pointer is told the line's value and, beside it, what was smoothed", () => {
  const cells = [{ begin: 0, span: 1, mean: 3.1, low: 2.9, high: 3.3 }]
  const told = (runs, smooth) => tell(view(Curves, { props: { metric: "grad_norm/total", smooth } }), { runs, run: runs[0], cells, ys: [3.24] })[0]
  assert.equal(told([{ id: "1" }, { id: "2" }], 0.9), "3.24 smoothed, mean 3.1 (2.9 to 3.3)")
  assert.equal(told([{ id: "1" }], 0.9), "3.24 smoothed, raw 3.1")
  assert.equal(told([{ id: "1" }, { id: "2" }], 0), "3.1 (2.9 to 3.3)")
})

test("what is known of a loss beforehand is a line each, and 0 has no place on a log axis", () => {
  const known = { baseline: ["answer entropy", 3.135], optimal: ["optimal loss", 0] }
  const levels = (props) => view(Curves, { props }).levels().map(([name, value, dash]) => `${dash} ${name} ${value}`)
  assert.deepEqual(levels(known), ["dot answer entropy 3.135", "dash optimal loss 0"])
  assert.deepEqual(levels({ ...known, log_y: true }), ["dot answer entropy 3.135"])
  assert.deepEqual(levels({ baseline: null, optimal: null }), [])
})

test("a difference that shows everything again gives up the zoom of its curves too", () => {
  const one = view(Difference, { props: { follow: true } })
  hub.set({ zoom: [0, 10, 1, 2] })
  one.zoom = { x: [2, 3], y: [0, 1] }
  assert.deepEqual([one.zoom.x, hub.choice.zoom], [[2, 3], [0, 10, 1, 2]])
  one.zoom = null
  assert.deepEqual([one.zoom, hub.choice.zoom], [null, null])
})

test("a chart that was not drawn yet says that it is loading", () => {
  const one = view(Chart, { props: { plotly: "here" }, plot: {} })
  one.redraw()
  assert.deepEqual(one.said, [["Loading…"]])
})

test("the loss is marked while the newest that is said of it is bad, and the card names a rewiring", async () => {
  const { RunState } = await import("../src/views/lab/run_state.js")
  const part = () => ({ style: {}, dataset: {}, classes: {}, previousSibling: {}, setAttribute() {},
    classList: { toggle() {} } })
  const marked = (live, about = {}) => {
    Object.assign(hub.run("now"), newRun(), { state: "running", loaded: true, loss: 3, steps: 10 }, live)
    const parts = Object.fromEntries(["dot", "name", "state", "now", "of", "fill", "bar", "message", "optimal"].map((name) => [name, part()]))
    const cells = Object.fromEntries(["loss", "grad", "rate", "left"].map((name) => [name, part()]))
    let bad
    cells.loss.classList.toggle = (_, on) => (bad = on)
    view(RunState, { props: { runs: [{ id: "now", name: "now", ...about }] }, cells, ...parts }).tick()
    return about.optimal === undefined ? [bad, parts.state.textContent] : parts.optimal.textContent
  }
  assert.deepEqual(marked({ alarms: [[20, "warning", "the queries starve"]] }), [false, "training"])
  assert.deepEqual(marked({ stuck: true, alarms: [[20, "switch", ""]] }), [true, "training · rewired at step 20"])
  assert.equal(marked({ loss: "NaN" })[0], true)
  assert.equal(marked({}, { optimal: 0.8718 }), "optimal 0.872")
  assert.equal(marked({}, { optimal: 0 }), "optimal 0.000")
})

test("marks that would lie over each other stand in rows", () => {
  assert.deepEqual(stacked([], 14), [])
  assert.deepEqual(stacked([0, 14, 28], 14), [0, 0, 0])
  assert.deepEqual(stacked([100, 105, 110], 14), [0, 1, 2])
  assert.deepEqual(stacked([110, 100, 114], 14), [1, 0, 0], "in the order of their places, not of the runs")
  assert.deepEqual(stacked([5, 5], 14), [0, 1])
})

test("a value between two gaps is a dot, and one that a line reaches is none", () => {
  const [dots] = alone([0, 1, 2, 3, 4, 5, 6], [1, null, 2, NaN, 3, 4, null], "#000000")
  assert.deepEqual([dots.mode, dots.x, dots.y], ["markers", [0, 2], [1, 2]])
  assert.deepEqual(alone([0, 1], [1, 2], "#000000"), [])
})
