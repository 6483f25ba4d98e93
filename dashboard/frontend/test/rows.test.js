// The lines of the runs table: folding, order and words.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import { timesOf, spread } from "../src/state/groups.js"
import { hub } from "../src/state/hub.js"
import { drawnOf, evaluationOf, figureTitle, stateOf, figure, lossOf, shared } from "../src/views/runs/cells.js"
import { columnsOf } from "../src/views/runs/table_row.js"
import { linesOf, sortOf, sortText } from "../src/views/runs/table_rows.js"

const row = (id, more = {}) => ({ id, name: id, state: "finished", words: "finished", full: "finished", bad: "", tags: [], note: "",
  settings: [], step: 10, steps: 10, validation: [null, null], training: [null, null], ...more })
const keys = (lines) => lines.map((line) => `${line.level} ${line.key}`)
const NONE = { by: "" }

test("sorting as the address writes it, and back", () => {
  assert.deepEqual(sortOf("validation"), { down: false, by: "validation", best: false })
  assert.deepEqual(sortOf("-validation.best"), { down: true, by: "validation", best: true })
  assert.deepEqual(sortOf(undefined), { down: false, by: "", best: false })
  for (const text of ["", "run", "-step", "training.best", "-training.best"]) assert.equal(sortText(sortOf(text)), text)
})

test("two runs of a group fold into one line at the first one's place", () => {
  const rows = [row("a"), row("b", { group: "g" }), row("c"), row("d", { group: "g" }), row("e", { group: "alone" })]
  assert.deepEqual(keys(linesOf(rows, new Set(), NONE)), ["0 a", "0 group g", "0 c", "0 e"])
  assert.deepEqual(keys(linesOf(rows, new Set(["g"]), NONE)), ["0 a", "0 group g", "1 b", "1 d", "0 c", "0 e"])
})

test("numbers are sorted as numbers, names as people count, what is unknown comes last both ways", () => {
  const rows = [row("run 10", { validation: [3, 1] }), row("run 2", { validation: [null, null] }), row("run 1", { validation: [2, 1.5] })]
  const order = (text) => linesOf(rows, new Set(), sortOf(text)).map((line) => line.name)
  assert.deepEqual(order("run"), ["run 1", "run 2", "run 10"])
  assert.deepEqual(order("-run"), ["run 10", "run 2", "run 1"])
  assert.deepEqual(order("validation"), ["run 1", "run 10", "run 2"])
  assert.deepEqual(order("-validation"), ["run 10", "run 1", "run 2"])
  assert.deepEqual(order("validation.best"), ["run 10", "run 1", "run 2"])
})

test("a group is sorted by its mean, and the runs inside it too", () => {
  const rows = [row("a", { group: "g", validation: [4, 4] }), row("b", { group: "g", validation: [2, 2] }), row("c", { validation: [2.5, 2.5] })]
  assert.deepEqual(keys(linesOf(rows, new Set(["g"]), sortOf("validation"))), ["0 c", "0 group g", "1 b", "1 a"])
})

test("settings are sorted by their column", () => {
  const rows = [row("a", { settings: ["x", 12] }), row("b", { settings: ["x", 2] })]
  assert.deepEqual(linesOf(rows, new Set(), { by: "model.depth", index: 1 }).map((l) => l.name), ["b", "a"])
})

test("a run that waits is not counted as drawn", () => {
  const rows = [row("a"), row("b", { state: "queued", step: 0 }), row("c", { state: "queued", step: 0 })]
  const all = new Set(["a", "b", "c"])
  assert.equal(drawnOf(rows, all, "drawn"), "1 of 3 drawn, 2 wait")
  assert.equal(drawnOf(rows, new Set(["a", "b"]), "drawn"), "1 of 3 drawn, 1 waits")
  assert.equal(drawnOf(rows, all, "ticked"), "3 of 3 ticked")
})

test("a mean of values from different steps says so", () => {
  const rows = [row("a", { step: 100, state: "paused", validation: [3, 3] }), row("b", { step: 150, validation: [2, 2] })]
  const mixed = lossOf(rows, "validation")
  assert.match(figure(mixed), /\*$/)
  assert.match(figureTitle(mixed), /at different steps: 100 to 150$/)
  const ended = lossOf([rows[1], row("c", { step: 150, validation: [1, 1] }), row("d", { step: 3 })], "validation")
  assert.doesNotMatch(figure(ended) + figureTitle(ended), /\*|different/)
})

test("repeats of one experiment are one value and have no deviation", () => {
  const rows = ["a", "b", "c"].map((id) => row(id))
  assert.deepEqual(spread([1, 3, null], rows), { mean: 2, deviation: Math.SQRT2, experiments: 2, count: 2, of: 3 })
  assert.equal(figure(spread([1, 3, null], rows)), "2.000 ±1.414 (2 of 3)")
  const same = rows.map((r) => ({ ...r, experiment: "one" }))
  assert.deepEqual(spread([1, 3, 5], same), { mean: 3, deviation: null, experiments: 1, count: 3, of: 3 })
  assert.equal(figure(spread([null], rows.slice(0, 1))), "–")
  assert.deepEqual([timesOf(rows), timesOf(same), timesOf([...same, row("d")])], ["×3", "×3 (one seed)", "×4 (2 seeds)"])
})

test("a figure says what it is, and over how many", () => {
  const rows = ["a", "b", "c"].map((id) => row(id))
  const said = (values, of = rows) => figureTitle(spread(values, of))
  assert.equal(said([1, 3, 4]), "Mean ± standard deviation (n − 1) of 3 runs")
  assert.equal(said([1, 3, null]), "Mean ± standard deviation (n − 1) of the 2 of 3 runs that have a value")
  const twice = rows.map((r, i) => ({ ...r, experiment: i < 2 ? "a" : "b" }))
  assert.equal(said([1, 3, 4], twice), "Mean ± standard deviation (n − 1) of 3 runs; repeats of a seed are averaged first, so n = 2")
  assert.equal(said([1, 3, null], twice), "Mean of the 2 of 3 runs that have a value, repeats of one seed")
  assert.equal(said([1], rows.slice(0, 1)), "")
  assert.equal(said([null, null, null]), "")
})

test("one value for a group: what all share, else the few that they have", () => {
  assert.equal(shared([true, true]), "on")
  assert.equal(shared([10, 2, null]), "–, 2, 10")
  assert.equal(shared([1, 2, 3, 4]), "4 values")
})

test("the state of a group says how many ended how, and the worst of it", () => {
  const rows = [row("a"), row("b", { words: "diverged", bad: "diverged" }), row("c")]
  const said = stateOf({ rows })
  assert.deepEqual([said.words, said.bad], ["2 finished, 1 diverged", "diverged"])
})

test("the training loss stands in sight of a wide table, however many settings differ", () => {
  const settings = ["residual", "placement", "norm", "depth", "initialisation", "rate"].map((title) => ({ name: title, title, number: false }))
  const rows = ["a", "b"].map((id) => row(id, { settings: settings.map(() => "a value"), validation: [2, 2], training: [2, 2] }))
  const shows = ["run", "settings", "validation", "state", "training", "more", "tags"]
  const lines = linesOf(rows, new Set(), NONE)
  const places = (room) => {
    const columns = columnsOf(rows, lines, settings, room, { font: "", code: "" }, shows)
    const at = columns.findIndex((c) => c.by === "training")
    return [columns.slice(0, at + 1).reduce((sum, c) => sum + c.width, 30), columns.slice(0, at).filter((c) => c.setting !== undefined).length]
  }
  for (const room of [760, 976, 1300]) {
    const [width, shown] = places(room)
    assert.ok(width <= room, `${width} of ${room}`)
    assert.ok(shown >= 3)
  }
  assert.ok(places(500)[1] >= 1, "a narrow one is scrolled, but has a setting")
  const columns = columnsOf(rows, lines, settings, 760, { font: "", code: "" }, shows)
  assert.equal(columns.filter((c) => c.setting !== undefined).length, settings.length, "the others stand behind it")
})

test("a run that waits says its place, a group of them only how many wait", () => {
  const waits = (id, place) => row(id, { state: "queued", words: "waiting", full: "waiting", step: 0, place })
  const one = { key: "a", name: "a", level: 0, rows: [waits("a", "third, starts in about 4 min")] }
  assert.equal(stateOf(one).words, "waiting, third")
  assert.equal(stateOf(one).full, "waiting, third, starts in about 4 min")
  assert.equal(stateOf({ ...one, rows: [waits("b", "first"), waits("c", "second")] }).words, "waiting")
  const far = { ...one, rows: [{ ...waits("d", "third, starts in about 4 min"), where: "on vm (192.0.2.2)" }] }
  assert.equal(stateOf(far).words, "waiting, third, on vm")
  assert.equal(stateOf(far).full, "waiting, third, starts in about 4 min, on vm (192.0.2.2)")
})

test("a fork's share is counted from where it started", () => {
  Object.assign(hub.run("fork"), { state: "running", step: 250, steps: 400, loaded: true })
  const forked = row("fork", { state: "running", fork: { run: "p", name: "p", step: 200 }, evaluate_every: 400 })
  const line = { key: "fork", name: "fork", level: 0, rows: [forked] }
  assert.equal(stateOf(line).words, "training 25 %")
  assert.match(evaluationOf([forked]).title, /^Validation at step 200, the next at step 400/)
  assert.equal(drawnOf([row("w", { state: "queued", step: 200, fork: forked.fork })], new Set(["w"]), "drawn"), "0 of 1 drawn, 1 waits")
})
