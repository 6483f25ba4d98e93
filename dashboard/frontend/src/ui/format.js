// Numbers, times and names as people read them.

/**
 * A value as people read it: four significant digits, no more zeros than needed.
 * @param {number | string | null | undefined} value
 */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–"
  if (typeof value === "string") return value
  if (!isFinite(value)) return "NaN"
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    const [mantissa, power] = value.toExponential(Math.min(digits - 1, 2)).split("e")
    return `${mantissa}e${Number(power)}`
  }
  if (size >= 1000) return Math.round(value).toLocaleString("en-US")
  // Fewer digits than the whole part has would be written as a power.
  return value.toPrecision(size >= 1 ? Math.max(digits, Math.floor(Math.log10(size)) + 1) : digits).replace(/^(-?\d+\.\d*?)0+$/, "$1").replace(/\.$/, "")
}

/**
 * Fixed decimals keep a running number's width.
 * @param {number | string | null | undefined} value
 */
export function headline(value) {
  if (typeof value !== "number") return value ?? "–"
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1)
  return value.toFixed(size >= 100 ? 1 : 3)
}

/**
 * Seconds as 0:07 or 1:02:03.
 * @param {number | null | undefined} seconds
 */
export function clock(seconds) {
  if (seconds === null || seconds === undefined) return "–"
  const s = Math.max(0, Math.round(seconds))
  const [h, m] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)]
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0")
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`
}

/**
 * A text with an ellipsis where it is longer than there is room, after a word if it can be; as
 * core/catalogue/naming.py cuts.
 * @param {string} text
 */
export function short(text, most = 24) {
  if (text.length <= most) return text
  const kept = text.slice(0, most - 1)
  const border = kept.lastIndexOf(" ")
  const whole = !" ,)".includes(text[most - 1]) && border >= (most - 1) / 2 ? kept.slice(0, border) : kept
  return whole.replace(/[ ,(]+$/, "") + "…"
}

/**
 * What a run is called where there is little room: labels differ wherever names do.
 * @param {{ name: string, label?: string }} run
 */
export const labelOf = (run) => run.label ?? short(run.name)

/**
 * Text as it stands in Plotly's labels, which read markup.
 * @param {string} text
 */
export const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** @type {Record<string, string>} */
const SHOWN = { " ": "·", "\n": "↵", "\t": "⇥", "\r": "␍" }

/**
 * A token as it can be seen.
 * @param {string} text
 */
export const shownToken = (text) => SHOWN[text] ?? text
