// Ticks and ranges of axes.

import { finite } from "../state/aggregate.js"
import { number } from "../ui/format.js"

/**
 * At most `most` round numbers between low and high.
 * @param {number} low
 * @param {number} high
 * @param {number} most
 * @returns {number[]}
 */
export function ticks(low, high, most) {
  const raw = (high - low) / Math.max(most, 1)
  if (!(raw > 0)) return [low]
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = power * ([1, 2, 5].find((m) => m * power >= raw - 1e-12) ?? 10)
  const out = []
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) out.push(v)
  return out
}

/**
 * How far the step axis goes: the planned length, or for a young run a half, a quarter, ... of it.
 * @param {number} last
 * @param {number} planned
 */
export function frameOf(last, planned) {
  let whole = Math.max(last, planned, 1)
  while (whole / 2 > last * 1.6 && whole > 2) whole /= 2
  return whole
}

/**
 * Whether a box has room for axes. In one that is folded or not laid out yet, Plotly would place
 * ticks at NaN; the observer of its size draws it when it opens.
 * @param {number} width
 * @param {number} height
 */
export const drawable = (width, height) => width >= 90 && height >= 60

/**
 * Ticks of a logarithmic axis whose range is in powers of ten: whole powers, with 2 and 5 or every
 * tenth between them where there is room, and at least two of them whatever the range.
 * @param {number[]} range
 */
export function logTicks([low, high]) {
  const every = Math.max(1, Math.ceil((high - low) / 6))
  const inside = (/** @type {number} */ v) => Math.log10(v) >= low - 1e-9 && Math.log10(v) <= high + 1e-9
  for (const between of high - low > 2 ? [[1], [1, 2, 5]] : [[1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    const vals = []
    for (let p = Math.floor(low); p <= Math.ceil(high); p += every) for (const m of between) vals.push(m * 10 ** p)
    const shown = vals.filter(inside)
    if (shown.length > 1) return labelled(shown)
  }
  // Less than a tenth apart: there the axis is as good as linear.
  return labelled(ticks(10 ** low, 10 ** high, 4))
}

/** @param {number[]} vals */
function labelled(vals) {
  const digits = [2, 3, 4, 5, 6, 7, 8].find((d) => new Set(vals.map((v) => number(v, d))).size === vals.length) ?? 9
  return { tickmode: "array", tickvals: vals, ticktext: vals.map((v) => number(v, digits).replace(/\.0+e/, "e")) }
}

/**
 * A range with a little air, wide enough to be a range.
 * @param {number} low
 * @param {number} high
 * @param {boolean} log
 * @returns {[number, number]}
 */
export function aired(low, high, log = false) {
  if (!isFinite(low) || !isFinite(high)) return log ? [-1, 1] : [0, 1]
  if (log) [low, high] = [Math.log10(low), Math.log10(high)]
  const size = Math.max(Math.abs(low), Math.abs(high))
  // What differs by rounding alone is one value: a frame so narrow has no ticks, and Plotly fails.
  const gap = high - low > size * 1e-7 ? high - low : size * 0.1 || 1
  return [low - gap * 0.05, high + gap * 0.07]
}

/**
 * The finite values' range without what would squash the rest: a diverging tail leaves the frame.
 * @param {(number | null | undefined)[]} values
 * @param {boolean} log
 * @returns {[number, number]}
 */
export function sensible(values, log = false) {
  const good = Float64Array.from(finite(values).filter((v) => !log || v > 0)).sort()
  if (!good.length) return [NaN, NaN]
  const at = (/** @type {number} */ q) => good[Math.floor(q * (good.length - 1))]
  if (log) return [at(0), at(1)]
  const reach = 3 * (at(0.8) - at(0.05)) + Math.abs(at(0.5)) * 0.2
  return [Math.max(at(0), at(0.05) - reach), Math.min(at(1), at(0.8) + reach)]
}
