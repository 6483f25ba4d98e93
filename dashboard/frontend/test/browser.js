// What the modules touch of a browser while they load; a test that needs more belongs into one.
// Imported first, so that it stands before the modules are read.

const node = () => ({ style: {}, classList: { add() {}, toggle() {} }, append() {}, setAttribute() {},
  getContext: () => ({ measureText: (text) => ({ width: 6.2 * text.length }) }) })

globalThis.window = globalThis
globalThis.document = { hidden: false, addEventListener() {}, head: { appendChild() {} }, createElement: node }
globalThis.addEventListener = () => {}
