"""Cells of "Which trained?" whose runs are live, judged by the one rule as they stand now."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request
from starlette.responses import Response

from core.catalogue.index import of_run
from core.catalogue.outcomes import Outcome, cell, outcome
from core.catalogue.summary import summary_of
from core.jobs.queue import run_queue
from core.language import t
from core.metrics.derived import bits
from core.runs import RunError
from core.verdicts.labels import LIVE
from dashboard.api.answers import BadRequestError, as_json, route, words
from dashboard.api.replies import Cell, Cells
from dashboard.live.feed import LOCK, feed, store

MOST_CELLS = 64
MOST_RUNS = 1000
LOSSES = ("loss/validation", "loss/train")


@route
def cells(request: Request) -> Response:
    """`?cells=id~id,id`: what each of these cells says, in their order; with `&in_bits=1` their
    losses in bits per byte.
    """
    in_bits = request.query_params.get("in_bits") == "1"
    asked = [word.split("~") for word in words(request, "cells")]
    if len(asked) > MOST_CELLS or sum(map(len, asked)) > MOST_RUNS:
        raise BadRequestError(
            f"{len(asked)} cells asked for; accepted: {MOST_CELLS} cells of {MOST_RUNS} runs"
        )
    held = set(run_queue(store()).held())
    found = [[one for id in ids if (one := _standing(id, id in held, in_bits))] for ids in asked]
    reply: Cells = {"cells": [cast(Cell, cell(runs).for_browser(t)) for runs in found]}
    return as_json(reply)


def _standing(id: str, held: bool, in_bits: bool) -> Outcome | None:
    """Where a run stands; None once it is deleted."""
    with LOCK:
        try:
            source = feed(id)
            run, record = source.run, source.run.record
            entry = of_run(run)
            size = entry.bytes_per_token if in_bits else None
            factor = bits(1.0, size) if size else 1.0
            if record.state not in LIVE:
                return outcome(summary_of(run), entry.experiment, factor)
            source.refresh(LOSSES)
            rows = [row for metric in LOSSES if (row := source.latest(metric))]
            state = "paused" if held and record.state == "queued" else record.state
            loss = float(rows[0][1]) * factor if rows else None
            first, key = run.first_step, entry.experiment
            return Outcome("live", state, record.step, record.steps, loss, key, first)
        except (RunError, OSError):
            return None
