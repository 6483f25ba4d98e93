// What a metric is called and measured in, as core/metrics/names.py says.

import { LABELS } from "./labels.js"
import { said, t } from "./words.js"

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

/**
 * @param {string} metric
 * @param {boolean} [images] whether a prediction is one of an image
 */
export function unitOf(metric, images = false) {
  const found = Object.entries(LABELS.metrics.units).find(([start]) => metric.startsWith(start))
  return found ? t(images ? found[1].replace("character", "image") : found[1]) : metric
}

/** @param {string} metric */
export function titleOf(metric) {
  const title = TITLES[metric] ?? unitOf(metric)
  return title[0].toUpperCase() + title.slice(1)
}
