"""Runs that a check trains: ordinary ones in the runs folder, tagged `evidence`, trained once.

What was trained before by the very same code and settings is read again; what was interrupted goes
on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Any

import numpy as np

from core.anatomy import CancelledError
from core.config import RunConfig
from core.evidence.claim import Measured, Series
from core.evidence.measure.networks import WIRINGS, Lab, curve, points
from core.evidence.record import training_code
from core.language import Message, mark
from core.runs import Run, RunError
from core.runs.status import Order
from core.training.control import NullControl
from core.training.trainer import Trainer

TAG = "evidence"
LAST = 50  # steps that are judged
UNIGRAM = 3.309  # nats, of the training part of tiny-shakespeare

Made = Callable[[int], RunConfig]  # a network's settings by seed

# What decides nothing but the time it takes.
UNWATCHED: dict[str, Any] = {
    "training.evaluate_every": 0,
    "training.checkpoint_every": 0,
    "training.threads": 1,
    "training.precision": "float32",
    "probes.every": 0,
}
# What every run of the training claims has.
SETTING: dict[str, Any] = {
    **UNWATCHED,
    "data.corpus": "tiny-shakespeare",
    "model.width": 64,
    "optimizer.learning_rate": 1e-3,
    "training.batch_size": 16,
    "probes.every": 100,
}


class _Watched(NullControl):
    """Tells the check's reader how far a run is, and stops it when the check is cancelled."""

    def __init__(self, lab: Lab, title: str, steps: int, done: float, share: float) -> None:
        super().__init__(1)
        self._lab, self._title, self._steps = lab, title, steps
        self._done, self._share = done, share
        self.step, self.cancelled = 0, False

    def commands(self) -> list[Order]:
        """`stop` once the check is cancelled."""
        self.step += 1
        try:
            part = min(1.0, self.step / self._steps)
            self._lab.report(
                self._done + self._share * part, Message("trains {title}", title=self._title)
            )
        except CancelledError:
            self.cancelled = True
        return [Order("stop")] if self.cancelled else []


def settings(wiring: str, **changes: object) -> RunConfig:
    """SETTING with a wiring and changes by dotted name, dots as double underscores."""
    wired = {f"model.{name}": value for name, value in WIRINGS[wiring].items()}
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return RunConfig.from_flat({**SETTING, **wired, **dotted})


def trained(lab: Lab, config: RunConfig, title: str, done: float = 0.0, share: float = 1.0) -> Run:
    """The finished or diverged run of a config, trained here unless it is there already.

    `done` and `share` say where it stands in the whole check. Raises CancelledError, CorpusError,
    and RunError where it can't be trained.
    """
    while True:
        run = _known(lab, config)
        if run is None:
            run = lab.store.create(config, title, tags=[TAG], trained_by=training_code())
        if run.status in ("finished", "diverged"):
            lab.report(done + share)
            return run
        lock = run.lock()
        if not lock.acquire():
            lab.report(
                done, Message("waits for {title}, which another process trains", title=title)
            )
            time.sleep(0.5)
            continue
        try:
            control = _Watched(lab, title, config.training.steps, done, share)
            control.step = run.resumes_at or 0
            state = Trainer(run, control).train()
        finally:
            lock.release()
        if control.cancelled:
            raise CancelledError
        if state not in ("finished", "diverged"):
            raise RunError(
                Message(
                    "{title} was stopped at step {step}; measure it again",
                    title=title,
                    step=run.record.step,
                )
            )


def _known(lab: Lab, config: RunConfig) -> Run | None:
    """The newest run of this code and these settings that a check trained, or began to."""
    code = training_code()
    for run in reversed(lab.store.list()):
        if run.meta.get("trained_by") == code and run.config == config:
            return run
    return None


def last_loss(run: Run) -> float:
    """The mean of its last 50 training losses; NaN of a run that diverged."""
    if run.status == "diverged":
        return float("nan")
    return float(np.mean(run.series("loss/train")[1][-LAST:]))


def gap(run: Run, steps: int = LAST) -> float:
    """The mean of loss - unigram loss of that very batch, over its last steps."""
    loss, unigram = (run.series(f"loss/{name}")[1][-steps:] for name in ("train", "unigram"))
    return float(np.mean(np.asarray(loss) - np.asarray(unigram)))


def smoothed(run: Run, window: int = 20) -> tuple[list[float], list[float]]:
    """Steps and the mean loss of every `window` of them."""
    steps, loss = run.series("loss/train")
    starts = range(0, len(loss), window)
    return (
        [float(np.mean(steps[i : i + window])) for i in starts],
        [float(mean(float(v) for v in loss[i : i + window])) for i in starts],
    )


def train_all(lab: Lab, networks: Mapping[str, tuple[str, Made]]) -> dict[str, list[Run]]:
    """Each network (key: title, its config by seed) with each seed."""
    jobs = [(key, seed) for seed in lab.seeds for key in networks]
    found: dict[str, list[Run]] = {key: [] for key in networks}
    for i, (key, seed) in enumerate(jobs):
        title, of_seed = networks[key]
        name = Message("{title}, seed {seed}", title=title, seed=seed)
        found[key].append(trained(lab, of_seed(seed), name, i / len(jobs), 1 / len(jobs)))
    return found


def made(wiring: str, **changes: object) -> Made:
    """A wiring's settings by seed, with changes as `settings` takes them."""
    return lambda seed: settings(wiring, **{"training__seed": seed, **changes})


def ids(found: dict[str, list[Run]]) -> list[str]:
    """The ids of all of them."""
    return [run.id for runs in found.values() for run in runs]


def curves(found: dict[str, list[Run]], names: dict[str, str]) -> list[Series]:
    """The loss through training, of the runs that did not diverge."""
    series = []
    for key, runs in found.items():
        rows = [smoothed(run) for run in runs if run.status != "diverged"]
        if rows:
            series.append(points(names[key], rows[0][0], [losses for _, losses in rows]))
    return series


def plateau_level(series: Sequence[Series]) -> Series:
    """The loss of a network that ignores its input, as wide as the other curves."""
    last = max((s.x[-1] for s in series), default=1.0)
    return curve(mark("unigram entropy"), (0.0, last), (UNIGRAM, UNIGRAM))


def compared(lab: Lab, networks: Mapping[str, tuple[str, Made]]) -> tuple[Measured, Any]:
    """Every network's mean loss of the last 50 steps, their curves, and the runs."""
    found = train_all(lab, networks)
    series = curves(found, {key: title for key, (title, _) in networks.items()})
    values = {key: [last_loss(run) for run in runs] for key, runs in found.items()}
    return Measured(values, [*series, plateau_level(series)], ids(found)), found
