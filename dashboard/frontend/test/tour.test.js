// Where the tour's card stands, and what the browser keeps.

import "./browser.js"

import assert from "node:assert/strict"
import { test } from "node:test"

import { keptOf } from "../src/state/kept.js"
import { around, GAP, placeBeside } from "../src/ui/beside.js"

const CARD = { width: 340, height: 180 }
const WIDE = { width: 1440, height: 900 }
const NARROW = { width: 390, height: 844 }

const apart = (at, card, box) => at.left + card.width <= box.left || at.left >= box.left + box.width
  || at.top + card.height <= box.top || at.top >= box.top + box.height
const inside = (at, card, room) => at.left >= GAP && at.top >= GAP
  && at.left + card.width <= room.width - GAP && at.top + card.height <= room.height - GAP

test("the card stands in the window and covers nothing of what it speaks of", () => {
  for (const room of [WIDE, NARROW]) {
    const card = { width: Math.min(CARD.width, room.width - 2 * GAP), height: CARD.height }
    for (let left = 0; left < room.width - 100; left += 90) {
      for (let top = 0; top < room.height - 60; top += 70) {
        for (const [width, height] of [[100, 60], [220, 300], [room.width - left, 320]]) {
          const box = { left, top, width, height: Math.min(height, room.height - top) }
          const at = placeBeside(box, card, room)
          const free = [box.left - card.width, room.width - box.left - box.width - card.width,
            box.top - card.height, room.height - box.top - box.height - card.height]
          assert.ok(inside(at, card, room), JSON.stringify({ at, box, room }))
          if (Math.max(...free) >= 2 * GAP) assert.ok(apart(at, card, box), JSON.stringify({ at, box, room }))
        }
      }
    }
  }
})

test("a part of the sidebar has its card at the right, one at the right edge at its left", () => {
  assert.deepEqual(placeBeside({ left: 20, top: 100, width: 200, height: 90 }, CARD, WIDE), { left: 232, top: 100 })
  assert.deepEqual(placeBeside({ left: 1100, top: 500, width: 320, height: 90 }, CARD, WIDE), { left: 748, top: 500 })
})

test("in a narrow window it stands below, else above", () => {
  assert.equal(placeBeside({ left: 10, top: 80, width: 370, height: 300 }, CARD, NARROW).top, 392)
  assert.equal(placeBeside({ left: 10, top: 420, width: 370, height: 300 }, CARD, NARROW).top, 228)
})

test("of what fills the window it covers the end that covers less", () => {
  const at = placeBeside({ left: 0, top: 200, width: 390, height: 644 }, CARD, NARROW)
  assert.equal(at.top, GAP)
})

test("without a part to speak of, the corner", () => {
  assert.deepEqual(placeBeside(null, CARD, WIDE), { left: 1440 - 340 - GAP, top: 900 - 180 - GAP })
  assert.equal(around([]), null)
})

test("several parts have one box around them", () => {
  assert.deepEqual(around([{ left: 10, top: 20, width: 30, height: 40 }, { left: 5, top: 50, width: 10, height: 30 }]),
    { left: 5, top: 20, width: 35, height: 60 })
})

test("a cookie is found by its whole name", () => {
  assert.equal(keptOf("addnorm_tour", "a=1; addnorm_tour=seen; b=2"), "seen")
  assert.equal(keptOf("norm_tour", "addnorm_tour=seen"), "")
  assert.equal(keptOf("addnorm_tour", ""), "")
})
