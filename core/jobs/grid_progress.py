"""How far a grid is: how many of its runs have ended, train or wait, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from core.catalogue.summary import summary_of
from core.config import RunConfig
from core.durations import Measured, nearest, step_seconds, step_work, together
from core.jobs.grids import grid_of, members, runs_with_grids
from core.jobs.queue import run_queue
from core.machine import DeviceKind, cores, slots
from core.runs import Run, RunStore
from core.runs.status import State, Status


@with_config(ConfigDict(extra="forbid", strict=True))
class GridCounts(TypedDict):
    """How far a grid of runs is; `done` came to their end, `diverged` are some of them.

    `paused` are paused or held back, `stopped` stopped or interrupted; `seconds_left` is for those
    that train or wait, null while nothing was measured.
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
    seconds_left: int | None


def goes_on(grid: GridCounts) -> bool:
    """Whether any of its runs trains, waits or is paused."""
    return bool(grid["training"] or grid["waiting"] or grid["paused"])


def progress(store: RunStore, id: str) -> GridCounts:
    """How far a grid is, and how long it still takes. Raises RunError when there is none."""
    return _progress(store, id, members(store, id))


def at_work(store: RunStore, active: Iterable[str]) -> list[GridCounts]:
    """The grids of these active runs, newest first."""
    ids = {grid_of(Run(store.root / id))[0] for id in active} - {""}
    every = runs_with_grids(store) if ids else []
    return [
        _progress(store, id, [run for run, grid in every if grid == id])
        for id in sorted(ids, reverse=True)
    ]


def _progress(store: RunStore, id: str, runs: Sequence[Run]) -> GridCounts:
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
    return GridCounts(
        id=id,
        name=grid_of(runs[0])[1],
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
) -> int | None:
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
    return round(together(left, places))


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
