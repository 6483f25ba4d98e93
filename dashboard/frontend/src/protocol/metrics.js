// What a metric is called and measured in, as core/metrics/names.py says.

import { LABELS } from "./labels.js"

/** @typedef {Record<string, string>} Words */

/** @type {Words} */
export const GROUPS = LABELS.metrics.parameters
/** @type {Words} */
export const OBSERVABLES = LABELS.metrics.observables
/** @type {Words} */
export const PROFILES = LABELS.metrics.profiles
/** @type {Words} */
export const STATISTICS = LABELS.metrics.statistics
/** @type {Words} */
const TITLES = LABELS.metrics.titles

/** @param {string} metric */
export function unitOf(metric) {
  const found = Object.entries(LABELS.metrics.units).find(([start]) => metric.startsWith(start))
  return found ? found[1] : metric
}

/** @param {string} metric */
export function titleOf(metric) {
  const title = TITLES[metric] ?? unitOf(metric)
  return title[0].toUpperCase() + title.slice(1)
}
