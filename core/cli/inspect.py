"""``python -m core inspect``: one question to a run's checkpoint, answered as JSON."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from core.anatomy import KINDS, Analysis
from core.anatomy.parameters import Parameters, accepted
from core.cli.help import RawHelpFormatter
from core.cli.options import UsageError, add_store, find, store_of
from core.jobs import inspections
from core.language import Message, t
from core.runs import Run, RunStore
from core.shown import printable_json


def add_parser(commands: Any) -> None:
    """``inspect`` and its options."""
    kinds = "\n".join(f"  {kind:<14}{row.about}" for kind, row in KINDS.items())
    parser = commands.add_parser(
        "inspect",
        help=t("look inside a run's checkpoint; prints JSON"),
        epilog=t(
            "kinds:\n{kinds}\n\n`inspect --help KIND` shows a kind's parameters.",
            kinds=kinds,
        ),
        formatter_class=RawHelpFormatter,
        add_help=False,
    )
    parser.add_argument("id", help=t("the run's id, or a part that only it has"))
    parser.add_argument("kind", metavar="KIND", help=t("what to ask; see below"))
    parser.add_argument(
        "parameters", nargs="*", metavar="name=value", help=t("value: text or JSON")
    )
    parser.add_argument(
        *("-h", "--help"),
        action=Help,
        nargs="?",
        metavar="KIND",
        help=t("help, of a kind too"),
    )
    parser.add_argument("--step", type=int, help=t("the checkpoint's step (default: the last)"))
    parser.add_argument("--json", action="store_true", help=t("refusals as JSON too"))
    add_store(parser)
    parser.set_defaults(run=run)


class Help(argparse.Action):
    """``--help`` alone, ``--help KIND`` or ``RUN KIND --help``."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: Any = None
    ) -> None:
        kind = values or getattr(namespace, "kind", None)
        if kind is None:
            parser.print_help()
        else:
            print(f"{kind}: {t(_row(kind).about)}\n\n{_shown(_row(kind).parameters)}")
        parser.exit()


def _row(kind: str) -> Analysis:
    if kind not in KINDS:
        raise UsageError(
            Message(
                "KIND: there is no {kind!r}; accepted: {known}",
                kind=kind,
                known=", ".join(KINDS),
            )
        )
    return KINDS[kind]


def _shown(parameters: type[Parameters]) -> str:
    """Every parameter with its words, its default and what is accepted."""
    lines = []
    for name in parameters.names():
        field = parameters.model_fields[name]
        default = json.dumps(field.default, ensure_ascii=False)
        about = t(field.description or "")
        range_ = t("Accepted: {accepted}.", accepted=accepted(field))
        lines.append(f"  {name}={default}\n      {about} {range_}")
    return "\n".join(lines)


def run(options: argparse.Namespace) -> int:
    """Print the answer's result, and the shapes of its arrays under ``arrays``.

    The answer is kept with the run, where the dashboard finds it too.
    """
    _row(options.kind)
    store = store_of(options)
    one = find(store, options.id)
    parameters = dict(_parameter(options.kind, text) for text in options.parameters)
    inspection = inspections.prepare(one, options.kind, options.step, parameters)
    record = inspection.record
    if record.state != "done":
        record = _answer(store, one, inspection)
    if record.state != "done":
        raise UsageError(record.message)
    shapes = {name: [str(a.dtype), *a.shape] for name, a in inspection.arrays.items()}
    print(printable_json({**inspection.result, "arrays": shapes}, indent=1))
    return 0


def _answer(store: RunStore, one: Run, inspection: inspections.Inspection) -> inspections.Record:
    """Have it answered in this process, or wait for the one that is at this very question."""
    from core.jobs.inspection_worker import Inspector

    lock = inspection.lock()
    while not lock.acquire():
        time.sleep(0.05)
    try:
        record = inspection.record
        return record if record.state == "done" else Inspector(store).answer(one, inspection)
    finally:
        lock.release()


def _parameter(kind: str, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(Message("{text}: write it as name=value", text=text))
    field = KINDS[kind].parameters.model_fields.get(name)
    if field is not None and field.annotation is str:
        return name, value
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # refused by the parameter's own check
