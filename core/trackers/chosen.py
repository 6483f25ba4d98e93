"""Which trackers there are, and which of them were asked for."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import cast

from core.language import Message
from core.trackers.tracker import About, Tracker

VARIABLE = "ADDNORM_LOG_TO"  # words of KINDS with commas between them
Open = Callable[[About], Tracker]
# The module and the class of each, and what people call it. None is imported before it is used.
KINDS: dict[str, tuple[str, str, str]] = {
    "tensorboard": ("core.trackers.tensorboard_log", "TensorBoardTracker", "TensorBoard"),
    "wandb": ("core.trackers.wandb_log", "WandbTracker", "W&B"),
    "mlflow": ("core.trackers.mlflow_log", "MlflowTracker", "MLflow"),
    "trackio": ("core.trackers.trackio_log", "TrackioTracker", "trackio"),
}


class UnknownTrackerError(ValueError):
    """A word that names no tracker; the sentence says which there are."""


def named(text: str | None = None) -> list[str]:
    """The trackers that a text names, by default that of ADDNORM_LOG_TO; each once.

    Raises UnknownTrackerError.
    """
    text = os.environ.get(VARIABLE, "") if text is None else text
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in KINDS:
            raise UnknownTrackerError(
                Message("there is no tracker {word}; accepted: {known}", word=word,
                        known=", ".join(KINDS))
            )  # fmt: skip
    return list(dict.fromkeys(words))


def opener(kind: str) -> Open:
    """What begins a run in a tracker. The program itself is imported only when it is called."""

    def begin(about: About) -> Tracker:
        module, name, _ = KINDS[kind]
        return cast(Tracker, getattr(importlib.import_module(module), name)(about))

    return begin
