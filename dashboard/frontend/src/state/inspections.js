// Questions on their way: asked for a few times a second while they are at work, once for all views
// of the tab that follow the same one.

import { fetchText } from "../protocol/fetch.js"

const LOOK = 250
export const OVER = new Set(["done", "failed", "cancelled"])

class Asked {
  constructor(run, id) {
    this.address = `/api/inspections/${encodeURIComponent(run)}/${encodeURIComponent(id)}`
    this.followers = new Map() // view -> whether it wants what is streamed
    this.now = { state: null, progress: 0, message: "" }
    this.items = []
    this.failures = 0
  }

  get over() {
    return OVER.has(this.now.state) && !this.behind
  }

  // What is still to be fetched of the stream of a question that has ended.
  get behind() {
    return this.now.state === "done" && this.streaming && !this.whole
  }

  get streaming() {
    return [...this.followers.values()].some(Boolean)
  }

  wake() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.look(), 10)
  }

  async look() {
    if (this.busy || document.hidden || !this.followers.size || this.over) return
    this.busy = true
    let delay = LOOK
    try {
      const { streaming } = this
      const text = await fetchText(this.address + (streaming ? `/stream?since=${this.items.length}` : ""))
      const { items = [], more = false, ...now } = JSON.parse(text)
      this.now = now
      this.items.push(...items)
      this.whole = streaming && !more && OVER.has(now.state)
      this.failures = 0
      if (more) delay = 10
    } catch (error) {
      this.failures += 1
      delay = Math.min(LOOK * 2 ** this.failures, 8000)
      // The server answered, and says that there is no such question any more.
      if (error.name === "Error") this.now = { state: "failed", progress: 0, message: error.message }
    }
    this.busy = false
    for (const view of [...this.followers.keys()]) view.heard(this)
    if (!this.over) this.timer = setTimeout(() => this.look(), delay)
  }
}

// Every question that a view of this tab follows, by run and id.
class Inspections {
  constructor() {
    this.asked = new Map()
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) for (const one of this.asked.values()) one.wake()
    })
  }

  follow(view, run, id, { stream = false, state = null } = {}) {
    const key = `${run}/${id}`
    let one = this.asked.get(key)
    // Asked again under its old name: what was heard belongs to its last life.
    if (!one || (one.over && state && !OVER.has(state))) {
      const followers = one?.followers
      this.asked.set(key, (one = new Asked(run, id)))
      for (const [other, wants] of followers ?? []) one.followers.set(other, wants)
    }
    one.followers.set(view, stream)
    one.wake()
    return one
  }

  leave(view) {
    for (const [key, one] of this.asked) {
      if (!one.followers.delete(view) || one.followers.size) continue
      clearTimeout(one.timer)
      this.asked.delete(key)
    }
  }
}

export const inspections = (window.addnormInspections ??= new Inspections())
