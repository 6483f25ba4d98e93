"""Alarms: what happens while training, in words, with its step. Does not import torch.

Each alarm reads the rows of one cadence (step, probe, evaluation) as they are written and answers
with events. A cause is named only where it was measured. A resumed run feeds them the rows it
already has, so they remember what a run without the interruption would; where layers are switched
they are told to forget.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.config.rough import rough_times
from core.config.units import Unit
from core.language import Message, joined, said
from core.verdicts.judgement import (
    ALARM_WINDOW,
    LEARNED,
    LONGEST,
    WINDOW,
    judge_gaps,
    memorised,
    scale,
)

Rows = Mapping[str, np.ndarray]
Event = dict[str, Any]

STARVED = 0.003
FED = 0.03  # well above it, so that it does not come and go
ALIKE = 0.95  # mean cosine between tokens from which on they are called alike
UNIFORM = 0.98  # share of the entropy of uniform attention from which on it is called uniform
SIMILARITY = "activation/token_cosine/resid_pre"
ENTROPY = "attention/entropy"
# What a resumed run shows its alarms again, by cadence.
READ = {
    "step": ("loss/train", "loss/unigram", "grad_norm/"),
    "probe": (SIMILARITY, ENTROPY),
    "evaluation": ("loss/validation",),
}


class Alarm:
    """Takes rows as they are measured, and returns the events that it finds in them."""

    def __call__(self, rows: Rows, cadence: str = "step") -> list[Event]:
        """Events of these rows: columns by name, `step` among them."""
        raise NotImplementedError

    def forget(self) -> None:
        """Layers were switched: forget what was seen, it was another network."""


def first_not_finite(rows: Rows) -> int | None:
    """The first row whose training loss or total gradient norm is NaN or infinite."""
    bad = ~np.isfinite(rows["loss/train"])
    if "grad_norm/total" in rows:
        bad |= ~np.isfinite(rows["grad_norm/total"])
    return int(np.argmax(bad)) if bad.any() else None


class Divergence(Alarm):
    """The loss or the gradient stopped being finite."""

    def __init__(self) -> None:
        self.step: int | None = None

    def __call__(self, rows: Rows, cadence: str = "step") -> list[Event]:
        """One event, at the first step that is not finite."""
        if self.step is not None or cadence != "step":
            return []
        loss, norm = rows["loss/train"], rows.get("grad_norm/total")
        at = first_not_finite(rows)
        if at is None:
            return []
        self.step = int(rows["step"][at])
        if not np.isfinite(loss[at]) or norm is None:
            words = Message(
                "the training loss is {loss}: the run diverged and ends here.",
                loss=_number(loss[at]),
            )
        else:
            words = Message(
                "the gradient norm is {norm} at a loss of {loss:.3f}: the run diverged and ends"
                " here.",
                norm=_number(norm[at]),
                loss=float(loss[at]),
            )
        return [_alarm("diverged", self.step, words, "warning")]


class Plateau(Alarm):
    """The loss is that of letter (or class) frequencies: the network ignores its input.

    By the rule of :mod:`core.verdicts.judgement`, over 100 steps. Leaving it, over 50, is an event
    too. Besides: what was learned does not hold for validation data (memorised).
    """

    def __init__(
        self,
        entropy: float,
        words: Unit,
        floor: float | None = None,
        unigram_validation: float | None = None,
    ) -> None:
        self._entropy, self._words = entropy, words
        self._named = {"frequencies": words.frequencies, "singles": words.singles}
        self._to_learn, self._validation = scale(entropy, floor), unigram_validation
        self._digits = max(3, math.ceil(1 - math.log10(max(LEARNED * self._to_learn, 1e-6))))
        self._gaps: list[float] = []
        self._on = self._memorised = False

    def forget(self) -> None:
        """Judge the network anew; that it is on the plateau is known until it leaves it."""
        self._gaps = []

    def __call__(self, rows: Rows, cadence: str = "step") -> list[Event]:
        """The plateau's beginnings and ends, and once that data is memorised."""
        if cadence == "evaluation":
            return self._evaluated(rows)
        if cadence != "step" or self._entropy < 1e-6:
            return []
        events = []
        gaps = rows["loss/train"].astype(np.float64) - rows["loss/unigram"]
        for step, gap in zip(rows["step"].tolist(), gaps.tolist(), strict=True):
            self._gaps = [*self._gaps[1 - LONGEST :], gap]
            if event := self._left(step) if self._on else self._reached(step):
                events.append(event)
        return events

    def _reached(self, step: int) -> Event | None:
        recent = np.array(self._gaps[-ALARM_WINDOW:])
        if len(recent) < ALARM_WINDOW or recent.mean() < -LEARNED * self._to_learn / 2:
            return None
        found = judge_gaps(recent, self._to_learn, ALARM_WINDOW)
        if found.level != "plateau":
            return None
        self._on = True
        unit_ = 10.0**-self._digits
        size = f"{max(abs(found.mean), unit_):.{self._digits}f}"
        if abs(found.mean) < unit_ / 2:
            near = Message("within {size} nats of it", size=size)
        elif found.mean > 0:
            near = Message("{size} nats above it", size=size)
        else:
            near = Message("{size} nats below it", size=size)
        words = Message(
            "for {steps} steps the loss has stayed at that of {frequencies} on the same batches, on"
            " average {near} (the entropy of {singles} is {entropy:.3f}): so far the network has"
            " learned {frequencies} and ignores its input.",
            steps=ALARM_WINDOW,
            near=near,
            entropy=float(self._entropy),
            **self._named,
        )
        return _alarm("plateau", step, words, "warning")

    def _left(self, step: int) -> Event | None:
        found = judge_gaps(np.array(self._gaps[-WINDOW:]), self._to_learn)
        if found.level != "learned":
            return None
        self._on = False
        words = Message(
            "the loss has left the plateau of {singles}: over {steps} steps it is {size} nats below"
            " that of {frequencies} on the same batches.",
            steps=WINDOW,
            size=f"{-found.mean:.{self._digits}f}",
            **self._named,
        )
        return _alarm("plateau_left", step, words, "good")

    def _evaluated(self, rows: Rows) -> list[Event]:
        if self._memorised or self._validation is None or "loss/validation" not in rows:
            return []
        gap = judge_gaps(np.array(self._gaps), self._to_learn)
        for step, loss in zip(rows["step"].tolist(), rows["loss/validation"].tolist(), strict=True):
            if not memorised(gap, loss, self._validation, self._to_learn):
                continue
            self._memorised = True
            words = Message(
                "the training loss is {gap:.2f} nats below that of {frequencies}, but the"
                " validation loss, {loss:.3f}, is above theirs, {theirs:.3f}: what it learns holds"
                " only for its training data.",
                gap=float(-gap.mean),
                loss=loss,
                theirs=float(self._validation),
                frequencies=self._words.frequencies,
            )
            return [_alarm("memorised", step, words, "warning")]
        return []


class Starvation(Alarm):
    """The last layer's queries get hardly any gradient (Noci et al. 2022, arXiv 2206.03126).

    Judged at the steps that are probed, so that what may cause it has been measured there.
    `uniform` is the entropy of uniform attention over the probe text, None if unknown.
    """

    def __init__(self, uniform: float | None = None) -> None:
        self._uniform = uniform
        self._on = False
        self._probes: dict[int, dict[str, float]] = {}
        # Step 0 is written before its probe; later steps come after theirs.
        self._first: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(self, rows: Rows, cadence: str = "step") -> list[Event]:
        """The starvation's beginnings and ends."""
        if cadence == "probe":
            self._look(rows)
            if self._first is None or 0 not in self._probes:
                return []
            (query, value), self._first = self._first, None
            return self._judge(0, query, value, self._probes.pop(0))
        queries, values = rows.get("grad_norm/attn.q"), rows.get("grad_norm/attn.v")
        if cadence != "step" or queries is None or values is None:
            return []
        events = []
        for step, query, value in zip(rows["step"].tolist(), queries, values, strict=True):
            measured = self._probes.pop(int(step), None)
            if measured is None:
                self._first = (query, value) if step == 0 else self._first
            else:
                events += self._judge(int(step), query, value, measured)
        return events

    def _judge(
        self, step: int, query: np.ndarray, value: np.ndarray, measured: Mapping[str, float]
    ) -> list[Event]:
        """Of one step's gradient norms, (L,) each, and what its probe measured."""
        if self._on:
            if not query[-1] >= FED * value[-1] > 0:
                return []
            self._on = False
            words = Message(
                "layer {layer}: the gradient of the queries has come back, it is {share:.2g} of"
                " that of the values.",
                layer=len(query),
                share=float(query[-1] / value[-1]),
            )
            return [_alarm("starvation_left", step, words, "good")]
        if not query[-1] < STARVED * value[-1]:
            return []
        self._on = True
        ratio = _ratio(value[-1], query[-1]) if query[-1] > 0 else math.inf
        if math.isfinite(ratio):
            what: str = Message(
                "layer {layer}: the gradient of the queries is {times} smaller than that of the"
                " values.",
                layer=len(query),
                times=rough_times(ratio),
            )
        else:
            what = Message(
                "layer {layer}: the gradient of the queries is exactly 0 beside that of the"
                " values.",
                layer=len(query),
            )
        return [
            _alarm(
                "starvation",
                step,
                joined(filter(None, (what, self._cause(measured))), " "),
                "warning",
            )
        ]

    def _look(self, rows: Rows) -> None:
        for at, step in enumerate(rows["step"].tolist()):
            # Step 0 of a run may be the only probe for long; older ones have been asked for.
            self._probes[int(step)] = {
                name: float(np.atleast_1d(rows[name][at])[-1])
                for name in (SIMILARITY, ENTROPY)
                if name in rows
            }

    def _cause(self, measured: Mapping[str, float]) -> str:
        cosine, entropy = measured.get(SIMILARITY, math.nan), measured.get(ENTROPY, math.nan)
        if cosine >= ALIKE:
            return Message(
                "Its tokens are alike (mean cosine {cosine:.2f}), so attention has nothing to"
                " choose between.",
                cosine=cosine,
            )
        if self._uniform and entropy >= UNIFORM * self._uniform:
            flat = {"entropy": entropy, "uniform": float(self._uniform)}
            if cosine < ALIKE:
                return Message(
                    "Its tokens differ (mean cosine {cosine:.2f}), but its attention is almost"
                    " uniform (entropy {entropy:.2f} of {uniform:.2f}): its scores are small.",
                    cosine=cosine,
                    **flat,
                )
            return Message(
                "Its attention is almost uniform (entropy {entropy:.2f} of {uniform:.2f}): its"
                " scores are small.",
                **flat,
            )
        if cosine < ALIKE:
            return Message("Its tokens differ (mean cosine {cosine:.2f}).", cosine=cosine)
        return ""


def uniform_entropy(tokens: int, causal: bool) -> float:
    """The entropy of uniform attention over so many tokens, mean over queries, in nats."""
    if not causal:
        return math.log(max(tokens, 1))
    return float(np.log(np.arange(1, tokens + 1)).mean()) if tokens else 0.0


def all_alarms(
    entropy: float,
    words: Unit,
    floor: float | None = None,
    unigram_validation: float | None = None,
    uniform: float | None = None,
) -> list[Alarm]:
    """The alarms of one run, divergence first; losses and entropies in nats.

    `floor` is the lowest possible loss, `unigram_validation` that of the training part's
    frequencies on the validation part, `uniform` see :class:`Starvation`.
    """
    return [
        Divergence(),
        Plateau(entropy, words, floor, unigram_validation),
        Starvation(uniform),
    ]


def _alarm(name: str, step: int, text: str, level: str) -> Event:
    told = {"kind": "alarm", "name": name, "step": step, "text": text, "level": level}
    return told | said(text)


def _ratio(larger: float, smaller: float) -> float:
    """In double precision: the quotient of two float32 may be too large for one."""
    return float(larger) / float(smaller)


def _number(value: float) -> str:
    return Message("not a number") if np.isnan(value) else Message("infinite")
