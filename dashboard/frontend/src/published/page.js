// A page that was published: the dashboard's own views in its places, and the choices beside them.

import { PAGE, read } from "./start.js" // first: what comes after it already asks the files
import { mount } from "../mount.js"
import { hub } from "../state/hub.js"
import { el } from "../ui/dom.js"

/** @type {Map<string, { root: HTMLElement, data: any }>} */
const places = new Map()

function show(key) {
  const place = places.get(key)
  if (!place) return
  const { root, data } = place
  mount(root, { data, parentElement: root, setTriggerValue() {}, setStateValue() {} })
}

function place(key, told) {
  const node = document.querySelector(`[data-view="${key}"]`)
  if (!node) return
  const data = { ...told, palette: PAGE.palette, plotly: PAGE.plotly, hub: "" }
  const root = el("div", `anl anl-view-${data.view}`)
  if (data.height) root.style.height = data.height + "px"
  node.replaceChildren(root)
  places.set(key, { root, data })
}

function change(key, told) {
  const found = places.get(key)
  if (!found) return
  Object.assign(found.data, told)
  // The table takes its rows anew, and with them what charts know of each run. Other grids have rows too.
  if (told.rows && found.data.order) found.data.order = { ...found.data.order, n: found.data.order.n + 1 }
  show(key)
}

/**
 * A list of options, or a tick where there are two of which the first is "off".
 * @param {HTMLElement} into
 * @param {string} title
 * @param {[string, string][]} options value and label
 * @param {string} chosen
 * @param {(value: string) => void} then
 */
function select(into, title, options, chosen, then) {
  const label = el("label", "choice")
  const list = el("select")
  label.append(el("span", "", title), list)
  list.replaceChildren(...options.map(([value, text]) => Object.assign(el("option", "", text), { value })))
  list.value = chosen
  list.onchange = () => then(list.value)
  into.append(label)
  return list
}

function tick(into, title, on, then) {
  const label = el("label", "choice choice-tick")
  const box = Object.assign(el("input"), { type: "checkbox", checked: on })
  box.onchange = () => then(box.checked)
  label.append(box, el("span", "", title))
  into.append(label)
}

/** @param {string} name @returns {HTMLElement | null} where a choice stands */
const placeOf = (name) => document.querySelector(`[data-choices~="${name}"]`)

function choose({ name, title, views, options, chosen, ticked }) {
  const into = placeOf(name)
  if (!into) return
  const take = (at) => views.forEach((view) => change(view, options[at].told))
  if (ticked) tick(into, title, chosen === 1, (on) => take(on ? 1 : 0))
  else select(into, title, options.map(({ label }, at) => [String(at), label]), String(chosen), (at) => take(Number(at)))
}

// Run A, a run beside it, which of them is shown, and by which score heads are sorted.
function attention({ runs, fit, names, sides, sorts, words }) {
  const into = placeOf("attention")
  if (!into || !Object.keys(runs).length) return
  let [a, b, side, sort] = [Object.keys(runs)[0], "", "a", Object.keys(sorts)[0]]
  const told = () => ({ runs: [runs[a], ...(b ? [runs[b]] : [])], side, sort })
  place("attention", { view: "attention_page", height: null, open: { layer: null, head: null, step: null, lines: false },
    text: null, induction: {}, checkpoint: null, ...told() })
  const draw = () => {
    into.replaceChildren()
    select(into, words.a, Object.entries(names), a, (id) => {
      a = id
      if (!fit[a].includes(b)) [b, side] = ["", "a"]
      turn()
    })
    if (fit[a].length) {
      select(into, words.b, [["", words.none], ...fit[a].map((id) => /** @type {[string, string]} */ ([id, names[id]]))], b, (id) => {
        b = id
        side = b ? "difference" : "a"
        turn()
      })
    }
    if (b) select(into, words.side, Object.entries(sides), side, (now) => {
      side = now
      turn()
    })
    select(into, words.sort, Object.entries(sorts), sort, (by) => {
      sort = by
      turn()
    })
  }
  const turn = () => {
    draw()
    change("attention", told())
  }
  draw()
}

function begin(page) {
  for (const [key, told] of Object.entries(page.views)) place(key, told)
  page.choices.forEach(choose)
  if (page.attention) attention(page.attention)
  // The table first: the others draw what it chooses.
  for (const key of ["runs_table", ...places.keys()].filter((key, at) => key !== "runs_table" || !at)) show(key)
  // Colours are the reader's, and may change while the page is open.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => [...places.keys()].forEach(show))
  document.documentElement.dataset.ready = ""
  hub.wake()
}

begin(await read("page", "told"))
