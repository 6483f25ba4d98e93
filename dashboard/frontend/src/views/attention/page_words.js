// What the Attention page says in words.

import { ENDED } from "../../protocol/states.js"
import { t, tn } from "../../protocol/words.js"
import { hub } from "../../state/hub.js"
import { CALLED, CLEAR, IN_A_WORD, UNCLEAR, strongest } from "../../notice/head_words.js"
import { portion } from "./pixels.js"

/**
 * Title and subtitle of the grid: `6 layers × 4 heads`, `probe text, 64 tokens`.
 * @param {[number, number]} shape layers, heads
 * @param {any} picture what is shown, or null
 * @returns {[string, string]}
 */
export function headsWords([L, H], picture) {
  const title = [tn("{n} layer", "{n} layers", L), tn("{n} head", "{n} heads", H)].join(" × ")
  if (!picture) return [title, ""]
  const tokens = picture.tokens.length
  const text = picture.own && !picture.probe ? tn("your text, {n} token", "your text, {n} tokens", tokens)
    : tn("probe text, {n} token", "probe text, {n} tokens", tokens)
  return [title, [text, picture.note].filter(Boolean).join(" · ")]
}

/**
 * A head of the grid: its place, what it mostly looks at and its entropy.
 * @param {number} layer from 0
 * @param {number} head from 0
 * @param {any} scores of all heads, or nothing while they are not known
 * @param {any} picture
 */
export function headWords(layer, head, scores, picture) {
  const name = t("layer {layer}, head {head}", { layer: layer + 1, head: head + 1 })
  const [L, H] = picture.grid.shape
  if (!scores || L * H === 1) return name
  const mostly = strongest(scores, layer, head)
  const said = UNCLEAR[mostly]?.[0] ?? CALLED[mostly] ?? mostly
  const first = scores.first[layer][head]
  const sink = first >= CLEAR && mostly !== "first token" ? [`${IN_A_WORD["first token"]} ${portion(first)}`] : []
  return [name, said, ...sink, t("entropy {entropy}", { entropy: portion(scores.entropy[layer][head]) })].join(" · ")
}

/**
 * Why there is no picture, or "".
 * @param {any} run as the page knows it
 * @param {any} live as the hub knows it
 * @param {{ failed: string, stops: number[] }} source
 * @param {boolean} shown whether a picture is there
 */
export function missingWords(run, live, source, shown) {
  if (live.gone || run.state === "gone") return t("This run was deleted. Choose another above.")
  if (shown) return ""
  if (source.failed) return source.failed
  if (hub.lost) return t("Connection lost, retrying.")
  if (!live.loaded || source.stops.length) return ""
  if (live.state === "queued") return t("Waiting for its turn to train.")
  if (ENDED.has(live.state)) return t("This run kept no attention. Train one with probes.attention on.")
  return t("The first snapshot appears in a moment.")
}

/**
 * Where the scrubber stands: `step 100 of 400 · loss 2.41 · snapshot 7 of 12`.
 * @param {number} step
 * @param {number} planned
 * @param {number | null | undefined} loss
 * @param {{ at: number, count: number, own: boolean, follows: boolean }} stop
 */
export function stepWords(step, planned, loss, { at, count, own, follows }) {
  const place = { n: at + 1, all: count }
  return [t("step {step:,} of {steps:,}", { step, steps: planned }),
    Number.isFinite(loss) ? t("loss {loss:.2f}", { loss }) : "",
    own ? t("checkpoint {n} of {all}", place) : t("snapshot {n} of {all}", place),
    follows ? t("follows the training") : ""].filter(Boolean).join(" · ")
}
