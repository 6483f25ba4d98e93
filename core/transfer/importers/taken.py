"""A run as another program kept it, and how it becomes one of a runs folder.

Values are kept as float32, as all metrics are. Where a program has several values of one step, the
last counts. Metrics that a program named layer by layer (`x/layer_0`, `blocks.0.x`) become one
metric with a value for each layer, where all layers were measured at the same steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.language import Message
from core.metrics import foreign
from core.metrics.writer import SeriesWriter
from core.runs import Run, RunError, RunStore, origins
from core.runs.origins import Value
from core.runs.status import State, Status

MOST_STEP = 10**12
LAYER = re.compile(r"(?P<before>.*/)?(?:layer_(?P<last>\d+)|blocks\.(?P<inner>\d+)\.(?P<after>.+))")


class ImportRefusedError(RunError):
    """What another program kept can't be taken in; the sentence says what to do."""


class Points(NamedTuple):
    """The values of one metric: steps (n,), seconds since the run began (n,), values (n,)."""

    steps: NDArray[np.float64]
    seconds: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass
class Taken:
    """One run of another program. `source` tells it from all others of that program."""

    source: str
    name: str
    settings: dict[str, Value] = field(default_factory=dict)
    metrics: dict[str, Points] = field(default_factory=dict)
    state: State = "finished"
    message: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""


@dataclass
class Rows:
    """Collects the values of metrics in the order in which a program has them."""

    found: dict[str, tuple[list[float], list[float], list[float]]] = field(default_factory=dict)

    def add(self, name: str, step: float, seconds: float, value: float) -> None:
        """One value."""
        for column, one in zip(
            self.found.setdefault(name, ([], [], [])), (step, seconds, value), strict=True
        ):
            column.append(one)

    def points(self, began: float | None = None) -> dict[str, Points]:
        """Each metric's points, seconds counted from `began`, by default from the first of all."""
        times = [seconds for _, seconds, _ in self.found.values()]
        first = min((min(own) for own in times), default=0.0) if began is None else began
        return {
            name: Points(np.array(steps), np.array(seconds) - first, np.array(values))
            for name, (steps, seconds, values) in self.found.items()
        }


def write(store: RunStore, taken: Taken, by: str) -> Run:
    """Make a run of it. Raises ImportRefusedError for steps that are none, and RunError where none
    can be written."""
    names = foreign.named(taken.metrics)
    for name, points in taken.metrics.items():
        if not np.all((points.steps >= 0) & (points.steps <= MOST_STEP)):  # nor is NaN one
            raise ImportRefusedError(
                Message(
                    "{name} has a step of {metric} that is none; accepted: 0 to {most:,}",
                    name=taken.name, metric=name, most=MOST_STEP,
                )
            )  # fmt: skip
    scale = _scale(taken.metrics.values())
    found = {names[name]: _sorted(points, scale) for name, points in taken.metrics.items()}
    columns = _folded(found)
    last = max((int(steps[-1]) for steps, _, _ in columns.values() if len(steps)), default=-1)
    layers = max((v.shape[1] for _, _, v in columns.values() if v.ndim == 2), default=0)

    def fill(made: Path) -> None:
        origins.lay(
            made, by, taken.source, taken.settings,
            layers=[str(layer + 1) for layer in range(layers)],
            renamed={ours: theirs for theirs, ours in names.items() if ours != theirs},
        )  # fmt: skip
        for cadence, group in _groups(columns).items():
            _write(made / "metrics", cadence, group)
        Status(state=taken.state, step=last + 1, steps=last + 1, message=taken.message).write(
            made / "status.json"
        )

    config = origins.config_of(taken.settings, last + 1, taken.name)
    about: dict[str, Any] = {
        "tags": [origins.valid(tag) for tag in taken.tags],
        "note": origins.valid(taken.note),
    }
    return store.create(config, origins.valid(taken.name)[:120], fill=fill, **about)


Column = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float32]]


def _scale(every: Iterable[Points]) -> int:
    """What steps are multiplied with so that all are whole, as where a program counts epochs."""
    steps = [one.steps for one in every]
    for scale in (1, 10, 100, 1000, 10_000, 100_000, 1_000_000):
        if all(np.allclose(own * scale, np.round(own * scale), atol=1e-6) for own in steps):
            return scale
    return 1_000_000


def _sorted(points: Points, scale: int) -> Column:
    steps = np.round(points.steps * scale).astype(np.int64)
    order = np.argsort(steps, kind="stable")
    steps = steps[order]
    last = np.append(steps[1:] != steps[:-1], True) if len(steps) else np.zeros(0, bool)
    kept = order[last]
    with np.errstate(over="ignore"):  # what float32 does not hold is infinite in it
        return steps[last], points.seconds[kept], points.values[kept].astype(np.float32)


def _folded(found: Mapping[str, Column]) -> dict[str, Column]:
    """Metrics of single layers as one metric of all, where the layers are complete."""
    layers: dict[str, dict[int, str]] = {}
    for name in found:
        # `foreign.kept` has made `blocks_3.` of `blocks.3.`, which would name a layer.
        if match := LAYER.fullmatch(name.replace("blocks_", "blocks.", 1)):
            whole = (match["before"] or "") + (match["after"] or "")
            layers.setdefault(whole.rstrip("/"), {})[int(match["last"] or match["inner"])] = name
    result = dict(found)
    for whole, own in layers.items():
        parts = [found[own[layer]] for layer in range(len(own)) if layer in own]
        alike = all(np.array_equal(part[0], parts[0][0]) for part in parts)
        if not whole or whole in found or len(parts) != len(own) or len(own) < 2 or not alike:
            continue
        for name in own.values():
            del result[name]
        result[whole] = (*parts[0][:2], np.stack([part[2] for part in parts], axis=1))
    return result


def _groups(columns: Mapping[str, Column]) -> dict[str, dict[str, Column]]:
    """The metrics that are written together: those with the same steps, by their cadence."""
    found: dict[bytes, dict[str, Column]] = {}
    first = sorted(columns, key=lambda name: name not in foreign.CADENCES)
    for name in first:
        found.setdefault(columns[name][0].tobytes(), {})[name] = columns[name]
    return {foreign.cadence_of(next(iter(group))): group for group in found.values()}


def _write(folder: Path, cadence: str, group: Mapping[str, Column]) -> None:
    steps, seconds, _ = next(iter(group.values()))
    if not len(steps):
        return
    writer = SeriesWriter(folder, cadence, 0)
    writer.write(
        {"step": steps, "seconds": seconds, **{name: own[2] for name, own in group.items()}}
    )
    writer.close()


def unreadable(path: Path, why: object) -> ImportRefusedError:
    """The refusal of a file that can't be read."""
    return ImportRefusedError(Message("{file} can't be read: {why}", file=str(path), why=str(why)))
