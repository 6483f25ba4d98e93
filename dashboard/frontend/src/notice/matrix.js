// What is to be seen in "Which trained?".

import { t, tn } from "../protocol/words.js"
import { nothing } from "./words.js"

/** @import { Notice } from "../types" */
/** @typedef {{ kind: string, value?: number | null, of: number }} Cell as `core/catalogue/outcomes.py` judged it */

/**
 * @param {{ rows: string[], columns: string[], cells: Cell[][], unit: string, why?: string }} drawn
 * @returns {Notice}
 */
export function matrixNotice({ rows, columns, cells, unit, why = "" }) {
  const axes = t("Each cell holds the runs of one combination of settings. The number is the mean of their final losses ({unit}); the deeper the green, the lower it is.", { unit })
  const theory = t("Where a border runs between what learned and what is on the plateau or diverged, the setting at that border decides. A cell with a single seed is a guess.")
  const terms = ["ablation grid", "verdict", "unigram plateau", "divergence", "seed"]
  const all = cells.flat()
  const there = all.filter((cell) => cell.of > 0)
  if (!there.length) return { axes, theory, terms, now: [nothing(why)] }
  const count = (/** @type {string} */ kind) => there.filter((cell) => cell.kind === kind).length
  const parts = [[count("learned"), t("learned")], [count("mixed"), t("only some learned")], [count("dead"), t("on the plateau")], [count("diverged"), t("diverged")],
    [count("failed") + count("stopped"), t("failed or stopped")], [count("live"), t("still at work")], [count("plain"), t("not judged")]]
  const now = [tn("Of {n} cell with runs: {counts}.", "Of {n} cells with runs: {counts}.", there.length,
    { counts: parts.filter(([n]) => n).map(([n, what]) => `${n} ${what}`).join(", ") })]
  const known = cells.flatMap((row, r) => row.map((cell, c) => ({ ...cell, where: [rows[r], columns[c]].filter(Boolean).join(", ") })))
    .filter((cell) => ["learned", "mixed"].includes(cell.kind) && typeof cell.value === "number")
  if (known.length > 1) {
    const best = known.reduce((a, b) => (Number(b.value) < Number(a.value) ? b : a))
    now.push(t("The lowest loss has {where}: {value}.", { where: best.where, value: Number(best.value).toFixed(2) }))
  }
  now.push(...decided(rows, cells), ...decided(columns, columns.map((_, c) => cells.map((row) => row[c]))))
  if (there.length < all.length) now.push(tn("{n} cell has no run.", "{n} cells have no run.", all.length - there.length))
  return { axes, theory, terms, now: now.filter(Boolean) }
}

// Values of a setting with which everything learned, beside others with which nothing did.
function decided(names, lines) {
  if (lines.length < 2) return []
  const ended = lines.map((line) => line.filter((cell) => cell.of > 0 && cell.kind !== "live"))
  const alive = names.filter((_, i) => ended[i].length && ended[i].every((cell) => cell.kind === "learned"))
  const dead = names.filter((_, i) => ended[i].length && ended[i].every((cell) => ["dead", "diverged"].includes(cell.kind)))
  if (!alive.length || !dead.length) return []
  return [t("Everything learned with {alive}, nothing with {dead}.", { alive: alive.slice(0, 4).join("; "), dead: dead.slice(0, 4).join("; ") })]
}
