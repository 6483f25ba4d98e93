// Words of states and verdicts, metric names, limits, operations. Written from core by
// `python -m dashboard.web.assets`; a test holds them together.

export const LABELS = {
  "states": {
    "queued": "waiting",
    "starting": "starting",
    "running": "training",
    "paused": "paused",
    "finished": "finished",
    "stopped": "stopped",
    "interrupted": "interrupted",
    "diverged": "diverged",
    "failed": "failed",
    "out_of_memory": "out of memory"
  },
  "ended": [
    "finished",
    "diverged",
    "interrupted",
    "stopped",
    "failed",
    "out_of_memory"
  ],
  "live": [
    "queued",
    "starting",
    "running",
    "paused"
  ],
  "bad_states": [
    "interrupted",
    "diverged",
    "failed",
    "out_of_memory"
  ],
  "verdicts": {
    "learned": {
      "short": "learned",
      "said": "learned",
      "many": "use their input",
      "past": "learned",
      "bad": false,
      "dead": false
    },
    "memorised": {
      "short": "memorised",
      "said": "memorised its training data",
      "many": "memorised their training data",
      "past": "memorised the training data",
      "bad": true,
      "dead": false
    },
    "plateau": {
      "short": "plateau",
      "said": "on the plateau",
      "many": "sit on the plateau and ignore their input",
      "past": "sat on the plateau",
      "bad": true,
      "dead": true
    },
    "above": {
      "short": "above",
      "said": "worse than the plateau",
      "many": "know less than frequencies",
      "past": "knew less than frequencies",
      "bad": true,
      "dead": true
    },
    "diverged": {
      "short": "diverged",
      "said": "diverged",
      "many": "diverged",
      "past": "diverged",
      "bad": true,
      "dead": false
    },
    "failed": {
      "short": "failed",
      "said": "failed",
      "many": "failed",
      "past": "failed",
      "bad": true,
      "dead": false
    },
    "out_of_memory": {
      "short": "out of memory",
      "said": "out of memory",
      "many": "ran out of memory",
      "past": "ran out of memory",
      "bad": true,
      "dead": false
    },
    "too_early": {
      "short": "too early",
      "said": "too early to judge",
      "many": "are too young to judge",
      "past": "can't be judged yet",
      "bad": false,
      "dead": false
    }
  },
  "signs": {
    "plateau": "■",
    "above": "■",
    "memorised": "!",
    "diverged": "✕",
    "failed": "✕",
    "out_of_memory": "✕",
    "interrupted": "!"
  },
  "metrics": {
    "units": {
      "loss/": "nats per character",
      "accuracy/": "accuracy",
      "grad_norm/": "gradient norm",
      "update_ratio/": "update / weight",
      "learning_rate": "learning rate",
      "tokens_per_second": "tokens per second",
      "activation/dead/": "share of dead units",
      "activation/kurtosis/": "kurtosis",
      "activation/effective_rank/": "effective rank",
      "activation/token_cosine/": "cosine of two tokens",
      "activation/rms/": "RMS of activations",
      "activation/mean/": "mean of activations",
      "activation/std/": "standard deviation of activations",
      "activation/max/": "largest value of activations",
      "attention/entropy": "nats"
    },
    "titles": {
      "loss/train": "Training loss",
      "loss/validation": "Validation loss",
      "loss/unigram": "Loss of frequencies alone",
      "grad_norm/total": "Gradient norm",
      "grad_norm/embed": "Gradient norm of the embedding",
      "grad_norm/head": "Gradient norm of the output layer",
      "tokens_per_second": "Speed"
    },
    "statistics": {
      "rms": "RMS",
      "mean": "mean",
      "std": "standard deviation",
      "kurtosis": "kurtosis",
      "max": "largest value",
      "dead": "share of dead units"
    },
    "parameters": {
      "block": "whole layer",
      "norm": "norms",
      "attn.q": "query matrix",
      "attn.k": "key matrix",
      "attn.v": "value matrix",
      "attn.o": "attention output matrix",
      "mlp.in": "feed-forward input matrix",
      "mlp.gate": "feed-forward gate matrix",
      "mlp.out": "feed-forward output matrix"
    },
    "observables": {
      "resid_post": "residual stream",
      "resid_mid": "residual stream after attention",
      "resid_pre": "residual stream before the layer",
      "attn.out": "attention output",
      "attn.sum": "attention output and skip path",
      "mlp.pre": "feed-forward pre-activation",
      "mlp.post": "feed-forward activation",
      "mlp.out": "feed-forward output",
      "mlp.sum": "feed-forward output and skip path",
      "conv1.pre": "first convolution",
      "conv1.post": "first convolution after its activation",
      "conv2.out": "second convolution",
      "shortcut.out": "shortcut",
      "conv2.sum": "second convolution and shortcut",
      "embed": "embedding",
      "final_norm.out": "final norm",
      "pool.out": "pooled features",
      "logits": "logits",
      "attn.q": "queries",
      "attn.k": "keys",
      "attn.v": "values"
    },
    "profiles": {
      "grad_norm/block": "gradient norm",
      "attention/entropy": "attention entropy",
      "activation/effective_rank/resid_post": "effective rank of the residual stream"
    }
  },
  "limits": {
    "runs": 250,
    "chart_points": 75000,
    "points": 1024
  },
  "operations": {
    "head": [
      "off",
      "scale",
      "mean"
    ],
    "attention": [
      "off",
      "scale",
      "mean"
    ],
    "feedforward": [
      "off",
      "scale",
      "mean"
    ],
    "block": [
      "off",
      "swap"
    ],
    "norm": [
      "off"
    ],
    "residual": [
      "off",
      "scale"
    ]
  }
}
