
/**
 * What all views share: elements, colours, numbers, ticks.
 * A new element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, className = "", text = "") {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== "") node.textContent = text
  return node
}

/**
 * Only touches the page when something changed, so that selections and screen readers keep still.
 * @param {Element} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/**
 * Red, green and blue of a CSS colour, 0 to 255 each.
 * @param {string} text
 * @returns {number[]}
 */
export function colourOf(text) {
  const probe = el("canvas").getContext("2d")
  probe.fillStyle = "#fff"
  probe.fillStyle = text.trim()
  const hex = probe.fillStyle
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16))
}

/**
 * Streamlit tells a component its theme only in CSS variables; a dark ground means dark colours.
 * @param {Element} node
 * @param {import("./types").Palette} palette
 * @returns {import("./types").Theme}
 */
export function themeOf(node, palette) {
  const style = getComputedStyle(node)
  const [r, g, b] = colourOf(style.getPropertyValue("--st-background-color") || "#ffffff")
  const dark = 0.2126 * r + 0.7152 * g + 0.0722 * b < 128
  return {
    ...palette[dark ? "dark" : "light"],
    dark,
    font: style.getPropertyValue("--st-font").trim() || "sans-serif",
    code: style.getPropertyValue("--st-code-font").trim() || "monospace",
  }
}

/**
 * @param {HTMLElement} root
 * @param {import("./types").Theme} theme
 */
export function applyTheme(root, theme) {
  for (const name of ["card", "line", "grid", "ink", "muted", "add", "norm", "warning", "attention",
    "ground", "sidebar", "warning_text", "norm_text", "add_text"]) {
    root.style.setProperty("--anl-" + name.replace("_", "-"), theme[name])
  }
}

/**
 * @param {import("./types").Theme} theme
 * @param {import("./types").Run} run
 * @param {boolean} text whether it is for words, which want more contrast
 */
export const runColour = (theme, run, text = false) => {
  const colours = text ? theme.runs_text : theme.runs
  return colours[(run.colour ?? 0) % colours.length]
}

/**
 * The runs that share a colour, from the ninth on, are told apart by their dashes.
 * @param {import("./types").Run} run
 */
export const runDash = (run) => LINE_DASHES[Math.floor((run.colour ?? 0) / 8) % LINE_DASHES.length]
const LINE_DASHES = ["solid", "dash", "dot", "dashdot"] // as in dashboard/palette.py

/**
 * @param {string} hex
 * @param {number} alpha
 */
export function faded(hex, alpha) {
  const [r, g, b] = colourOf(hex)
  return `rgba(${r},${g},${b},${alpha})`
}

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
  return value.toPrecision(digits).replace(/^(-?\d+\.\d*?)0+$/, "$1").replace(/\.$/, "")
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
  const two = (n) => String(n).padStart(2, "0")
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`
}

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
  const step = power * [1, 2, 5, 10].find((m) => m * power >= raw - 1e-12)
  const out = []
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) out.push(v)
  return out
}

/**
 * Piecewise linear colours through `stops`, as a table of 256 [r, g, b].
 * @param {string[]} stops
 * @returns {number[][]}
 */
export function ramp(stops) {
  const rgb = stops.map(colourOf)
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (rgb.length - 1)
    const k = Math.min(Math.floor(at), rgb.length - 2)
    return rgb[k].map((c, j) => Math.round(c + (rgb[k + 1][j] - c) * (at - k)))
  })
}

let measuring = null

/**
 * Pixels that a line of text takes.
 * @param {string} text
 * @param {string} font
 */
export function textWidth(text, font) {
  measuring ??= el("canvas").getContext("2d")
  measuring.font = font
  return measuring.measureText(text).width
}

/** @param {string} text */
export const short = (text, most = 24) => (text.length > most ? text.slice(0, most - 1) + "…" : text)

/**
 * What a run is called where there is little room: labels differ wherever names do.
 * @param {import("./types").Run} run
 */
export const labelOf = (run) => run.label ?? short(run.name)

export function escaped(text) {
  return String(text).replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c])
}

// What a metric is called and measured in.
/** @type {[RegExp, string][]} */
const UNITS = [
  [/^loss\//, "nats per character"],
  [/^grad_norm\//, "gradient norm"],
  [/^learning_rate$/, "learning rate"],
  [/^tokens_per_second$/, "tokens per second"],
  [/^update_ratio\//, "update / weight"],
  [/^activation\/dead\//, "share of dead units"],
  [/^activation\/kurtosis\//, "kurtosis"],
  [/^activation\/effective_rank\//, "effective rank"],
  [/^attention\/entropy/, "nats"],
  [/^activation\/(\w+)\//, "$1 of activations"],
]
export const GROUPS = {
  block: "whole layer", norm: "norms", "attn.q": "query matrix", "attn.k": "key matrix",
  "attn.v": "value matrix", "attn.o": "attention output matrix", "mlp.in": "feed-forward input matrix",
  "mlp.gate": "feed-forward gate matrix", "mlp.out": "feed-forward output matrix",
}

/** @param {string} metric */
export function unitOf(metric) {
  for (const [pattern, unit] of UNITS) {
    const found = metric.match(pattern)
    if (found) return unit.replace("$1", found[1] === "rms" ? "RMS" : found[1])
  }
  return metric
}
const TITLES = { "loss/train": "Training loss", "loss/validation": "Validation loss",
  "grad_norm/total": "Gradient norm", "grad_norm/embed": "Gradient norm of the embedding",
  "grad_norm/head": "Gradient norm of the output layer", tokens_per_second: "Speed" }

/** @param {string} metric */
export function titleOf(metric) {
  const title = TITLES[metric] ?? unitOf(metric)
  return title[0].toUpperCase() + title.slice(1)
}
export const OBSERVABLES = { resid_post: "residual stream", resid_pre: "residual stream before the layer",
  resid_mid: "residual stream after attention", "attn.q": "queries", "attn.k": "keys",
  "attn.v": "values", "attn.out": "attention output", "mlp.pre": "feed-forward pre-activation",
  "mlp.post": "feed-forward activation", "mlp.out": "feed-forward output" }

// Marks of what happened at a step: something is wrong, something went well, a layer was rewired,
// the run was taken up again.
export const LEVEL_MARKS = { warning: "▼", good: "▲", switch: "◆", restart: "↻" }

/**
 * @param {import("./types").Theme} theme
 * @param {string} level
 */
export function levelColour(theme, level) {
  return { good: theme.norm, switch: theme.add, restart: theme.muted }[level] ?? theme.warning
}
