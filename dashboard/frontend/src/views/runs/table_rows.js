// The lines of the runs table: runs, and groups of runs folded into one line; their order.

import { averageOf } from "../../state/aggregate.js"
import { spread } from "../../state/groups.js"
import { shared, standing } from "./cells.js"

// What a line is sorted by.
function sortable(line, { by, best, index }) {
  const { rows } = line
  if (by === "run") return line.name
  if (by === "state") return rows.map((r) => standing(r).words).join()
  if (by === "tags") return rows.flatMap((r) => r.tags).join() || null
  if (by === "validation" || by === "training") {
    return spread(rows.map((r) => standing(r)[by][best ? 1 : 0]), rows).mean
  }
  if (by === "note") return rows.map((r) => r.note).join() || null
  if (by === "step") return Math.max(...rows.map((r) => standing(r).step))
  if (by === "size" || by === "created" || by === "deleted" || by === "left") return spread(rows.map((r) => r[by]), rows).mean
  const values = rows.map((r) => r.settings[index])
  return values.every((v) => typeof v === "number") ? averageOf(values) : shared(values)
}

// Numbers before words, what is unknown last in both directions.
function ordered(lines, sort) {
  if (!sort.by) return lines
  const keyed = lines.map((line, i) => [sortable(line, sort), i, line])
  const side = sort.down ? -1 : 1
  keyed.sort(([a, i], [b, j]) => {
    if (a === null || b === null) return Number(a === null) - Number(b === null) || i - j
    if (typeof a === "number" && typeof b === "number") return side * (a - b) || i - j
    return side * String(a).localeCompare(String(b), "en", { numeric: true }) || i - j
  })
  return keyed.map(([, , line]) => line)
}

/**
 * Runs in the order given, each group at its first run's place, its runs below it where it is open.
 * @param {import("../../types").Row[]} rows
 * @param {Set<string>} open
 * @param {import("../../types").Sort} sort
 * @returns {import("../../types").Line[]}
 */
export function linesOf(rows, open, sort) {
  const groups = Map.groupBy?.(rows.filter((r) => r.group), (r) => r.group) ?? grouped(rows)
  const lines = []
  const placed = new Set()
  for (const row of rows) {
    const members = row.group ? groups.get(row.group) : null
    if (!members || members.length < 2) {
      lines.push({ key: row.id, name: row.name, rows: [row], level: 0 })
    } else if (!placed.has(row.group)) {
      placed.add(row.group)
      lines.push({ key: "group " + row.group, name: row.group, rows: members, group: row.group, level: 0 })
    }
  }
  return ordered(lines, sort).flatMap((line) => {
    if (!line.group || !open.has(line.group)) return [line]
    const members = line.rows.map((row) => ({ key: row.id, name: row.name, rows: [row], level: 1 }))
    return [line, ...ordered(members, sort)]
  })
}

function grouped(rows) {
  const groups = new Map()
  for (const row of rows) if (row.group) groups.set(row.group, [...(groups.get(row.group) ?? []), row])
  return groups
}

/**
 * "validation", "-validation.best" and the like, as the address writes it.
 * @param {string | null | undefined} text
 * @returns {import("../../types").Sort}
 */
export function sortOf(text) {
  const found = /^(-?)([^]*?)(\.best)?$/.exec(text ?? "")
  return { down: found[1] === "-", by: found[2], best: Boolean(found[3]) }
}

/** @param {import("../../types").Sort} sort */
export const sortText = ({ by, down, best }) => (down && by ? "-" : "") + by + (best ? ".best" : "")
