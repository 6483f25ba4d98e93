// What is at work, in a word at the top of every page.

import { t } from "../../protocol/words.js"
import { hub } from "../../state/hub.js"
import { Card } from "../../ui/card.js"
import { sayWhole } from "../../ui/dom.js"
import { gridWords } from "../../ui/grid_words.js"
import { helpMenu } from "./help_menu.js"

export class Topbar extends Card {
  constructor(root) {
    super(root)
    this.head.remove()
    this.note.remove()
    this.body.className = "anl-counts"
    this.body.setAttribute("role", "status")
    root.append(...helpMenu())
  }

  asks() {
    return { counts: true }
  }

  tick() {
    if (hub.lost) return sayWhole(this.body, t("connection lost, retrying"))
    const counts = hub.counts
    if (!counts) return
    const grids = counts.grids ?? []
    // One grid at work says all; beside other runs, or with another, the sum of all runs does.
    const inGrids = grids.reduce((sum, g) => sum + g.training + g.paused + g.waiting, 0)
    const alone = inGrids >= counts.training + counts.paused + counts.waiting
    if (grids.length === 1 && alone) return sayWhole(this.body, gridWords(grids[0]))
    const parts = [counts.training && t("{n:,} training", { n: counts.training }),
      counts.paused && t("{n:,} paused", { n: counts.paused }),
      counts.waiting && t("{n:,} waiting", { n: counts.waiting })].filter(Boolean)
    sayWhole(this.body, parts.join(" · ") || t("nothing is training"))
  }
}
