// The browser's history under Streamlit's habits: what Back leads to.
import assert from "node:assert/strict"
import { mock, test } from "node:test"

import { mendHistory } from "../shell.js"

// A link to a page, as far as it is asked.
globalThis.Element ??= class { closest() { return this } }

/** A tab: its entries, and the calls that Streamlit makes. */
function tab(first) {
  const entries = [new URL(first, "http://lab")]
  let at = 0
  const heard = {}
  const page = {
    location: {
      get href() { return entries[at].href },
      get pathname() { return entries[at].pathname },
      get search() { return entries[at].search },
    },
    history: {
      state: null,
      pushState(_state, _title, address) { entries.splice(++at, Infinity, new URL(address, entries[at - 1])) },
      replaceState(_state, _title, address) { entries[at] = new URL(address, entries[at]) },
    },
    addEventListener(name, hear) { heard[name] = hear },
  }
  mendHistory(page)
  const push = (address) => page.history.pushState({}, "", address)
  return {
    push,
    press: (target = {}) => heard.pointerdown({ target }),
    LINK: new Element(),
    replace: (address) => page.history.replaceState({}, "", address),
    // A link: the page's address is emptied, the other page is opened and completed.
    link(path, ...addresses) {
      heard.pointerdown({ target: new Element() })
      if (entries[at].search) push(entries[at].pathname)
      push(path)
      addresses.forEach(push)
    },
    back() {
      at -= 1
      heard.popstate()
    },
    get now() { return entries[at].pathname + entries[at].search },
    get all() { return entries.map((one) => one.pathname + one.search) },
  }
}

test("a page that is left keeps its address, and the one that is opened has one entry", () => {
  const one = tab("/?depth=2")
  one.link("/compare", "/compare?focus=a", "/compare?focus=a&sort=b")
  assert.deepEqual(one.all, ["/?depth=2", "/compare?focus=a&sort=b"])
  one.press()
  one.push("/compare?focus=a&sort=b&zoom=1")
  one.link("/", "/?depth=2")
  assert.deepEqual(one.all, ["/?depth=2", "/compare?focus=a&sort=b", "/compare?focus=a&sort=b&zoom=1", "/?depth=2"])
  one.back()
  assert.equal(one.now, "/compare?focus=a&sort=b&zoom=1")
  one.back()
  one.back()
  assert.equal(one.now, "/?depth=2")
})

test("what the opened page says under the path of the page that is left is no entry", () => {
  const one = tab("/compare?focus=a")
  one.press()
  for (const address of ["/compare", "/compare?depth=2", "/?depth=2", "/?depth=2&runs=b"]) one.push(address)
  assert.deepEqual(one.all, ["/compare?focus=a", "/?depth=2&runs=b"])
})

test("nor where nothing was emptied before", () => {
  const one = tab("/compare?focus=a&zoom=1")
  one.press()
  for (const address of ["/compare?depth=2", "/?depth=2", "/?depth=2&runs=b"]) one.push(address)
  assert.deepEqual(one.all, ["/compare?focus=a&zoom=1", "/?depth=2&runs=b"])
  one.press(one.LINK)
  for (const address of ["/?depth=2&focus=a", "/compare", "/compare?focus=a"]) one.push(address)
  assert.deepEqual(one.all, ["/compare?focus=a&zoom=1", "/?depth=2&runs=b", "/compare?focus=a"])
})

test("other settings altogether are an entry of their own", () => {
  const one = tab("/?depth=2")
  one.press()
  one.push("/?width=3")
  one.press()
  assert.deepEqual(one.all, ["/?depth=2", "/?width=3"])
})

test("the late word of a page that was left by Back does not lead there again", () => {
  const one = tab("/?depth=2")
  one.link("/compare", "/compare?focus=a")
  one.back()
  one.push("/compare?focus=a")
  assert.equal(one.now, "/?depth=2")
  one.link("/runs")
  assert.equal(one.now, "/runs")
})

test("an address that is emptied for good is an entry of its own", () => {
  mock.timers.enable({ apis: ["setTimeout"] })
  const one = tab("/compare?focus=a")
  one.press()
  one.push("/compare")
  one.press()
  assert.deepEqual(one.all, ["/compare?focus=a", "/compare"])
  one.push("/compare?focus=b")
  one.push("/compare")
  assert.deepEqual(one.all, ["/compare?focus=a", "/compare", "/compare"])
  mock.timers.tick(5000) // nobody pressed anything, as with the browser's own Back button
  assert.deepEqual(one.all, ["/compare?focus=a", "/compare", "/compare?focus=b", "/compare"])
})

test("an address that is emptied and said anew at once is one entry", () => {
  const one = tab("/compare?focus=a")
  one.press() // on a link to the page that is open
  one.push("/compare")
  one.push("/compare?focus=b")
  one.press()
  assert.deepEqual(one.all, ["/compare?focus=a", "/compare?focus=b"])
})

test("what the script makes of the address that a page was opened by is no entry of its own", () => {
  const one = tab("/?preset=post-ln-dies")
  one.push("/?placement=post")
  one.push("/?placement=post&depth=12")
  assert.deepEqual(one.all, ["/?placement=post&depth=12"])
  one.press()
  one.push("/?placement=post&depth=8")
  assert.deepEqual(one.all, ["/?placement=post&depth=12", "/?placement=post&depth=8"])
})
