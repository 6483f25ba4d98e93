"""``python -m core runs``: list, show, fork, move, export, delete, restore, trash, pause,
resume, step, stop, switch."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from core.cli import export
from core.cli.options import (
    UsageError,
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
from core.files import together, usage
from core.jobs import control, delete, enqueue, move, revive
from core.jobs.elsewhere import LOCAL
from core.jobs.places import places
from core.language import Message, mark, reason, t
from core.marker_queue import WHERE
from core.memory import in_bytes
from core.programs.rows import details, row
from core.runs import Run, RunError, RunStore
from core.runs.status import COMMANDS, RESUMABLE, goes_on
from core.runs.trash import DAYS, Cleared, Deleted, counted
from core.shown import one_line, padded, printable_json


def add_parser(commands: Any) -> None:
    """``runs`` and its verbs."""
    parser = commands.add_parser(
        "runs", help=t("list, show, export, delete, restore and steer runs")
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, words in {
        "list": t("every run, oldest first, with its last training loss and its name"),
        "show": t("one run: settings, state, metrics, events"),
        "delete": t(
            "move a run that is not training to the trash, where it stays {days} days",
            days=DAYS,
        ),
        "restore": t("bring a run back from the trash"),
        "trash": t("what is in the trash, how large, and for how long"),
        "pause": t("pause after the current step"),
        "resume": t(
            "go on with a paused run, or from its newest checkpoint (from step 0 where"
            " it has none) with one that was stopped, was interrupted, failed or ran"
            " out of memory"
        ),
        "step": t("one step, then pause"),
        "stop": t("stop with a checkpoint"),
        "move": t("give a run that waits another place in the queue: move ID first|last|up|down"),
        "switch": t("change layers of a live run: switch ID '5: residual=off'"),
    }.items():
        one = verbs.add_parser(verb, help=words)
        if verb not in ("list", "trash"):
            one.add_argument("id", help=t("the run's id, or a part that only it has"))
        if verb == "move":
            one.add_argument("where", choices=WHERE, help=t("first is the next one that trains"))
        if verb == "switch":
            one.add_argument("change", help=t("layers, counted from 0, and what changes in them"))
        if verb == "delete":
            one.add_argument("--now", action="store_true", help=t("for good, past the trash"))
        if verb == "resume":
            add_on(one)
        if verb == "trash":
            one.add_argument("--empty", action="store_true", help=t("remove all of it for good"))
        one.add_argument("--json", action="store_true", help=t("as JSON"))
        add_store(one)
    one = verbs.add_parser("fork", help=t("queue a run that goes on from a checkpoint of another"))
    one.add_argument("id", help=t("the run's id, or a part that only it has"))
    one.add_argument(
        "--at", metavar="STEP", help=t(
"the checkpoint's step (default: the newest that leaves something to train)"
),
    )  # fmt: skip
    one.add_argument("--name", default="", help=t("what the new run is called"))
    add_priority(one, mark("it waits"))
    add_on(one)
    one.add_argument("--json", action="store_true", help=t("as JSON"))
    add_settings(one)
    add_store(one)
    parser.set_defaults(run=run)
    export.add_verb(verbs)


def run(options: argparse.Namespace) -> int:
    """Carry out one verb."""
    store = store_of(options)
    if options.verb == "list":
        _list(store, options.json)
        return 0
    if options.verb == "trash":
        return _trash(store, options)
    if options.verb == "restore":
        one = store.restore(_in_trash(store, options.id).key)
        _say(options, one, Message("restored"))
        return 0
    if options.verb == "fork":
        return _fork(store, options)
    one = find(store, options.id, damaged=options.verb == "delete")
    if options.verb == "show":
        place = places(store).get(one.id)
        print(printable_json(details(one, place), indent=1))
    elif options.verb == "delete":
        delete(store, one, now=options.now)
        how = Message("moved to the trash; `runs restore` undoes it")
        if options.now:
            how = Message("deleted for good")
        _say(options, one, Message("deleted") if options.json else how)
        _tell(store.trash.sweep())
    elif options.verb == "move":
        move(store, one, options.where)
        revive(store)
        place = places(store).get(one.id)
        done = Message("moved")
        if place is not None and not options.json:
            done = Message("now {place}", place=place.words)
        _say(options, one, done)
    elif options.verb in COMMANDS:
        before = one.record
        on = None
        if getattr(options, "on", None) is not None:
            on = on_of(options) or LOCAL
        control(store, one, options.verb, getattr(options, "change", ""), on)
        revive(store)
        sent = Message("{command} sent", command=Message(options.verb))
        if before.state in RESUMABLE and not options.json:  # resume, or step, which resumes too
            then = goes_on(one.resumes_at, before.step)
            sent = Message("{sent}; it {goes_on}", sent=sent, goes_on=then)
        _say(options, one, sent)
    return 0


def _fork(store: RunStore, options: argparse.Namespace) -> int:
    at = "" if options.at is None else f"@{options.at}"
    parent, priority = find(store, options.id).id, priority_of(options)
    start = fork_of(store, parent + at, getattr(options, "training.steps"))
    config = config_of(options, start)
    on = on_of(options) or LOCAL
    made = enqueue(store, config, options.name, fork=start, on=on, **priority)
    if options.json:
        about = {"id": made.id, "done": "queued", "fork": {"run": start.run, "step": start.step}}
        print(json.dumps(about))
    else:
        print(one_line(t("queued, it starts from {point}", point=start.words)), made.id, sep="\n")
    return 0


def _list(store: RunStore, as_json: bool) -> None:
    queue = places(store)
    rows = [row(r, queue.get(r.id)) for r in store.list()]
    if as_json:
        print(printable_json(rows, indent=1))
        for id, sentence in store.unreadable().items():
            print(one_line(f"{id}: {t(sentence)}"), file=sys.stderr)
        return
    for one in rows:
        more = []
        if one["damaged"]:
            more.append(t("damaged: {files}", files=", ".join(one["damaged"])))
        if one["queue"]:
            more.append(f"({t(one['queue']['words'])})")
        if one["host"]:
            more.append(t("on {host}", host=one_line(one["host"])))
        loss = "–" if one["loss"] is None else f"{one['loss']:.3f}"
        at = f"{one['step']:>8} / {one['steps']:<8} {t('loss')} {loss:<9}"
        id, name = one_line(one["id"]), one_line(one["name"])
        print("  ".join([f"{id:<60} {padded(t(one['state']), 12)} {at} {name}", *more]))
    for id, sentence in store.unreadable().items():
        print(f"{one_line(id):<60} {padded(t('unreadable'), 12)} {one_line(t(sentence))}")
    if not rows:
        print(t("no runs in {folder}; `train` makes one", folder=one_line(store.root)))


def _trash(store: RunStore, options: argparse.Namespace) -> int:
    """What is in the trash, after what is due was removed; with ``--empty`` all of it."""
    cleared = store.trash.sweep()
    found = store.trash.list()
    rows = [(deleted, deleted.size(), deleted.days_left()) for deleted in found]
    if options.empty:
        try:
            freed = store.trash.remove(found).bytes
        except OSError as error:
            raise RunError(
                Message("the trash can't be emptied: {why}", why=reason(error))
            ) from error
        if options.json:
            print(json.dumps({"removed": [d.id for d in found], "bytes": freed}))
        else:
            gone = counted(len(found))
            print(t("{runs} removed for good, {size}", runs=gone, size=in_bytes(freed)))
    elif options.json:
        told = [
            {"id": d.id, "name": d.name, "deleted": d.at, "days_left": days, "bytes": size}
            for d, size, days in rows
        ]
        print(printable_json(told, indent=1))
    else:
        for deleted, size, days in rows:
            left = t("{n} day left", "{n} days left", n=days)
            print(f"{one_line(deleted.id):<60} {in_bytes(size):>10}   {left}")
        total = in_bytes(together(usage(deleted.path) for deleted in found))
        if found:
            print(t("{runs}, {size}", runs=counted(len(found)), size=total))
        else:
            print(t("the trash is empty"))
    _tell(cleared)
    return 0


def _in_trash(store: RunStore, part: str) -> Deleted:
    """The deleted run with this id, or with this part of one. Raises UsageError."""
    found = store.trash.list()
    fitting = [d for d in found if part in (d.id, d.key)] or [d for d in found if part in d.id]
    if not fitting:
        raise UsageError(
            Message(
                "id: there is no run {part!r} in the trash; `runs trash` shows them",
                part=part,
            )
        )
    if len({deleted.id for deleted in fitting}) > 1:
        raise UsageError(
            Message(
                "id: {part!r} fits {n} deleted runs; give more of the id",
                part=part,
                n=len(fitting),
            )
        )
    return fitting[0]  # the last that was deleted


def _tell(cleared: Cleared) -> None:
    for sentence in cleared.sentences():
        print(one_line(t(sentence)), file=sys.stderr)


def _say(options: argparse.Namespace, run: Run, done: str) -> None:
    if options.json:
        print(json.dumps({"id": run.id, "done": done}))
    else:
        print(f"{one_line(run.id)}: {t(done)}")
