// What lies over another in the Lab's state card, and names that are cut without saying so.
() => {
  const card = document.querySelector(".st-key-card_state"), found = []
  const name = card.querySelector(".anl-name")
  const parts = "button, .anl-name, .anl-status, .anl-numbers dd, .anl-numbers dt, .anl-bar"
  const things = [...card.querySelectorAll(parts)]
    .filter((e) => e.checkVisibility() && e.getBoundingClientRect().width > 0)
  const box = (e) => e.getBoundingClientRect(), words = (e) => e.innerText || e.className
  for (const [i, a] of things.entries()) for (const b of things.slice(i + 1)) {
    if (a.contains(b) || b.contains(a)) continue
    const w = Math.min(box(a).right, box(b).right) - Math.max(box(a).left, box(b).left)
    const h = Math.min(box(a).bottom, box(b).bottom) - Math.max(box(a).top, box(b).top)
    if (w > 2 && h > 2) found.push(`${words(a)} and ${words(b)} lie over each other`)
  }
  for (const e of things) {
    if (box(e).right > box(card).right + 1 || box(e).left < box(card).left - 1) found.push(`${words(e)} leaves the card`)
    if (box(e).bottom > box(card).bottom + 1) found.push(`${words(e)} is below the card`)
  }
  if (!name) found.push("there is no name")
  else {
    const style = getComputedStyle(name)
    const cut = name.scrollWidth > name.clientWidth + 1 || name.innerText.endsWith("…")
    if (cut && !name.innerText.endsWith("…") && style.textOverflow !== "ellipsis") found.push("the name is cut without an ellipsis")
    if (cut && !name.closest("[title]")?.title.includes("seed by seed")) found.push("the cut name has no whole one in its title")
    if (name.clientWidth < 60) found.push(`${name.clientWidth} pixels are left of the name`)
  }
  const status = card.querySelector(".anl-status"), range = document.createRange()
  range.setStart(status.firstChild, 0)
  range.setEnd(status.firstChild, status.innerText.search(/ |$/))
  if (box(range).right > box(status).right - 8) found.push(`the state is cut: ${status.innerText}`)
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push("the page scrolls sideways")
  return found
}
