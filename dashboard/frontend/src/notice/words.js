// What several notices say: factors, ends of lines, why there is nothing.

import { LABELS } from "../protocol/labels.js"
import { said, t, tn } from "../protocol/words.js"
import { number } from "../ui/format.js"

/** @type {{ apart: number, keeps: number[], healthy: number, lifeless: number }} as core/verdicts/rules.py has them */
export const RULES = LABELS.rules
/** @type {Record<string, { said: string, many: string, bad: boolean }>} */
const VERDICTS = said(LABELS.verdicts)
const NAMED = 3 // lines of which each has a sentence of its own

/**
 * A factor as people read it: `1.2`, `340`, `2 million`; as core/config/rough.py has it.
 * @param {number} ratio
 */
export function times(ratio) {
  if (!Number.isFinite(ratio)) return "∞"
  const rounded = Number(ratio.toPrecision(ratio < 1e6 ? 2 : 1))
  if (rounded < 1e6) return number(rounded, 2)
  if (rounded >= 1e15) return t("100 trillion and more")
  if (rounded >= 1e12) return t("{n} trillion", { n: rounded / 1e12 })
  return rounded >= 1e9 ? t("{n} billion", { n: rounded / 1e9 }) : t("{n} million", { n: rounded / 1e6 })
}

/** A sentence with its first letter large. @param {string} text */
export const sentence = (text) => text.replace(/^./u, (first) => first.toUpperCase())

/** A share of 1 in percent: `12`, `0.4`. @param {number} share */
export const percent = (share) => number(Number((100 * share).toPrecision(2)), 2)

/** @param {unknown} value @returns {value is number} */
export const real = (value) => typeof value === "number" && Number.isFinite(value)

/**
 * The last value of a line with its step; null where it has none.
 * @param {{ steps: number[], ys: (number | null)[] }} line
 * @param {number} [until] a step that it may not be beyond
 */
export function endOf({ steps, ys }, until = Infinity) {
  const at = ys.findLastIndex((value, i) => real(value) && steps[i] <= until)
  return at < 0 ? null : { step: steps[at], value: /** @type {number} */ (ys[at]) }
}

/**
 * The only thing to say where nothing is drawn.
 * @param {string} why what the card says in place of its picture
 */
export const nothing = (why) => (why ? t("Nothing is drawn yet. {why}", { why }) : t("Nothing is drawn yet."))

/**
 * What became of runs, by the verdicts that the pages show too: of few by name, of many as numbers.
 * @param {{ name: string, verdict?: string }[]} runs
 */
export function verdictsOf(runs) {
  const judged = runs.filter((run) => run.verdict && run.verdict in VERDICTS)
  if (!judged.length) return ""
  if (judged.length <= NAMED) {
    return judged.map(({ name, verdict }) => t("Verdict on {name}: {verdict}.", { name, verdict: VERDICTS[String(verdict)].said })).join(" ")
  }
  const kinds = [...new Set(judged.map((run) => String(run.verdict)))]
  return kinds.map((kind) => {
    const n = judged.filter((run) => run.verdict === kind).length
    return t("{n} of {all} runs: {verdict}.", { n, all: judged.length, verdict: VERDICTS[kind].said })
  }).join(" ")
}

/**
 * What a chart leaves out of what was chosen.
 * @param {number} missing runs without a value
 * @param {number} all
 * @param {number} [never] of those without a value the runs that ended, and will have none
 */
export function leftOut(missing, all, never = 0) {
  const without = Math.min(never, missing)
  return [without > 0 ? tn("{n} of {all} chosen runs has not measured it.", "{n} of {all} chosen runs have not measured it.", without, { all }) : "",
    missing > without ? tn("{n} of {all} chosen runs has no value here yet.", "{n} of {all} chosen runs have no value here yet.", missing - without, { all }) : ""]
    .filter(Boolean).join(" ")
}
