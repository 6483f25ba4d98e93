// The glossary's terms by what the pages call them, as core/glossary.py finds them.

import { LABELS } from "./labels.js"
import { t } from "./words.js"

/** @type {Record<string, string>} */
const CALLED = LABELS.glossary.called
/** @type {Record<string, string>} */
const NAMES = LABELS.glossary.names

/**
 * The term that a label of the source names, in any case, in the singular or in the plural.
 * @param {string} label
 * @returns {{ id: string, name: string, address: string } | null}
 */
export function termOf(label) {
  const plain = label.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "")
  const id = CALLED[plain.replace(/(?<=..[^s])s$/, "")]
  return id ? { id, name: t(NAMES[id]), address: `/glossary?term=${id}` } : null
}
