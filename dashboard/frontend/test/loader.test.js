// What Streamlit runs for each live part: it unpacks the data and hands over to the shared module.
import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import load from "../loader.js"

const HUB = "data:text/javascript,export const calls = []; export const mount = (root, part) => " +
  "calls.push(['mount', part.data.view, part.data.size, part.key]); export const unmount = () => calls.push(['unmount'])"

/** Where a part stands. */
function place() {
  const children = []
  return { children, querySelector: () => children[0] ?? null, appendChild: (child) => children.push(child) }
}

/** As Python sends it: in a list, in which Streamlit looks for no tables. */
const sent = (parentElement, size) => ({
  key: "loss", parentElement, setStateValue() {}, setTriggerValue() {},
  data: [{ view: "curves", hub: HUB, height: 320, frame: true, size }],
})

test("a part is mounted with its data, the newest of several, and unmounted", async () => {
  globalThis.location = { href: "http://lab/" }
  const { calls } = await import(HUB)
  const parent = place()
  load(sent(parent, 1))
  const end = load(sent(parent, 2))
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(parent.children.length, 1)
  assert.equal(parent.children[0].className, "anl anl-view-curves")
  assert.equal(parent.children[0].style.height, "320px")
  assert.deepEqual(calls, [["mount", "curves", 2, "loss"]])
  end()
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual(calls.at(-1), ["unmount"])
})
