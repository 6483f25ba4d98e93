"""What happens, in words, at the step where it happens. Knows no torch.

Each alarm reads the rows that a flush brings and answers with events. A resumed run feeds them
the rows it already has, so they remember what a run without the interruption would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from core.config.units import Unit

Rows = Mapping[str, np.ndarray]
Event = dict[str, Any]

WINDOW = 100  # steps
PLATEAU_NATS = 0.03
LEFT_NATS = 0.1
STARVED = 0.003


def first_not_finite(rows: Rows) -> int | None:
    """The first row whose training loss or total gradient norm is NaN or infinite."""
    bad = ~np.isfinite(rows["loss/train"])
    if "grad_norm/total" in rows:
        bad |= ~np.isfinite(rows["grad_norm/total"])
    return int(np.argmax(bad)) if bad.any() else None


class Divergence:
    """The loss or the gradient stopped being finite."""

    def __init__(self) -> None:
        self.step: int | None = None

    def __call__(self, rows: Rows) -> list[Event]:
        if self.step is not None:
            return []
        loss, norm = rows["loss/train"], rows.get("grad_norm/total")
        at = first_not_finite(rows)
        if at is None:
            return []
        self.step = int(rows["step"][at])
        what = (
            f"the training loss is {_number(loss[at])}"
            if not np.isfinite(loss[at]) or norm is None
            else f"the gradient norm is {_number(norm[at])} at a loss of {loss[at]:.3f}"
        )
        return [
            _alarm("diverged", self.step, f"{what}: the run diverged and ends here.", "warning")
        ]


class Plateau:
    """The loss is that of letter (or class) frequencies: the network ignores its input.

    Over 100 steps |mean(loss - cross-entropy of that very batch under the training part's unigram
    frequencies)| < 0.03 nats. Leaving it again, by more than 0.1 nats, is an event too.
    """

    def __init__(self, entropy: float, words: Unit) -> None:
        self._entropy, self._words = entropy, words
        self._gaps: list[float] = []
        self._on = False

    def __call__(self, rows: Rows) -> list[Event]:
        events = []
        gaps = rows["loss/train"].astype(np.float64) - rows["loss/unigram"]
        for step, gap in zip(rows["step"].tolist(), gaps.tolist(), strict=True):
            self._gaps = [*self._gaps[1 - WINDOW :], gap]
            if len(self._gaps) < WINDOW:
                continue
            mean = float(np.mean(self._gaps))
            if not self._on and abs(mean) < PLATEAU_NATS:
                self._on = True
                events.append(
                    _alarm(
                        "plateau",
                        step,
                        f"for {WINDOW} steps the loss has been that of {self._words.singles},"
                        f" within {abs(mean):.3f} nats (entropy {self._entropy:.3f}): the network"
                        f" has learned {self._words.frequencies} and ignores its input.",
                        "warning",
                    )
                )
            elif self._on and mean < -LEFT_NATS:
                self._on = False
                events.append(
                    _alarm(
                        "plateau_left",
                        step,
                        f"the loss has left the plateau of {self._words.singles}: {-mean:.2f} nats"
                        f" below it over {WINDOW} steps.",
                        "good",
                    )
                )
        return events


class Starvation:
    """The last layer's queries get hardly any gradient (Noci et al. 2022, arXiv 2206.03126)."""

    def __init__(self) -> None:
        self._seen = False

    def __call__(self, rows: Rows) -> list[Event]:
        query, value = rows.get("grad_norm/attn.q"), rows.get("grad_norm/attn.v")
        if self._seen or query is None or value is None:
            return []
        last_query, last_value = query[:, -1], value[:, -1]
        starved = last_query < STARVED * last_value
        if not starved.any():
            return []
        self._seen = True
        at = int(np.argmax(starved))
        step = int(rows["step"][at])
        if last_query[at] > 0:
            many = f"{last_value[at] / last_query[at]:,.0f} × smaller than"
        else:
            many = "exactly 0 beside"
        return [
            _alarm(
                "starvation",
                step,
                f"layer {query.shape[1]}: the gradient of the queries is {many} that of the"
                " values. Its tokens are alike, so attention has nothing to choose between.",
                "warning",
            )
        ]


def all_alarms(entropy: float, words: Unit) -> list[Callable[[Rows], list[Event]]]:
    """The alarms of one run, divergence first; `entropy` is the unigram entropy in nats."""
    return [Divergence(), Plateau(entropy, words), Starvation()]


def _alarm(name: str, step: int, text: str, level: str) -> Event:
    return {"kind": "alarm", "name": name, "step": step, "text": text, "level": level}


def _number(value: float) -> str:
    return "not a number" if np.isnan(value) else "infinite"
