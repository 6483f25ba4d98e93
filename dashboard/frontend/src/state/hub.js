// One poller for the tab: a request a second for the union of what the mounted views show.

import { fetchText } from "../protocol/fetch.js"
import { newRun, hear } from "../protocol/live.js"
import { MOST_RUNS, pointsFor } from "../protocol/points.js"
import { ENDED } from "../protocol/states.js"

/** @import { Counts, Gone, Live, LiveRun } from "../protocol/replies" */
/** @import { Choice, LiveRun as Known, Run, View } from "../types" */

const TICK = 1000
const SLOW_TICK = 4000 // when nothing that is shown can change
const SOON = 80 // while a run begins: its first point is what a reader waits for
const BEGINS = 15000 // for so long after it was first heard of, as others may train before it

/**
 * Asked for and not ended, and nothing of it can be drawn yet.
 * @param {Known} run
 */
export function begins(run) {
  return !run.gone && !ENDED.has(run.state) && performance.now() - run.heard < BEGINS
    && ![...run.series.values()].some((series) => series.steps.length)
}

/**
 * What the parts of a page share: the runs that are drawn (null: nothing was chosen yet, each view
 * draws its own), the one that stands out, the step under the cursor (null: the newest), and the
 * ranges [x, x, y, y] that were zoomed into, as the axes count (null: everything).
 * @returns {Choice}
 */
function noChoice() {
  return { ids: null, focus: null, step: null, zoom: null }
}

/** @returns {Set<string>} */
const none = () => new Set()

// The browser's other work, such as painting, goes first.
const turn = () => new Promise((resolve) => setTimeout(resolve))

/**
 * What breaks in one view keeps no other from hearing.
 * @param {() => void} tell
 */
function attempt(tell) {
  try {
    tell()
  } catch (error) {
    console.error("live view", error)
  }
}

class Hub {
  constructor() {
    /** @type {Map<string, Known>} */
    this.runs = new Map()
    /** @type {Set<View>} */
    this.views = new Set()
    /** @type {Counts | null} */
    this.counts = null
    this.lost = false
    this.failures = 0
    /** @type {Map<string, string>} by run the state that a rerun was asked for last */
    this.announced = new Map()
    /** @type {Map<string, Run>} what views were told of a run: name, colour, group, ... */
    this.about = new Map()
    this.choice = noChoice()
    this.stats = { requests: 0, bytes: /** @type {number[]} */ ([]), ticks: 0 }
    /** @type {number | undefined} */
    this.timer = undefined
    this.busy = this.again = false
    document.addEventListener("visibilitychange", () => !document.hidden && this.wake())
    window.addEventListener("online", () => this.wake())
  }

  /** @param {string} id @returns {Known} what is known of a run */
  run(id) {
    const known = this.runs.get(id) ?? newRun()
    this.runs.set(id, known)
    return known
  }

  /** @param {View} view */
  add(view) {
    this.views.add(view)
    this.wake()
  }

  /** @param {View} view */
  remove(view) {
    this.views.delete(view)
    // The choice lives as long as a view that makes it or follows it.
    if (![...this.views].some((v) => v.chooses || v.props.follow)) this.choice = noChoice()
    if (this.views.size) return
    clearTimeout(this.timer)
    // Nothing is shown: another page may show other runs, and these may grow meanwhile.
    this.runs.clear()
  }

  /**
   * Rows of `about`, from whichever view was given them.
   * @param {Run[]} rows
   */
  know(rows) {
    for (const row of rows) this.about.set(row.id, { ...this.about.get(row.id), ...row })
  }

  /**
   * The runs to draw, in this order; views that follow draw them at once.
   * @param {string[]} ids
   */
  choose(ids) {
    const { focus } = this.choice
    this.set({ ids: [...ids], focus: focus !== null && ids.includes(focus) ? focus : null })
    this.wake()
  }

  /**
   * One run stands out, or none (null).
   * @param {string | null} id
   */
  focusRun(id) {
    this.set({ focus: id })
  }

  /**
   * The step at which profiles are drawn; null is the newest.
   * @param {number | null} step
   */
  cursorAt(step) {
    this.set({ step })
  }

  /** @param {Partial<Choice>} change */
  set(change) {
    const before = this.choice
    this.choice = { ...before, ...change }
    if (JSON.stringify(before) === JSON.stringify(this.choice)) return
    for (const view of [...this.views]) attempt(() => view.choice?.(before))
  }

  // Poll soon; several calls in one turn make one request.
  wake() {
    this.again = this.busy
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.poll(), 20)
  }

  // What all views want together.
  asks() {
    const names = /** @type {const} */ (["runs", "metrics", "latest", "focus", "layers", "headline"])
    const union = { runs: none(), metrics: none(), latest: none(), focus: none(), layers: none(), headline: none() }
    /** @type {Map<string, string[]>} */
    const own = new Map()
    let counts = false
    for (const view of this.views) {
      const wanted = view.asks()
      for (const name of names) for (const item of wanted[name] ?? []) union[name].add(item)
      for (const id of [...(wanted.focus ?? []), ...(wanted.headline ?? [])]) union.runs.add(id)
      for (const [id, metrics] of Object.entries(wanted.own ?? {})) {
        union.runs.add(id)
        own.set(id, [...(own.get(id) ?? []), ...metrics])
      }
      counts ||= Boolean(wanted.counts)
    }
    const metrics = [...union.metrics].sort()
    const layers = [...union.layers].filter((m) => !union.metrics.has(m)).sort()
    const of = (/** @type {string} */ id) =>
      [...new Set([...metrics, ...(union.focus.has(id) ? layers : []), ...(own.get(id) ?? [])])]
    return { metrics, layers, latest: [...union.latest].sort(), runs: [...union.runs].sort(), focus: union.focus,
      headline: union.headline, own, of, counts, points: pointsFor(union.runs.size) }
  }

  /**
   * The address that asks for these runs.
   * @param {string[]} ids
   * @param {ReturnType<Hub["asks"]>} asks
   */
  address(ids, asks) {
    const query = new URLSearchParams()
    const put = (/** @type {string} */ name, /** @type {string[]} */ items) => items.length && query.set(name, items.join(","))
    const focus = ids.filter((id) => asks.focus.has(id))
    put("runs", ids)
    put("since", ids.map((id) => {
      const run = this.run(id)
      return [run.events, ...asks.of(id).map((m) => run.series.get(m)?.cursor ?? "")].join("~")
    }))
    put("metrics", asks.metrics)
    put("latest", asks.latest)
    put("headline", ids.filter((id) => asks.headline.has(id)))
    put("focus", focus)
    put("layers", focus.length ? asks.layers : [])
    put("own", ids.map((id, place) => [String(place), ...(asks.own.get(id) ?? [])]).filter((own) => own.length > 1)
      .map((own) => own.join("~")))
    if (ids.length) query.set("points", String(asks.points))
    return "/api/live?" + query
  }

  async poll() {
    if (document.hidden || this.busy || !this.views.size) return
    const asks = this.asks()
    const key = (/** @type {string} */ id) =>
      [asks.of(id), asks.latest, asks.focus.has(id), asks.headline.has(id), asks.points].join("|")
    const due = asks.runs.filter((id) => !this.run(id).gone && this.run(id).settled !== key(id))
    if (!due.length && !asks.counts) return
    // Those that were never heard of come first.
    const ids = [...due.filter((id) => !this.run(id).loaded), ...due.filter((id) => this.run(id).loaded)].slice(0, MOST_RUNS)
    const asked = ids.map((id) => this.run(id))
    this.busy = true
    this.again = false
    let delay = ids.length ? TICK : SLOW_TICK
    /** @type {Set<string> | null} */
    let young = null // the runs whose first point is waited for; null: nothing was heard
    try {
      const text = await fetchText(this.address(ids, asks))
      this.stats.requests += 1
      this.stats.bytes.push(text.length)
      if (this.stats.bytes.length > 100) this.stats.bytes.shift()
      /** @type {Live} */
      const reply = JSON.parse(text)
      this.lost = false
      this.failures = 0
      this.counts = reply.counts
      // What was forgotten meanwhile is asked for anew: the reply holds only what was new then.
      ids.forEach((id, i) => this.runs.get(id) === asked[i] && this.take(id, reply.runs[i], key(id)))
      young = new Set(ids.filter((id) => asks.of(id).length && begins(this.run(id))))
      if (young.size) delay = SOON
    } catch {
      this.failures += 1
      this.lost = true
      delay = Math.min(TICK * 2 ** this.failures, 15000)
    }
    for (const view of [...this.views]) {
      if (!this.views.has(view)) continue // it was removed while the others drew
      attempt(() => view.tick())
      if (view.draws) await turn() // the first chart is on the screen before the second is made
    }
    this.busy = false
    if (young) {
      this.stats.ticks += 1
      this.announce(young)
    }
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.poll(), this.again || due.length > ids.length ? 20 : delay)
  }

  /**
   * What a reply says of one run.
   * @param {string} id
   * @param {LiveRun | Gone} reply
   * @param {string} key what was asked
   */
  take(id, reply, key) {
    hear(this.run(id), reply, key)
  }

  // A run that is not in the state that the page was drawn with asks for one rerun of the page. One
  // that begins is first drawn: drawing the page anew takes as long as waiting for its first point.
  /** @param {Set<string>} young */
  announce(young) {
    for (const view of this.views) {
      for (const known of view.props.runs ?? []) {
        if (young.has(known.id)) continue
        const run = this.run(known.id)
        const now = run.gone ? "gone" : run.state
        if (!now || !view.trigger) continue
        // Once for each state: views learn of the rerun one after the other.
        if (this.announced.get(known.id) === now) continue
        this.announced.delete(known.id)
        if (now === known.state) continue
        this.announced.set(known.id, now)
        view.trigger("state", { run: known.id, state: now })
        return // one rerun shows all of them
      }
    }
  }

  /**
   * @param {string} id
   * @param {Run["state"]} state
   * @returns {boolean} whether each view of the run was drawn with this state
   */
  shows(id, state) {
    const drawn = [...this.views].flatMap((view) => view.props?.runs ?? [])
    return drawn.every((known) => known.id !== id || known.state === state)
  }

  /**
   * The page was drawn anew: a run that was taken up again is asked for again.
   * @param {Run[]} known
   */
  refresh(known) {
    this.know(known)
    for (const { id, state } of known) {
      const run = this.run(id)
      // All views show it: when the run comes into that state again (one step of a pause), tell it
      // again. As long as one of them shows the state before, the rerun is still on its way to it.
      if (this.announced.get(id) === state && this.shows(id, state)) this.announced.delete(id)
      if (run.settled && run.state !== state) {
        run.settled = ""
        run.state = null // what was heard last is older than the page
      }
      if (run.gone && state && state !== "gone") run.gone = false
    }
    this.wake()
  }
}

// The module may be loaded under two addresses after an update; the tab keeps one hub.
/** @type {Hub} */
export const hub = (window.addnormHub ??= new Hub())
