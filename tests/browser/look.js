// What someone who looks at a page would notice, as sentences; evaluated in the page by walking.py.
() => {
  const LAYERS = "[data-testid=stSidebar], [data-testid=stHeader], .st-key-topbar, .st-key-language_links, .st-key-foot, [role=dialog], [data-testid=stPopoverBody], .anl-tip, [role=tooltip], [data-testid=stToast]"
  // A veiled picture has words laid over it, and a sidebar that is put aside is out of sight.
  const HIDDEN = ".anl-veiled > :not(.anl-note), [data-testid=stSidebar][aria-expanded=false], [data-testid=stIconMaterial], .katex-mathml, [data-testid=stScreenCastMessage], script, style, noscript, title, desc, option"
  const SCROLLERS = "[data-testid=stMain], [data-testid=stSidebarContent], [data-testid=stAppViewContainer], [data-testid=stApp], html, body, #root"
  const CONTROLS = "button, input:not([type=hidden]), textarea, [role=slider], [role=radio], [role=checkbox], summary, a[href]"
  const box = (e) => e.getBoundingClientRect()
  // A sidebar on its way out of sight is narrower than any of its words.
  const aside = document.querySelector("[data-testid=stSidebar]")
  const leaving = aside && box(aside).right < 200
  const seen = (e) => !(leaving && aside.contains(e)) && e.checkVisibility({ opacityProperty: true, visibilityProperty: true })
  // A table's head stays in place while its lines roll under it.
  const sticks = (e) => Boolean(e.closest(".rt-header, thead"))
  // Words for screen readers alone.
  const onlyHeard = (e) => {
    for (let at = e, up = 0; at && up < 4; at = at.parentElement, up++) {
      const { clip, clipPath, position } = getComputedStyle(at)
      if (position === "absolute" && (clip !== "auto" || clipPath !== "none" || at.offsetWidth <= 1)) return true
    }
    return false
  }
  const wide = (b) => b.right - b.left > 2 && b.bottom - b.top > 2
  const words = (text) => `"${text.replace(/\s+/g, " ").trim().slice(0, 34)}"`
  const place = (e) => /st-key-(\S+)/.exec(e.closest("[class*=st-key-]")?.className ?? "")?.[1] ?? ""

  // What is left of a box inside of everything that cuts it, and the element that cut it first.
  const clip = (e, b) => {
    let { left, top, right, bottom } = b
    let by = null
    for (let at = e; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at)
      // What is placed absolutely is cut only by ancestors that are placed too; few cut here.
      if (at.matches(SCROLLERS) || (style.overflowX === "visible" && style.overflowY === "visible")) continue
      const own = box(at)
      const before = [left, top, right, bottom]
      const rolls = (v) => v === "auto" || v === "scroll"
      ;[left, top, right, bottom] = [Math.max(left, own.left), Math.max(top, own.top), Math.min(right, own.right), Math.min(bottom, own.bottom)]
      const lost = Math.max(left - before[0], before[2] - right, 0), low = Math.max(top - before[1], before[3] - bottom, 0)
      if (!by && ((lost > 2 && !rolls(style.overflowX)) || (low > 4 && !rolls(style.overflowY)))) by = { at, style, lost, low }
    }
    return { left, top, right, bottom, by }
  }

  // Every piece of text that can be read, with its box.
  const texts = []
  const walker = document.createTreeWalker(document.querySelector("[data-testid=stApp]"), NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement
    if (!node.data.trim() || e.closest(HIDDEN) || !seen(e) || onlyHeard(e)) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    const b = range.getBoundingClientRect()
    if (b.width > 1) texts.push({ e, b, cut: clip(e, b), text: node.data })
  }
  const shown = texts.filter((t) => wide(t.cut))
  const found = []

  // Text that is cut says so with an ellipsis, and whole in a title.
  for (const { e, cut, text } of shown) {
    if (!cut.by) continue
    const titled = e.closest("[title], [data-tooltip]") || cut.by.at.closest("[title]") || e.closest("button, [role=radio]")?.getAttribute("aria-label")
    const dotted = cut.by.style.textOverflow === "ellipsis" || getComputedStyle(e).textOverflow === "ellipsis" || cut.by.style.webkitLineClamp !== "none"
    if (cut.by.low > 4 && cut.by.style.webkitLineClamp === "none" && cut.by.lost <= 2) found.push(`${place(e)}: ${words(text)} is cut off below by ${Math.round(cut.by.low)} pixels`)
    else if (!(dotted && titled)) found.push(`${place(e)}: ${words(text)} is cut off by ${Math.round(cut.by.lost)} pixels ${dotted ? "without a title" : "without an ellipsis"}`)
  }
  for (const e of document.querySelectorAll(".js-plotly-plot .main-svg text")) {
    const b = box(e), frame = box(e.closest("svg"))
    if (b.width && seen(e) && (b.right > frame.right + 2 || b.left < frame.left - 2)) found.push(`${place(e)}: the chart cuts ${words(e.textContent)}`)
  }

  // Nothing covers another thing, in one layer of the page.
  const controls = [...document.querySelectorAll(CONTROLS)].filter((e) => seen(e) && !e.closest(HIDDEN + ", .modebar"))
    .map((e) => ({ e, cut: clip(e, box(e)), text: e.innerText || e.getAttribute("aria-label") || e.placeholder || e.tagName, control: true }))
    .filter((c) => wide(c.cut) && getComputedStyle(c.e).opacity > 0.05)
  const things = [...controls, ...shown.filter((t) => !t.e.closest(CONTROLS))]
  // A word that lets the pointer through to a wide control beneath, beside that control's own words.
  const beside = (word, control) => getComputedStyle(word.e).pointerEvents === "none" && !shown.some((t) =>
    control.e.contains(t.e) && t.cut.right > word.cut.left + 2 && t.cut.left < word.cut.right - 2
    && t.cut.bottom > word.cut.top + 2 && t.cut.top < word.cut.bottom - 2)
  const TOP = "[data-testid=stHeader], .st-key-topbar, .st-key-language_links" // one line, of three parts
  const layer = (e) => {
    const at = e.closest(LAYERS)
    return at?.matches(TOP) ? "top" : at
  }
  // Whether a text is another, whole or cut.
  const says = (cut, text) => cut.trim() === text.trim() || (/…$/.test(cut) && text.trim().startsWith(cut.trim().slice(0, -1)))
  for (let i = 0; i < things.length; i++) {
    for (let j = i + 1; j < things.length; j++) {
      const [a, b] = [things[i], things[j]]
      if (!a.control && !b.control && a.e === b.e) continue
      const w = Math.min(a.cut.right, b.cut.right) - Math.max(a.cut.left, b.cut.left)
      const h = Math.min(a.cut.bottom, b.cut.bottom) - Math.max(a.cut.top, b.cut.top)
      if (w <= 3 || h <= 4) continue
      if (a.e.contains(b.e) || b.e.contains(a.e) || layer(a.e) !== layer(b.e)) continue
      if (sticks(a.e) !== sticks(b.e)) continue
      if (!a.control && b.control ? beside(a, b) : a.control && !b.control && beside(b, a)) continue
      // A word that can be pressed has its button over it.
      if (!a.control !== !b.control && (says(a.text, b.text) || says(b.text, a.text))) continue
      // A label belongs to its control, and a figure's words to the figure.
      if (a.e.closest("label")?.contains(b.e) || b.e.closest("label")?.contains(a.e)) continue
      if (a.e.closest(".katex")?.contains(b.e)) continue // accents stand over their letters
      if (a.control && b.control && a.e.closest("[data-baseweb], .stSelectbox, .stMultiSelect, .stNumberInput, .stSlider")?.contains(b.e)) continue
      if (!a.control !== !b.control && (a.e.closest(".stSelectbox, .stMultiSelect, .stSlider, .stFileUploader") ?? 0) === b.e.closest(".stSelectbox, .stMultiSelect, .stSlider, .stFileUploader")) continue
      found.push(`${place(a.e)}: ${words(a.text)} and ${words(b.text)} lie over each other by ${Math.round(w)} x ${Math.round(h)} pixels`)
    }
  }

  // A name at a curve's end stands beside the frame and lies on no curve.
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const full = plot._fullLayout
    if (!full?.xaxis || !plot.data) continue
    const origin = box(plot)
    const labels = [...plot.querySelectorAll(".annotation-text-g")].map((e) => ({ b: box(e), text: e.textContent })).filter((l) => l.b.width > 2)
    labels.forEach((l, i) => labels.slice(i + 1).forEach((m) => {
      const w = Math.min(l.b.right, m.b.right) - Math.max(l.b.left, m.b.left), h = Math.min(l.b.bottom, m.b.bottom) - Math.max(l.b.top, m.b.top)
      if (w > 3 && h > 5) found.push(`${place(plot)}: the labels ${words(l.text)} and ${words(m.text)} lie over each other`)
    }))
    const edge = origin.left + full.xaxis._offset + full.xaxis._length
    const called = (text) => plot.data.some((t) => text && (t.name ?? "").startsWith(text.replace(/…$/, "")))
    for (const { b, text } of labels) {
      if (called(text) && b.left < edge - 2) found.push(`${place(plot)}: the label ${words(text)} stands among the curves, ${Math.round(edge - b.left)} pixels inside of the frame`)
      let under = 0
      for (const t of plot.data) {
        if (!t.x || !(t.mode ?? "").includes("lines") || t.fill || t.visible === false || !t.meta) continue
        for (let i = 0; i < t.x.length; i++) {
          if (t.y[i] === null) continue
          const x = origin.left + full.xaxis._offset + full.xaxis.d2p(t.x[i]), y = origin.top + full.yaxis._offset + full.yaxis.d2p(t.y[i])
          if (x > b.left + 3 && x < b.right - 3 && y > b.top + 3 && y < b.bottom - 3) under += 1
        }
      }
      if (under) found.push(`${place(plot)}: the label ${words(text)} covers ${under} points of a curve`)
    }
  }

  // What a chart marks by a circle can be seen.
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const [low, high] = plot._fullLayout?.yaxis?.range ?? []
    for (const t of plot.data ?? []) {
      if (t.mode !== "markers" || !t.y?.length || plot._fullLayout.yaxis.type === "log") continue
      const last = t.y.at(-1)
      if (Number.isFinite(last) && (last < low || last > high)) found.push(`${place(plot)}: ${words(t.name ?? "")} ends at ${last.toPrecision(4)}, outside of the frame`)
    }
  }

  if (document.documentElement.scrollWidth > innerWidth + 1) found.push(`the page scrolls sideways at ${innerWidth}`)
  if (document.querySelector("[data-testid=stException]")) found.push("an exception is shown: " + words(document.querySelector("[data-testid=stException]").innerText))
  for (const e of document.querySelectorAll(".anl-skeleton")) if (seen(e) && !e.closest(HIDDEN)) found.push(`${place(e)} is still an empty frame`)
  return [...new Set(found)]
}
