// Questions on their way: asked for a few times a second while they are at work, once for all views
// of the tab that follow the same one.

import { Card } from "./chart.js"
import { fetchText } from "./hub.js"
import { el, runColour, say } from "./tools.js"

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

const inspections = (window.addnormInspections ??= new Inspections())

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

// A question's line: whose it is, what it does, how far it is; Cancel, or Ask again.
export class Progress {
  constructor(act) {
    this.node = el("div", "anl-question")
    this.text = el("span", "anl-question-text")
    this.text.setAttribute("role", "status")
    this.dot = el("span", "anl-dot")
    this.button = el("button", "anl-button")
    this.button.type = "button"
    this.button.onclick = () => act(this.action)
    const line = el("div", "anl-question-line")
    line.append(this.dot, this.text, this.button)
    this.bar = el("div", "anl-bar")
    this.fill = el("div")
    this.bar.append(this.fill)
    this.bar.setAttribute("role", "progressbar")
    this.node.append(line, this.bar)
  }

  /**
   * @param {{ state: string, progress: number, message: string }} standing
   * @param {{ label: string, colour?: string, lost?: boolean }} whose
   */
  show({ state, progress, message }, { label, colour, lost }) {
    const atWork = !OVER.has(state)
    const bad = state === "failed"
    const said = lost ? "connection lost, retrying" : state === "cancelled" ? "cancelled" : message
    say(this.text, [label, said].filter(Boolean).join(": "))
    this.text.classList.toggle("anl-bad", bad)
    this.dot.hidden = !colour
    this.dot.style.background = colour ?? ""
    this.dot.classList.toggle("anl-pulse", atWork)
    this.action = atWork ? "cancel" : "again"
    say(this.button, atWork ? "Cancel" : "Ask again")
    this.button.dataset.action = this.action
    this.bar.style.visibility = atWork ? "" : "hidden"
    this.bar.classList.toggle("anl-waiting", state === "waiting" || !progress)
    this.fill.style.width = `${Math.max(progress, 0.02) * 100}%`
    this.bar.setAttribute("aria-label", label || "progress")
    this.bar.setAttribute("aria-valuenow", String(Math.round(progress * 100)))
  }
}

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
