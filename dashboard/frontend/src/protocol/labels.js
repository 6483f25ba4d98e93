// The one table of words for states and verdicts. Written from core.verdicts.labels by
// `python -m dashboard.web.assets`; a test holds the two together.

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
    "failed": "failed"
  },
  "ended": [
    "finished",
    "stopped",
    "interrupted",
    "diverged",
    "failed"
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
    "failed"
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
    "interrupted": "!"
  }
}
