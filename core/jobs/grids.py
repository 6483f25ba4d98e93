"""Grids at work: started, followed, paused, resumed and cancelled as a whole. Without torch.

A run belongs to a grid by its own `meta.json` (`grid`, `grid_name`), so a copied run does too.
``.grids/<id>.json`` in the runs folder keeps what no run can tell: the axes, and which cells are
impossible and why.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.catalogue.summary import summary_of
from core.config import RunConfig
from core.durations import Measured, nearest, step_seconds, step_work, together
from core.files import read_json, write_json
from core.grids import Grid, Plan
from core.jobs import admission, forks, launcher
from core.jobs.queue import run_queue
from core.machine import DeviceKind, cores, slots
from core.runs import Run, RunError, RunStore
from core.runs.status import ENDED, State, Status


class GridStartError(RunError):
    """Some of a grid's runs could not be queued; those that are, go on. `grid` is its id."""

    def __init__(self, sentence: str, grid: str) -> None:
        super().__init__(sentence)
        self.grid = grid


@dataclass(frozen=True)
class Progress:
    """How far a grid is. `done` are runs that came to their end, `diverged` some of them.

    `paused` are paused or held back, `stopped` stopped or interrupted; `seconds_left` is for those
    that train or wait, None while nothing was measured.
    """

    id: str
    name: str
    total: int
    done: int
    diverged: int
    failed: int
    stopped: int
    training: int
    waiting: int
    paused: int
    seconds_left: float | None

    @property
    def at_work(self) -> bool:
        """Whether any of its runs trains, waits or is paused."""
        return bool(self.training or self.waiting or self.paused)

    def for_browser(self) -> dict[str, Any]:
        """Plain values, in whole seconds."""
        left = self.seconds_left
        return {**asdict(self), "seconds_left": None if left is None else round(left)}


def admitted(plan: Plan, read: bool = True) -> Plan:
    """The plan of what there is memory for: cells that need more are impossible, and say so.

    `read` as in :func:`core.jobs.admission.letters`.
    """
    lacking = {}
    for cell in plan.runs:
        assert cell.config is not None
        if reason := admission.refused(cell.config, read=read, advise=False):
            lacking[id(cell)] = reason
    lacking |= {id(c): lacking[id(first)] for c, first in plan.merged if id(first) in lacking}
    cells = tuple(
        replace(cell, config=None, reason=lacking[id(cell)]) if id(cell) in lacking else cell
        for cell in plan.cells
    )
    return Plan(
        cells,
        tuple(cell for cell in plan.runs if id(cell) not in lacking),
        tuple(cell for cell in cells if cell.config is None),
        tuple(pair for pair in plan.merged if id(pair[0]) not in lacking),
    )


def start(store: RunStore, grid: Grid) -> str:
    """Queue every run of a grid for which there is memory; returns the grid's id.

    Raises RunError when nothing could be written, GridStartError when only a part could.
    """
    plan = admitted(grid.plan())
    if not plan.runs:
        raise RunError(f"no cell of this grid is possible: {next(iter(plan.reasons), '')}")
    if grid.fork is not None:
        for cell in {cell.config.data: cell for cell in plan.runs if cell.config}.values():
            assert cell.config is not None
            forks.admit(grid.fork, cell.config)
    slug = re.sub(r"[^a-z0-9]+", "-", grid.name.lower()).strip("-")[:40] or "grid"
    id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{slug}-{secrets.token_hex(2)}"
    about = {
        "name": grid.name,
        "axes": {dotted: list(values) for dotted, values in grid.axes.items()},
        **({"fork": grid.fork.key} if grid.fork else {}),
        "impossible": [{"values": c.values, "reason": c.reason} for c in plan.impossible],
    }
    try:
        _folder(store).mkdir(parents=True, exist_ok=True)
        write_json(_folder(store) / f"{id}.json", about)
    except OSError as error:
        raise RunError(f"no grid can be written to {store.root}: {error.strerror}") from error
    launcher.revive(store)  # it warms up while the runs are written
    for queued, cell in enumerate(plan.runs):
        assert cell.config is not None
        try:
            launcher.add(
                store, cell.config, cell.name, fork=grid.fork, grid=id, grid_name=grid.name
            )
        except RunError as error:
            if not queued:
                (_folder(store) / f"{id}.json").unlink(missing_ok=True)
                raise
            raise GridStartError(
                f"{queued} of {len(plan.runs)} runs of {grid.name} are queued and go on, the others"
                f" could not be: {error}",
                id,
            ) from error
    launcher.revive(store)
    return id


def members(store: RunStore, id: str) -> list[Run]:
    """The runs of a grid, in the order in which they were queued. Raises RunError for none."""
    found = [run for run, grid in _runs_with_grids(store) if grid == id]
    if not found:
        there = ", ".join(list(known(store))[:5])
        raise RunError(
            f"there is no grid {id} in {store.root}; "
            + (f"it has: {there}" if there else "start one")
        )
    return found


def known(store: RunStore) -> dict[str, str]:
    """The names of all grids that have runs, by id, newest first."""
    named: dict[str, str] = {}
    for run, grid in _runs_with_grids(store):
        named.setdefault(grid, _grid_of(run)[1])
    return dict(sorted(named.items(), reverse=True))


def find(store: RunStore, part: str) -> str:
    """The id of the grid that has this in its id. Raises RunError when none or several have."""
    fitting = [id for id in known(store) if id == part] or [i for i in known(store) if part in i]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        members(store, part)  # says what there is
    raise RunError(f"{part!r} fits {len(fitting)} grids; give more of the id")


def definition(store: RunStore, id: str) -> dict[str, Any]:
    """A grid's `name`, `axes` (values by dotted name) and `impossible` cells; {} when unknown."""
    try:
        found = read_json(_folder(store) / f"{id}.json")
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


# Steering


def pause(store: RunStore, id: str) -> None:
    """Live runs pause after their step, waiting ones are held back."""
    for run in members(store, id):
        state = run.status
        if state == "queued" and not run_queue(store).hold(run.id) and run.alive:
            run.send("pause")  # a worker took it this very moment
        elif state in ("starting", "running"):
            run.send("pause")


def resume(store: RunStore, id: str) -> None:
    """Held runs wait again in their old order; those that paused, were stopped or were cut off go
    on."""
    for run in members(store, id):
        state = run.status
        if state == "queued":
            run_queue(store).release(run.id)
        elif state in ("paused", "stopped", "interrupted", "out_of_memory"):
            with contextlib.suppress(RunError):  # it ends this very moment: it was not paused
                launcher.control(store, run, "resume")
    launcher.revive(store)


def cancel(store: RunStore, id: str) -> None:
    """Waiting runs become stopped, live ones are stopped with a checkpoint."""
    runs = members(store, id)
    for run in runs:  # first of all, so that no freed slot goes to the next of them
        run_queue(store).hold(run.id)
    for run in runs:
        if run.status not in ENDED:
            with contextlib.suppress(RunError):  # it has just ended by itself
                launcher.control(store, run, "stop")


# Following


def progress(store: RunStore, id: str) -> Progress:
    """How far a grid is, and how long it still takes. Raises RunError when there is none."""
    return _progress(store, id, members(store, id))


def at_work(store: RunStore, active: Iterable[str]) -> list[Progress]:
    """The grids of these active runs, newest first."""
    ids = {_grid_of(Run(store.root / id))[0] for id in active} - {""}
    every = _runs_with_grids(store) if ids else []
    return [
        _progress(store, id, [run for run, grid in every if grid == id])
        for id in sorted(ids, reverse=True)
    ]


def _progress(store: RunStore, id: str, runs: Sequence[Run]) -> Progress:
    held = set(run_queue(store).held())
    records = [(run, run.record) for run in runs]
    states: list[State] = [record.state for _, record in records]
    kept = sum(run.id in held and record.state == "queued" for run, record in records)
    ahead = [
        (run, record)
        for run, record in records
        if record.state in ("starting", "running")
        or (record.state == "queued" and run.id not in held)
    ]
    return Progress(
        id=id,
        name=_grid_of(runs[0])[1],
        total=len(runs),
        done=states.count("finished") + states.count("diverged"),
        diverged=states.count("diverged"),
        failed=states.count("failed") + states.count("out_of_memory"),
        stopped=states.count("stopped") + states.count("interrupted"),
        training=states.count("running") + states.count("starting"),
        waiting=states.count("queued") - kept,
        paused=states.count("paused") + kept,
        seconds_left=_seconds_left(records, ahead) if ahead else None,
    )


def _seconds_left(
    records: Sequence[tuple[Run, Status]], ahead: Sequence[tuple[Run, Status]]
) -> float | None:
    speeds = [s for run, record in records if (s := _speed(run, record)) is not None]
    vocabularies = {
        run.config.data: size
        for run, _ in records
        if isinstance(size := run.corpus.get("vocabulary"), int)
    }
    if not speeds or not vocabularies:
        return None
    places = slots(_kind(records))
    share = max(1, cores() // places)
    left = []
    for run, record in ahead:
        config = run.config
        vocabulary = vocabularies.get(config.data, next(iter(vocabularies.values())))
        measured = nearest(speeds, step_work(config, vocabulary))
        each = step_seconds(config, vocabulary, share, measured)
        left.append((config.training.steps - record.step) * each)
    return together(left, places)


def _kind(records: Sequence[tuple[Run, Status]]) -> DeviceKind:
    devices = {record.device or run.config.training.device for run, record in records}
    return "cuda" if "cuda" in devices else "cpu"


def _speed(run: Run, record: Status) -> Measured | None:
    """Seconds for a step of a run, its evaluations included."""
    if record.state in ("finished", "diverged"):
        return _ended_speed(run)
    vocabulary, ahead = run.corpus.get("vocabulary"), record.steps - record.step
    if record.seconds_left is None or ahead <= 0 or not isinstance(vocabulary, int):
        return None
    return _as_measured(run.config, vocabulary, record.seconds_left / ahead)


def _ended_speed(run: Run) -> Measured | None:
    found, vocabulary = summary_of(run), run.corpus.get("vocabulary")
    done = found.step - found.first
    if not found.seconds or not done or not isinstance(vocabulary, int):
        return None
    return _as_measured(run.config, vocabulary, found.seconds / done)


def _as_measured(config: RunConfig, vocabulary: int, seconds: float) -> Measured:
    return Measured(step_work(config, vocabulary), seconds, config.model.blocks)


# Which run belongs to which grid


def _folder(store: RunStore) -> Path:
    return store.root / ".grids"


def _runs_with_grids(store: RunStore) -> list[tuple[Run, str]]:
    found = []
    for name in store.names():
        run = Run(store.root / name)
        grid, _ = _grid_of(run)
        # The file of settings is written last: without it a run is still being made.
        if grid and os.path.isfile(f"{run.prefix}config.json"):
            found.append((run, grid))
    return found


def _grid_of(run: Run) -> tuple[str, str]:
    """A run's grid and its name, or empty."""
    meta = run.meta
    grid = str(meta.get("grid") or "")
    return grid, str(meta.get("grid_name") or grid)
