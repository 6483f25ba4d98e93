// A small matrix as numbers on the colours of their size.

import { el } from "../../ui/dom.js"
import { ramp } from "../../ui/theme.js"
import { shade } from "./token_parts.js"

export const COLUMNS = 8 // at once

/** @param {number} width */
export const pagesOf = (width) => Math.max(Math.ceil(width / COLUMNS), 1)

/**
 * A number in at most six letters, two decimals where it is small.
 * @param {number} value
 */
export function cellOf(value) {
  if (Number.isNaN(value)) return "NaN"
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞"
  const size = Math.abs(value)
  const text = size >= 1e5 ? size.toExponential(0).replace("e+", "e") : size >= 1000 ? size.toFixed(0) : size >= 100 ? size.toFixed(1) : size.toFixed(2)
  return value < 0 && Number(text) !== 0 ? `−${text}` : text
}

/**
 * The largest size among numbers, without those that are not finite.
 * @param {ArrayLike<number>} values
 */
export function largest(values) {
  let found = 0
  for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) found = Math.max(found, Math.abs(values[i]))
  return found
}

/**
 * A table: a row for each token, at most `COLUMNS` columns from `from` on.
 * @param {import("../../types").Theme} theme
 * @param {{ values: Float32Array, tokens: string[], columns: string[], from: number, share: boolean }} what
 *   `columns` are their names, counted from 1 where there are none; `share`: from 0 to 1
 */
export function matrixOf(theme, { values, tokens, columns, from, share }) {
  const width = values.length / tokens.length
  const first = Math.min(from, (pagesOf(width) - 1) * COLUMNS)
  const last = Math.min(first + COLUMNS, width)
  const most = largest(values) || 1
  const colour = share ? (value) => shade(theme, value) : signed(theme, most)
  const table = el("table", "anl-matrix")
  const head = el("tr")
  head.append(el("th", "", ""))
  for (let j = first; j < last; j++) head.append(el("th", "", columns[j] ?? String(j + 1)))
  table.append(head)
  tokens.forEach((token, i) => {
    const row = el("tr")
    row.append(el("th", "", token))
    for (let j = first; j < last; j++) {
      const value = values[i * width + j]
      const cell = el("td", "", cellOf(value))
      cell.title = String(value)
      const [ground, ink] = Number.isFinite(value) ? colour(value) : ["transparent", theme.muted]
      cell.style.background = ground
      cell.style.color = ink
      row.append(cell)
    }
    table.append(row)
  })
  return table
}

// Below and above 0 in two colours, the stronger the larger; the ink stays that of the page.
function signed(theme, most) {
  const [low, , high] = theme.diverging.map((stop) => ramp([stop, stop])[0])
  return (value) => {
    const [r, g, b] = value < 0 ? low : high
    return [`rgba(${r},${g},${b},${(0.55 * Math.min(Math.abs(value) / most, 1)).toFixed(3)})`, theme.ink]
  }
}
