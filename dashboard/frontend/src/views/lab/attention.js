// Layers x heads on one canvas; the chosen head stands enlarged beside it.

import { fetchText } from "../../protocol/fetch.js"
import { ENDED } from "../../protocol/states.js"
import { t } from "../../protocol/words.js"
import { hub } from "../../state/hub.js"
import { patterns } from "../../state/patterns.js"
import { contextOf, sized } from "../../ui/canvas.js"
import { Card } from "../../ui/card.js"
import { el, taken } from "../../ui/dom.js"
import { withRest } from "../../notice/head_words.js"
import { headsNotice } from "../../notice/heads.js"
import { ramp } from "../../ui/theme.js"
import { Head } from "./attention_head.js"

export class Attention extends Card {
  /** @type {import("../../types").Grid | undefined} */
  grid
  /** @type {ReturnType<Attention["geometry"]>} where things lie, once it is drawn */
  place

  /** @param {HTMLElement} root */
  constructor(root) {
    super(root)
    this.layer = this.head_ = 0
    /** @type {number[]} */
    this.steps = []
    this.following = true // the newest snapshot, until somebody steps back
    this.left = el("div", "anl-heads")
    this.canvas = el("canvas", "anl-canvas")
    this.canvas.tabIndex = 0
    this.canvas.setAttribute("role", "application")
    this.left.append(this.canvas)
    this.large = new Head()
    this.body.classList.add("anl-split")
    this.body.append(this.left, this.large.node)
    this.canvas.onclick = (event) => this.pick(event)
    this.canvas.onkeydown = (event) => this.key(event)
    this.resize = new ResizeObserver(() => this.paint())
    this.resize.observe(this.body)
  }

  destroy() {
    super.destroy()
    this.resize.disconnect()
  }

  asks() {
    return { focus: this.runs.map((r) => r.id) }
  }

  update(component) {
    const before = this.props?.runs?.[0]?.id
    const [run] = component.data.runs ?? []
    const after = run?.id
    if (before !== after) {
      this.steps = []
      this.grid = this.step = this.known = undefined
      this.following = true
      this.layer = Math.floor((run?.layers ?? 1) / 2)
    }
    super.update(component)
    this.paint()
  }

  async tick() {
    const [run] = this.runs
    const live = run && hub.run(run.id)
    this.words()
    if (!run || live.snapshot === undefined || live.snapshot === null || live.snapshot === this.known) return
    this.known = live.snapshot
    try {
      this.steps = JSON.parse(await fetchText(`/api/attention/${encodeURIComponent(run.id)}`)).steps
      if (this.following) await this.show(this.steps.at(-1))
    } catch {
      this.known = undefined // asked again at the next tick
    }
  }

  words() {
    const { title } = this.props
    const [run] = this.runs
    const live = run && hub.run(run.id)
    const [L, H] = this.grid?.shape ?? [run?.layers, run?.heads]
    const at = this.steps.indexOf(this.step)
    this.heading(title ?? (run ? t("Attention, {L} layers × {H} heads", { L, H }) : t("Attention")),
      this.grid ? t("probe text at step {step:,} · snapshot {n} of {all} · [ ] earlier, later", { step: this.step, n: at + 1, all: this.steps.length })
        : t("probe text, colour √p"))
    let why = ""
    if (!run) why = t("Choose a run to see it here.")
    else if (live.gone) why = t("This run was deleted.")
    else if (!this.grid && live.loaded && ENDED.has(live.state) && !live.snapshot && live.snapshot !== 0) why = t("This run kept no attention.")
    else if (!this.grid && Number.isFinite(live.snapshot)) why = t("Loading…")
    else if (!this.grid) why = live.state === "queued" ? t("Waiting for its turn to train.") : t("The first snapshot appears in a moment.")
    this.explain(why)
  }

  // Scores are fetched once somebody asks what there is to see.
  notice() {
    const [run] = this.runs
    const about = { shape: this.grid?.shape ?? [], tokens: run?.tokens?.length ?? 0, causal: run?.causal ?? true, step: this.step ?? null, why: this.note.hidden ? "" : this.note.textContent ?? "" }
    if (!run || this.step === undefined) return headsNotice({ ...about, scores: null })
    const address = `/api/attention/${encodeURIComponent(run.id)}/${this.step}/scores`
    const [whole, rest] = [address, address + "?without=sink"].map((one) => {
      const found = patterns.peek(one)?.data
      if (!found) patterns.get(one, "json").catch(() => {}) // asked again while the notice is open
      return found
    })
    return headsNotice({ ...about, scores: whole && rest ? withRest(whole, rest, about.tokens, about.causal) : null })
  }

  async show(step) {
    const [run] = this.runs
    if (step === undefined || !run) return
    const address = `/api/attention/${encodeURIComponent(run.id)}/${step}`
    this.wanted = address
    const grid = await patterns.get(address, Uint8Array)
    if (this.dead || this.wanted !== address) return // another step was chosen meanwhile
    this.grid = grid
    this.step = step
    this.words()
    this.paint()
  }

  // Layers run along the longer side of the space.
  geometry(w, h) {
    const [L, H] = this.grid?.shape ?? [1, 1]
    const label = 18
    const fit = (columns, rows) => Math.min((w - label) / columns, (h - label) / rows)
    const across = fit(L, H) >= fit(H, L) * 1.05
    const [columns, rows] = across ? [L, H] : [H, L]
    const cell = Math.max(6, Math.min(fit(columns, rows), 96))
    return { across, columns, rows, cell, label, h }
  }

  paint() {
    if (!this.grid || !this.theme || !this.body.clientWidth) return
    // Beside each other, or in a tall card the heads above and the chosen one below.
    const [W, H_] = [this.body.clientWidth, this.body.clientHeight]
    const beside = this.geometry(W - Math.min(H_ - 64, W * 0.47) - 20, H_)
    const above = this.geometry(W, H_ * 0.46)
    const stacked = above.cell > beside.cell * 1.2
    this.body.classList.toggle("anl-stacked", stacked)
    this.place = stacked ? above : beside
    const { columns, rows, cell, label, across } = this.place
    const w = Math.ceil(label + columns * cell + 2)
    const h = stacked ? Math.ceil(label + rows * cell + 2) : this.place.h
    Object.assign(this.left.style, { width: w + "px", height: h + "px" })
    const [L, H, n, m] = this.grid.shape
    this.layer = Math.min(this.layer, L - 1)
    this.head_ = Math.min(this.head_, H - 1)
    const { context, scale } = sized(this.canvas, w, h)
    context.setTransform(scale, 0, 0, scale, 0, 0)
    context.clearRect(0, 0, w, h)
    context.imageSmoothingEnabled = cell < n
    const table = ramp(this.theme.ramp)
    const image = new ImageData(m, n)
    const stamp = el("canvas")
    Object.assign(stamp, { width: m, height: n })
    const gap = Math.min(3, cell * 0.08)
    for (let layer = 0; layer < L; layer++) {
      for (let head = 0; head < H; head++) {
        const base = (layer * H + head) * n * m
        for (let i = 0; i < n * m; i++) {
          const [r, g, b] = table[this.grid.data[base + i]]
          image.data.set([r, g, b, 255], i * 4)
        }
        contextOf(stamp).putImageData(image, 0, 0)
        const [x, y] = across ? [layer, head] : [head, layer]
        context.drawImage(stamp, label + x * cell, label + y * cell, cell - gap, cell - gap)
      }
    }
    this.labels(context, columns, rows, cell, label, across)
    const [x, y] = across ? [this.layer, this.head_] : [this.head_, this.layer]
    context.strokeStyle = this.theme.add
    context.lineWidth = 2
    context.strokeRect(label + x * cell - 1, label + y * cell - 1, cell - gap + 2, cell - gap + 2)
    this.canvas.setAttribute("aria-label",
      t("Attention heads; chosen: layer {layer}, head {head} at step {step:,}. Arrows choose a head, brackets a snapshot.",
        { layer: this.layer + 1, head: this.head_ + 1, step: this.step }))
    this.enlarge()
  }

  labels(context, columns, rows, cell, label, across) {
    context.fillStyle = this.theme.muted
    context.font = `12px ${this.theme.font}`
    context.textBaseline = "middle"
    const skip = (cell < 16 ? Math.ceil(16 / cell) : 1)
    context.textAlign = "center"
    for (let i = 0; i < columns; i += skip) {
      context.fillText((i === 0 ? (across ? "L" : "H") : "") + (i + 1), label + (i + 0.5) * cell, label / 2 - 1)
    }
    context.textAlign = "right"
    for (let i = 0; i < rows; i += skip) {
      context.fillText((i === 0 ? (across ? "H" : "L") : "") + (i + 1), label - 4, label + (i + 0.5) * cell)
    }
  }

  async enlarge() {
    const [run] = this.runs
    const mark = `${run.id} ${this.step} ${this.layer} ${this.head_} ${this.theme.dark} ${this.body.clientWidth} ${this.body.clientHeight}`
    if (mark === this.enlarged) return
    this.enlarged = mark
    const address = `/api/attention/${encodeURIComponent(run.id)}/${this.step}/${this.layer}/${this.head_}`
    try {
      const head = await patterns.get(address, Float32Array)
      if (this.enlarged !== mark || this.dead) return
      this.large.show(head, { layer: this.layer, head: this.head_, tokens: run.tokens ?? [], theme: this.theme })
    } catch {
      this.enlarged = ""
    }
  }

  choose(layer, head) {
    if (!this.grid) return
    const [L, H] = this.grid.shape
    this.layer = Math.min(Math.max(layer, 0), L - 1)
    this.head_ = Math.min(Math.max(head, 0), H - 1)
    this.paint()
  }

  pick(event) {
    if (!this.grid) return
    const { cell, label, across, columns, rows } = this.place
    const x = Math.floor((event.offsetX - label) / cell)
    const y = Math.floor((event.offsetY - label) / cell)
    if (x < 0 || y < 0 || x >= columns || y >= rows) return
    this.choose(across ? x : y, across ? y : x)
  }

  key(event) {
    if (!this.grid) return
    const { across } = this.place
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
    if (moves[event.key]) {
      const [dx, dy] = moves[event.key]
      this.choose(this.layer + (across ? dx : dy), this.head_ + (across ? dy : dx))
    } else if (event.key === "[" || event.key === "]") {
      const at = this.steps.indexOf(this.step) + (event.key === "[" ? -1 : 1)
      if (at < 0 || at >= this.steps.length) return
      this.following = at === this.steps.length - 1
      this.show(this.steps[at])
    } else return
    taken(event)
  }
}
