"""``python -m core train``: the engine of the dashboard with a progress bar."""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Any

from core.cli.options import (
    UsageError,
    add_fork,
    add_on,
    add_priority,
    add_settings,
    add_store,
    config_of,
    find,
    fork_of,
    on_of,
    priority_of,
    store_of,
)
from core.config import RunConfig, settings
from core.jobs.launcher import revive
from core.language import Message, joined, mark, t
from core.programs.rows import trained
from core.programs.training import followed, foreground, gone_on
from core.runs import Run, RunError, RunStore, Status
from core.runs.status import ENDED
from core.shown import one_line, printable_json
from core.trackers import KINDS, UnknownTrackerError, named
from core.trackers.chosen import VARIABLE
from core.training.seats import Seat, launch, seat
from core.verdicts.labels import STATE_LABELS

LOOKED_AT = 50  # newest runs, for the one that this call of torchrun began
LOST = ("interrupted", "failed", "out_of_memory")  # from which a restart goes on


def add_parser(commands: Any) -> None:
    """``train`` and its options."""
    parser = commands.add_parser("train", help=t("train a model, with a progress bar"))
    add_settings(parser)
    add_fork(parser, mark("go on"))
    add_store(parser)
    parser.add_argument(
        "--resume",
        metavar="RUN",
        help=t(
            "go on here with this run, from its newest checkpoint; --devices may be another number"
            " than before"
        ),
    )
    parser.add_argument("--name", default="", help=t("what the run is called"))
    add_priority(parser, mark("it trains at once; resumed later, it waits"))
    add_on(parser)
    parser.add_argument(
        "--log-to",
        metavar="TRACKERS",
        help=t(
            "send what is measured to other programs too: {known}, with commas (default:"
            " ADDNORM_LOG_TO)",
            known=", ".join(KINDS),
        ),
    )
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train in the foreground, or follow a run on a cluster; prints the run's id last. Ctrl-C stops
    it with a checkpoint.

    Under torchrun this process may be one of several that train the run together.
    """
    place = seat()
    if place is not None and place.rank > 0:
        from core.jobs.follower import follow

        return follow()
    store, priority = store_of(options), priority_of(options)
    try:
        if options.log_to is not None:
            os.environ[VARIABLE] = ",".join(named(options.log_to))
    except UnknownTrackerError as error:
        raise UsageError(joined([mark("log-to"), error.args[0]], ": ")) from error
    devices = _devices(options, place)
    if options.resume and options.on is not None:
        raise UsageError(
            Message("on: --resume goes on here; `runs resume RUN --on CLUSTER` does so elsewhere")
        )
    if options.resume:
        made, record = _resumed(store, options, devices)
    else:
        steps = getattr(options, "training.steps")
        fork = fork_of(store, options.fork, steps) if options.fork else None
        config = config_of(options, fork)
        if place is None and (on := on_of(options)):
            made, record = followed(store, config, options.name, fork, on=on, **priority)
            return _told(options, made, record)
        key = launch()
        earlier = _begun_by(store, key, config)
        if earlier is not None:
            made, record = earlier, earlier.record
            if record.state in ENDED and record.state not in LOST:
                from core.jobs.together import dismiss

                dismiss()
            else:
                made, record = gone_on(store, earlier, devices, begun=revive)
        else:
            about = {**priority, **({"launch": key} if key else {})}
            made, record = foreground(store, config, options.name, fork, begun=revive, **about)
    return _told(options, made, record)


def _told(options: argparse.Namespace, made: Run, record: Status) -> int:
    """Say how it ended; the exit status."""
    if record.state != "finished":
        words = record.message or _last_alarm(made) or Message("at step {step}", step=record.step)
        label = Message(STATE_LABELS[record.state].word)
        print(one_line(t("the run is {state}: {why}", state=label, why=words)), file=sys.stderr)
    print(printable_json(trained(made)) if options.json else made.id)
    return 1 if record.state in ("failed", "out_of_memory") else 0


def _devices(options: argparse.Namespace, place: Seat | None) -> int | None:
    """How many processes train it: those that torchrun started, or what was typed; else None.

    Raises UsageError where both say another number.
    """
    typed = getattr(options, "training.devices")
    if place is None:
        if options.resume and typed is not None and not re.fullmatch("[1-9][0-9]{0,3}", typed):
            raise UsageError(
                Message("training.devices: {text!r} is none; accepted: 1 to 1024", text=typed[:40])
            )
        return int(typed) if options.resume and typed is not None else None
    if typed is not None and typed != str(place.world):
        raise UsageError(
            Message(
                "training.devices: torchrun started {n} processes; accepted: {n}, or leave it out",
                n=place.world,
            )
        )
    setattr(options, "training.devices", str(place.world))
    return place.world


def _resumed(
    store: RunStore, options: argparse.Namespace, devices: int | None
) -> tuple[Run, Status]:
    refused = [n for n in settings() if n != "training.devices" and getattr(options, n) is not None]
    refused += [n for n in ("preset", "fork", "name") if getattr(options, n)]
    if refused:
        raise UsageError(
            Message(
                "resume: a run goes on with its own settings, without {names}; `--fork` starts one"
                " with others",
                names=", ".join(refused),
            )
        )
    return gone_on(store, find(store, options.resume, option="resume"), devices, begun=revive)


def _begun_by(store: RunStore, key: str, config: RunConfig) -> Run | None:
    """The run that this call of torchrun began before it restarted its processes."""
    if not key:
        return None
    runs = (run for _, run in zip(range(LOOKED_AT), store.newest(), strict=False))
    return next((one for one in runs if _is(one, key, config)), None)


def _is(run: Run, key: str, config: RunConfig) -> bool:
    try:
        before, now = run.config.flat(), config.flat()
        before["training.devices"] = now["training.devices"]  # a machine may have come or gone
        return run.meta.get("launch") == key and before == now
    except RunError:
        return False


def _last_alarm(run: Run) -> str:
    alarms = [e for e in run.events if e["kind"] == "alarm"]
    return alarms[-1]["text"] if alarms else ""
