// Which runs are ticked, and how that stands in few ids.

import assert from "node:assert/strict"
import { test } from "node:test"

import { Ticks } from "../src/state/selection.js"

const rows = (...ids) => ids.map((id) => ({ id }))
const LISTED = rows("a", "b", "c", "d")
const said = ({ kind, ids }) => [kind, [...ids].sort()]

test("all, all but some, only some", () => {
  assert.deepEqual(new Ticks().of(LISTED), ["a", "b", "c", "d"])
  assert.deepEqual(new Ticks("but", ["b"]).of(LISTED), ["a", "c", "d"])
  assert.deepEqual(new Ticks("only", ["d", "b"]).of(LISTED), ["b", "d"], "in the order of the rows")
  assert.deepEqual(new Ticks().of(LISTED, 2), ["a", "b"], "no more than can be drawn")
})

test("few off are said as all but those, so that later runs join in", () => {
  const ticks = new Ticks().to(new Set(["a", "b", "c"]), LISTED)
  assert.deepEqual(said(ticks), ["but", ["d"]])
  assert.deepEqual(ticks.of(rows("new", "a", "d")), ["new", "a"])
})

test("half and more off are said as only those that stay", () => {
  assert.deepEqual(said(new Ticks().to(new Set(["a", "b"]), LISTED)), ["only", ["a", "b"]])
})

test("nothing off is all again", () => {
  assert.deepEqual(said(new Ticks("only", ["a"]).to(new Set(["a", "b", "c", "d"]), LISTED)), ["all", []])
})

test("what a filter hides keeps its tick", () => {
  assert.deepEqual(said(new Ticks("but", ["z"]).to(new Set(["a", "b", "c", "d"]), LISTED)), ["but", ["z"]])
  assert.deepEqual(said(new Ticks("only", ["z", "a"]).to(new Set(["b"]), LISTED)), ["only", ["b", "z"]])
})

test("where not all can be drawn, the ticks name those that are", () => {
  assert.deepEqual(said(new Ticks().to(new Set(["a", "b", "c"]), LISTED, 3)), ["only", ["a", "b", "c"]])
})
