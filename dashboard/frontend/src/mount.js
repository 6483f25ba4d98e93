// The door that loader.js comes through.

const VIEWS = { topbar: Topbar, state: RunState, curves: Curves, difference: Difference, map: LayerMap, profile: Profile,
  lines: Lines, attention: Attention, attention_page: AttentionPage, happening: Happening, runs: RunsTable, matrix: Matrix,
  figure: Figure, inspection: InspectionView, tokens: Tokens, lens: Lens, operate: Operate, preload: Preload }
const mounted = new WeakMap()

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

export function unmount(root) {
  const view = mounted.get(root)
  if (!view) return
  mounted.delete(root)
  hub.remove(view)
  view.destroy()
}
