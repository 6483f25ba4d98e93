// What the tab keeps of a run, and what it asks for next.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import { newRun, hear } from "../src/protocol/live.js"
import { begins, hub } from "../src/state/hub.js"

const running = { state: "running", step: 3, steps: 9 }

test("numbers that a reply leaves out are unknown, a snapshot stays", () => {
  const run = newRun()
  hear(run, { ...running, loss: 2.5, message: "warming up", snapshot: 2 }, "")
  assert.deepEqual([run.loss, run.message, run.snapshot], [2.5, "warming up", 2])
  hear(run, { ...running, step: 4 }, "")
  assert.deepEqual([run.loss, run.message, run.snapshot, run.step], [null, null, 2, 4])
})

test("events are added; told from the first on, they replace what was known", () => {
  const run = newRun()
  hear(run, { ...running, events: { from: 0, cursor: "0:2", alarms: [[1, "warning", "a"]], sample: [1, "text"] } }, "")
  hear(run, { ...running, events: { from: 2, cursor: "0:3", alarms: [[2, "good", "b"]] } }, "")
  assert.deepEqual([run.alarms.map(([step]) => step), run.sample, run.events], [[1, 2], [1, "text"], "0:3"])
  hear(run, { ...running, events: { from: 0, cursor: "1:1" } }, "")
  assert.deepEqual([run.alarms, run.sample, run.events], [[], null, "1:1"])
})

test("an ended run is asked once more and then left alone, until another question", () => {
  const run = newRun()
  const ended = { state: "finished", step: 9, steps: 9 }
  hear(run, { ...ended, m: { "loss/train": { from: 0, s: [0], v: [1], c: "x" } } }, "key")
  assert.equal(run.settled, "")
  hear(run, ended, "key")
  assert.equal(run.settled, "key")
  hear(run, running, "key") // somebody resumed it
  assert.equal(run.settled, "")
})

test("a deleted run keeps what was known", () => {
  const run = newRun()
  hear(run, { ...running, loss: 2 }, "")
  hear(run, { gone: true }, "")
  assert.deepEqual([run.gone, run.loss, run.state], [true, 2, "running"])
})

test("a run begins until its first point, or until it has ended", () => {
  const run = newRun()
  assert.equal(begins(run), true)
  hear(run, { ...running, m: { "loss/train": { missing: true } } }, "")
  assert.equal(begins(run), true, "a metric that is not recorded is no point")
  hear(run, { ...running, m: { "loss/train": { from: 0, s: [0], v: [1], c: "x" } } }, "")
  assert.equal(begins(run), false)
  assert.equal(begins({ ...newRun(), state: "failed" }), false)
})

test("all views ask in one request, each run for what is wanted of it", () => {
  const view = (asks) => ({ props: {}, asks: () => asks, tick() {}, update() {}, destroy() {} })
  hub.views = new Set([view({ runs: ["b", "a"], metrics: ["loss/train"] }), view({ focus: ["a"], layers: ["grad_norm/block", "loss/train"] }),
    view({ own: { c: ["difference/a/loss/train"] }, headline: ["b"], counts: true })])
  hub.runs.clear()
  hub.run("a").events = "0:4"
  const asks = hub.asks()
  assert.deepEqual([asks.runs, asks.layers, asks.counts], [["a", "b", "c"], ["grad_norm/block"], true])
  assert.deepEqual(["a", "b", "c"].map(asks.of), [["loss/train", "grad_norm/block"], ["loss/train"], ["loss/train", "difference/a/loss/train"]])
  const query = new URL(hub.address(["a", "b", "c"], asks), "http://here").searchParams
  assert.deepEqual(Object.fromEntries(query), { runs: "a,b,c", since: "0:4~~,~,~~", metrics: "loss/train", headline: "b", focus: "a",
    layers: "grad_norm/block", own: "2~difference/a/loss/train", points: "1024" })
  hub.views = new Set()
})
