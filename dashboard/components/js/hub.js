// One poller for the tab: a request a second for the union of what the mounted views show.

const TICK = 1000
const SLOW_TICK = 4000 // when nothing that is shown can change
const TIMEOUT = 15000

function newRun() {
  return { series: new Map(), latest: {}, alarms: [], sample: null, events: "", state: null,
    step: 0, steps: 0, loaded: false, gone: false, settled: "", quiet: 0 }
}

// What the parts of a page share: the runs that are drawn (null: nothing was chosen yet, each view
// draws its own), the one that stands out, and the step under the cursor (null: the newest).
function noChoice() {
  return { ids: null, focus: null, step: null }
}

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
  }

  run(id) {
    if (!this.runs.has(id)) this.runs.set(id, newRun())
    return this.runs.get(id)
  }

  add(view) {
    this.views.add(view)
    this.wake()
  }

  remove(view) {
    this.views.delete(view)
    // The choice lives as long as a view that makes it or follows it.
    if (![...this.views].some((v) => v.chooses || v.props.follow)) this.choice = noChoice()
    if (this.views.size) return
    clearTimeout(this.timer)
    // Nothing is shown: another page may show other runs, and these may grow meanwhile.
    this.runs.clear()
  }

  // Rows of `about`, from whichever view was given them.
  know(rows) {
    for (const row of rows) this.about.set(row.id, { ...this.about.get(row.id), ...row })
  }

  // The runs to draw, in this order; views that follow draw them at once.
  choose(ids) {
    const focus = ids.includes(this.choice.focus) ? this.choice.focus : null
    this.set({ ids: [...ids], focus })
    this.wake()
  }

  // One run stands out, or none (null).
  focusRun(id) {
    this.set({ focus: id })
  }

  // The step at which profiles are drawn; null is the newest.
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
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.poll(), 20)
  }

  asks() {
    const union = { runs: new Set(), metrics: new Set(), latest: new Set(), focus: new Set(),
      layers: new Set(), counts: false }
    for (const view of this.views) {
      const wanted = view.asks()
      for (const name of ["runs", "metrics", "latest", "focus", "layers"]) {
        for (const item of wanted[name] ?? []) union[name].add(item)
      }
      for (const id of wanted.focus ?? []) union.runs.add(id)
      union.counts ||= Boolean(wanted.counts)
    }
    const list = (name) => [...union[name]].sort()
    return { metrics: list("metrics"), latest: list("latest"), focus: union.focus,
      layers: list("layers").filter((m) => !union.metrics.has(m)), runs: list("runs"),
      counts: union.counts }
  }

  async poll() {
    if (document.hidden || this.busy || !this.views.size) return
    const asks = this.asks()
    const of = (id) => [...asks.metrics, ...(asks.focus.has(id) ? asks.layers : [])]
    const key = (id) => [asks.metrics, asks.latest, asks.focus.has(id) ? asks.layers : ""].join("|")
    const ids = asks.runs.filter((id) => !this.run(id).gone && this.run(id).settled !== key(id))
    if (!ids.length && !asks.counts) return
    this.busy = true
    let delay = ids.length ? TICK : SLOW_TICK
    try {
      const since = ids.map((id) => {
        const run = this.run(id)
        return [run.events, ...of(id).map((m) => run.series.get(m)?.cursor ?? "")].join("~")
      })
      const query = new URLSearchParams()
      if (ids.length) {
        query.set("runs", ids.join(","))
        query.set("since", since.join(","))
      }
      if (asks.metrics.length) query.set("metrics", asks.metrics.join(","))
      if (asks.latest.length) query.set("latest", asks.latest.join(","))
      const focus = ids.filter((id) => asks.focus.has(id))
      if (focus.length) query.set("focus", focus.join(","))
      if (focus.length && asks.layers.length) query.set("layers", asks.layers.join(","))
      const text = await fetchText("/api/live?" + query)
      this.stats.requests += 1
      this.stats.bytes.push(text.length)
      if (this.stats.bytes.length > 100) this.stats.bytes.shift()
      const reply = JSON.parse(text)
      this.lost = false
      this.failures = 0
      this.counts = reply.counts
      ids.forEach((id, i) => this.take(id, reply.runs[i], key(id)))
      this.stats.ticks += 1
      this.announce()
    } catch (error) {
      this.failures += 1
      this.lost = true
      delay = Math.min(TICK * 2 ** this.failures, 15000)
    }
    this.busy = false
    for (const view of [...this.views]) {
      try {
        view.tick()
      } catch (error) {
        console.error("live view", error)
      }
    }
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.poll(), delay)
  }

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

  extend(run, metric, points) {
    if (points.missing) {
      run.series.set(metric, { steps: [], values: [], cursor: "", missing: true, version: 0 })
      return
    }
    const series = run.series.get(metric) ?? { steps: [], values: [], version: 0 }
    let keep = series.steps.length
    while (keep && series.steps[keep - 1] >= points.from) keep -= 1
    series.steps.length = series.values.length = keep
    let step = 0
    for (const difference of points.s) series.steps.push((step += difference))
    for (const value of points.v) series.values.push(value)
    series.cursor = points.c
    series.missing = false
    series.version += 1
    run.series.set(metric, series)
  }

  // A run that is not in the state that the page was drawn with asks for one rerun of the page.
  announce() {
    for (const view of this.views) {
      for (const known of view.props.runs ?? []) {
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

async function fetchText(address) {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), TIMEOUT)
  try {
    const reply = await fetch(address, { signal: stop.signal })
    if (!reply.ok) throw new Error((await reply.json()).error)
    return await reply.text()
  } finally {
    clearTimeout(timer)
  }
}

// The module may be loaded under two addresses after an update; the tab keeps one hub.
const hub = (window.addnormHub ??= new Hub())

function loadPlotly(address) {
  return (window.addnormPlotly ??= new Promise((resolve, reject) => {
    if (window.Plotly?.react) return resolve(window.Plotly)
    const script = el("script")
    script.src = address
    script.onload = () => resolve(window.Plotly)
    script.onerror = () => {
      window.addnormPlotly = undefined
      reject(new Error("plotly.js did not load"))
    }
    document.head.appendChild(script)
  }))
}
