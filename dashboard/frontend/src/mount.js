// The door that loader.js comes through.

import { Attention } from "./attention.js"
import { AttentionPage } from "./attention_page.js"
import { Curves } from "./curves.js"
import { Difference } from "./difference.js"
import { Figure } from "./figure.js"
import { hub } from "./hub.js"
import { InspectionView } from "./inspection.js"
import { Lens } from "./lens.js"
import { Lines } from "./lines.js"
import { LayerMap } from "./map.js"
import { Matrix } from "./matrix.js"
import { Operate } from "./operate.js"
import { Profile } from "./profile.js"
import { RunsTable } from "./table.js"
import { Happening, Preload, RunState, Topbar } from "./text.js"
import { Tokens } from "./tokens.js"

const VIEWS = { topbar: Topbar, state: RunState, curves: Curves, difference: Difference, map: LayerMap, profile: Profile,
  lines: Lines, attention: Attention, attention_page: AttentionPage, happening: Happening, runs: RunsTable, matrix: Matrix,
  figure: Figure, inspection: InspectionView, tokens: Tokens, lens: Lens, operate: Operate, preload: Preload }
const mounted = new WeakMap()

/**
 * @param {HTMLElement} root
 * @param {import("./types").Component} component
 */
export function mount(root, component) {
  let view = mounted.get(root)
  if (!view) {
    view = new VIEWS[component.data.view](root)
    mounted.set(root, view)
    view.update(component)
    hub.add(view)
    return
  }
  view.update(component)
}

/** @param {HTMLElement} root */
export function unmount(root) {
  const view = mounted.get(root)
  if (!view) return
  mounted.delete(root)
  hub.remove(view)
  view.destroy()
}
