// What is to be seen where a trained network is opened: text, lens, one block, what a cut costs.

import { t, tn } from "../protocol/words.js"
import { number, shownToken } from "../ui/format.js"
import { nothing, percent, real } from "./words.js"

/** @import { Notice } from "../types" */

/** @param {number} p as a probability is written */
const shown = (p) => number(p, 2)

/**
 * Text as networks write it.
 * @param {{ texts: { name: string, items: { text: string, p: number, entropy: number }[] }[], why: string }} drawn
 * @returns {Notice}
 */
export function tokensNotice({ texts, why }) {
  const axes = t("The prompt, then what the network adds, token by token. The colour of a token is the probability that the network gave it before it was drawn.")
  const theory = t("Each token is drawn from the probabilities, so an unlikely one can come. A network that knows only letter frequencies gives every place the same probabilities, whatever stands before.")
  const terms = ["sampling", "token", "nats"]
  const written = texts.filter(({ items }) => items.length)
  if (!written.length) return { axes, theory, terms, now: [nothing(why)] }
  const now = written.slice(0, 3).flatMap(({ name, items }) => {
    const nats = items.reduce((sum, one) => sum - Math.log(Math.max(one.p, 1e-300)), 0) / items.length
    const at = items.reduce((least, one, i) => (one.p < items[least].p ? i : least), 0)
    return [t("{name}: {n} tokens, {nats} nats each on average.", { name, n: items.length, nats: number(nats, 3) }),
      t("Its least likely token is “{token}”, the {place}. one, p = {p}.", { token: shownToken(items[at].text), place: at + 1, p: shown(items[at].p) })]
  })
  if (written.length === 2) {
    const [a, b] = written.map(({ items }) => items.map(({ text }) => text))
    const same = a.findIndex((text, i) => text !== b[i])
    now.push(same < 0 ? t("The two texts are equal as far as the shorter one goes.") : same === 0 ? t("The two texts differ from the first token on.")
      : tn("The two texts are equal for {n} token, then they part.", "The two texts are equal for {n} tokens, then they part.", same))
  }
  return { axes, theory, terms, now }
}

/**
 * The table of the lens.
 * @param {{ tables: { name: string, rows: string[], tokens: number, rank: ArrayLike<number>, top: ArrayLike<number>, K: number }[], by: string, why: string }} drawn
 *   `rank` of the right token and `top` ids, by row and token; the last token has nothing to be right about
 * @returns {Notice}
 */
export function lensNotice({ tables, by, why }) {
  const axes = [t("Columns: the tokens of a text. Rows: layers, the output on top; in each cell the token that the network would say next if it stopped there."),
    by === "right" ? t("Colour: the probability of the right token; underlined where it is the likeliest.") : t("Colour: the probability of the token in the cell; underlined where it is the right one.")].join(" ")
  const theory = t("The output layer is put onto the stream on its way. In a network that works, early rows guess frequent tokens and later ones come closer to the answer; in a dead one every column looks alike.")
  const terms = ["logit lens", "residual stream", "logits"]
  const now = tables.slice(0, 3).flatMap(({ name, rows, tokens, rank, top, K }) => {
    const T = tokens - 1
    if (T < 1) return []
    const share = rows.map((_, n) => Array.from({ length: T }, (_, i) => rank[n * tokens + i] === 0).filter(Boolean).length / T)
    const last = rows.length - 1
    const output = new Set(Array.from({ length: T }, (_, i) => top[(last * tokens + i) * K]))
    const best = share.reduce((most, value, n) => (value > share[most] ? n : most), 0)
    const said = [t("{name}: the output is right at {share} % of the tokens, the first row at {first} %.", { name, share: percent(share[last]), first: percent(share[0]) })]
    if (best !== last && share[best] > share[last]) said.push(t("Most often right is the row {row}: {share} %.", { row: rows[best], share: percent(share[best]) }))
    if (output.size === 1 && T > 1) said.push(t("Its likeliest token is the same everywhere, whatever stands before."))
    return said
  })
  return { axes, theory, terms, now: now.length ? now : [nothing(why)] }
}

/**
 * One step of one block.
 * @param {{ at: number, all: number, panes: { wiring: string, title: string, values: ArrayLike<number> | null, tokens: number, share: boolean }[], why: string }} drawn
 * @returns {Notice}
 */
export function blockNotice({ at, all, panes, why }) {
  const axes = t("Left: the steps of one layer. Right: the matrix that this step makes, a row for each token, as numbers on the colour of their size.")
  const theory = t("A block is y = post(skip(x) + scale · inner(F(pre(x)))), once for attention and once for the feed-forward network. The steps that only one of the two wirings has are marked.")
  const terms = ["block", "norm placement", "residual", "layer norm"]
  const there = panes.filter(({ values }) => values?.length)
  const where = t("Step {n} of {all}.", { n: at + 1, all })
  if (!there.length) return { axes, theory, terms, now: [where, nothing(why)] }
  const now = there.map(({ wiring, title, values, tokens, share }) => {
    const all = Array.from(/** @type {ArrayLike<number>} */ (values))
    const good = all.filter(real)
    const who = `${wiring}, ${t(title)}:`
    if (good.length < all.length) return `${who} ` + t("{n} of {all} numbers are not finite.", { n: all.length - good.length, all: all.length })
    if (share) return `${who} ` + t("each row adds up to 1; the largest share is {most}.", { most: number(Math.max(...good), 2) })
    const width = all.length / tokens
    const rows = Array.from({ length: tokens }, (_, i) => all.slice(i * width, (i + 1) * width))
    const rms = Math.sqrt(good.reduce((sum, value) => sum + value * value, 0) / good.length)
    const means = rows.map((row) => Math.abs(row.reduce((a, b) => a + b, 0) / width))
    return `${who} ` + t("RMS {rms}, from {low} to {high}; the mean of a row is at most {mean}.",
      { rms: number(rms, 3), low: number(Math.min(...good), 3), high: number(Math.max(...good), 3), mean: number(Math.max(...means), 2) })
  })
  return { axes, theory, terms, now: [where, ...now] }
}

/**
 * What operations cost.
 * @param {{ operations: number, costs: { name: string, delta: number | null, error: number | null, before: number | null }[], why: string }} drawn
 * @returns {Notice}
 */
export function operateNotice({ operations, costs, why }) {
  const axes = t("Each box is a part of the network, layers upwards; a press takes it out. Beside it: by how many nats the loss on held-out text changes, ± its standard error.")
  const theory = t("In a residual network one block can often be taken out at little cost, as the others pass the stream on. Without skips nothing works afterwards.")
  const terms = ["ablation", "residual", "nats"]
  if (!operations) return { axes, theory, terms, now: [t("Nothing is taken out yet."), ...costs.filter(({ before }) => real(before)).map(({ name, before }) => t("{name} has a loss of {loss} nats as it is.", { name, loss: number(before, 3) }))] }
  if (!costs.length) return { axes, theory, terms, now: [nothing(why)] }
  const now = costs.map(({ name, delta, error }) => {
    if (!real(delta)) return t("{name}: with this its loss is not finite.", { name })
    const size = { name, size: number(Math.abs(delta), 3), error: number(error ?? 0, 2) }
    if (Math.abs(delta) <= 2 * (error ?? 0)) return t("{name}: no clear change, {size} nats is within twice the standard error of {error}.", size)
    return delta > 0 ? t("{name}: the loss rises by {size} nats (± {error}): what was changed is used.", size) : t("{name}: the loss falls by {size} nats (± {error}): without it the network does better here.", size)
  })
  return { axes, theory, terms, now }
}
