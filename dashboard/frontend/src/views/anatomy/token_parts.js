// Tokens and their probabilities as elements.

import { el, say } from "../../ui/dom.js"
import { ramp } from "../../ui/theme.js"

export function visible(text) {
  return text === " " ? "·" : text === "\n" ? "↵" : text === "\t" ? "⇥" : text
}

export const share = (p) => (p >= 0.9995 ? "1" : p < 0.0005 ? "<.001" : p.toFixed(3).replace(/^0/, ""))

// A probability's colour and the ink that can be read on it.
export function shade(theme, p) {
  const table = (theme.table ??= ramp(theme.ramp))
  const [r, g, b] = table[Math.round(Math.min(Math.max(p, 0), 1) * 255)]
  const light = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
  const luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]
  return [`rgb(${r},${g},${b})`, luminance > 0.3 ? "#11131c" : "#ffffff"]
}

// The ramp with its ends, so that a colour can be read as a number.
export function rampLegend(words) {
  /** @type {any} a div with two functions of its own */
  const node = el("div", "anl-ramp")
  const bar = el("span", "anl-ramp-bar")
  const text = el("span", "anl-ramp-words", words)
  node.append(el("span", "", "0"), bar, el("span", "", "1"), text)
  node.paint = (theme) => (bar.style.background = `linear-gradient(90deg, ${theme.ramp.join(", ")})`)
  node.words = (said) => say(text, said)
  return node
}

// Rows of `token, bar, probability`.
export function choices(list, right) {
  const node = el("div", "anl-choices")
  for (const [text, p] of list) {
    const row = el("span", "anl-choice" + (text === right ? " anl-right" : ""))
    const bar = el("i", "anl-choice-bar")
    const fill = el("b")
    fill.style.width = `${Math.min(p, 1) * 100}%`
    bar.append(fill)
    row.append(el("code", "", visible(text)), bar, el("span", "anl-choice-p", share(p)))
    node.append(row)
  }
  return node
}
