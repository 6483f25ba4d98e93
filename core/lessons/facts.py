"""What a lesson may ask of a run: one function a fact, from the run's metrics, verdict and heads.

Layers count from 1, as people read them; a negative one counts from the end. A `step` is a number,
"first" or "last": the row written at it, or the last one before it. Losses are in nats per
prediction. A fact that a run can't tell (yet) raises UnknownError. Without torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from core import estimate
from core.config.words import format_value
from core.lessons.formulas import UnknownError, Value
from core.lessons.readings import (
    At,
    ended,
    finite,
    head_scores,
    known,
    profile,
    row,
    series,
    snapshots,
)
from core.runs import Run

SMOOTHED = 20  # training losses whose mean is compared with a level: one batch alone is noise
NEVER = math.inf  # the step of what did not happen


def verdict(run: Run) -> str:
    """What became of it, a key of `VERDICT_LABELS`: learned, plateau, above, diverged, ...

    Raises UnknownError as long as it is too early to judge.
    """
    kind = ended(run).verdict.kind
    if kind == "too_early":
        raise UnknownError(f"it is too early to judge {run.name}")
    return kind


def final_loss(run: Run) -> float:
    """The mean of its last 50 training losses."""
    return known(ended(run).verdict.last_mean, run, "training loss")


def first_loss(run: Run) -> float:
    """The training loss of its first batch."""
    return value(run, "loss/train", step="first")


def validation_loss(run: Run) -> float:
    """Its last validation loss."""
    return known(ended(run).validation, run, "validation loss")


def unigram_entropy(run: Run) -> float:
    """The entropy of single characters: the loss of who knows only how often each occurs."""
    return known(ended(run).verdict.entropy, run, "unigram entropy")


def optimal_loss(run: Run) -> float:
    """The lowest loss that any network can have on its task."""
    return known(ended(run).verdict.optimal, run, "optimal loss")


def below_frequencies(run: Run) -> float:
    """How far its last losses lie below those of frequencies alone; negative: above."""
    return -known(ended(run).verdict.gap, run, "training loss")


def diverged_at(run: Run) -> float:
    """The step at which it diverged; inf of one that did not."""
    found = ended(run).diverged_at
    return NEVER if found is None else found


def last_step(run: Run) -> int:
    """The last step that it has trained."""
    return ended(run).step


def seconds(run: Run) -> float:
    """Seconds of training."""
    return known(ended(run).seconds, run, "time")


def step_below(run: Run, level: float, metric: str = "loss/train") -> float:
    """The first step from which on the mean of the last 20 values lies below a level; inf if none.

    Of a metric of which there are fewer than 20, the first value below it.
    """
    ended(run)
    steps, values = series(run, metric, None)
    window = SMOOTHED if len(values) >= 2 * SMOOTHED else 1
    if len(values) < window:
        raise UnknownError(f"{run.name} has too few values of {metric}")
    means = np.convolve(values, np.full(window, 1 / window), mode="valid")
    below = np.flatnonzero(means < level)
    return int(steps[below[0] + window - 1]) if len(below) else NEVER


def value(run: Run, metric: str, layer: int | None = None, step: At = "last") -> float:
    """A metric at a step; of a metric by layer that of one `layer`."""
    ended(run)
    steps, values = series(run, metric, layer)
    return float(values[row(run, steps, step)])


def peak(run: Run, metric: str, layer: int | None = None) -> float:
    """The largest value that a metric had; without a layer, of a metric by layer, in any."""
    return float(finite(run, metric, layer).max())


def trough(run: Run, metric: str, layer: int | None = None) -> float:
    """The smallest value that a metric had; without a layer, of a metric by layer, in any."""
    return float(finite(run, metric, layer).min())


def smallest(run: Run, metric: str, step: At = "last") -> float:
    """The smallest value over the layers at a step."""
    return float(profile(run, metric, step).min())


def largest(run: Run, metric: str, step: At = "last") -> float:
    """The largest value over the layers at a step."""
    return float(profile(run, metric, step).max())


def largest_layer(run: Run, metric: str, step: At = "last") -> int:
    """The layer that has it, from 1."""
    return int(profile(run, metric, step).argmax()) + 1


def layer_below(run: Run, metric: str, level: float, step: At = "last") -> float:
    """The first layer, from 1, whose value lies below a level at a step; inf if none does."""
    below = np.flatnonzero(profile(run, metric, step) < level)
    return int(below[0]) + 1 if len(below) else NEVER


def layers(run: Run) -> int:
    """How many layers it has."""
    return run.config.model.blocks


def parameters(run: Run) -> int:
    """How many numbers it has learned."""
    words = run.corpus.get("vocabulary")
    if not isinstance(words, int):
        raise UnknownError(f"{run.name} has not read its corpus yet")
    return estimate.parameters(run.config.model, words, run.config.image)


def setting(run: Run, name: str) -> Value:
    """The value of a setting, `optimizer.warmup_steps`: a number, or its word."""
    found = run.config.flat()[name]
    number = isinstance(found, int | float) and not isinstance(found, bool)
    return found if number else format_value(found)


def differences(run: Run, other: Run) -> int:
    """In how many settings two runs differ."""
    one, two = run.config.flat(), other.config.flat()
    return sum(one[name] != two.get(name) for name in one if name != "name")


def head_score(run: Run, score: str, step: At = "last") -> float:
    """The best head's score (`core.heads.scores`) in the snapshot of a step, between 0 and 1."""
    return float(head_scores(run, score, step).max())


def head_layer(run: Run, score: str, step: At = "last") -> int:
    """The layer of the best head by a score."""
    found = head_scores(run, score, step)
    return int(np.unravel_index(found.argmax(), found.shape)[0]) + 1


def head_number(run: Run, score: str, step: At = "last") -> int:
    """The number of the best head by a score in its layer, from 1."""
    found = head_scores(run, score, step)
    return int(np.unravel_index(found.argmax(), found.shape)[1]) + 1


def head_formed(run: Run, score: str, level: float) -> float:
    """The step of the first snapshot in which a head's score is above a level; inf if none."""
    ended(run)
    for step in snapshots(run):
        if head_score(run, score, step) > level:
            return step
    return NEVER


FACTS: dict[str, Callable[..., Any]] = {
    fact.__name__: fact
    for fact in (
        verdict,
        final_loss,
        first_loss,
        validation_loss,
        unigram_entropy,
        optimal_loss,
        below_frequencies,
        diverged_at,
        last_step,
        seconds,
        step_below,
        value,
        peak,
        trough,
        smallest,
        largest,
        largest_layer,
        layer_below,
        layers,
        parameters,
        setting,
        differences,
        head_score,
        head_layer,
        head_number,
        head_formed,
    )
}
