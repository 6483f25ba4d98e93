"""Runs as plain values: the answers of commands and of the tools for agents are made of these."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from core.catalogue.summary import summary_of
from core.durations import Cost
from core.grids import Grid, Plan
from core.jobs.places import Place
from core.programs.shapes import (
    GridPlanned,
    GridResult,
    RunDetails,
    RunRow,
    Trained,
    VerdictAnswer,
)
from core.runs import Run
from core.runs.retention import RULES, sizes
from core.verdicts.labels import LIVE


def row(run: Run, place: Place | None = None) -> RunRow:
    """A run as lists show it; `place` is its place in the queue, where it waits."""
    record, fork = run.record, run.fork
    return {
        "id": run.id,
        "name": run.name,
        "state": record.state,
        "step": record.step,
        "steps": record.steps if run.origin else run.config.training.steps,
        "fork": {"run": fork.run, "name": fork.name, "step": fork.step} if fork else None,
        "loss": summary_of(run).loss,
        "queue": place.for_json() if place else None,  # type: ignore[typeddict-item]
        "message": record.message,
        "on": run.on,
        "host": record.host,
        "damaged": run.damaged,
    }


def verdict(run: Run) -> VerdictAnswer:
    """What its losses say."""
    found = summary_of(run)
    return {
        "kind": found.verdict.kind,
        "sentence": str(found.verdict.sentence),
        "gap": finite(found.verdict.gap),
        "error": finite(found.verdict.error),
        "so_far": found.state in LIVE,
    }


def details(run: Run, place: Place | None = None) -> RunDetails:
    """A run with all that is known of it."""
    last: dict[str, float | None] = {}
    for name, layers in run.metrics().items():
        if not layers:
            values = run.series(name)[1]
            if len(values):
                last[name] = finite(float(values[-1]))
    settings = {"origin": run.origin} if run.origin else {"config": run.config.model_dump()}
    found: Any = {
        **row(run, place),
        "verdict": verdict(run),
        **settings,
        "meta": run.meta,
        "corpus": {k: v for k, v in run.corpus.items() if k != "probe_tokens"},
        "last": last,
        "snapshots": run.snapshots.steps,
        "damaged_snapshots": run.snapshots.damaged,
        "holes": run.holes,
        "checkpoints": run.checkpoints,
        "bytes": sizes(run.path),
        "kept": RULES,
        "events": run.events,
    }
    answer: RunDetails = found
    return answer


def trained(run: Run) -> Trained:
    """A run that has just ended."""
    found = summary_of(run)
    return {
        "id": run.id,
        "name": run.name,
        "state": found.state,
        "step": found.step,
        "steps": found.steps,
        "loss": found.loss,
        "validation": found.validation,
        "message": found.message,
        "verdict": verdict(run),
    }


def planned(grid: Grid, plan: Plan, cost: Cost, key: str | None = None) -> GridPlanned:
    """A grid with its cells and what they need; `key` is its id where its runs were queued."""
    same = {id(cell): first for cell, first in plan.merged}
    return {
        "grid": key,
        "name": grid.name,
        "runs": len(plan.runs),
        "cost": {
            "seconds": cost.seconds,
            "bytes": cost.memory,
            "places": cost.places,
            "measured": cost.measured,
        },
        "cells": [
            {
                "values": cell.values,
                "run": None if cell.config is None else same.get(id(cell), cell).name,
                "reason": str(cell.reason),
                "brought": cell.brought,
            }
            for cell in plan.cells
        ],
    }


def grid_results(runs: Sequence[Run], axes: Sequence[str]) -> list[GridResult]:
    """What became of a grid's runs, in the order in which they were queued."""
    found: list[GridResult] = []
    for run in runs:
        flat, summary = run.config.flat(), summary_of(run)
        found.append(
            {
                "id": run.id,
                "values": {dotted: flat[dotted] for dotted in axes},
                "state": summary.state,
                "loss": summary.loss,
                "validation": summary.validation,
                "verdict": verdict(run),
            }
        )
    return found


def finite(value: Any) -> float | None:
    """The number, or None where JSON has none: it is not finite, or there is none."""
    return float(value) if value is not None and math.isfinite(value) else None
