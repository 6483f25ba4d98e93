// Runs of one group: repeats of an experiment, and the spread of their values.

import { tn } from "../protocol/words.js"
import { averageOf, deviationOf, finite } from "./aggregate.js"

/**
 * Repeats of one experiment, by it: [key, their places] in order.
 * @param {import("../types").Run[]} rows
 * @returns {number[][]}
 */
export function experimentsOf(rows) {
  /** @type {Map<string, number[]>} */
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
  return `×${rows.length} (${tn("one seed", "{n:,} seeds", seeds)})`
}

/**
 * What a group's line says of its rows' values: `count` of the rows have one.
 * @typedef {{ mean: number | null, deviation: number | null, experiments: number, count: number, of: number, steps?: number[] }} Spread
 */

/**
 * Mean and sample standard deviation of the values of a group's rows. Repeats of one experiment are
 * one value, their mean; one experiment has no deviation.
 * @param {(number | null | undefined)[]} values
 * @param {import("../types").Run[]} rows
 * @returns {Spread}
 */
export function spread(values, rows) {
  const each = experimentsOf(rows).map((places) => averageOf(finite(places.map((i) => values[i])))).filter((v) => v !== null)
  const count = finite(values).length
  return { mean: averageOf(each), deviation: deviationOf(each), experiments: each.length, count, of: rows.length }
}
