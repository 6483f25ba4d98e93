"""What became of a run, in words, from its losses; the rule is :mod:`core.verdicts.judgement`.

A network that ignores its input can still learn how often each letter (or class) occurs: its loss
falls to that of these frequencies and stays there. That plateau is the sign of a dead network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.config.units import Unit, corpus_unit
from core.runs.run import Run
from core.verdicts.judgement import (
    BESIDE,
    LITTLE,
    SIGMAS,
    WINDOW,
    Gap,
    judge_gaps,
    margin,
    memorised,
    scale,
)
from core.verdicts.labels import LIVE, VerdictKind


@dataclass(frozen=True)
class Verdict:
    """What a run's losses say. All numbers are in nats per prediction, None if unknown.

    `last_mean` is the mean of the last training losses, `entropy` that of single letters. `gap` is
    how far the losses lie from those of frequencies on the same batches (negative: below), `error`
    its standard error. `optimal` is the lowest loss that any network can have.
    """

    kind: VerdictKind
    last_mean: float | None
    entropy: float | None
    sentence: str
    gap: float | None = None
    error: float | None = None
    optimal: float | None = None


@dataclass(frozen=True)
class _Losses:
    """The losses of a run's steps since its last rewiring; `unigram` is None in old runs."""

    steps: NDArray[np.int64]
    training: NDArray[np.float64]
    unigram: NDArray[np.float64] | None
    since: int  # the step of the last rewiring, else 0


def judge(run: Run) -> Verdict:
    """Judge a run by its last training losses and its last validation loss."""
    found, optimal = _judged(run), _number(run.corpus.get("floor"))
    if optimal is None:
        return found
    said = f" The optimal loss of its task is {optimal:.3f}." if found.gap is not None else ""
    return replace(found, optimal=optimal, sentence=found.sentence + said)


def _judged(run: Run) -> Verdict:
    known = _losses(run)
    losses = known.training
    entropy = _number(run.corpus.get("unigram_entropy"))
    record, name = run.record, run.name
    finite = losses[np.isfinite(losses)]
    mean = float(finite[-WINDOW:].mean()) if len(finite) else None
    if record.state == "diverged" or len(finite) < len(losses):
        at = diverged_at(run)
        return Verdict("diverged", mean, entropy, f"{name} diverged at step {at}{_because(run)}.")
    if record.state == "failed":
        return Verdict("failed", mean, entropy, f"{name} failed{_because(run)}.")
    if record.state == "out_of_memory":
        said = f"{name} ran out of memory{_because(run)}."
        return Verdict("out_of_memory", mean, entropy, said)
    if mean is None and not known.since:
        return Verdict("too_early", None, entropy, f"{name} has no training loss yet.")
    if mean is None or len(finite) < WINDOW:
        return Verdict("too_early", mean, entropy, _too_few(name, len(finite), mean, known.since))
    words = corpus_unit(run.corpus)
    if entropy is None:
        sentence = f"{name}: the mean of its last {WINDOW} training losses is {mean:.2f}."
        unknown = f"The {words.source} entropy is unknown, so it can't be judged."
        return Verdict("too_early", mean, None, f"{sentence} {unknown}")
    if entropy < 1e-6:
        sentence = f"{name}: its data holds one symbol only, so there is nothing to learn."
        return Verdict("too_early", mean, entropy, sentence)
    exact = known.unigram is not None
    gaps = losses - (known.unigram if known.unigram is not None else entropy)
    to_learn = scale(entropy, _number(run.corpus.get("floor")))
    gap = judge_gaps(gaps, to_learn, exact=exact)
    kind, said = _said(gap, float(finite[-gap.window :].mean()), to_learn, entropy, words, exact)
    if kind == "learned":
        worse = _validation(run, known, gaps, to_learn, words, exact)
        if worse:
            kind, said = "memorised", f"{said.partition(': it uses its input')[0]}, but {worse}"
    if record.state in LIVE and kind != "too_early":
        said = _so_far(run, said)
    return Verdict(kind, mean, entropy, f"{name}: {said}", gap.mean, gap.error)


def _so_far(run: Run, said: str) -> str:
    """The sentence with where the run stands: what still trains may come to another end."""
    step, steps = run.record.step, run.record.steps
    at = f"step {step:,} of {steps:,}" if steps else f"step {step:,}"
    warm = run.config.optimizer.warmup_steps
    if step < warm:
        at += f", within its warm-up of {warm:,} steps"
    so_far = "" if said.endswith("so far.") else " so far"
    return f"{said.removesuffix('.')}{so_far} ({at})."


def _said(
    gap: Gap, mean: float, to_learn: float, entropy: float, words: Unit, exact: bool
) -> tuple[VerdictKind, str]:
    """The kind and its sentence without the run's name."""
    digits = _digits(to_learn)
    there = (
        f"what {words.frequencies} alone reach on the same batches, {mean - gap.mean:.{digits}f}"
        f" (the entropy of {words.singles} is {entropy:.3f})"
        if exact
        else f"the entropy of {words.singles}, {entropy:.3f}"
    )
    reached = f"the mean of its last {gap.window} training losses, {mean:.{digits}f}, is"
    away = f"{abs(gap.mean):.{digits}f}"
    if gap.level == "learned":
        if -gap.mean < LITTLE * to_learn:
            size = f"{away} ± {gap.error:.{_digits(gap.error, 1)}f} below {there}"
            return "learned", f"{reached} {size}: it uses its input, though only a little so far."
        return "learned", f"{reached} {away} below {there}: it uses its input."
    if gap.level == "plateau":
        dead = f"it has learned {words.frequencies} and ignores its input."
        return "plateau", f"{reached} within {_within(gap.mean, digits)} of {there}: {dead}"
    if gap.level == "above":
        less = f"it knows less than {words.frequencies}."
        return "above", f"{reached} {away} above {there}: {less}"
    side = "above" if gap.mean >= 0 else "below"
    if gap.level == "falling":
        why = f"{away} {side} {there}, but still falling. It is too early to judge: train longer."
        return "too_early", f"{reached} {why}"
    why = f"{away} ± {gap.error:.{_digits(gap.error, 1)}f} {side} {there}."
    unclear = "Its batches scatter too much to judge it yet"
    if abs(gap.mean) > SIGMAS * gap.error:  # the side is certain, its size is not
        edge, meaning = (
            (BESIDE * to_learn, f"it knows less than {words.frequencies}")
            if gap.mean > 0
            else (margin(to_learn, exact), "it uses its input")
        )
        unclear = f"Only from {edge:.{digits}f} on {meaning}, and that is not certain yet"
    return "too_early", f"{reached} {why} {unclear}: train longer or with a larger batch."


def _validation(
    run: Run,
    known: _Losses,
    gaps: NDArray[np.float64],
    to_learn: float,
    words: Unit,
    exact: bool,
) -> str:
    """The warning where what was learned does not hold for validation data, else "".

    The last evaluation is compared with the training losses before it, from a step on at which
    there are enough of them.
    """
    unigram = _number(run.corpus.get("unigram_validation"))
    steps, losses = _series(run, "loss/validation")
    if unigram is None or not len(losses) or not np.isfinite(losses[-1]):
        return ""
    last, loss = int(steps[-1]), float(losses[-1])
    before = gaps[known.steps < last]
    training = judge_gaps(before, to_learn, exact=exact)
    if not memorised(training, loss, unigram, to_learn):
        return ""
    digits = _digits(to_learn)
    worse = f"its validation loss, {loss:.{digits}f}, is above that of {words.frequencies} alone,"
    what = f"{worse} {unigram:.{digits}f}: it has memorised its training data."
    best = int(np.nanargmin(losses))
    if losses[best] < unigram - LITTLE * to_learn and best < len(losses) - 1:
        what += f" Its best was {losses[best]:.{digits}f} at step {int(steps[best]):,}."
    return what


def _too_few(name: str, many: int, mean: float | None, since: int) -> str:
    after = f" since layers were switched at step {since:,}" if since else " so far"
    if mean is None:
        return f"{name} has no training loss{after}. It is too early to judge."
    known = f"1 training loss{after}, {mean:.2f}"
    if many != 1:
        known = f"{many} training losses{after}, their mean is {mean:.2f}"
    sentence = f"{name}: {known}."
    return f"{sentence} It is too early to judge: a verdict needs {WINDOW}."


def _digits(size: float, significant: int = 2) -> int:
    """Decimals that show a number of this size: 2 for nats around 3, more for small ones."""
    if not np.isfinite(size) or size <= 0:
        return 3
    return int(np.clip(significant - np.floor(np.log10(size)), 2, 7))


def _within(gap: float, digits: int) -> str:
    """The distance, rounded up, so that the sentence holds."""
    unit_ = 10.0**-digits
    return f"{max(np.ceil(abs(gap) / unit_ - 1e-6), 1) * unit_:.{digits}f}"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _losses(run: Run) -> _Losses:
    """The training losses since the last switch of layers, each beside that of frequencies."""
    steps, training = _series(run, "loss/train")
    others, unigram = _series(run, "loss/unigram")
    # A live run may have grown between the two readings, and a damaged flush lack either.
    both, here, there = np.intersect1d(steps, others, assume_unique=True, return_indices=True)
    unigram = unigram[there]
    known = len(both) > 0 and bool(np.isfinite(unigram).all())
    if known:
        steps, training = steps[here], training[here]
    if not len(steps):
        return _Losses(steps, training, None, 0)
    end = int(steps[-1]) + 1
    first = run.first_step  # what was switched before a fork made the network that it began with
    since = max((s.step for s in run.switches if first < s.step < end), default=0)
    kept = steps >= since
    return _Losses(steps[kept], training[kept], unigram[kept] if known else None, since)


def _series(run: Run, metric: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    try:
        steps, values = run.series(metric)
    except KeyError:
        return np.zeros(0, np.int64), np.zeros(0)
    return np.asarray(steps), np.asarray(values, dtype=np.float64)


def diverged_at(run: Run) -> int:
    """The step of the first loss that is not finite, else the last step."""
    steps, losses = _series(run, "loss/train")
    odd = np.flatnonzero(~np.isfinite(losses))
    return int(steps[odd[0]]) if len(odd) else run.record.step


def _because(run: Run) -> str:
    message = run.record.message.strip().rstrip(".")
    return f": {message}" if message else ""
