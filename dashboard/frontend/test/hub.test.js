// What the tab's one poller does with a reply while a run begins.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

const { hub } = await import("../src/state/hub.js")

const points = { from: 0, s: [0], v: [3.2], c: "0:1:1:1" }
const running = { state: "running", step: 0, steps: 40 }

/** A view of a run that the page was drawn with as queued; `said` gets what happens, in order. */
function viewOf(id, metrics, said) {
  return { props: { runs: [{ id, state: "queued" }] }, draws: true, destroy() {}, update() {},
    asks: () => ({ runs: [id], metrics }), tick: () => said.push("drawn"),
    trigger: (_, { state }) => said.push(state) }
}

async function polled(views, reply) {
  const before = globalThis.fetch
  globalThis.fetch = async () => ({ ok: true, text: async () => JSON.stringify({ counts: {}, runs: [reply] }) })
  for (const view of views) hub.views.add(view)
  await hub.poll()
  clearTimeout(hub.timer)
  globalThis.fetch = before
}

function forget() {
  hub.views.clear()
  hub.runs.clear()
  hub.announced.clear()
}

test("a run's first point is drawn before the page is drawn anew for its state", async () => {
  const said = []
  const view = viewOf("a", ["loss/train"], said)
  await polled([view], { ...running, state: "starting" })
  await polled([view], running)
  assert.deepEqual(said, ["drawn", "drawn"])
  await polled([view], { ...running, m: { "loss/train": points } })
  assert.deepEqual(said, ["drawn", "drawn", "drawn", "running"])
  forget()
})

test("where no points are shown, a state is told at once, and so is an end without any", async () => {
  const table = []
  await polled([viewOf("a", [], table)], running)
  assert.deepEqual(table, ["drawn", "running"])
  forget()
  const chart = []
  await polled([viewOf("b", ["loss/train"], chart)], { ...running, state: "failed" })
  assert.deepEqual(chart, ["drawn", "failed"])
  forget()
})

/** The page was drawn anew for this view. */
function redrawn(view, id, state) {
  view.props = { runs: [{ id, state }] }
  hub.refresh(view.props.runs)
}

test("a run that is paused again after one step is told again", async () => {
  const said = []
  const view = viewOf("a", [], said)
  const states = () => said.filter((one) => one !== "drawn")
  await polled([view], { ...running, state: "paused" })
  redrawn(view, "a", "paused")
  redrawn(view, "a", "running") // the page was drawn between the step and its end
  await polled([view], { ...running, state: "paused" })
  assert.deepEqual(states(), ["paused", "paused"])
  forget()
})

test("a state that was heard and passed is told again when it returns", async () => {
  const said = []
  const view = viewOf("a", [], said)
  const states = () => said.filter((one) => one !== "drawn")
  await polled([view], { ...running, state: "paused" })
  await polled([view], { ...running, state: "queued" }) // what the page was drawn with
  await polled([view], { ...running, state: "paused" })
  assert.deepEqual(states(), ["paused", "paused"])
  forget()
})

test("an end is told once, however late the rerun comes to the last view", async () => {
  const said = []
  const [first, last] = [viewOf("a", [], said), viewOf("a", [], said)]
  const states = () => said.filter((one) => one !== "drawn")
  await polled([first, last], { ...running, state: "stopped" })
  redrawn(first, "a", "stopped")
  await polled([first, last], { ...running, state: "stopped" })
  assert.deepEqual(states(), ["stopped"])
  redrawn(last, "a", "stopped")
  await polled([first, last], { ...running, state: "stopped" })
  assert.deepEqual(states(), ["stopped"])
  forget()
})

test("a chart is made while no other one is, and one that was removed meanwhile is not", async () => {
  const said = []
  const first = { ...viewOf("a", [], said), tick: () => setTimeout(() => said.push("painted")) }
  const third = viewOf("a", [], said)
  const second = { ...viewOf("a", [], said), tick: () => (said.push("second"), hub.views.delete(third)) }
  await polled([first, second, third], running)
  assert.deepEqual(said.slice(0, 2), ["painted", "second"])
  assert.ok(!said.includes("drawn"))
  forget()
})
