"""What became of runs, in words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dashboard.compare.catalogue import Entry
from dashboard.palette import run_colour

MOST = 60  # sentences
UNITS = {"accuracy": "share of images", "learning_rate": "per step", "grad_norm": "before clipping"}


def verdicts(entries: Sequence[Entry]) -> str:
    """HTML: one sentence for each run, marked with its colour."""
    if not entries:
        return '<div class="card-below">Tick runs in the table.</div>'
    items = []
    for entry in entries[:MOST]:
        judged = entry.digest.verdict
        rest = judged.sentence.removeprefix(entry.name)
        items.append(
            f'<li class="verdict {judged.kind}">{dot(entry)}<b>{escape(entry.name)}</b>'
            f"{escape(rest)}</li>"
        )
    left = len(entries) - MOST
    more = f'<li class="verdict more">and {left} more runs</li>' if left > 0 else ""
    return f'<ul class="verdicts">{"".join(items)}{more}</ul>'


def dot(entry: Entry) -> str:
    """A run's colour."""
    light, dark = (run_colour(entry.colour, mode) for mode in ("light", "dark"))
    return f'<span class="dot" style="background:light-dark({light},{dark})"></span>'


def predicts(entries: Sequence[Entry]) -> str:
    """What a loss in nats is for: a character, an image, or a prediction of either."""
    names = {"image" if entry.image else "character" for entry in entries}
    return names.pop() if len(names) == 1 else "prediction"


def unit(entries: Sequence[Entry], metric: str) -> str | None:
    """The unit of a metric; None where the chart knows it."""
    if metric.startswith("loss/"):
        return f"nats per {predicts(entries)}"
    return UNITS.get(metric.split("/")[0])


def baseline(entries: Sequence[Entry]) -> tuple[str, float] | None:
    """The loss of a network that ignores its input, where it is the same for all of them."""
    known = {round(e, 3): e for run in entries if (e := run.digest.verdict.entropy) is not None}
    if len(known) != 1:
        return None
    name = "class entropy" if predicts(entries) == "image" else "unigram entropy"
    return name, known.popitem()[1]
