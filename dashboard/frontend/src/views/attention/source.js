// Where the Attention page's pictures come from: the snapshots of the probe text of one run or
// two, or the answers about an own text.

import { fetchText, sentenceOf } from "../../protocol/fetch.js"
import { t } from "../../protocol/words.js"
import { withRest } from "../../notice/head_words.js"
import { hub } from "../../state/hub.js"
import { patterns } from "../../state/patterns.js"
import { REST_MS } from "./pixels.js"
import { nearest } from "./scrubber.js"

const ASK_MS = 400 // between looks at a question that waits for its answer

export class AttentionSource {
  waiting = false // for the picture that was asked for
  constructor(page) {
    this.page = page
    this.snapshots = new Map() // run id -> { steps, stamps, newest }
    this.answers = new Map() // "run id" -> { state, progress, message, result }: two runs share an id
    this.failed = ""
  }

  close() {
    clearTimeout(this.timer)
    this.closed = true
  }

  take(props) {
    this.props = props
    this.failed = ""
    this.follow()
  }

  answer(run, { id }) {
    return this.answers.get(`${run} ${id}`)
  }

  get own() {
    const { text } = this.props
    return Boolean(text && this.page.shown.every((run) => text.asked[run.id]))
  }

  // The steps that can be shown: snapshots, or of an own text checkpoints.
  get stops() {
    const [run] = this.page.shown
    if (this.own) return run.checkpoints
    return this.snapshots.get(run.id)?.steps ?? []
  }

  // Ask which snapshots there are, where there may be new ones; whether that changed anything.
  async refresh() {
    const runs = this.props.runs
    const found = await Promise.all(runs.map(async (run) => {
      if (run.state === "gone" || hub.run(run.id).gone) return false
      const newest = hub.run(run.id).snapshot ?? null
      const known = this.snapshots.get(run.id)
      if (known && (newest === null || newest === known.newest)) return false
      if (known?.busy) return false
      try {
        const entry = known ?? { steps: [], stamps: [] }
        entry.busy = true
        this.snapshots.set(run.id, entry)
        const reply = JSON.parse(await fetchText(`/api/attention/${encodeURIComponent(run.id)}`))
        this.snapshots.set(run.id, { ...reply, newest })
        return reply.steps.join() !== entry.steps.join()
      } catch {
        this.snapshots.delete(run.id) // asked again at the next tick
        return false
      }
    }))
    const key = this.page.shown.map((r) => r.id).join() + this.own + this.props.side
    const turned = key !== this.turned
    this.turned = key
    return turned || found.some(Boolean)
  }

  // What to draw at a step; null while there is nothing.
  picture(step) {
    const shown = this.page.shown
    if (this.props.text && this.own) {
      const answers = shown.map((run) => this.answer(run.id, this.props.text.asked[run.id]))
      if (answers.every((a) => a?.result)) return this.ownPicture(shown, answers)
    }
    const places = shown.map((run) => {
      const kept = this.snapshots.get(run.id)
      if (!kept?.steps.length || !Number.isFinite(step)) return null
      const i = nearest(kept.steps, step)
      return { run: run.id, at: String(kept.steps[i]), step: kept.steps[i], v: kept.stamps[i] }
    })
    if (places.some((p) => !p)) return null
    const apart = places[1] && places[1].step !== places[0].step ? t("B at its step {step:,}", { step: places[1].step }) : ""
    return { ...addresses(places), step: places[0].step, steps: places.map((p) => p.step), own: false, tokens: shown[0].tokens, note: apart }
  }

  ownPicture(shown, answers) {
    const places = shown.map((run) => {
      const { id, step } = this.props.text.asked[run.id]
      return { run: run.id, at: "text-" + id, step, v: step }
    })
    const [a, b] = places
    const note = b && b.step !== a.step ? t("checkpoint {step:,} (B {other:,})", { step: a.step, other: b.step })
      : t("checkpoint {step:,}", { step: a.step })
    return { ...addresses(places), step: places[0].step, steps: places.map((p) => p.step), own: true, probe: !this.props.text.text, tokens: answers[0].result.tokens,
      note }
  }

  // The thumbnails; null when another picture was asked for meanwhile.
  async grid(picture, view) {
    const [run] = this.page.shown
    const address = picture.grid(view.wishedSide(run.layers, run.heads))
    this.wanted = address
    this.head(picture, Math.max(this.page.layer, 0), this.page.head).catch(() => {})
    const here = patterns.peek(address)
    if (here) return here
    if (this.broken === address) return null
    this.waiting = true
    try {
      const found = await patterns.get(address, Uint8Array)
      this.failed = ""
      return this.wanted === address ? found : null
    } catch (error) {
      if (this.wanted === address) {
        if (error instanceof TypeError) return null // no connection: asked again
        // It was thinned out, or the run has gone: look again at what there is, once.
        this.broken = address
        for (const { id } of this.page.shown) this.snapshots.delete(id)
        this.failed = sentenceOf(error)
        this.page.draw()
      }
      return null
    } finally {
      this.waiting = false
    }
  }

  // One head, exactly: { shape, data, parts } with a - b as data where two runs are shown.
  async head(picture, layer, head) {
    const parts = await Promise.all(picture.heads(layer, head).map((a) => patterns.get(a, Float32Array)))
    return joined(parts)
  }

  headHere(picture, layer, head) {
    const parts = picture.heads(layer, head).map((a) => patterns.peek(a))
    return parts.every(Boolean) ? joined(parts) : null
  }

  async scores(picture) {
    await Promise.all([...picture.scores, ...picture.rests].map((address) => patterns.get(address, "json").catch(() => {})))
  }

  // Scores of the heads of a picture, of the first shown run or of the place that is asked for:
  // those of its own moment alone. Induction is measured at checkpoints; at another step than a
  // checkpoint's it is left out, and `induced` names the step at which it is known.
  known(picture, place = 0) {
    const [found, left] = [picture?.scores[place], picture?.rests[place]].map((address) => address && patterns.peek(address)?.data)
    if (!found || !left) return null
    const run = this.page.shown[place]
    const asked = this.props.induction?.[run.id]
    const result = asked && this.answer(run.id, asked)?.result
    const induction = result?.scores?.induction
    const same = asked?.step === picture.steps[place]
    const [of, ofRest] = induction && same ? [{ induction }, { induction: result.without_sink.induction }] : [{}, {}]
    const scores = { ...found, ...of, ...(induction && !same ? { induced: asked.step } : {}) }
    return withRest(scores, { ...left, ...ofRest }, picture.tokens.length, run.causal)
  }

  prefetch(at, layer, head) {
    if (this.own) return
    for (const near of [at + 1, at - 1, at + 2, at - 2]) {
      const picture = this.stops[near] === undefined ? null : this.picture(this.stops[near])
      if (!picture) continue
      const [run] = this.page.shown
      patterns.get(picture.grid(this.page.grid.wishedSide(run.layers, run.heads)), Uint8Array).catch(() => {})
      this.head(picture, layer, head).catch(() => {})
    }
  }

  // An own text is asked about at a checkpoint: the script asks, the page follows.
  moved(step) {
    if (this.own) this.want(step)
  }

  wish(step) {
    const { checkpoints } = this.page.shown[0]
    if (this.own || !checkpoints?.length || this.props.sort !== "induction") return
    this.want(checkpoints[nearest(checkpoints, step)])
  }

  want(checkpoint) {
    if (checkpoint === this.props.checkpoint || checkpoint === this.asking) return
    clearTimeout(this.later)
    this.later = setTimeout(() => {
      if (this.closed) return
      this.asking = checkpoint
      this.page.setState("checkpoint", checkpoint)
    }, REST_MS)
  }

  // Look after the questions that have no answer yet.
  async follow() {
    clearTimeout(this.timer)
    const { text, induction } = this.props
    const open = [...Object.entries(text?.asked ?? {}), ...Object.entries(induction ?? {})]
      .filter(([run, one]) => !FINAL.has(this.answer(run, one)?.state))
    if (!open.length || this.closed) return
    await Promise.all(open.map(async ([run, { id }]) => {
      const address = `/api/inspections/${encodeURIComponent(run)}/${id}`
      try {
        const answer = JSON.parse(await fetchText(address))
        if (answer.state === "done") answer.result = JSON.parse(await fetchText(address + "/result"))
        this.answers.set(`${run} ${id}`, answer)
      } catch (error) {
        const lost = error instanceof TypeError || (error instanceof Error && error.name === "AbortError") // asked again
        this.answers.set(`${run} ${id}`, { state: lost ? "lost" : "failed", progress: 0, message: sentenceOf(error) })
      }
    }))
    if (this.closed) return
    this.page.aim()
    this.timer = setTimeout(() => this.follow(), document.hidden ? 4 * ASK_MS : ASK_MS)
  }

  // What is being worked on, in words; null when nothing is.
  standing() {
    const { text, induction, sort } = this.props
    const shown = this.page.shown
    const open = { state: "waiting", progress: 0, message: "" }
    const of = (asked) => shown.filter((run) => asked?.[run.id])
      .map((run) => ({ ...asked[run.id], ...(this.answer(run.id, asked[run.id]) ?? open) }))
    const about = [
      // Without an own text the probe text is asked about, of a run that kept no attention.
      ...of(text?.asked).map((a) => ({ ...a, what: text.text ? t("Your text at step {step:,}", { step: a.step }) : t("Probe text at step {step:,}", { step: a.step }) })),
      ...(sort === "induction" ? of(induction).map((a) => ({ ...a, what: t("Induction at step {step:,}", { step: a.step }) })) : []),
    ]
    const found = about.find((a) => a.state !== "done")
    if (!found && sort === "induction" && !shown[0].checkpoints.length) {
      return { text: t("induction needs a checkpoint; there is none yet"), progress: 0, failed: false }
    }
    if (!found) return null
    const failed = ["failed", "cancelled"].includes(found.state)
    const progress = found.state === "working" ? ` · ${Math.round(found.progress * 100)} %` : ""
    return { text: `${found.what}: ${found.message || t("is being computed")}${progress}`, progress: found.progress ?? 0, failed }
  }
}

const FINAL = new Set(["done", "failed", "cancelled"])

// The addresses of a picture of one place, or of the difference of two.
function addresses(places) {
  const base = ({ run, at }) => `/api/attention/${encodeURIComponent(run)}/${at}`
  const [a, b] = places
  const minus = b ? `&minus=${encodeURIComponent(b.run)}&at=${b.at}&w=${b.v}` : ""
  return {
    key: places.map((p) => `${p.run} ${p.at} ${p.v}`).join(),
    grid: (side) => `${base(a)}?side=${side}&v=${a.v}${minus}`,
    heads: (layer, head) => places.map((p) => `${base(p)}/${layer}/${head}?v=${p.v}`),
    scores: places.map((p) => `${base(p)}/scores?v=${p.v}`),
    rests: places.map((p) => `${base(p)}/scores?v=${p.v}&without=sink`),
  }
}

const differences = new WeakMap()

function joined(parts) {
  if (parts.length === 1) return parts[0]
  const [a, b] = parts
  const known = differences.get(a)
  if (known?.b === b) return known
  const data = Float32Array.from(a.data, (v, i) => v - b.data[i])
  const made = { shape: a.shape, data, b, parts }
  differences.set(a, made)
  return made
}
