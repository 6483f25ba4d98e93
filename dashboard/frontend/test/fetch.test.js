// What is fetched once for all views: attention patterns, and where questions stand.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import { fetchAnswer, fetchArray, fetchText, sentenceOf } from "../src/protocol/fetch.js"
import { inspections } from "../src/state/inspections.js"
import { patterns } from "../src/state/patterns.js"

// Answers each address with [status, body, headers]; says which were asked for.
function server(answers) {
  const asked = []
  globalThis.fetch = async (address) => {
    asked.push(address)
    const [status, body, headers = {}] = answers(address)
    return new Response(body instanceof Uint8Array ? body : JSON.stringify(body), { status, headers })
  }
  return asked
}
const until = async (true_) => {
  for (let i = 0; i < 200 && !true_(); i++) await new Promise((done) => setTimeout(done, 5))
}

test("an error holds the sentence that the server said", async () => {
  server(() => [404, { error: "there is no run x" }])
  await assert.rejects(fetchText("/api/live"), /there is no run x/)
  assert.equal(sentenceOf(new Error("no")), "no")
  assert.equal(sentenceOf("no"), "no")
})

test("an array comes with its shape, an answer with its arrays", async () => {
  const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)
  server((address) => (address.endsWith("/result") ? [200, { rows: 2 }] : [200, bytes, { "X-Shape": "2,2", "X-Type": "<f4" }]))
  const { shape, data } = await fetchArray("/x", Float32Array)
  assert.deepEqual([shape, [...data]], [[2, 2], [1, 2, 3, 4]])
  const answer = await fetchAnswer("/api/inspections/r/q", ["p"])
  assert.deepEqual([answer.rows, [...answer.arrays.p]], [2, [1, 2, 3, 4]])
  server((address) => (address.endsWith("/result") ? [200, {}] : [200, bytes, { "X-Type": "<c8" }]))
  await assert.rejects(fetchAnswer("/api/inspections/r/q", ["p"]), /can't read/)
})

test("a pattern is fetched once, and the least recently used makes room", async () => {
  const asked = server(() => [200, new Uint8Array(8), { "X-Shape": "2,4" }])
  const [a, b] = await Promise.all([patterns.get("/a", Uint8Array), patterns.get("/a", Uint8Array)])
  assert.equal(a, b)
  assert.deepEqual(asked, ["/a"])
  await patterns.get("/b", Uint8Array)
  patterns.peek("/a")
  patterns.kept.get("/b").bytes = 200 * 2 ** 20
  patterns.bytes += 200 * 2 ** 20
  await patterns.get("/c", Uint8Array)
  assert.deepEqual([...patterns.kept.keys()], ["/a", "/c"])
})

test("a question is looked at until it has ended; its stream is whole", async () => {
  const replies = [{ state: "working", progress: 0.5, message: "half", items: [1, 2], next: 2, more: true },
    { state: "done", progress: 1, message: "", items: [3], next: 3, more: false }]
  const asked = server(() => [200, replies.shift()])
  let heard = 0
  const view = { heard: () => (heard += 1) }
  const one = inspections.follow(view, "run", "q 1", { stream: true, state: "working" })
  await until(() => one.over)
  assert.deepEqual([one.items, one.now.state, one.over, heard], [[1, 2, 3], "done", true, 2])
  assert.deepEqual(asked, ["/api/inspections/run/q%201/stream?since=0", "/api/inspections/run/q%201/stream?since=2"])
  inspections.leave(view)
  assert.equal(inspections.asked.size, 0)
})

test("a question that the server does not know has failed; a lost connection is tried again", async () => {
  server(() => [404, { error: "there is no such question" }])
  const view = { heard() {} }
  const gone = inspections.follow(view, "run", "gone")
  await until(() => gone.over)
  assert.deepEqual([gone.now.state, gone.now.message], ["failed", "there is no such question"])
  globalThis.fetch = async () => { throw new TypeError("network") }
  const lost = inspections.follow(view, "run", "lost")
  await until(() => lost.failures)
  assert.deepEqual([lost.now.state, lost.over], [null, false])
  inspections.leave(view)
})
