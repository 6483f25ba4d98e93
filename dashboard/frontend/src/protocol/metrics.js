// What a metric is called and measured in, as core/metrics/names.py says.

import { LABELS } from "./labels.js"

export const { parameters: GROUPS, observables: OBSERVABLES, profiles: PROFILES, statistics: STATISTICS } = LABELS.metrics

/** @param {string} metric */
export function unitOf(metric) {
  const found = Object.entries(LABELS.metrics.units).find(([start]) => metric.startsWith(start))
  return found ? found[1] : metric
}

/** @param {string} metric */
export function titleOf(metric) {
  const title = LABELS.metrics.titles[metric] ?? unitOf(metric)
  return title[0].toUpperCase() + title.slice(1)
}
