// What a metric is called and measured in, as core/metrics/names.py says.

import { LABELS } from "./labels.js"
import { said } from "./words.js"

/** @typedef {Record<string, string>} Words */

/** @type {Words} */
export const GROUPS = said(LABELS.metrics.parameters)
/** @type {Words} */
export const OBSERVABLES = said(LABELS.metrics.observables)
/** @type {Words} */
export const PROFILES = said(LABELS.metrics.profiles)
/** @type {Words} */
export const STATISTICS = said(LABELS.metrics.statistics)
/** @type {Words} */
const TITLES = said(LABELS.metrics.titles)

/** @type {Words} */
const UNITS = said(LABELS.metrics.units)

/** @param {string} metric */
export function unitOf(metric) {
  const found = Object.entries(UNITS).find(([start]) => metric.startsWith(start))
  return found ? found[1] : metric
}

/** @param {string} metric */
export function titleOf(metric) {
  const title = TITLES[metric] ?? unitOf(metric)
  return title[0].toUpperCase() + title.slice(1)
}
