// What is noticed in charts, from constructed data: true of all of it, edge cases included.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import { curvesNotice, differenceNotice } from "../src/notice/curves.js"
import { linesNotice, mapNotice, profileNotice } from "../src/notice/depth.js"
import { termOf } from "../src/protocol/glossary.js"

const steps = [0, 100, 900]
const line = (name, ys, more = {}) => ({ name, runs: 1, steps, ys, ...more })
const curves = (lines, more = {}) => curvesNotice({ metric: "loss/train", unit: "nats per character", x: "step", lines, chosen: lines.length, why: "", smooth: true,
  levels: [["unigram entropy", 3.25]], ...more })
const said = (notice) => notice.now.join(" ")

test("a curve is told by its end, by what that means and by the dotted line", () => {
  const one = curves([line("A", [4.2, 3, 2.3])])
  assert.equal(said(one), "A is at 2.3 at step 900. That is as unsure as among 10 equally likely ones. It is 0.95 nats below unigram entropy.")
  assert.match(one.axes, /To the right: steps of training\. Upwards: training loss, nats per character\. Bold is a running mean/)
  assert.match(one.theory, /stays on the dotted line/)
  assert.doesNotMatch(curves([line("A", [4.2, 3, 2.3])], { levels: [] }).theory, /dotted/, "nothing is said of a line that is not there")
  assert.doesNotMatch(curves([line("A", [4.2, 3, 2.3])], { smooth: false }).axes, /running mean/)
})

test("two curves are compared at a step that both have", () => {
  const two = (a, b) => said(curves([line("A", a), line("B", b)], { levels: [] }))
  assert.match(two([4, 3, 2.45], [4, 3, 2.5]), /At step 900, about the last that both have, A is 2 % below B\.$/)
  assert.match(two([4, 3, 2], [4, 2.4, null]), /At step 100, about the last that both have, B is 20 % below A\.$/)
  assert.match(two([4, 3, 2], [4, 3, 2]), /At step 900 the two are equal\.$/)
  assert.doesNotMatch(two([4, 3, 2], [null, null, null]), /both|equal\.$/)
})

test("many curves are told by the lowest and the highest, a group by its range", () => {
  const many = curves([1, 2, 3, 4].map((i) => line(`R${i}`, [4, 3, i], { verdict: i < 3 ? "learned" : "plateau" })))
  assert.match(said(many), /^Of 4 lines R1 ends lowest \(1\), R4 highest \(4\)\. 2 of 4 runs: learned\. 2 of 4 runs: on the plateau\.$/)
  const group = said(curves([line("G", [4, 3, 2.5], { runs: 3, low: 2.4, high: 2.6 })], { chosen: 3 }))
  assert.match(group, /^G: the mean is 2\.5 at step 900\. Its runs lie between 2\.4 and 2\.6\./)
})

test("a run that diverged, waits, is hidden or stuck is said to be so", () => {
  assert.match(said(curves([line("A", [4, 900, null], { state: "diverged", verdict: "diverged" })])), /A is at 900 at step 100\. It is .* Diverged.*: A\. Verdict on A: diverged\./)
  assert.match(said(curves([line("A", [4, 3, 2])], { chosen: 3 })), /2 of 3 chosen runs have no value here yet\./)
  assert.match(said(curves([line("A", [4, 3.3, 3.3], { state: "running", stuck: true })])), /stuck so far: A\./)
  assert.match(said(curves([line("A", [4, 3, 2])], { zoomed: true })), /zoomed in/)
  assert.equal(said(curves([], { why: "Loading…" })), "Nothing is drawn yet. Loading…")
  assert.equal(said(curves([line("A", [null, null, null])], { why: "" })), "Nothing is drawn yet.")
})

test("a difference says who is lower now, where they were furthest apart and how long", () => {
  const of = (ys) => differenceNotice({ a: "A", b: "B", what: "Training loss", steps, ys, why: "Loading…" })
  assert.equal(said(of([0, 0.4, -0.1])), "At step 900 A is 0.1 below B. They were furthest apart at step 100, by 0.4; A is the lower one in 33 % of what is drawn.")
  assert.match(said(of([0, 0, 0])), /^At step 900 both are equal\./)
  assert.equal(said(of([])), "Nothing is drawn yet. Loading…")
})

const map = (values, more = {}) => mapNotice({ metric: "grad_norm/block", what: "gradient norm", steps, values, why: "", ...more })

test("gradients by layer are compared by the rule of the advice", () => {
  assert.match(said(map([[1, 1], [2, 1], [340, 1]])), /^At step 900: the gradient norm of layer 1 \(340\) is 340 times that of layer 2 \(1\): it grows on its way back\. Layer 1 over layer 2: 1 at step 0, 340 at step 900\.$/)
  assert.match(said(map([[1, 1], [1, 1], [1e-6, 0.5]])), /layer 1 \(1\.0e-6\) is 500,000 times smaller than that of layer 2 \(0\.5\): it shrinks on its way back/)
  assert.match(said(map([[1, 1], [1, 1], [1, 2.9]])), /is about that of layer 2/)
  assert.match(said(map([[0, 1]], { steps: [0] })), /no gradient at all reaches layer 1: it is exactly 0/)
  assert.match(said(map([[3]], { steps: [0] })), /the one layer has a gradient norm of 3/)
})

test("what is not a number is said, and an empty map says why", () => {
  assert.match(said(map([[1, 1], [null, 1], [null, null]])), /^At step 100: layer 1 has no finite gradient norm\. .*From step 100 on some of it is not a number\.$/)
  assert.equal(said(map([], { steps: [], why: "Waiting for its turn to train." })), "Nothing is drawn yet. Waiting for its turn to train.")
  assert.match(said(map([[null, null]], { steps: [0] })), /^Nothing is drawn yet/)
})

test("statistics of activations: lowest and highest layer, dead units, growth", () => {
  const lines = (statistic, values, observable = "resid_post") => said(linesNotice({ statistic, observable, what: "residual stream", steps, values, why: "" }))
  assert.match(lines("rms", [[1, 1], [1, 2], [1, 5]]), /^At step 900 it is lowest in layer 1 \(1\) and highest in layer 2 \(5\)\. it grows 5 times with depth, from 1 to 5\.$/i)
  assert.match(lines("dead", [[0, 0.5]], "mlp.post"), /On average 25 % of the units are dead\./)
  assert.match(lines("dead", [[0, 0]], "mlp.post"), /all layers have 0\. No unit is dead\./)
  assert.match(lines("kurtosis", [[3]]), /the one layer has 3/)
  assert.match(said(linesNotice({ statistic: "rms", observable: "x", what: "x", steps, values: [], why: "Loading…" })), /Loading…/)
  assert.match(said(linesNotice({ statistic: "rms", observable: "x", what: "x", steps, values: [[1, 1]], why: "", rewired: [40] })), /rewired at step 40/)
})

test("a profile says how the stream grows, for each run and between two", () => {
  const profile = (lines, more = {}) => said(profileNotice({ metric: "activation/rms/resid_post", embedded: true, lines, runs: lines.length, why: "", step: null, ...more }))
  const run = (name, y) => ({ name, step: 900, y })
  assert.equal(profile([run("A", [1, 2, 4]), run("B", [1, 1, 1])]),
    "A: it grows 4 times with depth, from 1 to 4. B: it keeps its size with depth, 1 at the start and 1 at the end. In the last layer A is 4 times B.")
  assert.match(profile([run("A", [1, 0.1])]), /it shrinks with depth, from 1 to 0\.1, to 0\.1 times what it was/)
  assert.match(profile([run("A", [1, null])]), /A: some of it is not a number/)
  assert.match(profile([1, 2, 3, 4].map((i) => run(`R${i}`, [1, i]))), /^Of 4 lines R1 ends lowest \(1\), R4 highest \(4\)\.$/)
  assert.match(profile([], { why: "Choose a run to see it here.", runs: 0 }), /Choose a run/)
  assert.match(profile([run("A", [1, 2])], { runs: 3 }), /2 of 3 chosen runs/)
  assert.match(said(profileNotice({ metric: "grad_norm/block", embedded: false, lines: [run("A", [9, 1])], runs: 1, why: "", step: null })), /^A, step 900: the gradient norm of layer 1 \(9\) is 9 times/)
})

test("every label that a notice names leads to a term", () => {
  const all = [curves([line("A", [4, 3, 2])], { x: "flops", levels: [["unigram entropy", 3], ["optimal loss", 1]] }), map([[1, 1]], { steps: [0] }),
    ...["learning_rate", "tokens_per_second", "update_ratio/block", "accuracy/validation", "grad_norm/total"].map((metric) => curves([line("A", [1, 1, 1])], { metric })),
    ...["rms", "mean", "std", "kurtosis", "max", "dead"].map((statistic) => linesNotice({ statistic, observable: "resid_post", what: "residual stream", steps: [], values: [], why: "" })),
    ...["activation/rms/resid_post", "grad_norm/block", "attention/entropy", "activation/effective_rank/resid_post"].map((metric) => profileNotice({ metric, embedded: true, lines: [], runs: 0, why: "", step: null })),
    differenceNotice({ a: "A", b: "B", what: "Training loss", steps: [], ys: [], why: "" })]
  for (const { terms, axes } of all) {
    assert.ok(axes.length > 20)
    assert.deepEqual(terms.filter((label) => !termOf(label)), [], axes)
  }
  assert.deepEqual([termOf("Heads")?.id, termOf("warm up")?.id, termOf("zebra")], ["head", "warm_up", null])
})
