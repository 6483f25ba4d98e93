// One poller for the tab: a request a second for the union of what the mounted views show.

import { fetchText } from "../protocol/fetch.js"
import { MOST_RUNS, pointsFor, unpacked } from "../protocol/points.js"
import { ENDED } from "../protocol/states.js"

const TICK = 1000
const SLOW_TICK = 4000 // when nothing that is shown can change
const SOON = 80 // while a run begins: its first point is what a reader waits for
const BEGINS = 15000 // for so long after it was first heard of, as others may train before it

/** @returns {import("../types").LiveRun} */
function newRun() {
  return { series: new Map(), latest: {}, alarms: [], sample: null, events: "", state: null,
    step: 0, steps: 0, loaded: false, gone: false, settled: "", quiet: 0, heard: performance.now() }
}

/**
 * Asked for and not ended, and nothing of it can be drawn yet.
 * @param {import("../types").LiveRun} run
 */
export function begins(run) {
  return !run.gone && !ENDED.has(run.state) && performance.now() - run.heard < BEGINS
    && ![...run.series.values()].some((series) => series.steps.length)
}

/**
 * What the parts of a page share: the runs that are drawn (null: nothing was chosen yet, each view
 * draws its own), the one that stands out, the step under the cursor (null: the newest), and the
 * ranges [x, x, y, y] that were zoomed into, as the axes count (null: everything).
 * @returns {import("../types").Choice}
 */
function noChoice() {
  return { ids: null, focus: null, step: null, zoom: null }
}

// The browser's other work, such as painting, goes first.
const turn = () => new Promise((resolve) => setTimeout(resolve))

class Hub {
  constructor() {
    this.runs = new Map()
    this.views = new Set()
    this.counts = null
    this.lost = false
    this.failures = 0
    this.announced = new Map()
    this.about = new Map() // id -> what views were told of a run: name, colour, group, ...
    this.choice = noChoice()
    this.stats = { requests: 0, bytes: [], ticks: 0 }
    this.timer = null
    this.busy = false
    document.addEventListener("visibilitychange", () => !document.hidden && this.wake())
    window.addEventListener("online", () => this.wake())
    // A download takes the focus out of its dialog, which then hears no Escape.
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented || document.activeElement !== document.body) return
      const close = /** @type {HTMLElement | null} */ (document.querySelector(".stDialog button[aria-label=Close]"))
      close?.click()
    })
  }

  /** @param {string} id @returns {import("../types").LiveRun} what is known of a run */
  run(id) {
    if (!this.runs.has(id)) this.runs.set(id, newRun())
    return this.runs.get(id)
  }

  /** @param {import("../types").View} view */
  add(view) {
    this.views.add(view)
    this.wake()
  }

  /** @param {import("../types").View} view */
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
   * @param {import("../types").Run[]} rows
   */
  know(rows) {
    for (const row of rows) this.about.set(row.id, { ...this.about.get(row.id), ...row })
  }

  /**
   * The runs to draw, in this order; views that follow draw them at once.
   * @param {string[]} ids
   */
  choose(ids) {
    const focus = ids.includes(this.choice.focus) ? this.choice.focus : null
    this.set({ ids: [...ids], focus })
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

  set(change) {
    const before = this.choice
    this.choice = { ...before, ...change }
    if (JSON.stringify(before) === JSON.stringify(this.choice)) return
    for (const view of [...this.views]) {
      try {
        view.choice?.(before)
      } catch (error) {
        console.error("live view", error)
      }
    }
  }

  // Poll soon; several calls in one turn make one request.
  wake() {
    this.again = this.busy
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.poll(), 20)
  }

  asks() {
    const names = ["runs", "metrics", "latest", "focus", "layers", "headline"]
    const union = Object.fromEntries(names.map((name) => [name, new Set()]))
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
    const list = (name) => [...union[name]].sort()
    return { metrics: list("metrics"), latest: list("latest"), focus: union.focus,
      layers: list("layers").filter((m) => !union.metrics.has(m)), runs: list("runs"),
      headline: union.headline, own, counts, points: pointsFor(union.runs.size) }
  }

  async poll() {
    if (document.hidden || this.busy || !this.views.size) return
    const asks = this.asks()
    const of = (id) => [...new Set([...asks.metrics, ...(asks.focus.has(id) ? asks.layers : []),
      ...(asks.own.get(id) ?? [])])]
    const key = (id) => [of(id), asks.latest, asks.focus.has(id), asks.headline.has(id), asks.points].join("|")
    const due = asks.runs.filter((id) => !this.run(id).gone && this.run(id).settled !== key(id))
    if (!due.length && !asks.counts) return
    // Those that were never heard of come first.
    const ids = [...due.filter((id) => !this.run(id).loaded), ...due.filter((id) => this.run(id).loaded)].slice(0, MOST_RUNS)
    const asked = ids.map((id) => this.run(id))
    this.busy = true
    this.again = false
    let delay = ids.length ? TICK : SLOW_TICK
    let young = null // the runs whose first point is waited for; null: nothing was heard
    try {
      const since = ids.map((id) => {
        const run = this.run(id)
        return [run.events, ...of(id).map((m) => run.series.get(m)?.cursor ?? "")].join("~")
      })
      const query = new URLSearchParams()
      const put = (name, items) => items.length && query.set(name, items.join(","))
      put("runs", ids)
      put("since", ids.length ? since : [])
      put("metrics", asks.metrics)
      put("latest", asks.latest)
      put("headline", ids.filter((id) => asks.headline.has(id)))
      const focus = ids.filter((id) => asks.focus.has(id))
      put("focus", focus)
      put("layers", focus.length ? asks.layers : [])
      put("own", ids.map((id, place) => [place, ...(asks.own.get(id) ?? [])]).filter((own) => own.length > 1)
        .map((own) => own.join("~")))
      if (ids.length) query.set("points", String(asks.points))
      const text = await fetchText("/api/live?" + query)
      this.stats.requests += 1
      this.stats.bytes.push(text.length)
      if (this.stats.bytes.length > 100) this.stats.bytes.shift()
      const reply = JSON.parse(text)
      this.lost = false
      this.failures = 0
      this.counts = reply.counts
      // What was forgotten meanwhile is asked for anew: the reply holds only what was new then.
      ids.forEach((id, i) => this.runs.get(id) === asked[i] && this.take(id, reply.runs[i], key(id)))
      young = new Set(ids.filter((id) => of(id).length && begins(this.run(id))))
      if (young.size) delay = SOON
    } catch {
      this.failures += 1
      this.lost = true
      delay = Math.min(TICK * 2 ** this.failures, 15000)
    }
    for (const view of [...this.views]) {
      if (!this.views.has(view)) continue // it was removed while the others drew
      try {
        view.tick()
      } catch (error) {
        console.error("live view", error)
      }
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
   * @param {import("../types").LiveReply} reply
   * @param {string} key what was asked: an ended run that has nothing more to say to it is left alone
   */
  take(id, reply, key) {
    const run = this.run(id)
    run.loaded = true
    if (reply.gone) {
      run.gone = true
      return
    }
    for (const name of ["loss", "grad", "validation", "rate", "left", "message", "snapshot"]) {
      run[name] = reply[name] ?? (name === "snapshot" ? run.snapshot : null)
    }
    Object.assign(run, { state: reply.state, step: reply.step, steps: reply.steps })
    for (const [metric, points] of Object.entries(reply.m ?? {})) this.extend(run, metric, points)
    for (const [metric, [step, value]] of Object.entries(reply.latest ?? {})) {
      run.latest[metric] = { step, value }
    }
    if (reply.events) {
      if (!reply.events.from) run.alarms = []
      run.alarms = [...run.alarms, ...(reply.events.alarms ?? [])].slice(-100)
      if (reply.events.sample) run.sample = reply.events.sample
      else if (!reply.events.from) run.sample = null
      run.events = reply.events.cursor
    }
    // An ended run is asked once more, for what its last moment wrote, and then left alone.
    run.quiet = ENDED.has(run.state) && !reply.m && !reply.events ? run.quiet + 1 : 0
    run.settled = run.quiet >= 1 ? key : ""
  }

  /**
   * Add points to a series. What stood from `points.from` on is replaced by them: the last bucket
   * grew, or a resume took the run back to an earlier step.
   * @param {import("../types").LiveRun} run
   * @param {string} metric
   * @param {import("../types").Points} points
   */
  extend(run, metric, points) {
    if (points.missing) {
      run.series.set(metric, { steps: [], values: [], buckets: [], means: [], cursor: "", missing: true, version: 0 })
      return
    }
    const series = run.series.get(metric) ?? { steps: [], values: [], buckets: [], means: [], version: 0 }
    let keep = series.steps.length
    while (keep && series.steps[keep - 1] >= points.from) keep -= 1
    series.steps.length = series.values.length = keep
    const fresh = unpacked(points)
    for (const step of fresh.steps) series.steps.push(step)
    for (const value of points.v) series.values.push(value)
    while (series.buckets.at(-1) >= points.from) series.means.length = (series.buckets.length -= 1)
    series.buckets.push(...fresh.buckets)
    series.means.push(...fresh.means)
    series.width = fresh.width
    series.cursor = points.c
    series.missing = false
    series.version += 1
    run.series.set(metric, series)
  }

  // A run that is not in the state that the page was drawn with asks for one rerun of the page. One
  // that begins is first drawn: drawing the page anew takes as long as waiting for its first point.
  announce(young) {
    for (const view of this.views) {
      for (const known of view.props.runs ?? []) {
        if (young.has(known.id)) continue
        const run = this.run(known.id)
        const now = run.gone ? "gone" : run.state
        if (!now || !view.trigger || now === known.state) continue
        // Once for each state: views learn of the rerun one after the other.
        if (this.announced.get(known.id) === now) continue
        this.announced.set(known.id, now)
        view.trigger("state", { run: known.id, state: now })
        return // one rerun shows all of them
      }
    }
  }

  // The page was drawn anew: a run that was taken up again is asked for again.
  refresh(known) {
    this.know(known)
    for (const { id, state } of known) {
      const run = this.run(id)
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
