"""What became of a run, in words, from its losses.

A network that ignores its input can still learn how often each letter (or class) occurs: its loss
falls to the entropy of single letters and stays there. That plateau is the sign of a dead network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.config.units import unit
from core.runs.labels import Kind
from core.runs.store import Run

WINDOW = 50  # training losses that a verdict averages over
PLATEAU = 0.1  # nats: this close to the entropy of single letters counts as sitting on it
SAME_BATCH = 0.03  # nats, when each loss is compared with the unigrams' own loss on its batch
FALLING = 0.06  # nats between the halves of the window: this steep, it only passes the plateau


@dataclass(frozen=True)
class Verdict:
    """What a run's losses say. `last_mean` and `entropy` are in nats per token, None if unknown."""

    kind: Kind
    last_mean: float | None
    entropy: float | None
    sentence: str


def judge(run: Run) -> Verdict:
    """Judge a run by the mean of its last 50 training losses, read from its metrics."""
    losses = _losses(run, "loss/train")
    entropy = run.corpus.get("unigram_entropy")
    entropy = float(entropy) if isinstance(entropy, int | float) else None
    record, name = run.record, run.name
    finite = losses[np.isfinite(losses)]
    mean = float(finite[-WINDOW:].mean()) if len(finite) else None
    if record.state == "diverged" or len(finite) < len(losses):
        at = diverged_at(run)
        return Verdict("diverged", mean, entropy, f"{name} diverged at step {at}{_because(run)}.")
    if record.state == "failed":
        return Verdict("failed", mean, entropy, f"{name} failed{_because(run)}.")
    if mean is None:
        return Verdict("too_early", None, entropy, f"{name} has no training loss yet.")
    if len(finite) < WINDOW:
        sentence = f"{name}: {len(finite)} training losses so far, their mean is {mean:.2f}."
        return Verdict("too_early", mean, entropy, f"{sentence} It is too early to judge.")
    if entropy is None:
        sentence = f"{name}: the mean of its last {WINDOW} training losses is {mean:.2f}."
        unknown = f"The {unit(run.corpus.get('unit')).source} entropy is unknown."
        return Verdict("too_early", mean, None, f"{sentence} {unknown}")
    return _judge(run, mean, entropy)


def _judge(run: Run, mean: float, entropy: float) -> Verdict:
    reached = f"{run.name}: the mean of its last {WINDOW} training losses, {mean:.2f}, is"
    words = unit(run.corpus.get("unit"))
    known = f"the entropy of {words.singles}, {entropy:.3f}"
    dead = f"it has learned {words.frequencies} and ignores its input."
    gap = _unigram_gap(run)
    if mean > entropy - PLATEAU and _fall(run) > FALLING:
        level = f"not below {known}, but still falling"
        return Verdict("too_early", mean, entropy, f"{reached} {level}. It is too early to judge.")
    if abs(mean - entropy) < PLATEAU:
        sentence = f"{reached} within {PLATEAU} of {known}"
        return Verdict("plateau", mean, entropy, f"{sentence}: {dead}")
    if gap is not None and abs(gap) < SAME_BATCH:
        sentence = f"{reached} within {SAME_BATCH} of what {words.frequencies} alone reach on the"
        return Verdict("plateau", mean, entropy, f"{sentence} same batches: {dead}")
    if mean < entropy:
        below = f"{entropy - mean:.2f} below {known}"
        return Verdict("learned", mean, entropy, f"{reached} {below}: it uses its input.")
    above = f"{mean - entropy:.2f} above {known}"
    less = f"it knows less than {words.frequencies}."
    return Verdict("above", mean, entropy, f"{reached} {above}: {less}")


def _fall(run: Run) -> float:
    """How far the loss fell from the first half of the window to the second."""
    losses = _losses(run, "loss/train")
    last = losses[np.isfinite(losses)][-WINDOW:]
    return float(last[: WINDOW // 2].mean() - last[WINDOW // 2 :].mean())


def _unigram_gap(run: Run) -> float | None:
    """Mean difference from the loss that letter frequencies reach on the very same batches."""
    unigram = _losses(run, "loss/unigram")
    losses = _losses(run, "loss/train")
    both = min(len(unigram), len(losses))  # a live run may have grown between the two readings
    if not both:
        return None
    gap = (losses[:both] - unigram[:both])[-WINDOW:]
    gap = gap[np.isfinite(gap)]
    return float(gap.mean()) if len(gap) else None


def _losses(run: Run, metric: str) -> NDArray[np.float64]:
    try:
        return np.asarray(run.series(metric)[1], dtype=np.float64)
    except KeyError:
        return np.zeros(0)


def diverged_at(run: Run) -> int:
    """The step of the first loss that is no number, else the last step."""
    try:
        steps, losses = run.series("loss/train")
    except KeyError:
        return run.record.step
    odd = np.flatnonzero(~np.isfinite(losses))
    return int(steps[odd[0]]) if len(odd) else run.record.step


def _because(run: Run) -> str:
    message = run.record.message.strip().rstrip(".")
    return f": {message}" if message else ""
