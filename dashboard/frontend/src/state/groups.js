// Runs of one group: repeats of an experiment, and the spread of their values.

import { averageOf } from "./aggregate.js"

const finite = (values) => values.filter((v) => Number.isFinite(v))

/**
 * Repeats of one experiment, by it: [key, their places] in order.
 * @param {import("../types").Run[]} rows
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
 * @param {import("../types").Run[]} rows
 */
export function timesOf(rows) {
  const seeds = experimentsOf(rows).length
  if (seeds === rows.length) return `×${rows.length}`
  return `×${rows.length} (${seeds === 1 ? "one seed" : seeds + " seeds"})`
}

/**
 * Mean and half the range of the values of a group's rows. Repeats of one experiment are one value,
 * their mean; one experiment has no range. `count` of the rows have a value.
 * @param {(number | null)[]} values
 * @param {import("../types").Run[]} rows
 * @returns {{ mean: number | null, half: number | null, count: number, of: number }}
 */
export function spread(values, rows) {
  const each = experimentsOf(rows).map((places) => averageOf(finite(places.map((i) => values[i])))).filter((v) => v !== null)
  const count = finite(values).length
  if (!each.length) return { mean: null, half: null, count, of: rows.length }
  const half = each.length > 1 ? (Math.max(...each) - Math.min(...each)) / 2 : null
  return { mean: averageOf(each), half, count, of: rows.length }
}
