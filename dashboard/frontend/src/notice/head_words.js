// What a head is called by its scores: one rule for every picture of heads.

import { t } from "../protocol/words.js"
import { real } from "./words.js"

// Of the patterns that are looked for in what a head does not give the first token.
const PATTERNS = { previous: "previous token", duplicate: "duplicate token", induction: "induction" }

// What a pattern, or what heads are sorted by, is called.
export const CALLED = { "previous token": t("previous token"), "first token": t("first token"),
  "duplicate token": t("duplicate token"), "induction": t("induction"), "entropy": t("entropy") }
// The same in a word, before its number.
export const IN_A_WORD = { "previous token": t("previous"), "first token": t("first"), "duplicate token": t("duplicate"),
  "induction": t("induction"), "entropy": t("entropy") }
// Where a head of a pattern looks.
export const LOOKS = {
  "previous token": t("At least 30 % of its attention beside the first token goes to the token before"),
  "first token": t("At least 90 % of its attention goes to the first token"),
  "duplicate token": t("At least 30 % of its attention beside the first token goes to earlier tokens that are the same"),
  "induction": t("At least 30 % of its attention beside the first token goes to what followed the same token before"),
}

export const CLEAR = 0.3 // a share of what is not the first token's from which a pattern gives a head its name
export const LEFT = 0.1 // with less than this beside the first token a head is called by that

// What is said of a head without a clear pattern: in short, and whole.
export const UNCLEAR = {
  uniform: [t("spread evenly"), t("Beside the first token it looks at all tokens that it may see about equally: its entropy is above 90 % of the highest possible")],
  mixed: [t("mixed"), t("No clear pattern: no score reaches 30 % of its attention beside the first token, and it is not spread evenly")],
}

/**
 * Scores of whole patterns together with those of what does not go to the first token: heads of
 * large models rest there, and what they do shows beside it.
 * @param {any} whole by score, layer and head
 * @param {any} rest the same, `rest` being how much is left
 * @param {number} tokens
 * @param {boolean} causal
 */
export function withRest(whole, rest, tokens, causal) {
  return { ...whole, rest: { ...rest, even: evenRest(tokens, causal) } }
}

/**
 * A score as cards show it: of what does not go to the first token; the first token's own share and
 * the entropy are of the whole.
 * @param {any} scores of `withRest` @param {string} name @param {number} layer @param {number} head
 * @returns {number | null}
 */
export function scoreOf(scores, name, layer, head) {
  const of = name === "first" || name === "entropy" ? scores : scores?.rest
  return of?.[name]?.[layer]?.[head] ?? null
}

/**
 * Whether a pattern has enough of the whole attention to speak of: of a head that gives the first
 * token nearly everything the rest may be chance.
 * @param {any} scores @param {string} name @param {number} layer @param {number} head
 */
export function weighty(scores, name, layer, head) {
  const [first, whole] = ["first", name].map((one) => scores?.[one]?.[layer]?.[head] ?? 0)
  return 1 - first >= LEFT || whole >= CLEAR * LEFT
}

// What a head mostly does beside looking at the first token, from its scores.
export function strongest(scores, layer, head) {
  const of = (name) => scoreOf(scores, name, layer, head)
  const found = Object.keys(PATTERNS).map((name) => ({ name, value: of(name) ?? -1 })).filter(({ name }) => weighty(scores, name, layer, head))
  const { name, value } = found.reduce((a, b) => (b.value > a.value ? b : a), { name: "", value: -1 })
  if (value >= CLEAR) return PATTERNS[name]
  if ((of("first") ?? 0) > 1 - LEFT) return "first token"
  const entropy = scores.rest?.entropy?.[layer]?.[head]
  return real(entropy) && entropy > 0.9 * scores.rest.even ? "uniform" : "mixed"
}

// Nats of a head that attends evenly to all that it can see, the mean over the rows.
export function uniformEntropy(tokens, causal) {
  if (!causal) return Math.log(tokens)
  let sum = 0
  for (let t = 1; t <= tokens; t++) sum += Math.log(t)
  return sum / tokens
}

// The same of what does not go to the first token, each row weighted by what it has left.
function evenRest(tokens, causal) {
  if (!causal) return Math.log(Math.max(tokens - 1, 1))
  let [sum, all] = [0, 0]
  for (let t = 1; t < tokens; t++) {
    sum += (t / (t + 1)) * Math.log(t)
    all += t / (t + 1)
  }
  return all ? sum / all : 0
}
