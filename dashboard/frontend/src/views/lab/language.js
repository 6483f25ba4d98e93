// Which language the pages speak: a link for each, at the right of every page's top.

import { LANGUAGE, t } from "../../protocol/words.js"
import { Card } from "../../ui/card.js"
import { el } from "../../ui/dom.js"

const PARAMETER = "lang" // as dashboard/ui/language.py reads it; the server remembers it in a cookie

/**
 * An address in another language: the same page with the same choice.
 * @param {string} language
 * @param {string} address
 */
export function addressIn(language, address) {
  const url = new URL(address)
  url.searchParams.set(PARAMETER, language)
  return url.href
}

export class Language extends Card {
  /** @param {HTMLElement} root */
  constructor(root) {
    super(root)
    this.head.remove()
    this.note.remove()
    this.list = el("nav", "anl-languages")
    this.list.setAttribute("aria-label", t("Language"))
    this.body.append(this.list)
  }

  tick() {
    const { languages = {} } = this.props
    if (this.list.children.length) return
    for (const [language, name] of Object.entries(languages)) {
      const link = el("a", "", name)
      Object.assign(link, { lang: language, hreflang: language, target: "_self", href: addressIn(language, location.href) })
      if (language === LANGUAGE) link.setAttribute("aria-current", "true")
      // The page's parts write into its address by themselves: it is read when it is wanted.
      for (const before of ["pointerdown", "focus", "click"]) link.addEventListener(before, () => (link.href = addressIn(language, location.href)))
      this.list.append(link)
    }
  }
}
