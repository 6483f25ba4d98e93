// What the Attention page says in words.

import { ENDED } from "../../protocol/states.js"
import { hub } from "../../state/hub.js"
import { UNCLEAR, uniformEntropy, strongest } from "../../notice/head_words.js"
import { portion } from "./pixels.js"

/**
 * Title and subtitle of the grid: `6 layers × 4 heads`, `probe text, 64 tokens`.
 * @param {[number, number]} shape layers, heads
 * @param {any} picture what is shown, or null
 * @returns {[string, string]}
 */
export function headsWords([L, H], picture) {
  const title = `${L} ${L === 1 ? "layer" : "layers"} × ${H} ${H === 1 ? "head" : "heads"}`
  if (!picture) return [title, ""]
  const tokens = picture.tokens.length
  const text = `${picture.own ? "your text" : "probe text"}, ${tokens} ${tokens === 1 ? "token" : "tokens"}`
  return [title, [text, picture.note].filter(Boolean).join(" · ")]
}

/**
 * A head of the grid: its place, what it mostly looks at and its entropy.
 * @param {number} layer from 0
 * @param {number} head from 0
 * @param {any} scores of all heads, or nothing while they are not known
 * @param {any} picture
 * @param {boolean} causal
 */
export function headWords(layer, head, scores, picture, causal) {
  const name = `layer ${layer + 1}, head ${head + 1}`
  const [L, H] = picture.grid.shape
  if (!scores || L * H === 1) return name
  const mostly = strongest(scores, layer, head, uniformEntropy(picture.tokens.length, causal))
  return `${name} · ${UNCLEAR[mostly]?.[0] ?? mostly} · entropy ${portion(scores.entropy[layer][head])}`
}

/**
 * Why there is no picture, or "".
 * @param {any} run as the page knows it
 * @param {any} live as the hub knows it
 * @param {{ failed: string, stops: number[] }} source
 * @param {boolean} shown whether a picture is there
 */
export function missingWords(run, live, source, shown) {
  if (live.gone || run.state === "gone") return "This run was deleted. Choose another above."
  if (shown) return ""
  if (source.failed) return source.failed
  if (hub.lost) return "Connection lost, retrying."
  if (!live.loaded || source.stops.length) return ""
  if (live.state === "queued") return "Waiting for its turn to train."
  if (ENDED.has(live.state)) return "This run kept no attention. Train one with probes.attention on."
  return "The first snapshot appears in a moment."
}

/**
 * Where the scrubber stands: `step 100 of 400 · loss 2.41 · snapshot 7 of 12`.
 * @param {number} step
 * @param {number} planned
 * @param {number | null | undefined} loss
 * @param {{ at: number, count: number, own: boolean, follows: boolean }} stop
 */
export function stepWords(step, planned, loss, { at, count, own, follows }) {
  return [`step ${step.toLocaleString("en-US")} of ${planned.toLocaleString("en-US")}`,
    Number.isFinite(loss) ? `loss ${Number(loss).toFixed(2)}` : "", `${own ? "checkpoint" : "snapshot"} ${at + 1} of ${count}`,
    follows ? "follows the training" : ""].filter(Boolean).join(" · ")
}
