// What is to be seen layer by layer: maps, profiles and lines of every layer.

import { PROFILES, STATISTICS, unitOf } from "../protocol/metrics.js"
import { t, tn } from "../protocol/words.js"
import { number } from "../ui/format.js"
import { RULES, leftOut, nothing, percent, real, sentence, times } from "./words.js"

/** @import { Notice } from "../types" */
/** @typedef {(number | null)[]} Row one value a layer, the first layer first */

/** What theory says of gradients by layer. */
const gradients = () => t("On its way back the gradient is multiplied by something at every layer. Where it shrinks on and on it vanishes, and the first layers stop learning; where it grows it explodes. A skip path lets it pass.")

/** What a dead unit is. */
const dead = () => t("The share of ReLU units that are 0 for every token of the probe text: no gradient reaches them from it.")

/**
 * First and last layer of a row, by the rule that advice uses too.
 * @param {Row} row
 * @param {string} what `gradient norm`
 * @param {{ name?: string, step: number }} where
 */
export function firstAgainstLast(row, what, { name = "", step }) {
  const lost = row.findIndex((value) => !real(value))
  const at = { name, step, what, depth: row.length }
  const begin = name ? t("{name}, step {step:,}:", at) : t("At step {step:,}:", at)
  if (lost >= 0) return `${begin} ` + t("layer {layer} has no finite {what}.", { ...at, layer: lost + 1 })
  const [first, last] = [Number(row[0]), Number(row.at(-1))]
  if (row.length < 2) return `${begin} ` + t("the one layer has a {what} of {value}.", { ...at, value: number(first, 3) })
  const zero = row.flatMap((value, i) => (value === 0 ? [i + 1] : []))
  if (zero.length) return `${begin} ` + t("no gradient at all reaches layer {layers}: it is exactly 0.", { layers: zero.join(", ") })
  const sizes = { ...at, first: number(first, 2), last: number(last, 2) }
  const [small, large] = [Math.min(first, last), Math.max(first, last)]
  if (RULES.apart * small >= large) return `${begin} ` + t("the {what} of layer 1 ({first}) is about that of layer {depth} ({last}).", sizes)
  const n = times(large / small)
  return `${begin} ` + (first > last
    ? t("the {what} of layer 1 ({first}) is {n} times that of layer {depth} ({last}): it grows on its way back.", { ...sizes, n })
    : t("the {what} of layer 1 ({first}) is {n} times smaller than that of layer {depth} ({last}): it shrinks on its way back.", { ...sizes, n }))
}

/**
 * A map of layers and steps.
 * @param {{ metric: string, what: string, steps: number[], values: Row[], why: string, hidden?: number }} drawn
 * @returns {Notice}
 */
export function mapNotice({ metric, what, steps, values, why }) {
  const axes = t("To the right: steps of training. Upwards: layers, layer 1 at the bottom. Colour: {what} of each layer, on a scale of powers of ten; hatched is not a number.", { what })
  const gradient = metric.startsWith("grad_norm/")
  const theory = gradient ? gradients() : metric.startsWith("update_ratio/") ? t("About 0.001 is healthy; below 0.00002 a network is as good as dead.") : ""
  const terms = [what, "layer", ...(gradient ? ["vanishing gradients", "residual"] : [])]
  const last = values.findLastIndex((row) => row.some(real))
  if (last < 0) return { axes, theory, now: [nothing(why)], terms }
  const now = [gradient ? firstAgainstLast(values[last], what, { step: steps[last] }) : extremes(values[last], what, steps[last])]
  const early = values.findIndex((row) => row.every(real))
  if (gradient && early >= 0 && early < last && values[last].length > 1) now.push(change(values, steps, early, last))
  const broken = values.findIndex((row) => row.some((value) => !real(value)))
  if (broken >= 0) now.push(t("From step {step:,} on some of it is not a number.", { step: steps[broken] }))
  return { axes, theory, now: now.filter(Boolean), terms }
}

// How the ratio of the first to the last layer has changed since the first step.
function change(values, steps, early, last) {
  const ratio = (/** @type {Row} */ row) => Number(row[0]) / Number(row.at(-1))
  const [then, now] = [ratio(values[early]), ratio(values[last])]
  if (![then, now].every((value) => real(value) && value > 0)) return ""
  return t("Layer 1 over layer {depth}: {then} at step {early:,}, {now} at step {late:,}.",
    { depth: values[last].length, then: number(then, 2), now: number(now, 2), early: steps[early], late: steps[last] })
}

/** @param {Row} row @param {string} what @param {number} step */
function extremes(row, what, step) {
  const known = row.map((value, i) => ({ value: Number(value), layer: i + 1 })).filter((_, i) => real(row[i]))
  const low = known.reduce((a, b) => (b.value < a.value ? b : a))
  const high = known.reduce((a, b) => (b.value > a.value ? b : a))
  const values = { step, what, low: number(low.value, 3), high: number(high.value, 3), least: low.layer, most: high.layer }
  if (known.length === 1 && row.length === 1) return t("At step {step:,} the one layer has {low}.", values)
  if (known.length === 1) return t("At step {step:,} only layer {least} has a value: {low}.", values)
  if (low.value === high.value) return t("At step {step:,} all layers have {low}.", values)
  return t("At step {step:,} it is lowest in layer {least} ({low}) and highest in layer {most} ({high}).", values)
}

/**
 * A line of each layer through training.
 * @param {{ statistic: string, observable: string, what: string, steps: number[], values: Row[], why: string, rewired?: number[] }} drawn
 * @returns {Notice}
 */
export function linesNotice({ statistic, observable, what, steps, values, why, rewired = [] }) {
  const unit = STATISTICS[statistic] ?? statistic
  const axes = t("To the right: steps of training. Upwards: {unit} of the {what}, a line for each layer; the first and the last are named at their ends.", { unit, what })
  const theory = {
    rms: t("The size of a typical number. In pre-LN the stream grows from layer to layer, as each adds to it; in post-LN a norm ends each layer, so it stays the same."),
    std: t("Like the RMS, with the mean taken away. A norm makes it 1 before its learned scale."),
    mean: t("LayerNorm takes the mean of each token's vector away; a mean far from 0 shows up where no norm has been."),
    kurtosis: t("How much a few numbers stand out: 3 for a normal distribution, up to the width where one feature holds everything."),
    max: t("The largest number of all. A few that are far above the rest are called massive activations; they have not been seen in networks as small as those that are trained here."),
    dead: dead(),
  }[statistic] ?? ""
  const terms = [unit, what, "layer", "probe text"]
  const last = values.findLastIndex((row) => row.some(real))
  if (last < 0) return { axes, theory, now: [nothing(why)], terms }
  const now = [extremes(values[last], what, steps[last])]
  if (statistic === "dead") {
    const row = values[last].filter(real)
    const most = Math.max(...row)
    now.push(most === 0 ? t("No unit is dead.") : t("On average {share} % of the units are dead.", { share: percent(row.reduce((a, b) => a + b, 0) / row.length) }))
  } else if (observable.startsWith("resid") && statistic === "rms") now.push(sentence(grows(values[last], "")))
  const broken = values.findIndex((row) => row.some((value) => !real(value)))
  if (broken >= 0) now.push(t("From step {step:,} on some of it is not a number.", { step: steps[broken] }))
  if (rewired.length) now.push(tn("A layer was rewired at step {steps}: from there on it is another network.", "Layers were rewired at steps {steps}: from there on it is another network.", rewired.length, { steps: rewired.join(", ") }))
  return { axes, theory, now: now.filter(Boolean), terms }
}

/**
 * What a size does from the first place to the last, by the rule that Anatomy uses too.
 * @param {Row} row
 * @param {string} name of the run, or ""
 */
export function grows(row, name) {
  const [first, last] = [row[0], row.at(-1)]
  if (!real(first) || !real(last) || row.length < 2) return ""
  const who = name ? `${name}: ` : ""
  if (first === 0) return ""
  const ratio = last / first
  const values = { first: number(first, 3), last: number(last, 3), n: times(ratio) }
  if (ratio >= RULES.keeps[0] && ratio <= RULES.keeps[1]) return who + t("it keeps its size with depth, {first} at the start and {last} at the end.", values)
  return who + (ratio > 1 ? t("it grows {n} times with depth, from {first} to {last}.", values) : t("it shrinks with depth, from {first} to {last}, to {n} times what it was.", values))
}

/**
 * A statistic against depth.
 * @param {{ metric: string, embedded: boolean, lines: { name: string, step: number, y: Row }[], runs: number, never?: number, why: string, step: number | null }} drawn
 *   `embedded` where layer 0 is drawn; `never` of the runs ended without a value; the `step` of the cursor, null for the newest
 * @returns {Notice}
 */
export function profileNotice({ metric, embedded, lines, runs, never, why }) {
  const what = PROFILES[metric] ?? unitOf(metric)
  const axes = [t("To the right: layers, the first one at the left. Upwards: {what}.", { what }), embedded ? t("Layer 0 is the embedding, before any layer.") : ""].filter(Boolean).join(" ")
  const theory = metric.startsWith("grad_norm/") ? gradients()
    : metric.startsWith("activation/rms/") ? t("Each pre-LN layer adds to the stream, so its RMS grows with depth, at initialisation about with the square root of it. A post-LN layer ends with a norm, so it stays the same.")
      : metric === "attention/entropy" ? t("How widely heads look: 0 nats is one token, ln n is n tokens alike. An untrained head looks at all alike; a falling entropy means that heads have found something.")
        : metric.startsWith("activation/effective_rank/") ? t("How many directions the tokens' vectors use. Attention averages, so without skip paths the rank falls with depth until all tokens are alike: rank collapse.")
          : metric.startsWith("branch/share/") ? t("The RMS of what the sublayer adds by the RMS of what the skip path carries: at 1 both are alike, far below 1 the layer changes little. In pre-LN the stream grows with depth, so at initialisation the share falls. A layer without a skip path has no value.")
            : metric.startsWith("activation/dead/") ? dead() : ""
  const terms = [what, "layer", ...(metric.startsWith("activation/rms/") ? ["residual stream", "pre-LN", "post-LN"] : []),
    ...(metric.startsWith("activation/effective_rank/") ? ["rank collapse"] : []), ...(metric === "attention/entropy" ? ["nats"] : [])]
  const drawn = lines.filter(({ y }) => y.some(real))
  if (!drawn.length) return { axes, theory, now: [nothing(why)], terms }
  const now = drawn.slice(0, 3).map(({ name, step, y }) => {
    if (metric.startsWith("grad_norm/")) return firstAgainstLast(y, what, { name, step })
    if (metric.startsWith("activation/rms/")) return grows(y, name) || t("{name}: some of it is not a number.", { name })
    return `${name}: ${extremes(embedded ? y.slice(1) : y, what, step)}`
  })
  if (drawn.length === 2) now.push(atTheEnd(drawn[0], drawn[1]))
  if (drawn.length > 3) {
    const ends = drawn.map(({ name, y }) => ({ name, value: y.findLast(real) })).filter(({ value }) => real(value)).sort((a, b) => Number(a.value) - Number(b.value))
    now.splice(0, now.length, t("Of {n:,} lines {low} ends lowest ({small}), {high} highest ({large}).",
      { n: ends.length, low: ends[0].name, high: ends[ends.length - 1].name, small: number(ends[0].value, 3), large: number(ends[ends.length - 1].value, 3) }))
  }
  now.push(leftOut(runs - lines.length, runs, never))
  return { axes, theory, now: now.filter(Boolean), terms }
}

// The last layers of two lines.
function atTheEnd(one, other) {
  const [a, b] = [one.y.at(-1), other.y.at(-1)]
  if (!real(a) || !real(b) || !(a > 0) || !(b > 0)) return ""
  const [low, high] = a <= b ? [one, other] : [other, one]
  return t("In the last layer {high} has {n} times the value of {low}.", { high: high.name, low: low.name, n: times(Math.max(a, b) / Math.min(a, b)) })
}
