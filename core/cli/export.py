"""``python -m core runs export``, ``export``, ``import``: runs to other programs and machines."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from core.cli.options import UsageError, add_store, find, store_of
from core.files import expanded
from core.language import Message, t
from core.runs import RunStore
from core.shown import one_line
from core.transfer.archive import is_zip
from core.transfer.importers import PROGRAMS, take_in
from core.transfer.tables import FORMATS, Format, export, import_runs

MODEL = "transformers"


def add_verb(verbs: Any) -> None:
    """``runs export``."""
    parser = verbs.add_parser(
        "export", help=t("write runs as CSV, Parquet, TensorBoard events, zip")
    )
    parser.add_argument("ids", nargs="+", metavar="ID", help=t("a run's id, or a part only it has"))
    parser.add_argument(
        "--format", required=True, choices=(*FORMATS, MODEL),
        help=t("what to write; transformers: one run, as a folder that the library loads"),
    )  # fmt: skip
    parser.add_argument(
        "--step", type=int, help=t("the checkpoint's step, for transformers (default: the last)")
    )
    parser.add_argument(
        "--to", required=True, metavar="PATH", help=t("a new folder; a file for zip, or with .zip")
    )
    parser.add_argument(
        "--metrics", nargs="+", metavar="NAME", help=t("only these (csv, parquet, tensorboard)")
    )
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    add_store(parser)
    parser.set_defaults(run=run_verb)


def add_parser(commands: Any) -> None:
    """``export``."""
    parser = commands.add_parser("export", help=t("runs as one zip that imports elsewhere"))
    parser.add_argument("ids", nargs="*", metavar="ID", help=t("which runs (default: all)"))
    parser.add_argument("--to", default="runs.zip", metavar="FILE", help=t("default: runs.zip"))
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    add_store(parser)
    parser.set_defaults(run=run_verb, format="zip", metrics=None)


def add_import(commands: Any) -> None:
    """``import``."""
    parser = commands.add_parser(
        "import", help=t("take in the runs of a zip, or those that another program kept")
    )
    parser.add_argument(
        "file",
        metavar="SOURCE",
        help=t(
            "what `export` wrote; or a file or folder of TensorBoard (events), W&B (.wandb, CSV),"
            " MLflow (mlruns, mlflow.db), trackio (.db) or Neptune's exporter (Parquet)"
        ),
    )
    parser.add_argument(
        "--from",
        dest="program",
        choices=PROGRAMS,
        help=t("which program kept it (default: as is told from what is there)"),
    )
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    add_store(parser)
    parser.set_defaults(run=run_import)


def run_verb(options: argparse.Namespace) -> int:
    """Write the runs that were named, or all of them."""
    # Not `store_of`: what leaves the runs folder is as open as the user's other files.
    store, form = RunStore(options.runs_dir), options.format
    if form == MODEL:
        return _export_model(store, options)
    assert form in FORMATS
    if form == "zip" and options.metrics:
        raise UsageError(Message(
"--metrics: a zip holds whole runs; accepted with csv, parquet, tensorboard"
))  # fmt: skip
    runs = [find(store, id) for id in dict.fromkeys(options.ids)] or store.list()
    if not runs:
        raise UsageError(
            Message("there are no runs in {folder}; `train` makes one", folder=store.root)
        )
    runs = list({run.id: run for run in runs}.values())
    kind: Format = form
    to = export(runs, kind, expanded(options.to), options.metrics)
    ids = [run.id for run in runs]
    if options.json:
        print(json.dumps({"to": str(to), "runs": ids}))
    else:
        print(t("{n} run: {file}", "{n} runs: {file}", n=len(ids), file=one_line(to)))
    return 0


def _export_model(store: RunStore, options: argparse.Namespace) -> int:
    if len(options.ids) > 1 or options.metrics:
        raise UsageError(
            Message("--format transformers: one run becomes one folder, without its metrics")
        )
    from core.pretrained.export import export as export_model

    run, to = find(store, options.ids[0]), expanded(options.to)
    family = export_model(run, to, options.step)
    if options.json:
        print(json.dumps({"to": str(to), "runs": [run.id], "architecture": family.architecture}))
    else:
        print(f"{family.architecture}: {one_line(to)}")
    return 0


def run_import(options: argparse.Namespace) -> int:
    """Take in what was named; prints the new runs' ids, and on standard error what was left out."""
    said: list[str] = []
    source = expanded(options.file)
    if options.program or source.is_dir() or not is_zip(source):
        runs = take_in(store_of(options), source, options.program or "", said.append)
    else:
        runs = import_runs(store_of(options), source, said.append)
    if options.json:
        print(json.dumps({"runs": [run.id for run in runs], "notes": said}))
        return 0
    for sentence in said:
        print(one_line(t(sentence)), file=sys.stderr)
    for run in runs:
        print(one_line(run.id))
    return 0
