// What a reader reads, in the language of the page. The source is written in English; a page in
// another language waits for its catalogue, which the server sends as {template: [form, ...]}.

import { server } from "./server.js"

/** @type {string} */
export const LANGUAGE = globalThis.document?.documentElement?.lang || "en"

/** @type {import("./replies").Words} */
let catalogue = {}
if (LANGUAGE !== "en") {
  const reply = await server(`/api/language/${LANGUAGE}`).catch(() => null)
  if (reply?.ok) catalogue = await reply.json()
}

/**
 * For tests: what a catalogue says.
 * @param {import("./replies").Words} forms
 */
export function useCatalogue(forms) {
  catalogue = forms
}

/**
 * A text in the page's language: `t("step {step:,} of {steps:,}", {step, steps})`.
 * @param {string} template
 * @param {Record<string, unknown>} [values]
 */
export const t = (template, values) => filled(catalogue[template]?.[0] ?? template, values)

/**
 * One text or the other: `tn("{n} run", "{n} runs", n)`.
 * @param {string} one the template for a single one
 * @param {string} many that for any other number
 * @param {number} n
 * @param {Record<string, unknown>} [values]
 */
export function tn(one, many, n, values) {
  const forms = catalogue[one]
  const form = forms ? (forms[Math.min(n === 1 ? 0 : 1, forms.length - 1)]) : n === 1 ? one : many
  return filled(form, { n, ...values })
}

/**
 * A table of words with each of them in the page's language.
 * @template T
 * @param {T} table
 * @returns {T}
 */
export function said(table) {
  const value = /** @type {unknown} */ (table)
  if (typeof value === "string") return /** @type {T} */ (/** @type {unknown} */ (t(value)))
  if (value === null || typeof value !== "object" || Array.isArray(value)) return table
  return /** @type {T} */ (Object.fromEntries(Object.entries(value).map(([name, word]) => [name, said(word)])))
}

/**
 * A template with its values; `{loss:.3f}` and `{steps:,}` are written as Python writes them.
 * @param {string} template
 * @param {Record<string, unknown>} [values]
 */
function filled(template, values) {
  if (!values) return template
  return template.replace(/\{(\w+)(?::([^}]*))?\}/g, (_, name, form) => {
    const value = values[name]
    if (typeof value !== "number" || !form) return String(value)
    const digits = /\.(\d+)f$/.exec(form)
    const text = digits ? value.toFixed(Number(digits[1])) : String(value)
    return form.startsWith(",") ? text.replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ",") : text
  })
}
