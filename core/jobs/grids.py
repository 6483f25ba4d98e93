"""Grids of runs: started, paused, resumed and cancelled as a whole. Without torch.

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
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.files import read_json, write_json
from core.grids import Grid, Plan
from core.jobs import admission, elsewhere, forks, launcher
from core.jobs.queue import run_queue
from core.language import Message, reason, said
from core.runs import Run, RunError, RunStore, read_only
from core.runs.status import ENDED


class GridStartError(RunError):
    """Some of a grid's runs could not be queued; those that are, go on. `grid` is its id."""

    def __init__(self, sentence: str, grid: str) -> None:
        super().__init__(sentence)
        self.grid = grid


def admitted(plan: Plan, read: bool = True, on: str | None = None) -> Plan:
    """The plan of what there is memory for: cells that need more are impossible, and say so.

    `read` as in :func:`core.jobs.admission.letters`. Of the memory of a cluster, where the runs are
    sent `on` one or by ADDNORM_CLUSTER, the cluster says itself what it has.
    """
    if elsewhere.shown() if on is None else elsewhere.parsed(on):
        return plan
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


def start(store: RunStore, grid: Grid, **meta: Any) -> str:
    """Queue every run of a grid for which there is memory; returns the grid's id.

    `meta` is what each run's `meta.json` says besides, as its `priority` and the cluster that it is
    `on` (else ADDNORM_CLUSTER). Raises RunError when nothing could be written or no cluster
    answers, GridStartError when only a part could.
    """
    read_only.refuse()
    meta |= launcher.sent(meta.pop("on", None))
    plan = admitted(grid.plan(), on=meta.get("on", elsewhere.LOCAL))
    if not plan.runs:
        raise RunError(
            Message(
                "no cell of this grid is possible: {why}",
                why=next(iter(plan.reasons), ""),
            )
        )
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
        "impossible": [
            {"values": c.values, "reason": c.reason, **said(c.reason)} for c in plan.impossible
        ],
    }
    try:
        _folder(store).mkdir(parents=True, exist_ok=True)
        write_json(_folder(store) / f"{id}.json", about)
    except OSError as error:
        raise RunError(
            Message(
                "no grid can be written to {folder}: {why}",
                folder=store.root,
                why=reason(error),
            )
        ) from error
    launcher.revive(store)  # it warms up while the runs are written
    for queued, cell in enumerate(plan.runs):
        assert cell.config is not None
        try:
            about_it = {**meta, "grid": id, "grid_name": grid.name}
            launcher.add(store, cell.config, cell.name, fork=grid.fork, **about_it)
        except RunError as error:
            if not queued:
                (_folder(store) / f"{id}.json").unlink(missing_ok=True)
                raise
            raise GridStartError(
                Message(
                    "{queued} of {many} runs of {grid} are queued and go on, the others could"
                    " not be: {why}",
                    queued=queued,
                    many=len(plan.runs),
                    grid=grid.name,
                    why=error,
                ),
                id,
            ) from error
    launcher.revive(store)
    return id


def members(store: RunStore, id: str) -> list[Run]:
    """The runs of a grid, in the order in which they were queued. Raises RunError for none."""
    found = [run for run, grid in runs_with_grids(store) if grid == id]
    if not found:
        there = ", ".join(list(known(store))[:5])
        raise RunError(
            Message(
                "there is no grid {grid} in {folder}; it has: {there}",
                grid=id,
                folder=store.root,
                there=there,
            )
            if there
            else Message(
                "there is no grid {grid} in {folder}; start one", grid=id, folder=store.root
            )
        )
    return found


def known(store: RunStore) -> dict[str, str]:
    """The names of all grids that have runs, by id, newest first."""
    named: dict[str, str] = {}
    for run, grid in runs_with_grids(store):
        named.setdefault(grid, grid_of(run)[1])
    return dict(sorted(named.items(), reverse=True))


def find(store: RunStore, part: str) -> str:
    """The id of the grid that has this in its id. Raises RunError when none or several have."""
    fitting = [id for id in known(store) if id == part] or [i for i in known(store) if part in i]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        members(store, part)  # says what there is
    raise RunError(
        Message(
            "{part!r} fits {n} grids; give more of the id",
            part=part,
            n=len(fitting),
        )
    )


def definition(store: RunStore, id: str) -> dict[str, Any]:
    """A grid's `name`, `axes` (values by dotted name) and `impossible` cells; {} when unknown."""
    try:
        found = read_json(_folder(store) / f"{id}.json")
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    cells = found.get("impossible", [])
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return found
    return {**found, "impossible": [_restored(cell) for cell in cells]}


def _restored(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell whose reason knows its parts again."""
    kept, reason = cell.get("said"), str(cell.get("reason", ""))
    return {**cell, "reason": reason if kept is None else Message.restored(kept, reason)}


# Steering


def pause(store: RunStore, id: str) -> None:
    """Live runs pause after their step, waiting ones are held back."""
    read_only.refuse()
    for run in members(store, id):
        state = run.status
        if state == "queued" and not run_queue(store).hold(run.id) and run.alive:
            run.send("pause")  # a worker took it this very moment
        elif state in ("starting", "running"):
            run.send("pause")


def resume(store: RunStore, id: str) -> None:
    """Held runs wait again in their old order; those that paused, were stopped or were cut off go
    on."""
    read_only.refuse()
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
    read_only.refuse()
    runs = members(store, id)
    for run in runs:  # first of all, so that no freed slot goes to the next of them
        run_queue(store).hold(run.id)
    for run in runs:
        if run.status not in ENDED:
            with contextlib.suppress(RunError):  # it has just ended by itself
                launcher.control(store, run, "stop")


# Which run belongs to which grid


def _folder(store: RunStore) -> Path:
    return store.root / ".grids"


def runs_with_grids(store: RunStore) -> list[tuple[Run, str]]:
    """Every run that belongs to a grid, oldest first, with the grid's id."""
    found = []
    for name in store.names():
        run = Run(store.root / name)
        grid, _ = grid_of(run)
        # The file of settings is written last: without it a run is still being made.
        if grid and os.path.isfile(f"{run.prefix}config.json"):
            found.append((run, grid))
    return found


def grid_of(run: Run) -> tuple[str, str]:
    """The id and the name of a run's grid; both empty where it belongs to none."""
    meta = run.meta
    grid = str(meta.get("grid") or "")
    return grid, str(meta.get("grid_name") or grid)
