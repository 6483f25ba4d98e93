// What a part reports while its page is being left would call the reader back.
import assert from "node:assert/strict"
import { mock, test } from "node:test"

import { unlessLeft, watchLeaving } from "../src/ui/streamlit.js"

class Link {
  constructor(path) { Object.assign(this, { pathname: path, href: "http://lab" + path }) }
  closest() { return this }
}
const heard = {}
globalThis.Element = Link
globalThis.addEventListener = (name, hear) => { heard[name] = hear }
globalThis.location = { pathname: "/compare" }
watchLeaving()

test("it waits until the page is gone, and is dropped with it", () => {
  mock.timers.enable({ apis: ["setTimeout"] })
  const said = []
  const root = { isConnected: true }
  const report = unlessLeft(root, (...words) => said.push(words.join(" ")))
  report("choice", "a")
  assert.deepEqual(said, ["choice a"])
  heard.click({ target: new Link("/attention") })
  report("choice", "b")
  mock.timers.tick(400)
  assert.deepEqual(said, ["choice a"])
  location.pathname = "/attention"
  unlessLeft({ isConnected: true }, (word) => said.push(word))("of the new page")
  root.isConnected = false
  mock.timers.tick(10_000)
  assert.deepEqual(said, ["choice a", "of the new page"])
})

test("a page that stays is heard a little later; Back to another page holds reports too", () => {
  const said = []
  location.pathname = "/runs"
  const report = unlessLeft({ isConnected: true }, (word) => said.push(word))
  location.pathname = "/"
  const now = mock.method(performance, "now", () => 1e9)
  heard.popstate()
  report("a")
  assert.deepEqual(said, [])
  now.mock.mockImplementation(() => 1e9 + 5000)
  mock.timers.tick(200)
  assert.deepEqual(said, ["a"])
})
