// The door that loader.js comes through.

import { Curves } from "./charts/curves.js"
import { Difference } from "./charts/difference.js"
import { Explained } from "./charts/explained.js"
import { Figure } from "./charts/figure.js"
import { Lines } from "./charts/layer_lines.js"
import { LayerMap } from "./charts/layer_map.js"
import { Preload } from "./charts/preload.js"
import { Profile } from "./charts/profile.js"
import { hub } from "./state/hub.js"
import { closeDialogs, unlessLeft, watchLeaving } from "./ui/streamlit.js"
import { Block } from "./views/anatomy/block.js"
import { InspectionView } from "./views/anatomy/inspection.js"
import { Lens } from "./views/anatomy/lens.js"
import { Operate } from "./views/anatomy/operate.js"
import { Tokens } from "./views/anatomy/tokens.js"
import { AttentionPage } from "./views/attention/page.js"
import { Matrix } from "./views/compare/matrix.js"
import { Attention } from "./views/lab/attention.js"
import { Happening } from "./views/lab/happening.js"
import { Language } from "./views/lab/language.js"
import { Newcomer } from "./views/lab/newcomer.js"
import { RunState } from "./views/lab/run_state.js"
import { Topbar } from "./views/lab/topbar.js"
import { RunsTable } from "./views/runs/table.js"

/** @import { Component, View } from "./types" */

/** @type {Record<string, new (root: HTMLElement) => View>} */
const VIEWS = { topbar: Topbar, language: Language, state: RunState, curves: Curves, difference: Difference, map: LayerMap, profile: Profile,
  lines: Lines, attention: Attention, attention_page: AttentionPage, happening: Happening, runs: RunsTable, matrix: Matrix,
  figure: Figure, inspection: InspectionView, tokens: Tokens, lens: Lens, block: Block, operate: Operate, explained: Explained, preload: Preload,
  newcomer: Newcomer }

/** @type {WeakMap<HTMLElement, View>} */
const mounted = new WeakMap()

closeDialogs()
watchLeaving()

/**
 * @param {HTMLElement} root
 * @param {Component} streamlits
 */
export function mount(root, streamlits) {
  const component = {
    ...streamlits,
    setTriggerValue: unlessLeft(root, streamlits.setTriggerValue),
    setStateValue: unlessLeft(root, streamlits.setStateValue),
  }
  const known = mounted.get(root)
  if (known) return known.update(component)
  const view = new VIEWS[component.data.view](root)
  mounted.set(root, view)
  view.update(component)
  hub.add(view)
}

/** @param {HTMLElement} root */
export function unmount(root) {
  const view = mounted.get(root)
  if (!view) return
  mounted.delete(root)
  hub.remove(view)
  view.destroy()
}
