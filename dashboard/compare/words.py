"""Short words for tables: a setting's title, a run's state."""

from __future__ import annotations

from core.runs import labels
from dashboard.compare.catalogue import Entry
from dashboard.state import SETTINGS

SHORT = {
    "model.residual": "residual",
    "model.placement": "placement",
    "model.feedforward_width": "ff width",
    "model.scaling": "scaling",
    "optimizer.learning_rate": "rate",
    "training.evaluate_every": "eval every",
    "training.checkpoint_every": "checkpoints",
}


def short_title(dotted: str) -> str:
    """`optimizer.warmup_steps` -> `warm-up`."""
    title = str(SETTINGS[dotted].title) if dotted in SETTINGS else dotted
    kept = title[:1] if title.startswith(("QK", "β")) else title[:1].lower()
    return SHORT.get(dotted, kept + title[1:])


def state_of(entry: Entry) -> tuple[str, str]:
    """What a narrow column says of a run's state, and what it warns of ("" for nothing)."""
    found, kind = entry.digest, entry.digest.verdict.kind
    words = labels.short_words(found.state, kind, found.step, found.steps, found.diverged_at)
    return words, labels.warns(found.state, kind)
