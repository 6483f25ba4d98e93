// One line of the runs table as elements.

import { SIGNS, STATES, VERDICTS } from "../../protocol/states.js"
import { t } from "../../protocol/words.js"
import { timesOf } from "../../state/groups.js"
import { textWidth } from "../../ui/canvas.js"
import { el } from "../../ui/dom.js"
import { evaluationOf, figureTitle, stateOf, figure, lossOf, shared, told } from "./cells.js"

// What columns are called, by what they sort by.
/** @type {Record<string, string>} */
const TITLES = { run: t("run"), state: t("state"), validation: t("validation"), tags: t("tags"), note: t("note"), step: t("step"),
  training: t("Training").toLowerCase(), // in small letters it is the word of a state
  size: t("on disk"), created: t("created"), deleted: t("deleted"), left: t("kept for") }

function cellOf(row, className = "", role = "gridcell") {
  const cell = el("div", ("rt-cell " + className).trim())
  cell.setAttribute("role", role)
  row.append(cell)
  return cell
}

function buttonOf(className, text, more) {
  return Object.assign(el("button", className, text), { type: "button", tabIndex: -1, ...more })
}

// `on`: how many of its runs are ticked; `opened`: whether a group is, null for a run.
export function fillLine(node, line, { on, state, figures, opened, parts, edits = true }) {
  const tick = node.querySelector(".rt-tick") ?? el("input", "rt-tick") // kept, with a click on it
  node.replaceChildren()
  Object.assign(tick, { type: "checkbox", tabIndex: -1, ariaLabel: line.name, checked: on === line.rows.length,
    indeterminate: on > 0 && on < line.rows.length, title: t("With Shift: to here. With Alt: only this") })
  cellOf(node, "rt-check").append(tick)
  nameCell(node, line, opened, edits)
  for (const part of parts.slice(1)) {
    if (part.setting !== undefined) {
      const text = shared(line.rows.map((r) => r.settings[part.setting]))
      const cell = cellOf(node, part.number ? "rt-number" : "")
      cell.append(el("span", "rt-text", text))
      cell.title = `${part.help}: ${text}`
    } else if (part.loss) {
      const dead = state.bad && state.bad !== "interrupted"
      const stale = part.by === "validation" ? evaluationOf(line.rows) : null
      const cell = cellOf(node, "rt-number rt-code" + (dead ? " rt-bad" : stale?.old ? " rt-quiet" : ""))
      cell.append(figure(figures[part.by]))
      cell.title = stale?.title ?? figureTitle(figures[part.by])
    } else if (part.by === "state") {
      const said = cellOf(node, state.bad ? "rt-bad" : "")
      if (SIGNS[state.bad]) {
        const sign = el("span", "rt-sign", SIGNS[state.bad])
        sign.title = VERDICTS[state.bad]?.said ?? STATES[state.bad]
        said.append(sign)
      }
      said.append(el("span", "rt-text", state.words))
      said.title = state.full
    } else if (part.by === "tags") {
      const tags = [...new Set(line.rows.flatMap((r) => r.tags))]
      const cell = cellOf(node, "rt-tags")
      cell.append(...tags.map((tag) => el("span", "rt-tag", tag)))
      cell.title = tags.join(", ")
    } else {
      const text = told(line, part.by)
      const cell = cellOf(node, part.number ? "rt-number" : "rt-quiet")
      cell.append(el("span", "rt-text", text))
      cell.title = part.by === "created" ? line.rows.map((r) => `${text} · ${r.id}`).join("\n") : text
    }
  }
}

function nameCell(node, line, opened, edits) {
  const [row] = line.rows
  const cell = cellOf(node, "rt-who")
  if (line.group) {
    cell.append(buttonOf("rt-caret", opened ? "▾" : "▸", { ariaExpanded: String(opened),
      ariaLabel: opened ? t("fold {name}", { name: line.name }) : t("unfold {name}", { name: line.name }) }))
  }
  const more = line.group ? [] : [row.given !== line.name && row.given, row.twin && t("twin of {run}", { run: row.twin }), row.note]
  cell.append(buttonOf("rt-name", line.name, { title: [line.name, ...more].filter(Boolean).join("\n") }))
  if (line.group) cell.append(el("span", "rt-times", " " + timesOf(line.rows)))
  else if (edits) cell.append(buttonOf("rt-edit", t("edit"), { ariaLabel: t("edit {name}", { name: line.name }), title: t("Name, tags, note, colour") }))
}

// The titles of the columns, which sort; returns the tick for all runs.
export function fillHeader(header, parts, sort, on) {
  header.replaceChildren()
  const every = Object.assign(el("input", "rt-tick"), { type: "checkbox", ariaLabel: t("all runs"), title: t("All runs of this list") })
  every.onclick = () => on.every(every.checked)
  cellOf(header, "rt-check", "columnheader").append(every)
  for (const part of parts) {
    const cell = cellOf(header, part.number ? "rt-number" : "", "columnheader")
    const here = sort.by === part.by
    cell.setAttribute("aria-sort", !here ? "none" : sort.down ? "descending" : "ascending")
    const button = Object.assign(el("button", "rt-sort", part.title), { type: "button", title: t("Sort by {what}", { what: part.help ?? part.title }) + (part.note ?? "") })
    if (here) button.append(el("span", "rt-arrow", sort.down ? " ▼" : " ▲"))
    button.onclick = () => on.sort(part.by)
    cell.append(button)
    if (part.by !== "validation") continue
    const which = el("button", "rt-which", sort.best ? t("best") : t("last"))
    Object.assign(which, { type: "button", title: sort.best ? t("Show and sort by the last value") : t("Show and sort by the best value") })
    which.onclick = on.best
    cell.append(which)
  }
  return every
}

// The columns of the table and how wide they are. `shows` names them in their order: `settings` are
// those that fit into the room, `more` those that do not.
export function columnsOf(rows, lines, settings, room, theme, shows) {
  const plain = `13px ${theme.font}`
  const code = `12.5px ${theme.code}`
  const some = lines.slice(0, 300)
  const widest = (texts, font, least, most) =>
    Math.ceil(Math.min(most, Math.max(least, ...texts.map((text) => textWidth(text, font))))) + 18
  const own = settings.map((s, i) => ({ by: s.name, title: s.title, help: s.name, number: s.number, setting: i,
    width: widest([s.title + " ▲", ...some.map((l) => shared(l.rows.map((r) => r.settings[i])))], plain, 20, 118) }))
  // A group's figure has room for all that it may say while its runs train.
  const most = Math.max(0, ...some.filter((l) => l.group).map((l) => l.rows.length))
  const loss = (by, least) => ({ by, title: TITLES[by], number: true, loss: true,
    note: lines.some((l) => l.group) ? t(". Of a group: mean ± standard deviation (n − 1)") : "",
    width: widest(some.map((l) => figure(lossOf(l.rows, by))), code,
      Math.max(least, textWidth(most ? `8.888 ±.888${t(" ({n} of {all})", { n: most, all: most })}*` : "", code)), 240) })
  const words = (by, least, most, more) => ({ by, title: TITLES[by],
    width: widest([TITLES[by] + " ▲", ...some.map((l) => told(l, by))], plain, least, most), ...more })
  const grouped = some.some((l) => l.group)
  const tagged = (l) => [...new Set(l.rows.flatMap((r) => r.tags))]
  const make = {
    run: () => ({ by: "run", title: TITLES.run, width: (grouped ? 16 : 8)
      + widest(some.map((l) => l.name + (l.group ? " " + timesOf(l.rows) : "")), plain, 96, room < 600 ? 160 : shows.includes("settings") && room < 1000 ? 190 : 260) }),
    state: () => ({ by: "state", title: TITLES.state,
      width: widest([TITLES.state + " ▲", ...some.map((l) => "✕ " + stateOf(l).words)], plain, 40, 180) + 6 }),
    validation: () => loss("validation", 98),
    training: () => loss("training", 60),
    tags: () => (rows.some((r) => r.tags.length) ? { by: "tags", title: TITLES.tags, width: shows.includes("note")
      ? Math.min(180, Math.max(60, ...some.map((l) => tagged(l).reduce((sum, tag) => sum + 20 + textWidth(tag, `12px ${theme.font}`), 20)))) : 130 } : null),
    note: () => (rows.some((r) => r.note) ? words("note", 60, 160, { grows: true }) : null),
    step: () => words("step", 60, 160, { number: true }),
    size: () => words("size", 60, 90, { number: true }),
    created: () => words("created", 60, 130),
    deleted: () => words("deleted", 60, 130),
    left: () => words("left", 60, 130),
  }
  const fixed = Object.fromEntries(shows.filter((by) => by in make).map((by) => [by, make[by]()]))
  // What stands behind the settings may be scrolled to: tags and the like, and the last column
  // before them where fewer than three settings would be left beside it.
  const behind = shows.indexOf("more") < 0 ? shows.length : shows.indexOf("more")
  const fitting = (until) => {
    let left = room - 30 - shows.slice(0, until).reduce((sum, by) => sum + (fixed[by]?.width ?? 0), 0)
    const over = own.findIndex((c) => (left -= c.width) < 0)
    return over < 0 ? own.length : over
  }
  const all = fitting(behind)
  const first = own.slice(0, all >= Math.min(3, own.length) ? all : Math.max(fitting(behind - 1), 1))
  const columns = shows.flatMap((by) =>
    by === "settings" ? first : by === "more" ? own.slice(first.length) : fixed[by] ? [fixed[by]] : [])
  return columns
}
