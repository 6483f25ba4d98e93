// The routes of the dashboard for a page that has none: the same answers, from files beside the page.

import { jsonOf, loaded, unpackedBytes } from "./files.js"
import { Patterns, numbersOf } from "./patterns.js"

/** @typedef {{ shape: number[], data: Uint8Array | Float32Array }} Filled an array, as bytes */

class Missing extends Error {}

export class Server {
  /** @type {Map<string, Promise<any>>} unpacked parts, by file and name */
  parts = new Map()
  /** @type {Map<string, Patterns>} the patterns that were looked at last */
  patterns = new Map()

  /**
   * @param {Record<string, string>} files addresses of data by name
   * @param {string} missing the sentence on what the page does not have
   */
  constructor(files, missing) {
    this.files = files
    this.missing = missing
    this.fetch = this.fetch.bind(this)
  }

  /**
   * What `fetch` would return from the dashboard.
   * @param {string} address
   */
  async fetch(address) {
    const url = new URL(address, "http://page.invalid")
    try {
      const found = await this.answer(url.pathname.split("/").slice(2).map(decodeURIComponent), url.searchParams)
      if (found.data) return new Response(found.data, { headers: { "X-Shape": found.shape.join() } })
      return new Response(JSON.stringify(found))
    } catch (error) {
      if (!(error instanceof Missing)) throw error
      return new Response(JSON.stringify({ error: this.missing }), { status: 404 })
    }
  }

  /**
   * @param {string[]} path
   * @param {URLSearchParams} query
   * @returns {Promise<any>}
   */
  async answer([what, ...path], query) {
    if (what === "language") return this.json("words", path[0])
    if (what === "live") return this.live(query)
    if (what === "series") return this.series(query)
    if (what === "profile") return this.profile(query)
    if (what === "attention") return this.attention(path, query)
    if (what === "inspections") return this.inspection(path, query)
    throw new Missing()
  }

  async part(file, name) {
    const address = this.files[file]
    const parts = address && (await loaded(file, address))
    if (!parts?.[name]) throw new Missing()
    return parts[name]
  }

  json(file, name) {
    const key = `${file} ${name}`
    const known = this.parts.get(key)
    if (known) return known
    const found = this.part(file, name).then(jsonOf)
    this.parts.set(key, found)
    found.catch(() => this.parts.delete(key))
    return found
  }

  // What is new since the cursors that were sent: all of it, or nothing.
  async live(query) {
    const [ids, metrics, latest, layers, focus, headline] = ["runs", "metrics", "latest", "layers", "focus", "headline"].map((name) => listOf(query, name))
    const since = (query.get("since") ?? "").split(",")
    const own = new Map(listOf(query, "own").map((word) => word.split("~")).map(([place, ...rest]) => [Number(place), rest]))
    const runs = await Promise.all(ids.map(async (id, place) => {
      if (!this.files["run/" + id]) return { gone: true }
      const known = (await this.json("run/" + id, "told")).live
      const [events, ...cursors] = (since[place] ?? "").split("~")
      const asked = [...metrics, ...(focus.includes(id) ? layers : []), ...(own.get(place) ?? [])]
      const m = asked.map((metric, i) => [metric, known.m?.[metric] ?? { missing: true }, cursors[i]])
        .filter(([, points, cursor]) => points.missing || points.c !== cursor)
      const reply = { ...known, m: Object.fromEntries(m),
        latest: Object.fromEntries(latest.filter((name) => known.latest?.[name]).map((name) => [name, known.latest[name]])) }
      if (!headline.includes(id)) for (const name of ["loss", "grad", "validation"]) delete reply[name]
      if (!focus.includes(id)) delete reply.snapshot
      if (!m.length) delete reply.m
      if (known.events?.cursor === events) delete reply.events
      return reply
    }))
    return { counts: { training: 0, paused: 0, waiting: 0 }, runs }
  }

  async range(id, metric) {
    if (!this.files["run/" + id]) return null
    return (await this.json("run/" + id, "told")).ranges[metric] ?? null
  }

  async series(query) {
    const ids = listOf(query, "run")
    const [metric, from, to] = [query.get("metric") ?? "", Number(query.get("from") ?? 0), Number(query.get("to") ?? Infinity)]
    const runs = await Promise.all(ids.map(async (id) => {
      const range = await this.range(id, metric)
      return range && cut(range, from, to)
    }))
    if (runs.every((range) => !range)) throw new Missing()
    return ids.length === 1 ? runs[0] : { runs }
  }

  // Of each run the newest row at or before the step that holds a finite number.
  async profile(query) {
    const step = Number(query.get("step") ?? Infinity)
    return { runs: await Promise.all(listOf(query, "runs").map(async (id) => {
      const rows = await Promise.all(listOf(query, "metric").map(async (metric) => [metric, rowAt(await this.range(id, metric), step)]))
      return Object.fromEntries(rows.filter(([, row]) => row))
    })) }
  }

  async attention(path, query) {
    const [run, source, ...rest] = path
    const about = await this.json("attention/" + run, "about")
    if (source === undefined) return { steps: about.steps, stamps: about.stamps }
    if (rest[0] === "scores") return about.scores[source] ?? {}
    const patterns = await this.snapshot(run, source, about)
    if (rest.length) {
      return { shape: [patterns.tokens, patterns.tokens], data: patterns.head(Number(rest[0]), Number(rest[1])) }
    }
    const side = Number(query.get("side") ?? 32)
    const minus = query.get("minus")
    if (minus === null) return patterns.grid(side)
    const other = await this.snapshot(minus, query.get("at") ?? "", await this.json("attention/" + minus, "about"))
    return patterns.minus(other, side)
  }

  async snapshot(run, step, about) {
    const key = `${run} ${step}`
    const known = this.patterns.get(key)
    if (known) return known
    const found = new Patterns(numbersOf(await unpackedBytes(await this.part("attention/" + run, step))), about.shape, about.packed)
    this.patterns.set(key, found)
    if (this.patterns.size > 8) this.patterns.delete([...this.patterns.keys()][0])
    return found
  }

  async inspection(path, query) {
    const [run, id, what] = path
    const { stream, result } = await this.json("texts", `${run} ${id}`)
    if (what === "result") return result
    const { state, progress, message } = stream
    if (what !== "stream") return { state, progress, message }
    return { ...stream, items: stream.items.slice(Number(query.get("since") ?? 0)) }
  }
}

const listOf = (query, name) => (query.get(name) ?? "").split(",").filter(Boolean)

// The points of a range of steps, as the route would send them of such a range.
function cut({ s, v, w, a }, from, to) {
  let step = 0
  const steps = s.map((difference) => (step += difference))
  const inside = steps.flatMap((at, i) => (at >= from && at <= to ? [i] : []))
  let before = 0
  const found = { from, s: inside.map((i) => [steps[i] - before, (before = steps[i])][0]), v: inside.map((i) => v[i]) }
  if (!a || !w) return found
  const begins = [...new Set(steps.map((at) => at - (at % w)))]
  const kept = new Set(inside.map((i) => steps[i] - (steps[i] % w)))
  return { ...found, w, a: a.filter((_, i) => kept.has(begins[i])) }
}

function rowAt(range, step) {
  if (!range) return null
  let at = 0
  /** @type {[number, any] | null} */
  let found = null
  range.s.forEach((difference, i) => {
    at += difference
    const row = range.v[i]
    if (at <= step && (Array.isArray(row) ? row.some((value) => value !== null) : row !== null)) found = [at, row]
  })
  return found
}
