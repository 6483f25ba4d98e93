"""Does a network use its input? One rule, for verdicts and for the alarms of a run under way.

A network that ignores its input can still learn how often each letter (or class) occurs. On one
batch it can then do no better than the training part's frequencies do on that very batch, so the
gap g = loss - loss of the batch under these frequencies tells the two apart; the loss itself moves
with its batches by more than a slow learner gains. g is averaged over a window, with a standard
error that allows for autocorrelation, and compared with what there is to learn: the unigram
entropy, less the lowest possible loss where that is known. Pure numpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

VERSION = 4  # of the rule; what was judged by another is judged anew
WINDOW = 50  # training losses that a verdict needs
ALARM_WINDOW = 100  # steps that a plateau lasts before the alarm
LONGEST = 400  # steps that a noisy run is looked back on
SIGMAS = 3.0  # standard errors that count as certain
HEAD = 0.1  # share of a window that is looked at for a fall which a straight line misses

# Shares of what there is to learn.
LEARNED = 0.005  # below the frequencies by more than this: the input is used
LITTLE = 0.05  # below by less than this: only a little of it
BESIDE = 0.03  # above by more than this: not even the frequencies are known
FALL = 0.01  # through the window by more than this: on its way
COARSE = 0.03  # in place of LEARNED where the batches' own losses under frequencies are unknown

Level = Literal["learned", "plateau", "above", "falling", "noisy", "short"]
# Alarms about the loss: whether it is stuck until the next of them.
ABOUT_LOSS = {"diverged": True, "plateau": True, "memorised": True, "plateau_left": False}


@dataclass(frozen=True)
class Gap:
    """Where a window of gaps lies. All in nats.

    `mean` with its standard `error`, `fall` from the window's start to its end (positive: it
    falls), `window` in steps. `level` says what that means.
    """

    level: Level
    mean: float
    error: float
    fall: float
    window: int


def scale(entropy: float, floor: float | None = None) -> float:
    """The nats that there are to learn: unigram entropy less the lowest loss that is possible."""
    known = floor if floor is not None and 0 <= floor < entropy else 0.0
    return max(entropy - known, 1e-9)


def margin(to_learn: float, exact: bool) -> float:
    """Nats below the frequencies from which on the input is used."""
    return (LEARNED if exact else COARSE) * to_learn


def judge_gaps(
    gaps: NDArray[np.floating], to_learn: float, window: int = WINDOW, *, exact: bool = True
) -> Gap:
    """Judge the last `window` of the gaps (n,), in nats per prediction.

    A level that the noise leaves open is looked for in longer windows, up to `LONGEST` steps.
    `exact` is False where the gaps are to the corpus's entropy instead of to that of each batch.
    """
    known = np.asarray(gaps, dtype=np.float64)
    known = known[np.isfinite(known)]
    if len(known) < window:
        mean = float(known.mean()) if len(known) else math.nan
        return Gap("short", mean, math.inf, 0.0, len(known))
    found = first = _window(known[-window:], to_learn, exact)
    while found.level == "noisy" and found.window < min(len(known), LONGEST):
        found = _window(known[-min(2 * found.window, LONGEST) :], to_learn, exact)
        if found.level == "falling":  # a longer look reaches back to before it settled
            return first
    return found


def _window(gaps: NDArray[np.float64], to_learn: float, exact: bool) -> Gap:
    mean, error, fall, fall_error = trend(gaps)
    enough = margin(to_learn, exact)
    sure = SIGMAS * error
    falls = fall > max(SIGMAS * fall_error, FALL * to_learn) or _fell(gaps, to_learn)
    level: Level
    if mean + sure < -enough:
        level = "learned"
    elif falls:
        level = "falling"
    elif mean - sure > BESIDE * to_learn:
        level = "above"
    elif mean - sure < -LITTLE * to_learn:
        level = "noisy"  # as well a network that has learned
    elif mean < -enough or mean > BESIDE * to_learn:
        level = "noisy"
    else:
        level = "plateau"
    return Gap(level, mean, error, fall, len(gaps))


def _fell(gaps: NDArray[np.float64], to_learn: float) -> bool:
    """Whether the window begins before the loss has settled: its first steps lie above the rest.

    A steep fall that ends early is not a straight line, and fitted as one it widens the errors
    of the whole window; so the noise is that of the window's second half.
    """
    first = max(round(HEAD * len(gaps)), 1)
    settled = gaps[len(gaps) // 2 :]
    _, error, _, _ = trend(settled)
    above = float(gaps[:first].mean() - settled.mean())
    return above > max(SIGMAS * error * math.sqrt(len(settled) / first), BESIDE * to_learn)


def trend(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Mean, its standard error, fall over the window, and the fall's standard error; (n,), n > 3.

    The errors are those of the residuals about a straight line, widened by their autocorrelation
    as that of a first-order process: n independent values count as n (1 - r) / (1 + r).
    """
    n = len(values)
    at = np.linspace(-0.5, 0.5, n)
    mean = float(values.mean())
    slope = float((at * values).sum() / (at**2).sum())
    rest = values - mean - slope * at
    variance = float((rest**2).sum() / max(n - 2, 1))
    if variance <= 0:
        return mean, 0.0, -slope, 0.0
    r = float((rest[1:] * rest[:-1]).sum() / (rest**2).sum())
    r = min(max(r, 0.0), 0.95)
    many = n * (1 - r) / (1 + r)
    error = math.sqrt(variance / many)
    return mean, error, -slope, error * math.sqrt(n / float((at**2).sum()))


def memorised(
    training_gap: Gap, validation: float, validation_unigram: float, to_learn: float
) -> bool:
    """Whether what was learned does not hold for data that it was not trained on.

    `validation` and `validation_unigram` are the losses of the network and of the training part's
    frequencies on the validation part, in nats; the training gap is that of the same time.
    """
    gap = validation - validation_unigram
    apart = gap - training_gap.mean
    if training_gap.level != "learned" or not math.isfinite(gap):
        return False
    return gap > LEARNED * to_learn and apart > LITTLE * to_learn
