// What can be read on a page as it stands: pieces of text with where they are, and what is told in
// titles, labels for screen readers and empty fields; evaluated in the page by test_languages.py.
() => {
  // Code, formulas, what networks read and write, and what users named.
  const NOT_SAID = "script, style, noscript, code, pre, kbd, math, .katex, [data-testid=stIconMaterial], [data-testid=stScreenCastMessage],"
    + " .anl-text, .anl-lens-table td, .anl-sample pre, .anl-wrote, .anl-where, .anl-matrix th, .anl-choices, .anl-detail code, .passages dd,"
    + " .rt-name, .rt-tag, .anl-name, .anl-who, .anl-by, .anl-ends, .annotation-text-g, .term-source, .ev-source, .anl-languages, .ev-head a"
  const place = (e) => /st-key-(\S+)/.exec(e.closest("[class*=st-key-]")?.className ?? "")?.[1] ?? ""
  const seen = (e) => e.checkVisibility({ opacityProperty: false, visibilityProperty: true })
  const found = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement
    if (node.data.trim() && e && !e.closest(NOT_SAID) && seen(e)) found.push([place(e), node.data.replace(/\s+/g, " ").trim()])
  }
  for (const e of document.querySelectorAll("[title], [aria-label], [placeholder], [alt]")) {
    if (e.closest(NOT_SAID) || !seen(e)) continue
    for (const name of ["title", "aria-label", "placeholder", "alt"]) {
      const text = e.getAttribute(name)?.replace(/\s+/g, " ").trim()
      if (text) found.push([`${place(e)} ${name}`, text])
    }
  }
  found.push(["title", document.title])
  return found
}
