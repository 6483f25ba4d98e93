// Colours of the mode that is shown.

import { contextOf } from "./canvas.js"
import { el } from "./dom.js"

/**
 * Red, green and blue of a CSS colour, 0 to 255 each.
 * @param {string} text
 * @returns {number[]}
 */
export function colourOf(text) {
  const probe = contextOf(el("canvas"))
  probe.fillStyle = "#fff"
  probe.fillStyle = text.trim()
  const hex = String(probe.fillStyle)
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16))
}

/**
 * Streamlit tells a component its theme only in CSS variables; a dark ground means dark colours.
 * @param {Element} node
 * @param {import("../types").Palette} palette
 * @returns {import("../types").Theme}
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
 * @param {import("../types").Theme} theme
 */
export function applyTheme(root, theme) {
  for (const name of ["card", "line", "grid", "ink", "muted", "add", "norm", "warning", "attention",
    "ground", "sidebar", "warning_text", "norm_text", "add_text"]) {
    root.style.setProperty("--anl-" + name.replace("_", "-"), theme[name])
  }
}

/**
 * @param {import("../types").Theme} theme
 * @param {{ colour?: number }} run
 * @param {boolean} text whether it is for words, which want more contrast
 */
export const runColour = (theme, run, text = false) => {
  const colours = text ? theme.runs_text : theme.runs
  return colours[(run.colour ?? 0) % colours.length]
}

/**
 * The runs that share a colour, from the ninth on, are told apart by their dashes.
 * @param {{ colour?: number }} run
 */
export const runDash = (run) => LINE_DASHES[Math.floor((run.colour ?? 0) / 8) % LINE_DASHES.length]

/**
 * Gives a dot or a line of a list the dash of its run's curve; the style sheets draw it.
 * @param {HTMLElement} node
 * @param {import("../types").Run} run
 */
export function markDash(node, run) {
  const dash = runDash(run)
  if (dash === "solid") delete node.dataset.dash
  else node.dataset.dash = dash
}

const LINE_DASHES = ["solid", "dash", "dot", "dashdot"] // as in core/palette.py

/**
 * @param {string} hex
 * @param {number} alpha
 */
export function faded(hex, alpha) {
  const [r, g, b] = colourOf(hex)
  return `rgba(${r},${g},${b},${alpha})`
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

// Marks of what happened at a step: something is wrong, something went well, a layer was rewired,
// the run was taken up again.
/** @type {Record<string, string>} */
export const LEVEL_MARKS = { warning: "▼", good: "▲", switch: "◆", restart: "↻" }

/**
 * @param {import("../types").Theme} theme
 * @param {string} level
 */
export function levelColour(theme, level) {
  if (level === "good") return theme.norm
  if (level === "switch") return theme.add
  return level === "restart" ? theme.muted : theme.warning
}
