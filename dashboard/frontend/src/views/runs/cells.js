// What the cells of the runs table say.

import { BAD, ENDED, LIVE_STATES, STATES } from "../../protocol/states.js"
import { LANGUAGE, t, tn } from "../../protocol/words.js"
import { hub } from "../../state/hub.js"
import { spread } from "../../state/groups.js"
import { number } from "../../ui/format.js"

/**
 * Where a run stands: what the page knew, and for a live run what the hub has heard since.
 * @param {import("../../types").Row} row
 */
export function standing(row) {
  const { state: was, words, bad } = row
  const there = (/** @type {string} */ full) => [full, row.where].filter(Boolean).join(t(", "))
  const full = there(row.full)
  const ended = ([last, best]) => [bad === "diverged" ? null : last, best] // its last loss is no number
  const known = { state: was, words, full, bad, place: row.place, validation: ended(row.validation), training: ended(row.training),
    step: row.step ?? 0, steps: row.steps ?? 0 }
  const live = LIVE_STATES.has(row.state) ? hub.runs.get(row.id) : null
  if (!live?.loaded || live.gone) return known
  const state = live.state ?? row.state
  const first = row.fork?.step ?? 0 // its share is counted from where it started
  const part = live.steps > first ? ` ${Math.floor((100 * (live.step - first)) / (live.steps - first))} %` : ""
  const newer = (now, [last, best]) =>
    (Number.isFinite(now) ? [now, best === null ? now : Math.min(best, now)] : [last, best])
  return { ...known, state, step: live.step, steps: live.steps || known.steps, words: state === row.state && state === "queued" ? row.words : STATES[state] + (ENDED.has(state) ? "" : part),
    place: state === "queued" ? live.place : null,
    full: there(t("{state}, step {step} of {steps}", { state: STATES[state], step: live.step, steps: live.steps })), bad: BAD.has(state) ? state : row.bad,
    validation: newer(live.validation, row.validation), training: newer(live.loss, row.training) }
}

/**
 * Which step the last validation of a run that still trains is from, for the table to say: it may be
 * as old as the network's first weights. Null for what has ended, and for a group of runs.
 * @param {import("../../types").Row[]} rows
 * @returns {{ old: boolean, title: string } | null}
 */
export function evaluationOf([row, ...more]) {
  const { state, step } = standing(row)
  if (more.length || !LIVE_STATES.has(state) || !row.evaluate_every) return null
  const due = Math.floor(step / row.evaluate_every) * row.evaluate_every
  const first = row.fork?.step ?? 0
  const from = Math.max(due, first)
  return { old: from === first, title: t("Validation at step {from}, the next at step {next}; trained to step {step}", { from, next: due + row.evaluate_every, step }) }
}

/**
 * The losses of a line's runs as one figure, and the steps that they are from.
 * @param {import("../../types").Row[]} rows
 * @param {"validation" | "training"} by
 * @returns {import("../../state/groups.js").Spread}
 */
export function lossOf(rows, by, best = false) {
  const each = rows.map((row) => standing(row))
  const values = each.map((one) => one[by][best ? 1 : 0])
  return { ...spread(values, rows), steps: each.filter((_, i) => Number.isFinite(values[i])).map((one) => one.step) }
}

/**
 * How many runs are ticked; of what is drawn, a run that waits has no point yet.
 * @param {import("../../types").Row[]} rows
 * @param {Set<string>} ticked
 * @param {string} chosen
 */
export function drawnOf(rows, ticked, chosen) {
  const waits = (/** @type {import("../../types").Row} */ row) => { const { state, step } = standing(row); return state === "queued" && step <= (row.fork?.step ?? 0) }
  const waiting = chosen === "drawn" ? rows.filter((row) => ticked.has(row.id) && waits(row)).length : 0
  const many = { n: ticked.size - waiting, all: rows.length }
  const words = chosen === "drawn" ? t("{n:,} of {all:,} drawn", many) : t("{n:,} of {all:,} ticked", many)
  return waiting ? tn("{words}, {n:,} waits", "{words}, {n:,} wait", waiting, { words }) : words
}

const fixed = (value) => (Math.abs(value) >= 1000 ? number(value) : value.toFixed(3))

/**
 * A mean over some of a group's runs says of how many; one of values from different steps has a *.
 * @param {import("../../state/groups.js").Spread} spread
 */
export function figure({ mean, deviation, count, of, steps = [] }) {
  if (mean === null) return "–"
  const apart = deviation === null ? "" : ` ±${deviation.toFixed(3).replace(/^0(?=\.)/, "")}`
  return fixed(mean) + apart + (count < of ? t(" ({n} of {all})", { n: count, all: of }) : "") + (new Set(steps).size > 1 ? "*" : "")
}

/**
 * What a figure is, in words; "" of one run.
 * @param {import("../../state/groups.js").Spread} spread
 */
export function figureTitle({ deviation, experiments, count, of, steps = [] }) {
  if (of < 2 || !count) return ""
  const [first, last] = [Math.min(...steps), Math.max(...steps)]
  const apart = first < last ? t(", at different steps: {first} to {last}", { first: number(first), last: number(last) }) : ""
  const runs = count < of ? t("the {n} of {all} runs that have a value", { n: count, all: of }) : tn("{n} run", "{n} runs", count)
  const what = deviation === null ? t("Mean of {runs}", { runs }) : t("Mean ± standard deviation (n − 1) of {runs}", { runs })
  const repeats = experiments === count ? "" : experiments === 1 ? t(", repeats of one seed")
    : t("; repeats of a seed are averaged first, so n = {n}", { n: experiments })
  return what + repeats + apart
}

// A setting's value as people write it.
function written(value) {
  if (value === null || value === undefined || value === "") return "–"
  if (value === true) return "on"
  if (value === false) return "off"
  return typeof value === "number" ? number(value) : String(value)
}

/**
 * One value for a group: what all its runs share, else the few that they have.
 * @param {any[]} values
 */
export function shared(values) {
  const several = [...new Set(values.map(written))]
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
  return several.length <= 3 ? several.join(", ") : t("{n} values", { n: several.length })
}

/** @type {Intl.DateTimeFormatOptions} */
const DATES = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }

// A moment (seconds since 1970) as the reader's clock and calendar have it.
function moment(seconds) {
  if (!Number.isFinite(seconds)) return "–"
  const date = new Date(seconds * 1000)
  /** @type {Intl.DateTimeFormatOptions} */
  const year = date.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" }
  return new Intl.DateTimeFormat(LANGUAGE === "en" ? "en-GB" : LANGUAGE, { ...DATES, ...year }).format(date)
}

/**
 * What a line says in a column of words: the same of all its runs, or how many there are.
 * @param {import("../../types").Line} line
 * @param {string} by
 */
export function told(line, by) {
  const each = line.rows.map((row) => {
    if (by === "created" || by === "deleted") return moment(row[by])
    if (by === "left") return Number.isFinite(row.left) ? tn("{n} day", "{n} days", row.left) : "–"
    if (by === "size") return row.on_disk ?? "…"
    if (by !== "step") return row[by] || ""
    const { step, steps } = standing(row)
    return `${step.toLocaleString("en-US")} / ${steps.toLocaleString("en-US")}`
  })
  const several = [...new Set(each)]
  return several.length === 1 ? several[0] : t("{n} values", { n: several.length })
}

/**
 * The state of a line in words: of a group, how many of its runs ended how.
 * @param {import("../../types").Line} line
 */
export function stateOf(line) {
  const each = line.rows.map(standing)
  const [only] = each
  if (each.length === 1) {
    const host = (line.rows[0].where ?? "").replace(/\s*\([^)]*\)/, "") // the address is in the title
    const words = [only.words, only.place?.split(/[,，]/)[0], host].filter(Boolean).join(t(", "))
    return { ...only, words, full: only.place ? [only.words, only.place, line.rows[0].where].filter(Boolean).join(t(", ")) : only.full }
  }
  const counts = new Map()
  for (const one of each) counts.set(one.words, (counts.get(one.words) ?? 0) + 1)
  const words = counts.size === 1 ? each[0].words : [...counts].map(([w, n]) => `${n} ${w}`).join(t(", "))
  const worst = each.find((e) => e.bad)
  return { words, full: words, bad: worst?.bad ?? "", state: each[0].state }
}
