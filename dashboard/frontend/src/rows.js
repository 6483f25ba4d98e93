// The lines of the runs table: runs, and groups of runs folded into one line; their order and words.

import { hub } from "./hub.js"
import { averageOf, deviationOf } from "./means.js"
import { BAD, ENDED, LIVE_STATES, STATES } from "./states.js"
import { number } from "./tools.js"

/**
 * Where a run stands: what the page knew, and for a live run what the hub has heard since.
 * @param {import("./types").Row} row
 */
export function standing(row) {
  const { state: was, words, full, bad } = row
  const ended = ([last, best]) => [bad === "diverged" ? null : last, best] // its last loss is no number
  const known = { state: was, words, full, bad, validation: ended(row.validation), training: ended(row.training),
    step: row.step ?? 0, steps: row.steps ?? 0 }
  const live = LIVE_STATES.has(row.state) ? hub.runs.get(row.id) : null
  if (!live?.loaded || live.gone) return known
  const state = live.state ?? row.state
  const part = live.steps ? ` ${Math.floor((100 * live.step) / live.steps)} %` : ""
  const newer = (now, [last, best]) =>
    (Number.isFinite(now) ? [now, best === null ? now : Math.min(best, now)] : [last, best])
  return { ...known, state, step: live.step, steps: live.steps || known.steps, words: state === row.state && state === "queued" ? row.words : STATES[state] + (ENDED.has(state) ? "" : part),
    full: `${STATES[state]}, step ${live.step} of ${live.steps}`, bad: BAD.has(state) ? state : row.bad,
    validation: newer(live.validation, row.validation), training: newer(live.loss, row.training) }
}

/**
 * Which step the last validation of a run that still trains is from, for the table to say: it may be
 * as old as the network's first weights. Null for what has ended, and for a group of runs.
 * @param {import("./types").Row[]} rows
 * @returns {{ old: boolean, title: string } | null}
 */
export function evaluationOf([row, ...more]) {
  const { state, step } = standing(row)
  if (more.length || !LIVE_STATES.has(state) || !row.evaluate_every) return null
  const from = Math.floor(step / row.evaluate_every) * row.evaluate_every
  return { old: from === 0, title: `Validation at step ${from}, the next at step ${from + row.evaluate_every}; trained to step ${step}` }
}

const finite = (values) => values.filter((v) => Number.isFinite(v))

/**
 * Repeats of one experiment, by it: [key, their places] in order.
 * @param {import("./types").Run[]} rows
 * @returns {number[][]}
 */
export function experimentsOf(rows) {
  const found = new Map()
  rows.forEach((row, i) => {
    const key = row.experiment ?? row.id
    found.set(key, [...(found.get(key) ?? []), i])
  })
  return [...found.values()]
}

/**
 * How many runs a line stands for: ×3, ×3 (2 seeds), ×2 (one seed).
 * @param {import("./types").Run[]} rows
 */
export function timesOf(rows) {
  const seeds = experimentsOf(rows).length
  if (seeds === rows.length) return `×${rows.length}`
  return `×${rows.length} (${seeds === 1 ? "one seed" : seeds + " seeds"})`
}

/**
 * @typedef {{ mean: number | null, deviation: number | null, experiments: number, count: number, of: number }} Spread
 * What a group's line says of its rows' values: `count` of the rows have one.
 */

/**
 * Mean and sample standard deviation of the values of a group's rows. Repeats of one experiment are
 * one value, their mean; one experiment has no deviation.
 * @param {(number | null)[]} values
 * @param {import("./types").Run[]} rows
 * @returns {Spread}
 */
export function spread(values, rows) {
  const each = experimentsOf(rows).map((places) => averageOf(finite(places.map((i) => values[i])))).filter((v) => v !== null)
  const count = finite(values).length
  return { mean: averageOf(each), deviation: deviationOf(each), experiments: each.length, count, of: rows.length }
}

const fixed = (value) => (Math.abs(value) >= 1000 ? number(value) : value.toFixed(3))

/**
 * A mean over some of a group's runs says of how many.
 * @param {Spread} spread
 */
export function figure({ mean, deviation, count, of }) {
  if (mean === null) return "–"
  const apart = deviation === null ? "" : ` ±${deviation.toFixed(3).replace(/^0(?=\.)/, "")}`
  return fixed(mean) + apart + (count < of ? ` (${count} of ${of})` : "")
}

/**
 * What a figure is, in words; "" of one run.
 * @param {Spread} spread
 */
export function figureTitle({ deviation, experiments, count, of }) {
  if (of < 2 || !count) return ""
  const runs = count < of ? `the ${count} of ${of} runs that have a value` : `${count} runs`
  const what = deviation === null ? "Mean" : "Mean ± standard deviation (n − 1)"
  const repeats = experiments === count ? "" : experiments === 1 ? ", repeats of one seed"
    : `; repeats of a seed are averaged first, so n = ${experiments}`
  return `${what} of ${runs}${repeats}`
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
  return several.length <= 3 ? several.join(", ") : `${several.length} values`
}

/** @type {Intl.DateTimeFormatOptions} */
const DATES = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }

// A moment (seconds since 1970) as the reader's clock and calendar have it.
function moment(seconds) {
  if (!Number.isFinite(seconds)) return "–"
  const date = new Date(seconds * 1000)
  /** @type {Intl.DateTimeFormatOptions} */
  const year = date.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" }
  return new Intl.DateTimeFormat("en-GB", { ...DATES, ...year }).format(date)
}

/**
 * What a line says in a column of words: the same of all its runs, or how many there are.
 * @param {import("./types").Line} line
 * @param {string} by
 */
export function told(line, by) {
  const each = line.rows.map((row) => {
    if (by === "created" || by === "deleted") return moment(row[by])
    if (by === "left") return Number.isFinite(row.left) ? `${row.left} day${row.left === 1 ? "" : "s"}` : "–"
    if (by === "size") return row.on_disk ?? "…"
    if (by !== "step") return row[by] || ""
    const { step, steps } = standing(row)
    return `${step.toLocaleString("en-US")} / ${steps.toLocaleString("en-US")}`
  })
  const several = [...new Set(each)]
  return several.length === 1 ? several[0] : `${several.length} values`
}

// What a line is sorted by.
function sortable(line, { by, best, index }) {
  const { rows } = line
  if (by === "run") return line.name
  if (by === "state") return rows.map((r) => standing(r).words).join()
  if (by === "tags") return rows.flatMap((r) => r.tags).join() || null
  if (by === "validation" || by === "training") {
    return spread(rows.map((r) => standing(r)[by][best ? 1 : 0]), rows).mean
  }
  if (by === "note") return rows.map((r) => r.note).join() || null
  if (by === "step") return Math.max(...rows.map((r) => standing(r).step))
  if (by === "size" || by === "created" || by === "deleted" || by === "left") return spread(rows.map((r) => r[by]), rows).mean
  const values = rows.map((r) => r.settings[index])
  return values.every((v) => typeof v === "number") ? averageOf(values) : shared(values)
}

// Numbers before words, what is unknown last in both directions.
function ordered(lines, sort) {
  if (!sort.by) return lines
  const keyed = lines.map((line, i) => [sortable(line, sort), i, line])
  const side = sort.down ? -1 : 1
  keyed.sort(([a, i], [b, j]) => {
    if (a === null || b === null) return Number(a === null) - Number(b === null) || i - j
    if (typeof a === "number" && typeof b === "number") return side * (a - b) || i - j
    return side * String(a).localeCompare(String(b), "en", { numeric: true }) || i - j
  })
  return keyed.map(([, , line]) => line)
}

/**
 * Runs in the order given, each group at its first run's place, its runs below it where it is open.
 * @param {import("./types").Row[]} rows
 * @param {Set<string>} open
 * @param {import("./types").Sort} sort
 * @returns {import("./types").Line[]}
 */
export function linesOf(rows, open, sort) {
  const groups = Map.groupBy?.(rows.filter((r) => r.group), (r) => r.group) ?? grouped(rows)
  const lines = []
  const placed = new Set()
  for (const row of rows) {
    const members = row.group ? groups.get(row.group) : null
    if (!members || members.length < 2) {
      lines.push({ key: row.id, name: row.name, rows: [row], level: 0 })
    } else if (!placed.has(row.group)) {
      placed.add(row.group)
      lines.push({ key: "group " + row.group, name: row.group, rows: members, group: row.group, level: 0 })
    }
  }
  return ordered(lines, sort).flatMap((line) => {
    if (!line.group || !open.has(line.group)) return [line]
    const members = line.rows.map((row) => ({ key: row.id, name: row.name, rows: [row], level: 1 }))
    return [line, ...ordered(members, sort)]
  })
}

function grouped(rows) {
  const groups = new Map()
  for (const row of rows) if (row.group) groups.set(row.group, [...(groups.get(row.group) ?? []), row])
  return groups
}

/**
 * The state of a line in words: of a group, how many of its runs ended how.
 * @param {import("./types").Line} line
 */
export function stateOf(line) {
  const each = line.rows.map(standing)
  if (each.length === 1) return each[0]
  const counts = new Map()
  for (const one of each) counts.set(one.words, (counts.get(one.words) ?? 0) + 1)
  const words = counts.size === 1 ? each[0].words : [...counts].map(([w, n]) => `${n} ${w}`).join(", ")
  const worst = each.find((e) => e.bad)
  return { words, full: words, bad: worst?.bad ?? "", state: each[0].state }
}

// A sign of its own for each dead end, so that nothing is told by colour alone.

/**
 * "validation", "-validation.best" and the like, as the address writes it.
 * @param {string | null | undefined} text
 * @returns {import("./types").Sort}
 */
export function sortOf(text) {
  const found = /^(-?)([^]*?)(\.best)?$/.exec(text ?? "")
  return { down: found[1] === "-", by: found[2], best: Boolean(found[3]) }
}

/** @param {import("./types").Sort} sort */
export const sortText = ({ by, down, best }) => (down && by ? "-" : "") + by + (best ? ".best" : "")
