// "What am I looking at?" of a card that Streamlit drew.

import { Card } from "../ui/card.js"

export class Explained extends Card {
  /** @param {HTMLElement} root */
  constructor(root) {
    super(root)
    for (const node of [this.subtitle, this.body, this.note]) node.remove()
  }

  tick() {
    this.heading(this.props.title ?? "")
    this.title.hidden = !this.props.title
  }

  /** @returns {import("../types").Notice} as Python told it, in the reader's language */
  notice() {
    return this.props.notice ?? super.notice()
  }
}
