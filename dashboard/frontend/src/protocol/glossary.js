// The glossary's terms by what the pages call them, as core/glossary.py finds them.

import { LABELS } from "./labels.js"
import { t } from "./words.js"

/** @type {Record<string, string>} */
const CALLED = LABELS.glossary.called
/** @type {Record<string, string>} */
const NAMES = LABELS.glossary.names

// Names of metrics are passed about in the page's language; by each of them the source's.
const source = (/** @type {string} */ label) => {
  const { titles, units, statistics, parameters, observables, profiles } = LABELS.metrics
  const all = [titles, units, statistics, parameters, observables, profiles].flatMap((table) => Object.values(table))
  return all.find((text) => t(text).toLowerCase() === label.toLowerCase()) ?? label
}

/**
 * The term that a label of the source, or the name of a metric, names, in any case, in the singular or in the plural.
 * @param {string} label
 * @returns {{ id: string, name: string, address: string } | null}
 */
export function termOf(label) {
  const plain = source(label).toLowerCase().replace(/[^\p{L}\p{N}]/gu, "")
  const id = CALLED[plain.replace(/(?<=..[^s])s$/, "")]
  return id ? { id, name: t(NAMES[id]), address: `/glossary?term=${id}` } : null
}
