// What is to be seen in pictures of heads, by the names that their scores give them.

import { t, tn } from "../protocol/words.js"
import { number, shownToken } from "../ui/format.js"
import { CALLED, CLEAR, IN_A_WORD, LOOKS, UNCLEAR, strongest, uniformEntropy } from "./head_words.js"
import { nothing, percent, real } from "./words.js"

/** @import { Notice } from "../types" */
/**
 * @typedef {{ shape: any, scores: any, tokens: number, causal: boolean, step: number | null, why: string, signed?: boolean }} Heads
 *   `shape` layers and heads; `scores` by name, layer and head, or nothing while they are not known
 */

const TERMS = ["attention head", "query", "causal mask", "attention entropy", "induction head"]

/** Axes and theory of every picture of all heads. @param {boolean} signed */
const ofHeads = (signed) => ({
  axes: signed ? t("Each square is a head: rows are queries, columns the keys they look at. Orange: run A looks there more, blue: run B does.")
    : t("Each square is a head: rows are queries, columns the keys they look at. The darker or brighter a spot, the larger its share of the row (colour √p); a row adds up to 1."),
  theory: t("A token can't see later ones, so the upper triangle is empty. A head that has learned nothing spreads its attention evenly: each row has one shade, paler from row to row. One that has found something shows stripes, columns or spots."),
})

/** @param {Heads} drawn @returns {Notice} */
export function headsNotice(drawn) {
  const { shape: [L, H] = [0, 0], step, why, signed = false, causal } = drawn
  const { axes, theory } = ofHeads(signed)
  const about = { axes, theory: causal === false ? t("Nothing is masked: every token sees every other one.") : theory, terms: TERMS }
  if (!L || step === null) return { ...about, now: [nothing(why)] }
  const size = tn("At step {step:,}: {n:,} head.", "At step {step:,}: {n:,} heads.", L * H, { step })
  if (!drawn.scores) return { ...about, now: [size, t("What they do is being measured.")] }
  return { ...about, now: [size, ...patternsIn(drawn), sharpest(drawn) ?? "", signed ? t("The sentences are about run A; the picture is the difference of both.") : ""].filter(Boolean) }
}

// Which patterns there are, and layers all of whose heads have the same one.
function patternsIn({ shape: [L, H], scores }) {
  const named = Array.from({ length: L }, (_, layer) => Array.from({ length: H }, (_, head) => strongest(scores, layer, head)))
  const all = named.flat()
  const only = new Set(all)
  if (only.size === 1) return [t("All of them: {what}.", { what: whatOf(all[0]) })]
  const found = Object.entries(CALLED).map(([name, called]) => ({ called, n: all.filter((one) => one === name).length })).filter(({ n }) => n)
  for (const [name, [called]] of Object.entries(UNCLEAR)) found.push({ called, n: all.filter((one) => one === name).length })
  const counts = found.filter(({ n }) => n).map(({ called, n }) => `${n} ${called}`).join(", ")
  const alike = (/** @type {string} */ name) => named.flatMap((row, layer) => (H > 1 && row.every((one) => one === name) ? [layer + 1] : []))
  const whole = [...only].filter((name) => name !== "mixed").map((name) => ({ layers: alike(name), what: whatOf(name) })).filter(({ layers }) => layers.length)
  return [t("By what they mostly do: {counts}.", { counts }), resting({ shape: [L, H], scores }), ...whole.map(({ layers, what }) =>
    tn("All heads of layer {layers}: {what}.", "All heads of layers {layers}: {what}.", layers.length, { layers: layers.join(", "), what }))]
}

// How many rest on the first token, which their names leave out.
function resting({ shape: [L, H], scores }) {
  const n = scores.first?.slice(0, L).flat().filter((/** @type {any} */ share) => real(share) && share >= CLEAR).length
  return n ? tn("{n:,} of {all:,} gives the first token 30 % of its attention or more; its name says what it does with the rest.",
    "{n:,} of {all:,} give the first token 30 % of their attention or more; their names say what they do with the rest.", n, { all: L * H }) : ""
}

/** A pattern's name with what it means. @param {string} name */
const whatOf = (name) => (UNCLEAR[name]?.[1] ?? LOOKS[name] ?? name).replace(/^./, (first) => first.toLowerCase())

// The head that looks at the fewest tokens.
function sharpest({ shape: [L, H], scores, tokens, causal }) {
  let best = null
  for (let layer = 0; layer < L; layer++) {
    for (let head = 0; head < H; head++) {
      const value = scores.entropy?.[layer]?.[head]
      if (real(value) && (!best || value < best.value)) best = { value, layer: layer + 1, head: head + 1 }
    }
  }
  return best && t("The sharpest is layer {layer}, head {head}: its entropy is {value} of at most {most} nats.",
    { ...best, value: number(best.value, 2), most: number(uniformEntropy(tokens, causal), 3) })
}

/**
 * The chosen head over its tokens.
 * @param {{ layer: number, head: number, pattern: ArrayLike<number> | null, tokens: string[], scores: any, causal: boolean, lines: boolean,
 *   signed: boolean, step: number | null, why: string }} drawn
 * @returns {Notice}
 */
export function headNotice({ layer, head, pattern, tokens, scores, causal, lines, signed, step, why }) {
  const shape = lines ? t("Left: tokens that ask (queries). Right: tokens that are looked at (keys). The stronger a line, the larger its share.")
    : t("Rows are queries, the tokens that ask; columns are keys, the tokens that are looked at. Colour: the share of the row, as its root.")
  const axes = signed ? `${shape} ${t("Orange: run A looks there more, blue: run B does.")}` : shape
  const theory = t("A row's shares come from softmax(QKᵀ/√d) and add up to 1. A stripe beside the diagonal is a head that looks at the token before, a column one that looks at a single token, shifted stripes on repeated text an induction head.")
  const terms = [...TERMS, "softmax"]
  const n = tokens.length
  if (!pattern || !n || step === null) return { axes, theory, terms, now: [nothing(why)] }
  const now = []
  if (scores) {
    const pattern_ = strongest(scores, layer, head)
    now.push(t("Layer {layer}, head {head} at step {step:,}: {what}.", { layer: layer + 1, head: head + 1, step, what: whatOf(pattern_) }))
    const first = scores.first?.[layer]?.[head]
    if (real(first) && first >= CLEAR) now.push(t("{share} % of its attention goes to the first token, its sink.", { share: percent(first) }))
    const entropy = scores.entropy?.[layer]?.[head]
    if (real(entropy)) now.push(t("Its entropy is {value} of at most {most} nats: it looks as widely as at {n} tokens alike.",
      { value: number(entropy, 2), most: number(uniformEntropy(n, causal), 3), n: number(Math.exp(entropy), 2) }))
  }
  now.push(strongestLook(pattern, tokens, signed))
  return { axes, theory, terms, now: now.filter(Boolean) }
}

// The largest share, without the first row, which has nobody else to look at; of a difference the largest one.
function strongestLook(pattern, tokens, signed) {
  const n = tokens.length
  let at = -1
  for (let i = n; i < n * n; i++) if (real(pattern[i]) && (at < 0 || Math.abs(pattern[i]) > Math.abs(pattern[at]))) at = i
  if (at < 0) return n > 1 ? t("None of its numbers is finite.") : t("A single token can only look at itself.")
  const [query, key] = [Math.floor(at / n), at % n]
  const values = { query: shownToken(tokens[query]), i: query + 1, key: shownToken(tokens[key]), j: key + 1, p: number(pattern[at], 2), share: percent(Math.abs(pattern[at])) }
  if (signed) return pattern[at] === 0 ? t("The two runs do not differ here.") : t("The largest difference: “{query}” ({i}) to “{key}” ({j}), A − B = {p}.", values)
  return t("Its strongest look: “{query}” ({i}) gives {share} % of its attention to “{key}” ({j}).", values)
}

/**
 * The cards of heads in their order.
 * @param {Heads & { sort: string, order: number[][], valueOf: (layer: number, head: number) => number | null }} drawn
 * @returns {Notice}
 */
export function cardsNotice(drawn) {
  const { sort, order, valueOf, step, why } = drawn
  const axes = t("A card for each head, its picture at the left; the bar is the score that they are sorted by: {sort}. The hatched bar is the share of its attention that goes to the first token, its sink.", { sort: CALLED[sort] ?? sort })
  const theory = sort === "entropy" ? t("Entropy says how widely a head looks: the sharpest stands first. 0 nats is one token.")
    : sort === "first token" ? t("The mean share of attention that goes to the first token, from 0 to 1. Heads of large models rest there when they have nothing to look for.")
      : t("A score is the share that goes where its name says, from 0 to 1, of the attention that does not go to the first token: many heads rest there with most of it. Chance alone gives every head a little.")
  const terms = ["attention head", ...(sort === "entropy" ? ["attention entropy", "nats"] : sort === "induction" ? ["induction head"] : sort === "first token" ? [] : ["attention"]), "attention sink"]
  if (!order.length || step === null) return { axes, theory, terms, now: [nothing(why)] }
  const known = order.map(([layer, head]) => ({ layer: layer + 1, head: head + 1, value: valueOf(layer, head) })).filter(({ value }) => real(value))
  if (!known.length) return { axes, theory, terms, now: [t("This score is not known at this step; the heads stand in the order of their layers.")] }
  const [first, last] = [known[0], known[known.length - 1]]
  const now = [t("First is layer {layer}, head {head} with {value}.", { ...first, value: `${IN_A_WORD[sort] ?? sort} ${number(first.value, 2)}` }),
    known.length > 1 ? t("Last is layer {layer}, head {head} with {value}.", { ...last, value: number(last.value, 2) }) : ""]
  if (drawn.scores && !drawn.signed) now.push(...patternsIn(drawn).slice(0, 1))
  return { axes, theory, terms, now: now.filter(Boolean) }
}

/**
 * Training time at the foot of the page.
 * @param {{ stops: number[], at: number, curve: { steps: number[], values: any[], name: string } | undefined, own: boolean, why: string }} drawn
 * @returns {Notice}
 */
export function scrubberNotice({ stops, at, curve, own, why }) {
  const axes = own ? t("To the right: steps of training. The line is the training loss in nats, the ticks below it are checkpoints that your text can be asked at.")
    : t("To the right: steps of training. The line is the training loss in nats, the ticks below it are snapshots of attention, denser at the start.")
  const theory = t("Heads find their patterns at certain steps, and the loss often falls there. An induction head shows as a fall within a few dozen steps.")
  const terms = ["snapshot", "loss", "induction head", "nats"]
  if (!stops.length || at < 0) return { axes, theory, terms, now: [nothing(why)] }
  const loss = (/** @type {number} */ step) => {
    if (!curve?.steps.length) return null
    const place = curve.steps.reduce((best, s, i) => (Math.abs(s - step) < Math.abs(curve.steps[best] - step) ? i : best), 0)
    return real(curve.values[place]) ? curve.values[place] : null
  }
  const here = loss(stops[at])
  const place = { step: stops[at], n: at + 1, all: stops.length }
  const now = [here === null ? t("Shown is step {step:,}, {n} of {all}.", place) : t("Shown is step {step:,}, {n} of {all}: the loss is {loss} nats there.", { ...place, loss: number(here, 3) })]
  const falls = stops.slice(1).flatMap((step, i) => {
    const [before, after] = [loss(stops[i]), loss(step)]
    return before === null || after === null ? [] : [{ from: stops[i], to: step, fall: before - after }]
  })
  const steepest = falls.reduce((most, one) => (one.fall > most.fall ? one : most), { from: 0, to: 0, fall: 0 })
  if (steepest.fall > 0) now.push(t("From one tick to the next it falls most between step {from:,} and {to:,}, by {fall}: compare the heads before and after.", { ...steepest, fall: number(steepest.fall, 2) }))
  return { axes, theory, terms, now }
}
