// Numbers, times and names as people read them.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import { titleOf, unitOf } from "../src/protocol/metrics.js"
import { labelOf, clock, escaped, headline, number, short } from "../src/ui/format.js"
import { runColour, runDash } from "../src/ui/theme.js"

const each = (say, cases) => cases.forEach(([given, said]) => assert.equal(say(given), said, String(given)))

test("a number has four significant digits and no more zeros than needed", () => {
  each(number, [[null, "–"], [undefined, "–"], ["NaN", "NaN"], [NaN, "NaN"], [Infinity, "NaN"], [0, "0"], [2, "2"], [2.5, "2.5"],
    [3.14159, "3.142"], [-0.25, "-0.25"], [999.96, "1000"], [1234.5, "1,235"], [0.00012345, "1.23e-4"], [1e-3, "0.001"],
    [2.5e7, "2.50e7"]])
  assert.equal(number(3.14159, 2), "3.1")
  assert.equal(number(100, 2), "100", "a whole part is never a power of ten")
})

test("a running number keeps its width", () => {
  each(headline, [[null, "–"], [undefined, "–"], ["NaN", "NaN"], [2.5, "2.500"], [123.456, "123.5"], [0, "0.000"], [0.0001, "1.0e-4"],
    [2e5, "2.0e+5"]])
})

test("seconds as a clock", () => {
  each(clock, [[null, "–"], [undefined, "–"], [0, "0:00"], [59.6, "1:00"], [61, "1:01"], [3723, "1:02:03"], [-5, "0:00"]])
})

test("a long name is cut, a label is not", () => {
  assert.equal(short("a".repeat(24)), "a".repeat(24))
  assert.equal(short("a".repeat(25)), "a".repeat(23) + "…")
  assert.equal(short("abcdef", 4), "abc…")
  assert.equal(short("post-LN, residual off", 15), "post-LN…", "no word is cut in its middle")
  assert.equal(short("residual off, seed 1", 14), "residual off…")
  assert.equal(labelOf({ name: "b".repeat(30) }), "b".repeat(23) + "…")
  assert.equal(labelOf({ name: "b", label: "post, depth 12" }), "post, depth 12")
})

test("a name is no markup", () => {
  assert.equal(escaped("<b>&"), "&lt;b&gt;&amp;")
})

test("what a metric is called and measured in", () => {
  each(unitOf, [["grad_norm/block", "gradient norm"], ["activation/rms/resid_post", "RMS of activations"], ["other", "other"]])
  each(titleOf, [["loss/train", "Training loss"], ["grad_norm/block", "Gradient norm"], ["activation/rms/resid_post", "RMS of activations"]])
})

test("runs that share a colour are told apart by their dashes", () => {
  const theme = { runs: ["r0", "r1"], runs_text: ["t0", "t1"] }
  assert.deepEqual([runColour(theme, { colour: 3 }), runColour(theme, {}, true)], ["r1", "t0"])
  assert.deepEqual([0, 7, 8, 16, 24, 32].map((colour) => runDash({ colour })), ["solid", "solid", "dash", "dot", "dashdot", "solid"])
})
