"""What became of a run, in words, from its losses; the rule is :mod:`core.verdicts.judgement`.

A network that ignores its input can still learn how often each letter (or class) occurs: its loss
falls to that of these frequencies and stays there. That plateau is the sign of a dead network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.config.units import Unit, corpus_unit
from core.language import Message, joined, mark
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
from core.verdicts.labels import LIVE, VerdictKind, step_of

# How far losses are from those of frequencies.
BELOW, BELOW_ABOUT = mark("{away} below {there}"), mark("{away} ± {error} below {there}")
ABOVE, ABOVE_ABOUT = mark("{away} above {there}"), mark("{away} ± {error} above {there}")


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
    if run.origin:
        return _of_another_network(run)
    if run.source:
        said = Message(
            "{name} is a pretrained model: it was not trained here, so there is no training to"
            " judge.",
            name=run.name,
        )
        return Verdict("unjudged", None, None, said)
    found, optimal = _judged(run), _number(run.corpus.get("floor"))
    if optimal is None:
        return found
    if found.gap is None:
        return replace(found, optimal=optimal)
    best = Message("The optimal loss of its task is {loss:.3f}.", loss=optimal)
    return replace(found, optimal=optimal, sentence=joined((found.sentence, best), " "))


def _of_another_network(run: Run) -> Verdict:
    """What is certain of a run that was recorded elsewhere: how it ended, and nothing of what its
    losses mean, since neither its network nor its data are known."""
    _, losses = _series(run, "loss/train")
    record, name = run.record, run.name
    finite = losses[np.isfinite(losses)]
    mean = float(finite[-WINDOW:].mean()) if len(finite) else None
    ended: dict[str, tuple[VerdictKind, Message]] = {
        "diverged": ("diverged", Message("{name} diverged", name=name)),
        "failed": ("failed", Message("{name} failed", name=name)),
        "out_of_memory": ("out_of_memory", Message("{name} ran out of memory", name=name)),
    }
    if record.state in ended:
        kind, said = ended[record.state]
        return Verdict(kind, mean, None, _because(run, said))
    if len(losses) and not np.isfinite(losses[-1]):  # one that is not the last was got over
        said = Message("{name} diverged at step {step}", name=name, step=diverged_at(run))
        return Verdict("diverged", mean, None, Message("{what}.", what=said))
    by = str(run.origin.get("by", ""))
    if mean is None:
        said = Message(
            "{name} was recorded by {by}, without a training loss that is a number.",
            name=name, by=by,
        )  # fmt: skip
        return Verdict("unjudged", None, None, said)
    said = Message(
        "{name}: the mean of its last {many} training losses is {mean:.4g}. It was recorded by"
        " {by}: what a network that ignores its input would reach on its data is not known here,"
        " so it is not judged.",
        name=name, many=min(len(finite), WINDOW), mean=mean, by=by,
    )  # fmt: skip
    return Verdict("unjudged", mean, None, said)


def _judged(run: Run) -> Verdict:
    known = _losses(run)
    losses = known.training
    entropy = _number(run.corpus.get("unigram_entropy"))
    record, name = run.record, run.name
    finite = losses[np.isfinite(losses)]
    mean = float(finite[-WINDOW:].mean()) if len(finite) else None
    if record.state == "diverged" or len(finite) < len(losses):
        said = Message("{name} diverged at step {step}", name=name, step=diverged_at(run))
        return Verdict("diverged", mean, entropy, _because(run, said))
    if record.state == "failed":
        said = Message("{name} failed", name=name)
        return Verdict("failed", mean, entropy, _because(run, said))
    if record.state == "out_of_memory":
        said = Message("{name} ran out of memory", name=name)
        return Verdict("out_of_memory", mean, entropy, _because(run, said))
    if mean is None and not known.since:
        said = Message("{name} has no training loss yet.", name=name)
        return Verdict("too_early", None, entropy, said)
    if mean is None or len(finite) < WINDOW:
        return Verdict("too_early", mean, entropy, _too_few(name, len(finite), mean, known.since))
    words = corpus_unit(run.corpus)
    if entropy is None:
        said = Message(
            "{name}: the mean of its last {many} training losses is {mean:.2f}. The {source}"
            " entropy is unknown, so it can't be judged.",
            name=name,
            many=WINDOW,
            mean=mean,
            source=words.source,
        )
        return Verdict("too_early", mean, None, said)
    if entropy < 1e-6:
        said = Message(
            "{name}: its data holds one symbol only, so there is nothing to learn.", name=name
        )
        return Verdict("too_early", mean, entropy, said)
    exact = known.unigram is not None
    gaps = losses - (known.unigram if known.unigram is not None else entropy)
    to_learn = scale(entropy, _number(run.corpus.get("floor")))
    gap = judge_gaps(gaps, to_learn, exact=exact)
    kind, where, meaning = _said(
        gap, float(finite[-gap.window :].mean()), to_learn, entropy, words, exact
    )
    said = Message("{where}: {meaning}", where=where, meaning=meaning)
    if kind == "learned":
        worse = _validation(run, known, gaps, to_learn, words, exact)
        if worse:
            kind = "memorised"
            said = Message("{where}, but {worse}", where=where, worse=worse)
    if kind == "too_early":
        said = Message("{name}: {said}", name=name, said=meaning)
    else:
        ended = record.state not in LIVE
        told = Message("{said}.", said=said) if ended else _so_far(run, said)
        said = Message("{name}: {said}", name=name, said=told)
    return Verdict(kind, mean, entropy, said, gap.mean, gap.error)


def _so_far(run: Run, said: Message) -> Message:
    """The sentence with where the run stands: what still trains may come to another end."""
    step, steps = run.record.step, run.record.steps
    at = step_of(step, steps)
    warm = run.config.optimizer.warmup_steps
    if step < warm:
        at = Message("{at}, within its warm-up of {warm:,} steps", at=at, warm=warm)
    if said.endswith("so far"):
        return Message("{said} ({at}).", said=said, at=at)
    return Message("{said} so far ({at}).", said=said, at=at)


def _said(
    gap: Gap, mean: float, to_learn: float, entropy: float, words: Unit, exact: bool
) -> tuple[VerdictKind, Message, Message]:
    """The kind, where the losses are and what that means, without the run's name and a full stop;
    where it is too early the latter is all there is to say.
    """
    digits = _digits(to_learn)
    named = {"frequencies": words.frequencies, "singles": words.singles, "entropy": entropy}
    if exact:
        there = Message(
            "what {frequencies} alone reach on the same batches, {loss} (the entropy of {singles}"
            " is {entropy:.3f})",
            loss=f"{mean - gap.mean:.{digits}f}",
            **named,
        )
    else:
        there = Message("the entropy of {singles}, {entropy:.3f}", **named)
    size = {"away": f"{abs(gap.mean):.{digits}f}", "there": there}
    scattered = size | {"error": f"{gap.error:.{_digits(gap.error, 1)}f}"}

    def where(far: Message) -> Message:
        return Message(
            "the mean of its last {many} training losses, {mean}, is {far}",
            many=gap.window,
            mean=f"{mean:.{digits}f}",
            far=far,
        )

    if gap.level == "learned":
        uses = Message("it uses its input")
        if -gap.mean < LITTLE * to_learn:
            little = Message("it uses its input, though only a little so far")
            return "learned", where(Message(BELOW_ABOUT, **scattered)), little
        return "learned", where(Message(BELOW, **size)), uses
    if gap.level == "plateau":
        size["away"] = _within(gap.mean, digits)
        near = Message("within {away} of {there}", **size)
        dead = Message("it has learned {frequencies} and ignores its input", **named)
        return "plateau", where(near), dead
    less = Message("it knows less than {frequencies}", **named)
    if gap.level == "above":
        return "above", where(Message(ABOVE, **size)), less
    if gap.level == "falling":
        at = where(Message(ABOVE if gap.mean >= 0 else BELOW, **size))
        falls = Message(
            "{where}, but still falling. It is too early to judge: train longer.", where=at
        )
        return "too_early", at, falls
    at = where(Message(ABOVE_ABOUT if gap.mean >= 0 else BELOW_ABOUT, **scattered))
    if abs(gap.mean) > SIGMAS * gap.error:  # the side is certain, its size is not
        above = gap.mean > 0
        unclear = Message(
            "{where}. Only from {edge} on {meaning}, and that is not certain yet: train longer or"
            " with a larger batch.",
            where=at,
            edge=f"{BESIDE * to_learn if above else margin(to_learn, exact):.{digits}f}",
            meaning=less if above else Message("it uses its input"),
        )
    else:
        unclear = Message(
            "{where}. Its batches scatter too much to judge it yet: train longer or with a larger"
            " batch.",
            where=at,
        )
    return "too_early", at, unclear


def _validation(
    run: Run,
    known: _Losses,
    gaps: NDArray[np.float64],
    to_learn: float,
    words: Unit,
    exact: bool,
) -> Message | None:
    """The warning where what was learned does not hold for validation data, else None.

    The last evaluation is compared with the training losses before it, from a step on at which
    there are enough of them.
    """
    unigram = _number(run.corpus.get("unigram_validation"))
    steps, losses = _series(run, "loss/validation")
    if unigram is None or not len(losses) or not np.isfinite(losses[-1]):
        return None
    last, loss = int(steps[-1]), float(losses[-1])
    before = gaps[known.steps < last]
    training = judge_gaps(before, to_learn, exact=exact)
    if not memorised(training, loss, unigram, to_learn):
        return None
    digits = _digits(to_learn)
    what = Message(
        "its validation loss, {loss}, is above that of {frequencies} alone, {unigram}: it has"
        " memorised its training data",
        loss=f"{loss:.{digits}f}",
        unigram=f"{unigram:.{digits}f}",
        frequencies=words.frequencies,
    )
    best = int(np.nanargmin(losses))
    if losses[best] < unigram - LITTLE * to_learn and best < len(losses) - 1:
        what = Message(
            "{worse}. Its best was {loss} at step {step:,}",
            worse=what,
            loss=f"{losses[best]:.{digits}f}",
            step=int(steps[best]),
        )
    return what


def _too_few(name: str, many: int, mean: float | None, since: int) -> Message:
    values = {"name": name, "n": many, "mean": mean, "since": since, "many": WINDOW}
    if mean is None:
        return Message(
            "{name} has no training loss since layers were switched at step {since:,}. It is too"
            " early to judge.",
            **values,
        )
    if since:
        return Message(
            "{name}: 1 training loss since layers were switched at step {since:,}, {mean:.2f}. It"
            " is too early to judge: a verdict needs {many}.",
            "{name}: {n} training losses since layers were switched at step {since:,}, their mean"
            " is {mean:.2f}. It is too early to judge: a verdict needs {many}.",
            **values,
        )
    return Message(
        "{name}: 1 training loss so far, {mean:.2f}. It is too early to judge: a verdict needs"
        " {many}.",
        "{name}: {n} training losses so far, their mean is {mean:.2f}. It is too early to judge: a"
        " verdict needs {many}.",
        **values,
    )


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
    """The step of the first loss that is not finite, else the last step; in a run from elsewhere,
    which may have got over one, of the first after the last that is finite."""
    steps, losses = _series(run, "loss/train")
    odd = np.flatnonzero(~np.isfinite(losses))
    if run.origin:
        odd = odd[odd > np.flatnonzero(np.isfinite(losses)).max(initial=-1)]
    return int(steps[odd[0]]) if len(odd) else run.record.step


def _because(run: Run, what: Message) -> Message:
    """What happened, with its reason where the run says one."""
    message = run.record.message
    if not isinstance(message, Message):
        message = message.strip().rstrip(".")
    if not message:
        return Message("{what}.", what=what)
    if message.endswith("."):
        return Message("{what}: {reason}", what=what, reason=message)
    return Message("{what}: {reason}.", what=what, reason=message)
