"""What losses of several runs are measured in, in words."""

from __future__ import annotations

from collections.abc import Sequence

from core.config.units import corpus_unit, predicted_of
from core.language import mark
from core.metrics.names import baseline_of, predicted, unit_of
from core.runs import Run


def unit_name(runs: Sequence[Run]) -> str:
    """What a loss in nats is for: a character, a token, an image, or a prediction of several."""
    return predicted(predicted_of(r.corpus, r.config.data.corpus, r.config.data.tokenizer)
                     for r in runs)  # fmt: skip


# `unit_of` puts these together.
NATS = (
    *(mark("nats per character"), mark("nats per token"), mark("nats per byte")),
    *(mark("nats per image"), mark("nats per prediction")),
)


# Of a run from elsewhere: what its loss is measured in, only its program knows.
UNKNOWN = mark("loss")


def nats(runs: Sequence[Run]) -> str:
    """The unit of a loss of these runs, one of `NATS`; of one from elsewhere not known."""
    if any(run.origin for run in runs):
        return UNKNOWN
    return unit_of("loss/train", unit_name(runs))


def baseline(runs: Sequence[Run]) -> str:
    """The name of the loss that a network has which ignores its input."""
    own = {corpus_unit(run.corpus).entropy for run in runs if run.corpus}
    return own.pop() if len(own) == 1 else baseline_of(unit_name(runs))
