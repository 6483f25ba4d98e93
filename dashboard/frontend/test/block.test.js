// One block step by step: numbers in few letters, and which step is shown.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import { Block } from "../src/views/anatomy/block.js"
import { cellOf, largest, pagesOf } from "../src/views/anatomy/matrix.js"

test("a number of a matrix has at most seven letters and says when it is none", () => {
  const said = [0, 0.004, -0.004, -0.006, 1.2345, -12.34, 123.46, -1234, 123456, NaN, -Infinity, Infinity].map(cellOf)
  assert.deepEqual(said, ["0.00", "0.00", "0.00", "−0.01", "1.23", "−12.34", "123.5", "−1234", "1e5", "NaN", "−∞", "∞"])
})

test("colours go as far as the largest number that is finite", () => {
  assert.equal(largest([1, -3, -Infinity, NaN]), 3)
  assert.equal(largest([]), 0)
})

test("a width is shown in pages of eight columns", () => {
  assert.deepEqual([0, 4, 8, 9, 64].map(pagesOf), [1, 1, 1, 2, 8])
})

const step = (key) => ({ key, symbol: key, title: key, equation: [], observables: [key], made_of: [] })
const post = { title: "post-LN", steps: ["x", "attn_q", "attn_sum", "attn_leaves"].map(step) }
const pre = { title: "pre-LN", steps: ["x", "attn_norm", "attn_q", "attn_sum"].map(step) }
const rows = [[0, 0], [null, 1], [1, 2], [2, 3], [3, null]]

// A view that was not put into a page.
function view(more = {}) {
  const made = Object.create(Block.prototype)
  const node = () => ({ hidden: false, disabled: false, textContent: "" })
  const shown = []
  const pane = () => ({ answer: null, show: (_, lane, one) => shown.push([lane.title, one?.key ?? null]) })
  return Object.assign(made, { props: { lanes: [post, pre], rows, asked: [{}] }, at: 0, from: 0, cells: [], key: "x", all: shown,
    list: { offsetTop: 0 }, side: { offsetTop: 0 }, back: node(), next: node(), where: node(), fewer: node(), more: node(), seen: node(), shown: [pane(), pane()] }, more)
}

test("each row shows both wirings' step, or that one has none", () => {
  const one = view()
  for (let i = 0; i < rows.length; i++) one.go(i)
  assert.deepEqual(one.all.filter(([lane]) => lane === "post-LN").map(([, key]) => key), ["x", null, "attn_q", "attn_sum", "attn_leaves"])
  assert.deepEqual(one.all.filter(([lane]) => lane === "pre-LN").map(([, key]) => key), ["x", "attn_norm", "attn_q", "attn_sum", null])
})

test("arrows, Home and End go from step to step and stop at the ends; other keys are not taken", () => {
  const one = view()
  let left = 0
  const press = (key, more = {}) => one.press({ key, preventDefault: () => left++, stopPropagation() {}, ...more })
  const walked = ["ArrowRight", "ArrowDown", "End", "ArrowRight", "ArrowLeft", "Home", "ArrowUp"].map((key) => (press(key), one.at))
  assert.deepEqual(walked, [1, 2, 4, 4, 3, 0, 0])
  assert.equal(left, 7)
  press("Tab")
  press("ArrowRight", { altKey: true })
  assert.equal(left, 7)
  assert.deepEqual([one.back.disabled, one.next.disabled], [true, false])
})

test("wide matrices are turned by pages, and another step begins at the first column", () => {
  const one = view()
  one.shown[0].answer = { tokens: ["a", "b"], arrays: { x: new Float32Array(2 * 20), attn_q: new Float32Array(2 * 4) } }
  one.go(0)
  assert.equal(one.seen.textContent, "columns 1 to 8 of 20")
  one.turn(1)
  one.turn(1)
  assert.equal(one.seen.textContent, "columns 17 to 20 of 20")
  assert.ok(one.more.disabled)
  one.turn(1)
  assert.equal(one.from, 16)
  one.go(2)
  assert.equal(one.from, 0)
  assert.ok(one.seen.hidden, "a narrow one needs no pages")
})
