"""What a lesson may ask of a run: one function a fact, from the run's metrics, verdict and heads.

Layers count from 1, as people read them; a negative one counts from the end. A `step` is a number,
"first" or "last": the row written at it, or the last one before it. Losses are in nats per
prediction. A fact that a run can't tell (yet) raises UnknownError. Without torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core import estimate
from core.catalogue.summary import RunSummary, summary_of
from core.config.words import format_value
from core.heads.scores import SCORES, scores
from core.lessons.formulas import UnknownError, Value
from core.metrics.downsample import Steps
from core.runs import Run
from core.runs.status import ENDED

At = int | float | Literal["first", "last"]
SMOOTHED = 20  # training losses whose mean is compared with a level: one batch alone is noise
NEVER = math.inf  # the step of what did not happen


def verdict(run: Run) -> str:
    """What became of it, a key of `VERDICT_LABELS`: learned, plateau, above, diverged, ...

    Raises UnknownError as long as it is too early to judge.
    """
    kind = _ended(run).verdict.kind
    if kind == "too_early":
        raise UnknownError(f"it is too early to judge {run.name}")
    return kind


def final_loss(run: Run) -> float:
    """The mean of its last 50 training losses."""
    return _known(_ended(run).verdict.last_mean, run, "training loss")


def first_loss(run: Run) -> float:
    """The training loss of its first batch."""
    return value(run, "loss/train", step="first")


def validation_loss(run: Run) -> float:
    """Its last validation loss."""
    return _known(_ended(run).validation, run, "validation loss")


def unigram_entropy(run: Run) -> float:
    """The entropy of single characters: the loss of who knows only how often each occurs."""
    return _known(_ended(run).verdict.entropy, run, "unigram entropy")


def optimal_loss(run: Run) -> float:
    """The lowest loss that any network can have on its task."""
    return _known(_ended(run).verdict.optimal, run, "optimal loss")


def below_frequencies(run: Run) -> float:
    """How far its last losses lie below those of frequencies alone; negative: above."""
    return -_known(_ended(run).verdict.gap, run, "training loss")


def diverged_at(run: Run) -> float:
    """The step at which it diverged; inf of one that did not."""
    found = _ended(run).diverged_at
    return NEVER if found is None else found


def last_step(run: Run) -> int:
    """The last step that it has trained."""
    return _ended(run).step


def seconds(run: Run) -> float:
    """Seconds of training."""
    return _known(_ended(run).seconds, run, "time")


def step_below(run: Run, level: float, metric: str = "loss/train") -> float:
    """The first step from which on the mean of the last 20 values lies below a level; inf if none.

    Of a metric of which there are fewer than 20, the first value below it.
    """
    _ended(run)
    steps, values = _series(run, metric, None)
    window = SMOOTHED if len(values) >= 2 * SMOOTHED else 1
    if len(values) < window:
        raise UnknownError(f"{run.name} has too few values of {metric}")
    means = np.convolve(values, np.full(window, 1 / window), mode="valid")
    below = np.flatnonzero(means < level)
    return int(steps[below[0] + window - 1]) if len(below) else NEVER


def value(run: Run, metric: str, layer: int | None = None, step: At = "last") -> float:
    """A metric at a step; of a metric by layer that of one `layer`."""
    _ended(run)
    steps, values = _series(run, metric, layer)
    return float(values[_row(run, steps, step)])


def peak(run: Run, metric: str, layer: int | None = None) -> float:
    """The largest value that a metric had; without a layer, of a metric by layer, in any."""
    _ended(run)
    _, values = _whole(run, metric)
    if layer is not None:
        values = _of_layer(run, metric, values, layer)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise UnknownError(f"{run.name} has no finite {metric}")
    return float(finite.max())


def smallest(run: Run, metric: str, step: At = "last") -> float:
    """The smallest value over the layers at a step."""
    return float(_profile(run, metric, step).min())


def largest(run: Run, metric: str, step: At = "last") -> float:
    """The largest value over the layers at a step."""
    return float(_profile(run, metric, step).max())


def largest_layer(run: Run, metric: str, step: At = "last") -> int:
    """The layer that has it, from 1."""
    return int(_profile(run, metric, step).argmax()) + 1


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
    known = isinstance(found, int | float) and not isinstance(found, bool)
    return found if known else format_value(found)


def head_score(run: Run, score: str, step: At = "last") -> float:
    """The best head's score (`core.heads.scores`) in the snapshot of a step, between 0 and 1."""
    return float(_head_scores(run, score, step).max())


def head_layer(run: Run, score: str, step: At = "last") -> int:
    """The layer of the best head by a score."""
    found = _head_scores(run, score, step)
    return int(np.unravel_index(found.argmax(), found.shape)[0]) + 1


def head_number(run: Run, score: str, step: At = "last") -> int:
    """The number of the best head by a score in its layer, from 1."""
    found = _head_scores(run, score, step)
    return int(np.unravel_index(found.argmax(), found.shape)[1]) + 1


def head_formed(run: Run, score: str, level: float) -> float:
    """The step of the first snapshot in which a head's score is above a level; inf if none."""
    _ended(run)
    for step in _snapshots(run):
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
        smallest,
        largest,
        largest_layer,
        layers,
        parameters,
        setting,
        head_score,
        head_layer,
        head_number,
        head_formed,
    )
}


# How they are read


def _ended(run: Run) -> RunSummary:
    found = summary_of(run)
    if found.state not in ENDED or found.unread:
        raise UnknownError(f"{run.name} has not ended yet")
    return found


def _known(number: float | None, run: Run, what: str) -> float:
    if number is None or math.isnan(number):
        raise UnknownError(f"{run.name} has no {what}")
    return number


def _whole(run: Run, metric: str) -> tuple[Steps, NDArray[np.float64]]:
    try:
        steps, values = run.series(metric)
    except KeyError as error:
        raise UnknownError(str(error.args[0])) from error
    if not len(steps):
        raise UnknownError(f"{run.name} has no {metric} yet")
    return steps, np.asarray(values, dtype=np.float64)


def _of_layer(
    run: Run, metric: str, values: NDArray[np.float64], layer: int
) -> NDArray[np.float64]:
    number = values.shape[1] if values.ndim > 1 else 0
    if not 1 <= abs(layer) <= number:
        raise UnknownError(f"{run.name} has no layer {layer} in {metric}")
    of_layer: NDArray[np.float64] = values[:, layer - 1 if layer > 0 else layer]
    return of_layer


def _series(run: Run, metric: str, layer: int | None) -> tuple[Steps, NDArray[np.float64]]:
    """The finite values of a metric, or of one of its layers, with their steps."""
    steps, values = _whole(run, metric)
    if layer is not None:
        values = _of_layer(run, metric, values, layer)
    elif values.ndim > 1:
        raise UnknownError(f"{metric} is measured by layer; name one")
    kept = np.isfinite(values)
    if not kept.any():
        raise UnknownError(f"{run.name} has no finite {metric}")
    return steps[kept], values[kept]


def _profile(run: Run, metric: str, step: At) -> NDArray[np.float64]:
    """A metric's finite values over the layers at a step, (L,)."""
    _ended(run)
    steps, values = _whole(run, metric)
    if values.ndim < 2:
        raise UnknownError(f"{metric} is not measured by layer")
    kept = np.isfinite(values).all(axis=1)
    if not kept.any():
        raise UnknownError(f"{run.name} has no finite {metric}")
    row: NDArray[np.float64] = values[kept][_row(run, steps[kept], step)]
    return row


def _row(run: Run, steps: Steps, step: At) -> int:
    """Where the row of a step stands, or of the last one before it."""
    if step == "first":
        return 0
    if step == "last":
        return len(steps) - 1
    at = int(np.searchsorted(steps, step, side="right")) - 1
    if at < 0:
        raise UnknownError(f"{run.name} has nothing before step {step}")
    return at


def _snapshots(run: Run) -> list[int]:
    found = run.snapshots.steps
    if not found:
        raise UnknownError(f"{run.name} has no snapshot of its attention")
    return found


def _head_scores(run: Run, score: str, step: At) -> NDArray[np.float64]:
    """A score of every head at a step, (L, H)."""
    if score not in SCORES:
        raise UnknownError(f"there is no score {score}; accepted: {', '.join(SCORES)}")
    known = _snapshots(run)
    at = known[_row(run, np.asarray(known), step)]
    tokens = run.corpus.get("probe_tokens")
    pattern = run.snapshots.pattern(at)
    ids = tokens[: pattern.shape[-1]] if isinstance(tokens, list) else None
    found = scores(pattern, ids).get(score)
    if found is None or not np.isfinite(found).any():
        raise UnknownError(f"{run.name}: its probe text has no {score}")
    return np.nan_to_num(found, nan=-1.0)
