// What is to be seen in curves as they are now.

import { t } from "../protocol/words.js"
import { titleOf } from "../protocol/metrics.js"
import { number } from "../ui/format.js"
import { endOf, leftOut, nothing, percent, real, times, verdictsOf } from "./words.js"

/** @import { Notice } from "../types" */

/**
 * @typedef {{ name: string, runs: number, steps: number[], ys: (number | null)[], state?: string | null, judged?: { name: string, verdict?: string }[],
 *   stuck?: boolean, low?: number | null, high?: number | null }} Line a run, or a group of `runs`; `low` to `high` its range at the end,
 *   `judged` its runs that ended with their verdicts
 * @typedef {{ metric: string, unit: string, x: string, lines: Line[], chosen: number, never?: number, why: string, smooth: boolean,
 *   levels: any[][], zoomed?: boolean }} Curves what is drawn of so many `chosen` runs, of which `never` ended without a value;
 *   `levels` are the dotted and the dashed line, name and value each
 */

const FEW = 3 // lines of which each is told

/** @param {Curves} drawn @returns {Notice} */
export function curvesNotice(drawn) {
  const { metric, unit, x } = drawn
  const along = { step: t("steps of training"), tokens: t("tokens that were read"), seconds: t("seconds of training"), flops: t("training FLOPs") }[x] ?? x
  const what = titleOf(metric)
  const axes = t("To the right: {along}. Upwards: {what}, {unit}.", { along, what: what[0].toLowerCase() + what.slice(1), unit })
  const drawing = drawn.smooth ? t("Bold is a running mean, faint what was measured.") : ""
  return { axes: [axes, drawing].filter(Boolean).join(" "), theory: theoryOf(metric, drawn.levels), now: nowIn(drawn),
    terms: [what, ...(metric.startsWith("loss/") ? ["nats", "unigram entropy", "verdict"] : []),
      ...(drawn.levels.length > 1 ? ["optimal loss"] : []), ...(x === "flops" ? ["training FLOPs"] : []), ...(drawn.smooth ? ["smoothing"] : [])] }
}

const NEAR = 0.1 // of the dotted line's height, from which on two lines are hardly told apart

// Which line is the optimum, and why it may lie just below the other one.
/** @param {any[][]} levels @returns {string[]} */
function optimumOf(levels) {
  if (levels.length < 2) return []
  const [[, dotted], [, dashed]] = levels
  const best = t("The dashed line is the lowest loss that any network can have on this task.")
  const gap = dotted - dashed
  if (!(gap >= 0 && gap < NEAR * dotted)) return [best]
  return [best, t("The two lie close together because most of what is to be predicted is drawn at random, and no context tells it: only {gap} nats between them can be learned.", { gap: number(gap) })]
}

/**
 * @param {string} metric
 * @param {any[][]} levels
 */
function theoryOf(metric, levels) {
  if (metric.startsWith("loss/")) {
    const loss = t("The loss is −ln of the probability that the right one was given: 0 nats is certainty.")
    if (!levels.length) return loss
    const dotted = t("A network that ignores its input can still learn how often each one occurs: it stays on the dotted line. One that uses its input falls below it.")
    return [loss, dotted, ...optimumOf(levels)].join(" ")
  }
  if (metric.startsWith("grad_norm/")) {
    return t("The length of the gradient, before clipping. It scatters from batch to batch; where it grows without bound the run diverges, where it is close to 0 nothing is learned.")
  }
  if (metric.startsWith("update_ratio/")) return t("How much a step changes a matrix relative to its size: about 0.001 is healthy, a dead network is below 0.00002.")
  if (metric === "learning_rate") return t("It rises while the warm-up lasts, then stays or falls as the schedule says. A deep post-LN network may need the warm-up.")
  if (metric === "tokens_per_second") return t("The speed of this machine: it says nothing of what is learned, and falls when several runs share the cores.")
  if (metric.startsWith("accuracy/")) return t("How often the likeliest class is the right one; chance is one divided by the number of classes.")
  if (metric === "gradient_noise/scale") return t("Up to about this batch size, twice the batch allows almost twice the step; far above it a larger batch brings little. Single measurements scatter, and there is none where the noise hides the gradient.")
  if (metric === "gradient_noise/variance") return t("How much the gradients of single examples differ, summed over all parameters. The gradient of a batch of B examples scatters by 1/B of it.")
  if (metric === "gradient_noise/signal") return t("The squared length of the gradient over all data, estimated from parts of a batch with their noise taken away. The estimate is right on average; noise can push a single one below 0, which says that the noise hides the gradient.")
  if (metric.startsWith("hessian/")) return t("How sharply the loss bends in its sharpest direction. Plain gradient descent is stable while this is below 2 / learning rate; for AdamW, which scales each direction, that is only a yardstick.")
  return ""
}

/** @param {Curves} drawn */
function nowIn({ metric, lines, chosen, never, why, levels, zoomed }) {
  const ended = lines.map((line) => ({ ...line, end: endOf(line) })).filter((line) => line.end !== null)
  if (!ended.length) return [nothing(why)]
  const loss = metric.startsWith("loss/")
  const said = ended.length <= FEW ? ended.map((line) => of(line, loss, levels)) : across(ended)
  if (ended.length === 2) said.push(between(ended[0], ended[1]))
  const diverged = lines.filter((line) => line.state === "diverged")
  if (diverged.length) said.push(t("Diverged, so that the line ends or leaves the frame: {names}.", { names: listed(diverged) }))
  if (loss) {
    said.push(verdictsOf(lines.flatMap((line) => line.judged ?? [])))
    const stuck = lines.filter((line) => line.stuck && line.state === "running")
    if (stuck.length) said.push(t("An alarm says that the loss is stuck so far: {names}.", { names: listed(stuck) }))
  }
  said.push(leftOut(chosen - lines.reduce((sum, line) => sum + line.runs, 0), chosen, never))
  if (zoomed) said.push(t("The chart is zoomed in: the sentences hold for the whole lines."))
  return said.filter(Boolean)
}

/** @param {{ name: string }[]} lines */
const listed = (lines) => lines.slice(0, 4).map(({ name }) => name).join(", ") + (lines.length > 4 ? ", …" : "")

// Where a line stands, and of a loss what that means.
function of(line, loss, levels) {
  const { name, end, runs, low, high } = line
  const here = { name, step: end.step, value: number(end.value, 3) }
  const said = [runs > 1 ? t("{name}: the mean is {value} at step {step:,}.", here) : t("{name} is at {value} at step {step:,}.", here)]
  if (runs > 1 && real(low) && real(high)) said.push(t("Its runs lie between {low} and {high}.", { low: number(low, 3), high: number(high, 3) }))
  if (loss && end.value > 0 && end.value < 12) said.push(t("That is as unsure as among {n} equally likely ones.", { n: times(Math.exp(end.value)) }))
  const [level] = loss ? levels : []
  if (level) {
    const gap = end.value - level[1]
    said.push(gap < 0 ? t("It is {gap} nats below {level}.", { gap: number(-gap, 3), level: t(level[0]) })
      : t("It is {gap} nats above {level}.", { gap: number(gap, 3), level: t(level[0]) }))
  }
  return said.join(" ")
}

// Two lines at the last step that both have.
function between(one, other) {
  const until = Math.min(one.end.step, other.end.step)
  const [a, b] = [one, other].map((line) => ({ name: line.name, end: endOf(line, until) }))
  if (!a.end || !b.end) return ""
  const [low, high] = a.end.value <= b.end.value ? [a, b] : [b, a]
  const step = Math.max(a.end.step, b.end.step)
  if (low.end?.value === high.end?.value) return t("At step {step:,} the two are equal.", { step })
  const [small, large] = [Number(low.end?.value), Number(high.end?.value)]
  if (!(small > 0)) return ""
  return t("At step {step:,}, about the last that both have, {low} is {share} % below {high}.", { step, low: low.name, high: high.name, share: percent(1 - small / large) })
}

// Of many lines: the lowest and the highest at their ends.
function across(ended) {
  const order = [...ended].sort((a, b) => a.end.value - b.end.value)
  const [low, high] = [order[0], order[order.length - 1]]
  return [t("Of {n:,} lines {low} ends lowest ({small}), {high} highest ({large}).",
    { n: ended.length, low: low.name, high: high.name, small: number(low.end.value, 3), large: number(high.end.value, 3) })]
}

/**
 * Of two runs the difference.
 * @param {{ a: string, b: string, what: string, steps: number[], ys: (number | null)[], why: string }} drawn
 * @returns {Notice}
 */
export function differenceNotice({ a, b, what, steps, ys, why }) {
  const axes = t("To the right: training. Upwards: {what} of {a} minus that of {b} at equal steps; the line at 0 is where both are equal.", { what, a, b })
  const theory = t("Twins read the same batches, so what the batches do to both falls out, and what is left comes from the setting in which they differ.")
  const end = endOf({ steps, ys })
  const terms = ["twin", what]
  if (!end) return { axes, theory, now: [nothing(why)], terms }
  const known = ys.map((value, i) => ({ value, step: steps[i] })).filter(({ value }) => real(value))
  const largest = known.reduce((most, one) => (Math.abs(Number(one.value)) > Math.abs(Number(most.value)) ? one : most))
  const below = known.filter(({ value }) => Number(value) < 0).length / known.length
  const now = [
    end.value === 0 ? t("At step {step:,} both are equal.", { step: end.step })
      : t("At step {step:,} {low} is {size} below {high}.", { step: end.step, size: number(Math.abs(end.value), 3), low: end.value < 0 ? a : b, high: end.value < 0 ? b : a }),
    t("They were furthest apart at step {step:,}, by {size}; {a} is the lower one in {share} % of what is drawn.",
      { step: largest.step, size: number(Math.abs(Number(largest.value)), 3), a, share: percent(below) })]
  return { axes, theory, now, terms }
}
