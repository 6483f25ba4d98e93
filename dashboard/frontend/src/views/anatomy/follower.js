// A card that follows questions.

import { OVER, inspections } from "../../state/inspections.js"
import { Card } from "../../ui/card.js"

// A view that follows questions: `props.asked` is a list of {run, id, state, name, colour, label}.
/** @import { Component, Props, Question } from "../../types" */

export class Follower extends Card {
  /** @type {import("../../state/inspections.js").Asked[]} in the order of `asked` */
  ones = []
  /** @type {Set<string>} what the page was told of */
  told = new Set()

  /** @returns {Question[]} */
  get asked() {
    return this.props?.asked ?? []
  }

  /** @param {Component} component */
  update(component) {
    /** @type {Question[]} */
    const asked = component.data.asked ?? []
    const same = JSON.stringify(asked.map((a) => [a.run, a.id])) === JSON.stringify(this.asked.map((a) => [a.run, a.id]))
    if (!same) inspections.leave(this)
    this.ones = asked.map((a) => inspections.follow(this, a.run, a.id, { stream: this.streams(component.data), state: a.state }))
    this.trigger = component.setTriggerValue
    if (!same) this.told = new Set()
    // Asked again under the same name, or drawn before the news came: it may be told once more.
    for (const a of asked) if (!OVER.has(a.state)) for (const state of OVER) this.told.delete(a.id + state)
    super.update(component)
    this.announce()
  }

  /** @param {Props} _data */
  streams(_data) {
    return false
  }

  /** @param {import("../../state/inspections.js").Asked} _one */
  heard(_one) {
    if (this.dead) return
    this.tick(true)
    this.announce()
  }

  // One rerun for a question that ended since the page was drawn.
  announce() {
    this.asked.forEach((known, i) => {
      const { state } = this.ones[i].now
      if (!state || !OVER.has(state) || this.ones[i].behind || state === known.state || this.told.has(known.id + state)) return
      this.told.add(known.id + state)
      this.trigger("state", { run: known.run, id: known.id, state })
    })
  }

  /**
   * Where a question stands: what the server said last, or what the page knew.
   * @param {number} i
   * @returns {import("../../protocol/replies").Standing}
   */
  standing(i) {
    const { now } = this.ones[i]
    return now.state ? now : { state: this.asked[i].state, progress: 0, message: "" }
  }

  /**
   * Cancel or ask again, which Python does.
   * @param {number} i
   */
  act(i) {
    return (/** @type {string} */ action) => this.trigger(action, { run: this.asked[i].run, id: this.asked[i].id })
  }

  /**
   * One part of the view for each question, made and taken away as these come and go.
   * @template {{ node: HTMLElement }} T
   * @param {T[]} parts
   * @param {HTMLElement} parent
   * @param {(act: (action: string) => void) => T} make
   */
  fit(parts, parent, make) {
    for (const part of parts.splice(this.asked.length)) part.node.remove()
    while (parts.length < this.asked.length) {
      const part = make(this.act(parts.length))
      parts.push(part)
      parent.append(part.node)
    }
  }

  destroy() {
    super.destroy()
    inspections.leave(this)
  }
}
