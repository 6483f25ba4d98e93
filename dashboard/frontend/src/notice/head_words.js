// What a head is called by its scores: one rule for every picture of heads.

import { t } from "../protocol/words.js"

const PATTERNS = { previous: "previous token", first: "first token", duplicate: "duplicate token", induction: "induction" }

// What a pattern, or what heads are sorted by, is called.
export const CALLED = { "previous token": t("previous token"), "first token": t("first token"),
  "duplicate token": t("duplicate token"), "induction": t("induction"), "entropy": t("entropy") }
// The same in a word, before its number.
export const IN_A_WORD = { "previous token": t("previous"), "first token": t("first"), "duplicate token": t("duplicate"),
  "induction": t("induction"), "entropy": t("entropy") }
// Where a head of a pattern looks.
export const LOOKS = {
  "previous token": t("At least 30 % of its attention goes to the token before"),
  "first token": t("At least 30 % of its attention goes to the first token"),
  "duplicate token": t("At least 30 % of its attention goes to earlier tokens that are the same"),
  "induction": t("At least 30 % of its attention goes to what followed the same token before"),
}

const CLEAR = 0.3 // a share of attention from which a pattern gives a head its name

// What is said of a head without a clear pattern: in short, and whole.
export const UNCLEAR = {
  uniform: [t("spread evenly"), t("It looks at all tokens that it may see about equally: its entropy is above 90 % of the highest possible")],
  mixed: [t("mixed"), t("No clear pattern: no score reaches 30 % of its attention, and it is not spread evenly")],
}

// What a head mostly does, from its scores.
export function strongest(scores, layer, head, uniform) {
  const of = (name) => scores[name]?.[layer]?.[head] ?? null
  const found = Object.keys(PATTERNS).map((name) => [name, of(name)]).filter(([, v]) => v !== null)
  const [name, value] = found.reduce((a, b) => (b[1] > a[1] ? b : a), ["", -1])
  if (value >= CLEAR) return PATTERNS[name]
  const entropy = of("entropy")
  return entropy !== null && entropy > 0.9 * uniform ? "uniform" : "mixed"
}

// Nats of a head that attends evenly to all that it can see, the mean over the rows.
export function uniformEntropy(tokens, causal) {
  if (!causal) return Math.log(tokens)
  let sum = 0
  for (let t = 1; t <= tokens; t++) sum += Math.log(t)
  return sum / tokens
}
