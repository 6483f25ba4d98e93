// Attention as pixels and words.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import { shownToken } from "../src/ui/format.js"
import { share } from "../src/views/anatomy/token_parts.js"
import { scoreOf, strongest, uniformEntropy, withRest } from "../src/notice/head_words.js"
import { headsWords } from "../src/views/attention/page_words.js"
import { apart, bytesOf, edgesOf, portion } from "../src/views/attention/pixels.js"
import { meanEntropy } from "../src/views/lab/attention_head.js"
import { lossAt, nearest } from "../src/views/attention/scrubber.js"

test("a probability is the byte of its root, a difference lies around 128", () => {
  assert.deepEqual([...bytesOf([0, 0.25, 1, NaN, 2], false)], [0, 128, 255, 0, 255])
  assert.deepEqual([...bytesOf([0, 1, -1, 0.25, NaN], true)], [128, 255, 1, 192, 128])
})

test("a head's entropy is the mean over all rows: of even attention the highest possible", () => {
  const n = 64
  const even = Float32Array.from({ length: n * n }, (_, at) => (at % n <= Math.floor(at / n) ? 1 / (Math.floor(at / n) + 1) : 0))
  assert.ok(Math.abs(meanEntropy(even, n) - uniformEntropy(n, true)) < 1e-5)
  assert.equal(meanEntropy([1, 0, 1, 0], 2), 0)
})

test("every cell has a pixel and every pixel a cell", () => {
  for (const [size, n] of [[6, 3], [3, 6], [7, 3], [5, 64]]) {
    const { from, to } = edgesOf(size, n)
    assert.ok([...from].every((v, i) => v < to[i] && v >= 0 && to[i] <= n), `${size} of ${n}`)
    if (size < n) assert.deepEqual([from[0], to[size - 1]], [0, n])
    else assert.equal(new Set(from).size, n)
  }
})

test("portions are short", () => {
  const said = [[0.871, ".87"], [1, "1.00"], [0, "0"], [0.004, ".004"], [1e-5, "<.001"], [-0.5, "−.50"], [null, "–"], [NaN, "–"]]
  for (const [value, text] of said) assert.equal(portion(value), text, String(value))
  assert.equal(portion(0.12, true), "+.12")
  assert.deepEqual([share(1), share(0.1234), share(1e-9)], ["1", ".123", "<.001"])
  assert.deepEqual([" ", "\n", "a"].map(shownToken), ["·", "↵", "a"])
})

test("a head is named by what it does beside the first token, else by its entropy", () => {
  const one = (whole, rest) => withRest({ first: [[0.2]], entropy: [[1]], ...whole }, { previous: [[0.1]], entropy: [[1]], ...rest }, 64, true)
  const called = (whole, rest = {}) => strongest(one(whole, rest), 0, 0)
  assert.equal(called({}, { previous: [[0.6]] }), "previous token")
  assert.equal(called({}, { induction: [[0.9]], previous: [[0.6]] }), "induction")
  assert.equal(called({}), "mixed")
  assert.equal(called({}, { entropy: [[3.2]] }), "uniform")
  assert.equal(called({ first: [[0.7]] }, { previous: [[0.6]] }), "previous token", "most of it rests on the first token")
  assert.equal(called({ first: [[0.7]] }), "mixed")
  assert.equal(called({ first: [[0.95]] }, { previous: [[0.6]] }), "first token", "a twentieth of it may be chance")
  assert.equal(called({ first: [[0.95]], induction: [[0.7]] }, { induction: [[0.8]] }), "induction", "which is measured on another text")
})

test("cards score what does not go to the first token; that share and the entropy are of the whole", () => {
  const scores = withRest({ first: [[0.7]], entropy: [[1.5]], previous: [[0.2]] }, { rest: [[0.3]], previous: [[0.66]], entropy: [[0.4]] }, 64, true)
  assert.deepEqual(["first", "entropy", "previous", "duplicate"].map((name) => scoreOf(scores, name, 0, 0)), [0.7, 1.5, 0.66, null])
  assert.equal(scoreOf(null, "first", 0, 0), null)
})

test("even attention beside the first token: each row counts by what it has left", () => {
  const even = (n, causal) => withRest({}, {}, n, causal).rest.even
  assert.ok(Math.abs(even(3, true) - (2 / 3 * Math.log(2)) / (1 / 2 + 2 / 3)) < 1e-12)
  assert.deepEqual([even(1, true), even(2, true)], [0, 0])
  assert.equal(even(5, false), Math.log(4))
})

test("uniform attention over T tokens has ln T nats, causal the mean over its rows", () => {
  assert.equal(uniformEntropy(8, false), Math.log(8))
  assert.ok(Math.abs(uniformEntropy(64, true) - 3.206) < 1e-3)
})

test("the stop that is nearest to a step, and the loss there", () => {
  assert.deepEqual([nearest([0, 10, 30], 18), nearest([0, 10, 30], 1e9), nearest([5], 0)], [1, 2, 0])
  const curve = { steps: [0, 10, 20], values: [4, 3, 2] }
  assert.deepEqual([lossAt(curve, 12), lossAt({ steps: [], values: [] }, 3), lossAt(undefined, 3)], [3, null, null])
})

test("two portions and their difference add up as they are read", () => {
  assert.deepEqual(apart(2.534, 3.206), { a: "2.53", b: "3.21", difference: "−.68" })
  assert.deepEqual(apart(0.0524, 0.0544), { a: ".05", b: ".05", difference: "0" })
  assert.deepEqual(apart(0.032, 0.004), { a: ".03", b: ".004", difference: "+.026" })
})

test("an own text is called so, and the probe text of a run that kept no attention is not", () => {
  const picture = { tokens: ["a", "b"], own: true, probe: false, note: "" }
  assert.equal(headsWords([3, 4], picture)[1], "your text, 2 tokens")
  assert.equal(headsWords([3, 4], { ...picture, probe: true })[1], "probe text, 2 tokens")
})
