// What a metric is called and measured in.

// What a metric is called and measured in.
/** @type {[RegExp, string][]} */
const UNITS = [
  [/^loss\//, "nats per character"],
  [/^grad_norm\//, "gradient norm"],
  [/^learning_rate$/, "learning rate"],
  [/^tokens_per_second$/, "tokens per second"],
  [/^update_ratio\//, "update / weight"],
  [/^activation\/dead\//, "share of dead units"],
  [/^activation\/kurtosis\//, "kurtosis"],
  [/^activation\/effective_rank\//, "effective rank"],
  [/^attention\/entropy/, "nats"],
  [/^activation\/(\w+)\//, "$1 of activations"],
]

export const GROUPS = {
  block: "whole layer", norm: "norms", "attn.q": "query matrix", "attn.k": "key matrix",
  "attn.v": "value matrix", "attn.o": "attention output matrix", "mlp.in": "feed-forward input matrix",
  "mlp.gate": "feed-forward gate matrix", "mlp.out": "feed-forward output matrix",
}

/** @param {string} metric */
export function unitOf(metric) {
  for (const [pattern, unit] of UNITS) {
    const found = metric.match(pattern)
    if (found) return unit.replace("$1", found[1] === "rms" ? "RMS" : found[1])
  }
  return metric
}

const TITLES = { "loss/train": "Training loss", "loss/validation": "Validation loss",
  "grad_norm/total": "Gradient norm", "grad_norm/embed": "Gradient norm of the embedding",
  "grad_norm/head": "Gradient norm of the output layer", tokens_per_second: "Speed" }

/** @param {string} metric */
export function titleOf(metric) {
  const title = TITLES[metric] ?? unitOf(metric)
  return title[0].toUpperCase() + title.slice(1)
}

export const OBSERVABLES = { resid_post: "residual stream", resid_pre: "residual stream before the layer",
  resid_mid: "residual stream after attention", "attn.q": "queries", "attn.k": "keys",
  "attn.v": "values", "attn.out": "attention output", "mlp.pre": "feed-forward pre-activation",
  "mlp.post": "feed-forward activation", "mlp.out": "feed-forward output" }
