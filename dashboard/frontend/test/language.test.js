import assert from "node:assert/strict"
import test from "node:test"

import "./browser.js"
import { t, tn, useCatalogue } from "../src/protocol/words.js"
import { addressIn } from "../src/views/lab/language.js"

test("a text without a catalogue is the source's", () => {
  useCatalogue({})
  assert.equal(t("Pause"), "Pause")
  assert.equal(t("step {step:,} of {steps:,}", { step: 1234567, steps: 999 }), "step 1,234,567 of 999")
  assert.equal(t("loss {loss:.3f}", { loss: 2 }), "loss 2.000")
  assert.equal(t("loss {loss:.3f}", { loss: "NaN" }), "loss NaN")
  assert.equal(t("{x:,.2f}", { x: 1234.5678 }), "1,234.57")
  assert.equal(t("a set {1}"), "a set {1}")
  assert.deepEqual([1, 2, 0].map((n) => tn("{n} run", "{n} runs", n)), ["1 run", "2 runs", "0 runs"])
})

test("a catalogue's forms are used, and what it lacks stays English", () => {
  useCatalogue({ Pause: ["暂停"], "{n} run": ["{n} 个实验"], "{a} of {b}": ["{b} 中的 {a}"] })
  assert.equal(t("Pause"), "暂停")
  assert.equal(t("Train"), "Train")
  assert.equal(t("{a} of {b}", { a: 1, b: 2 }), "2 中的 1")
  assert.deepEqual([1, 2].map((n) => tn("{n} run", "{n} runs", n)), ["1 个实验", "2 个实验"])
  useCatalogue({})
})

test("an address in another language says all else as before", () => {
  const here = "http://127.0.0.1:8501/compare?compare_runs=a,b&lang=en&compare_x=tokens#top"
  const there = new URL(addressIn("zh", here))
  assert.deepEqual([there.pathname, there.hash], ["/compare", "#top"])
  assert.deepEqual(Object.fromEntries(there.searchParams), { compare_runs: "a,b", lang: "zh", compare_x: "tokens" })
  assert.equal(new URL(addressIn("zh", "http://127.0.0.1:8501/")).search, "?lang=zh")
})
