// In place of a picture that is still being measured.

import { OVER } from "../../state/inspections.js"
import { el } from "../../ui/dom.js"
import { runColour } from "../../ui/theme.js"
import { Follower } from "./follower.js"
import { Progress } from "./progress.js"

// In place of a picture that is still being measured, or could not be.
export class InspectionView extends Follower {
  /** @type {any[]} */
  lines

  constructor(root) {
    super(root)
    this.head.remove()
    this.note.remove()
    this.list = el("div", "anl-question-list")
    this.skeleton = el("div", "anl-skeleton")
    this.body.append(this.skeleton, this.list)
    this.body.classList.add("anl-asking")
  }

  streams(data) {
    return Boolean(data.partial)
  }

  heard(one) {
    // A level of a picture that gets finer: the page draws it.
    const news = one.items.length
    if (this.props.partial && news > (this.drawn ?? 0) && !OVER.has(one.now.state)) {
      this.trigger("news", { items: news })
      this.drawn = news
    }
    super.heard(one)
  }

  tick() {
    const { asked, skeleton } = this.props
    if (!asked || !this.ones) return
    while (this.list.children.length > asked.length) this.list.lastChild.remove()
    this.lines ??= []
    asked.forEach((a, i) => {
      if (!this.list.children[i]) {
        this.lines[i] = new Progress((action) => {
          const { run, id } = this.props.asked[i]
          this.trigger(action, { run, id })
        })
        this.list.append(this.lines[i].node)
      }
      this.lines[i].show(this.standing(i), { label: a.label ?? a.name,
        colour: a.colour === undefined ? "" : runColour(this.theme, a), lost: this.ones[i].failures > 1 && !this.ones[i].over })
    })
    const atWork = asked.some((_, i) => !OVER.has(this.standing(i).state))
    this.skeleton.hidden = !skeleton || !atWork
  }
}
