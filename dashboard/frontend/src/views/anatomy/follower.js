// A card that follows questions.

import { OVER, inspections } from "../../state/inspections.js"
import { Card } from "../../ui/card.js"

// A view that follows questions: `props.asked` is a list of {run, id, state, name, colour, label}.
export class Follower extends Card {
  update(component) {
    const asked = component.data.asked ?? []
    const same = JSON.stringify(asked.map((a) => [a.run, a.id])) === JSON.stringify((this.props.asked ?? []).map((a) => [a.run, a.id]))
    if (!same) inspections.leave(this)
    this.ones = asked.map((a) => inspections.follow(this, a.run, a.id, { stream: this.streams(component.data), state: a.state }))
    this.trigger = component.setTriggerValue
    if (!same) this.told = new Set()
    // Asked again under the same name, or drawn before the news came: it may be told once more.
    for (const a of asked) if (!OVER.has(a.state)) for (const state of OVER) this.told.delete(a.id + state)
    super.update(component)
    this.announce()
  }

  streams(_data) {
    return false
  }

  heard(_one) {
    if (this.dead) return
    this.tick(true)
    this.announce()
  }

  // One rerun for a question that ended since the page was drawn.
  announce() {
    this.props.asked?.forEach((known, i) => {
      const { state } = this.ones[i].now
      if (!OVER.has(state) || this.ones[i].behind || state === known.state || this.told.has(known.id + state)) return
      this.told.add(known.id + state)
      this.trigger("state", { run: known.run, id: known.id, state })
    })
  }

  // Where a question stands: what the server said last, or what the page knew.
  standing(i) {
    const one = this.ones[i]
    return one.now.state ? one.now : { state: this.props.asked[i].state, progress: 0, message: "" }
  }

  destroy() {
    this.dead = true
    inspections.leave(this)
  }
}
