"""``python -m core runs``: list, show, export, delete, pause, resume, step, stop, switch."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

from core.cli import export
from core.cli.options import add_store, find, store_of
from core.jobs import control, revive
from core.runs import Run, RunStore
from core.runs.status import COMMANDS


def add_parser(commands: Any) -> None:
    """``runs`` and its verbs."""
    parser = commands.add_parser("runs", help="list, show, export, delete and steer runs")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, words in {
        "list": "every run, oldest first",
        "show": "one run: settings, state, metrics, events",
        "delete": "remove a run that is not training",
        "pause": "pause after the current step",
        "resume": "continue a paused, interrupted, stopped or failed run",
        "step": "one step, then pause",
        "stop": "stop with a checkpoint",
        "switch": "change layers of a live run: switch ID '5: residual=off'",
    }.items():
        one = verbs.add_parser(verb, help=words)
        if verb != "list":
            one.add_argument("id", help="the run's id, or a part that only it has")
        if verb == "switch":
            one.add_argument("change", help="layers, counted from 0, and what changes in them")
        one.add_argument("--json", action="store_true", help="as JSON")
        add_store(one)
    parser.set_defaults(run=run)
    export.add_verb(verbs)


def run(options: argparse.Namespace) -> int:
    """Carry out one verb."""
    store = store_of(options)
    if options.verb == "list":
        _list(store, options.json)
        return 0
    one = find(store, options.id)
    if options.verb == "show":
        print(json.dumps(_details(one), ensure_ascii=False, indent=1))
    elif options.verb == "delete":
        store.delete(one.id)
        _say(options, one, "deleted")
    elif options.verb in COMMANDS:
        control(store, one, options.verb, getattr(options, "change", ""))
        revive(store)
        _say(options, one, f"{options.verb} sent")
    return 0


def _summary(run: Run) -> dict[str, Any]:
    record = run.record
    return {
        "id": run.id,
        "name": run.name,
        "state": record.state,
        "step": record.step,
        "steps": run.config.training.steps,
        "message": record.message,
    }


def _details(run: Run) -> dict[str, Any]:
    last = {}
    for name, layers in run.metrics().items():
        if not layers:
            values = run.series(name)[1]
            if len(values):
                # JSON has no NaN; null says that there is no number.
                last[name] = float(values[-1]) if math.isfinite(values[-1]) else None
    return {
        **_summary(run),
        "config": run.config.model_dump(),
        "meta": run.meta,
        "corpus": {k: v for k, v in run.corpus.items() if k != "probe_tokens"},
        "last": last,
        "snapshots": run.snapshots.steps,
        "checkpoints": run.checkpoints,
        "events": run.events,
    }


def _list(store: RunStore, as_json: bool) -> None:
    rows = [_summary(r) for r in store.list()]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        print(f"{row['id']:<60} {row['state']:<12} {row['step']:>8} / {row['steps']}")
    for id, sentence in store.unreadable().items():
        print(f"{id:<60} unreadable   {sentence}")
    if not rows:
        print(f"no runs in {store.root}; `train` makes one")


def _say(options: argparse.Namespace, run: Run, done: str) -> None:
    print(json.dumps({"id": run.id, "done": done}) if options.json else f"{run.id}: {done}")
