// What Streamlit runs at each change of data or theme: it keeps the place and hands over to the
// module that all live parts of the tab share.
export default function (streamlits) {
  // In a list, in which Streamlit does not look for tables.
  const component = { ...streamlits, data: streamlits.data[0] }
  const { data, parentElement } = component
  let root = parentElement.querySelector(":scope > .anl")
  if (!root) {
    root = document.createElement("div")
    root.className = "anl anl-view-" + data.view
    if (data.height) root.style.height = data.height + "px"
    if (data.frame) root.classList.add("anl-card")
    if (data.height) root.innerHTML = '<div class="anl-skeleton"></div>'
    parentElement.appendChild(root)
  }
  // The newest data wins, also when the module arrives after several runs of this function.
  root.addnorm = component
  const module = import(new URL(data.hub, window.location.href).href)
  module.then(
    (lab) => root.addnorm === component && lab.mount(root, component),
    () => (root.textContent = data.failed),
  )
  return () => {
    root.addnorm = null
    module.then((lab) => lab.unmount(root), () => {})
  }
}
