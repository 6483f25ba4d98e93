// What is noticed in charts, from constructed data: true of all of it, edge cases included.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import { blockNotice, lensNotice, operateNotice, tokensNotice } from "../src/notice/anatomy.js"
import { curvesNotice, differenceNotice } from "../src/notice/curves.js"
import { linesNotice, mapNotice, profileNotice } from "../src/notice/depth.js"
import { withRest } from "../src/notice/head_words.js"
import { cardsNotice, headNotice, headsNotice, scrubberNotice } from "../src/notice/heads.js"
import { matrixNotice } from "../src/notice/matrix.js"
import { times } from "../src/notice/words.js"
import { termOf } from "../src/protocol/glossary.js"
import { useCatalogue } from "../src/protocol/words.js"

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
  const both = (dotted, dashed) => curves([line("A", [4.2, 3, 2.3])], { levels: [["unigram entropy", dotted], ["optimal loss", dashed]] }).theory
  assert.match(both(3.25, 1), /dashed line is the lowest/)
  assert.doesNotMatch(both(3.25, 1), /close together/)
  assert.match(both(3.25, 3.1), /close together because .* only 0\.15 nats/)
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
  const many = curves([1, 2, 3, 4].map((i) => line(`R${i}`, [4, 3, i], { judged: [{ name: `R${i}`, verdict: i < 3 ? "learned" : "plateau" }] })))
  assert.match(said(many), /^Of 4 lines R1 ends lowest \(1\), R4 highest \(4\)\. 2 of 4 runs: learned\. 2 of 4 runs: on the plateau\.$/)
  const group = said(curves([line("G", [4, 3, 2.5], { runs: 3, low: 2.4, high: 2.6 })], { chosen: 3 }))
  assert.match(group, /^G: the mean is 2\.5 at step 900\. Its runs lie between 2\.4 and 2\.6\./)
})

test("a run that diverged, waits, is hidden or stuck is said to be so", () => {
  assert.match(said(curves([line("A", [4, 900, null], { state: "diverged", judged: [{ name: "A", verdict: "diverged" }] })])), /A is at 900 at step 100\. It is .* Diverged.*: A\. Verdict on A: diverged\./)
  assert.match(said(curves([line("A", [4, 3, 2])], { chosen: 3 })), /2 of 3 chosen runs have no value here yet\./)
  assert.match(said(curves([line("A", [4, 3, 2])], { chosen: 3, never: 1 })), /1 of 3 chosen runs has not measured it\. 1 of 3 chosen runs has no value here yet\./)
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

test("a metric's name leads to its term in every language", () => {
  useCatalogue({ "Training loss": ["训练损失"], "gradient norm": ["梯度范数"] })
  assert.deepEqual([termOf("训练损失")?.id, termOf("梯度范数")?.id, termOf("heads")?.id], ["loss", "gradient", "head"])
  useCatalogue({})
})

test("factors are told as people read them", () => {
  assert.deepEqual([1.234, 34.5, 34123, 1.6e6, 2.4e9, 3e12, 1e20, Infinity].map(times), ["1.2", "35", "34,000", "2 million", "2 billion", "3 trillion", "100 trillion and more", "∞"])
})

test("statistics of activations: lowest and highest layer, dead units, growth", () => {
  const lines = (statistic, values, observable = "resid_post") => said(linesNotice({ statistic, observable, what: "residual stream", steps, values, why: "" }))
  assert.match(lines("rms", [[1, 1], [1, 2], [1, 5]]), /^At step 900 it is lowest in layer 1 \(1\) and highest in layer 2 \(5\)\. It grows 5 times with depth, from 1 to 5\.$/)
  assert.match(lines("dead", [[0, 0.5]], "mlp.post"), /On average 25 % of the units are dead\./)
  assert.match(lines("dead", [[0, 0]], "mlp.post"), /all layers have 0\. No unit is dead\./)
  assert.match(lines("kurtosis", [[3]]), /the one layer has 3/)
  assert.match(lines("kurtosis", [[null, 3]]), /only layer 2 has a value: 3/)
  assert.match(said(linesNotice({ statistic: "rms", observable: "x", what: "x", steps, values: [], why: "Loading…" })), /Loading…/)
  assert.match(said(linesNotice({ statistic: "rms", observable: "x", what: "x", steps, values: [[1, 1]], why: "", rewired: [40] })), /rewired at step 40/)
})

test("a profile says how the stream grows, for each run and between two", () => {
  const profile = (lines, more = {}) => said(profileNotice({ metric: "activation/rms/resid_post", embedded: true, lines, runs: lines.length, why: "", step: null, ...more }))
  const run = (name, y) => ({ name, step: 900, y })
  assert.equal(profile([run("A", [1, 2, 4]), run("B", [1, 1, 1])]),
    "A: it grows 4 times with depth, from 1 to 4. B: it keeps its size with depth, 1 at the start and 1 at the end. In the last layer A has 4 times the value of B.")
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

// --- heads

// [previous, first, entropy] of the whole, of which what is beside the first token is as spread.
const score = (rows, n = 64) => {
  const of = (value) => rows.map((r) => r.map(value))
  return withRest({ previous: of(([p]) => p), first: of(([, f]) => f), entropy: of(([, , e]) => e) },
    { rest: of(([, f]) => 1 - f), previous: of(([p, f]) => p / (1 - f)), entropy: of(([, , e]) => e) }, n, true)
}
const SINK = [0.02, 0.95, 0.3]
const BEFORE = [0.8, 0.1, 0.5]
const RESTING = [0.3, 0.6, 1] // three quarters of what it has left
const EVEN = [0.05, 0.1, 3.2]
const heads = (rows, more = {}) => headsNotice({ shape: [rows.length, rows[0]?.length ?? 0], scores: score(rows), tokens: 64, causal: true, step: 400, why: "", ...more })

test("heads are counted by what they do, and a layer of one mind is named", () => {
  assert.equal(said(heads([[BEFORE, EVEN], [SINK, SINK]])),
    "At step 400: 4 heads. By what they mostly do: 1 previous token, 2 first token, 1 spread evenly."
    + " 2 of 4 give the first token 30 % of their attention or more; their names say what they do with the rest. All heads of layer 2: at least 90 % of its attention goes to the first token."
    + " The sharpest is layer 2, head 1: its entropy is 0.3 of at most 3.21 nats.")
  assert.match(said(heads([[EVEN, EVEN], [EVEN, EVEN]])), /All of them: beside the first token it looks at all tokens that it may see about equally/)
  assert.match(said(heads([[RESTING, EVEN]])), /1 previous token, 1 spread evenly\. 1 of 2 gives the first token 30 % /)
  assert.match(said(heads([[BEFORE]])), /^At step 400: 1 head\. All of them: at least 30 % .* token before\./)
})

test("heads without scores, without a picture, of a difference, without a mask", () => {
  assert.match(said(heads([[EVEN]], { scores: null })), /being measured/)
  assert.equal(said(heads([[EVEN]], { step: null, why: "The first snapshot appears in a moment." })), "Nothing is drawn yet. The first snapshot appears in a moment.")
  assert.match(said(heads([[EVEN]], { signed: true })), /about run A/)
  assert.match(heads([[EVEN]], { causal: false }).theory, /Nothing is masked/)
  assert.doesNotMatch(said(heads([[[0.1, 0.1, NaN]]])), /NaN|sharpest/)
})

test("the chosen head is told by its pattern, its entropy and its strongest look", () => {
  const tokens = ["a", "b", "c"]
  const pattern = [1, 0, 0, 0.2, 0.8, 0, 0.1, 0.3, 0.6]
  const one = (more) => headNotice({ layer: 0, head: 0, pattern, tokens, scores: score([[[0.9, 0, 0.5]]]), causal: true, lines: false, signed: false, step: 400, why: "", ...more })
  assert.match(said(one()), /^Layer 1, head 1 at step 400: at least 30 % .*before\. Its entropy is 0\.5 of at most 0\.597 nats: it looks as widely as at 1\.6 tokens alike\. Its strongest look: “b” \(2\) gives 80 % of its attention to “b” \(2\)\.$/)
  assert.match(said(one({ scores: score([[RESTING]]) })), /before\. 60 % of its attention goes to the first token, its sink\. /)
  assert.match(said(one({ scores: null, signed: true, pattern: [0, 0, 0, -0.5, 0.5, 0, 0, 0, 0] })), /^The largest difference: “b” \(2\) to “a” \(1\), A − B = -0\.5\.$/)
  assert.match(said(one({ scores: null, signed: true, pattern: new Array(9).fill(0) })), /do not differ/)
  assert.match(said(one({ tokens: ["a"], pattern: [1], scores: null })), /only look at itself/)
  assert.match(said(one({ pattern: null, tokens: [] })), /Nothing is drawn yet/)
  assert.match(one({ lines: true }).axes, /Left: tokens that ask/)
})

test("cards say who is first, and when a score is not known", () => {
  const cards = (sort, values, more = {}) => said(cardsNotice({ shape: [1, values.length], scores: null, tokens: 64, causal: true, step: 0, why: "", sort,
    order: values.map((_, i) => [0, i]), valueOf: (_, head) => values[head], ...more }))
  assert.equal(cards("entropy", [0.3, 3]), "First is layer 1, head 1 with entropy 0.3. Last is layer 1, head 2 with 3.")
  assert.match(cards("induction", [null, null]), /not known at this step/)
  assert.match(cards("entropy", [], { step: null, why: "Loading…" }), /Loading/)
})

test("the scrubber says where the loss falls most between snapshots", () => {
  const curve = { steps: [0, 10, 20, 40], values: [4, 3.9, 2.9, 2.8], name: "A" }
  const at = (more) => said(scrubberNotice({ stops: [0, 10, 20, 40], at: 3, curve, own: false, why: "", ...more }))
  assert.equal(at(), "Shown is step 40, 4 of 4: the loss is 2.8 nats there. From one tick to the next it falls most between step 10 and 20, by 1: compare the heads before and after.")
  assert.equal(at({ curve: undefined }), "Shown is step 40, 4 of 4.")
  assert.equal(at({ curve: { ...curve, values: [2, 3, 4, 5] } }), "Shown is step 40, 4 of 4: the loss is 5 nats there.", "a loss that only rises has no fall")
  assert.match(at({ stops: [], at: -1, why: "Loading…" }), /Loading/)
})

test("which trained: counts, the best cell, and the value that decides", () => {
  const cell = (kind, value = null) => ({ kind, value, of: kind === "empty" ? 0 : 1 })
  const cells = [[cell("learned", 2.3), cell("learned", 2.4)], [cell("dead"), cell("diverged")]]
  const of = (cells, rows = ["pre", "post"]) => said(matrixNotice({ rows, columns: ["4", "12"], cells, unit: "nats" }))
  assert.equal(of(cells), "Of 4 cells with runs: 2 learned, 1 on the plateau, 1 diverged. The lowest loss has pre, 4: 2.30. Everything learned with pre, nothing with post.")
  assert.doesNotMatch(of([[cell("learned", 2), cell("dead")], [cell("dead"), cell("learned", 2)]]), /Everything/)
  assert.match(of([[cell("learned", 2), cell("empty")], [cell("live"), cell("empty")]]), /1 still at work.*2 cells have no run\./)
  assert.match(of([[cell("empty"), cell("empty")]], ["pre"]), /Nothing is drawn yet/)
})

// --- anatomy

test("texts: nats, the least likely token, and where two of them part", () => {
  const items = (...list) => list.map(([text, p]) => ({ text, p, entropy: 1 }))
  const of = (...texts) => said(tokensNotice({ texts: texts.map((items, i) => ({ name: "AB"[i], items })), why: "waits" }))
  assert.equal(of(items(["a", 0.5], ["b", 0.125])), "A: 2 tokens, 1.39 nats each on average. Its least likely token is “b”, the 2. one, p = 0.13.")
  assert.match(of(items(["a", 1], ["b", 1]), items(["a", 1], ["c", 1])), /equal for 1 token, then they part/)
  assert.match(of(items(["a", 1]), items(["b", 1])), /differ from the first token on/)
  assert.match(of(items(["a", 1]), items(["a", 1])), /equal as far/)
  assert.equal(of([]), "Nothing is drawn yet. waits")
})

test("the lens: how often it is right at the output, in the first row, and at best", () => {
  const lens = (rank, top) => said(lensNotice({ tables: [{ name: "A", rows: ["embedding", "layer 1", "output"], tokens: 3, rank, top, K: 1 }], by: "right", why: "" }))
  assert.match(lens([3, 3, 0, 0, 0, 0, 0, 5, 0], [1, 1, 1, 2, 3, 1, 2, 4, 1]), /^A: the output is right at 50 % of the tokens, the first row at 0 %\. Most often right is the row layer 1: 100 %\.$/)
  assert.match(lens([3, 3, 0, 3, 3, 0, 3, 3, 0], new Array(9).fill(7)), /the same everywhere/)
  assert.equal(said(lensNotice({ tables: [], by: "top", why: "" })), "Nothing is drawn yet.")
})

test("a step of a block: its size, its shares, what is not finite, and a step without numbers", () => {
  const pane = (values, share = false) => ({ wiring: "Pre-LN", title: "norm", values, tokens: 2, share })
  const of = (...panes) => said(blockNotice({ at: 1, all: 9, panes, why: "" }))
  assert.equal(of(pane([1, -1, 1, -1])), "Step 2 of 9. Pre-LN, norm: RMS 1, from -1 to 1; the mean of a row is at most 0.")
  assert.match(of(pane([1, 0, 0.5, 0.5], true)), /each row adds up to 1; the largest share is 1/)
  assert.match(of(pane([1, NaN, 1, 1])), /1 of 4 numbers are not finite/)
  assert.match(of(pane(null)), /^Step 2 of 9\. Nothing is drawn yet/)
})

test("an operation: clear, unclear, not finite, none", () => {
  const of = (operations, ...costs) => said(operateNotice({ operations, costs, why: "" }))
  const cost = (delta, error = 0.01) => ({ name: "A", delta, error, before: 2.3 })
  assert.match(of(1, cost(0.5)), /rises by 0\.5 nats \(± 0\.01\)/)
  assert.match(of(1, cost(-0.5)), /falls by 0\.5 nats/)
  assert.match(of(1, cost(0.015)), /no clear change/)
  assert.match(of(1, cost(null)), /not finite/)
  assert.equal(of(0, cost(0)), "Nothing is taken out yet. A has a loss of 2.3 nats as it is.")
  assert.match(of(1), /Nothing is drawn yet/)
})

test("labels of these notices lead to terms too", () => {
  const all = [heads([[EVEN]]), headNotice({ layer: 0, head: 0, pattern: null, tokens: [], scores: null, causal: true, lines: false, signed: false, step: null, why: "" }),
    ...["entropy", "induction", "first token", "previous token", "duplicate token"].map((sort) => cardsNotice({ shape: [], scores: null, tokens: 0, causal: true, step: null, why: "", sort, order: [], valueOf: () => null })),
    scrubberNotice({ stops: [], at: -1, curve: undefined, own: true, why: "" }), matrixNotice({ rows: [], columns: [], cells: [], unit: "nats" }),
    tokensNotice({ texts: [], why: "" }), lensNotice({ tables: [], by: "top", why: "" }), blockNotice({ at: 0, all: 1, panes: [], why: "" }), operateNotice({ operations: 0, costs: [], why: "" })]
  for (const { terms, axes, theory } of all) {
    assert.ok(axes.length > 20 && theory.length > 20)
    assert.deepEqual(terms.filter((label) => !termOf(label)), [], axes)
  }
})
