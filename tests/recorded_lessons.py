"""``python -m tests.recorded_lessons``: the lessons' runs as they ship, trained anew.

Each lesson's runs are trained as the lab would, one thread each, into ``--folder``, and what the
lesson then says is printed: facts, outcome, explanation, right answers. Runs with the same settings
that are there already are not trained again. With ``--record`` what the lesson shows of them is
written to `assets/lessons/recorded`; ``--set optimizer.warmup_steps=50`` chooses a control's value,
``--seed 1`` another seed, to see whether a lesson holds there. ``--digests`` judges recorded runs
anew where the rules of verdicts have changed.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from core.catalogue.summary import keep
from core.config import RunConfig
from core.files import write_json
from core.lessons import Lesson, lessons
from core.lessons.formulas import Formula
from core.lessons.recorded import FOLDER, id_of
from core.lessons.recorded import store as recorded_runs
from core.lessons.result import Result, result
from core.metrics.segment import CADENCES, file_name
from core.metrics.writer import SeriesWriter
from core.runs import Run, RunStore
from core.training.control import NullControl
from core.training.trainer import Trainer

# What is shown of every run, whatever its charts are.
ALWAYS = (
    *("loss/train", "loss/unigram", "loss/validation", "grad_norm/total", "learning_rate"),
    *("seconds", "activation/rms/embed"),
)
OF_THE_MACHINE = ("pid", "oom_kills")  # what a status says of where it was written
SNAPSHOTS = 8  # of those that a run took, the last among them


def trained(store: RunStore, config: RunConfig, name: str) -> Run:
    """The run of these settings in the folder, trained now where there is none."""
    for run in store.list():
        if run.config.flat() == config.flat() and run.status in ("finished", "diverged"):
            return run
    run = store.create(config, name)
    print(f"training {name} ...", flush=True)
    Trainer(run, NullControl()).train()
    return run


def train(lesson: Lesson, store: RunStore, chosen: Mapping[str, Any], seed: int | None) -> Result:
    """Train what a lesson trains; what it says of the runs."""
    runs = {}
    for planned in lesson.runs:
        flat = lesson.config(planned.name, chosen).flat()
        if seed is not None:
            flat["training.seed"] = seed
        runs[planned.name] = trained(store, RunConfig.from_flat(flat), planned.title)
    return result(lesson, runs)


def tell(found: Result) -> None:
    """Print what a lesson says."""
    lesson = found.lesson
    print(f"\n== {lesson.id}: {lesson.title}")
    for planned in lesson.runs:
        run = found.names[planned.name]
        seconds = run.series("seconds")[1][-1]
        print(f"   {planned.name}: {run.status}, {seconds:.0f} s, {run.path}")
    for name in lesson.facts:
        print(f"   {name} = {found.facts.get(name, 'NOT KNOWN')}")
    print(f"   outcome: {found.outcome.kind}")
    for said in found.paragraphs:
        print(f"     {said}")
    place = found.right(lesson.predict.options)
    right = "NONE" if place is None else lesson.predict.options[place].text
    print(f"   prediction: {right}")
    for one in lesson.ask:
        place = found.right(one.options) if one.options else None
        answer = found.answer(one) if one.answer else place
        shown = one.options[place].text if place is not None else answer
        print(f"   question: {one.question}\n     right: {shown}; {found.said(one.because)}")


# Recording


def record(found: Result) -> None:
    """Write what a lesson shows of its runs into the folder that ships."""
    for colour, planned in enumerate(found.lesson.runs):
        to = FOLDER / id_of(found.lesson.id, planned.name)
        shutil.rmtree(to, ignore_errors=True)
        _copy(found.lesson, found.names[planned.name], to)
        about = {"schema": 1, "name": planned.title, "colour": colour, "recorded": True}
        write_json(to / "meta.json", about)
        keep(Run(to))
        size = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
        print(f"recorded {to.name}: {size / 1e3:.0f} kB")


def _copy(lesson: Lesson, run: Run, to: Path) -> None:
    (to / "metrics").mkdir(parents=True)
    for name in ("config.json", "corpus.json", "tokenizer.json", "events.jsonl"):
        if (run.path / name).exists():  # images have no tokenizer
            shutil.copyfile(run.path / name, to / name)
    status = json.loads((run.path / "status.json").read_text("utf-8"))
    write_json(to / "status.json", {k: v for k, v in status.items() if k not in OF_THE_MACHINE})
    wanted = shown(lesson)
    for cadence in CADENCES:
        kept = [name for name in run.cadence_metrics(cadence) if name in wanted]
        rows = run.rows(cadence, ["seconds", *kept])
        if len(rows.steps):
            writer = SeriesWriter(to / "metrics", cadence, 0)
            writer.write({"step": rows.steps, **rows.columns})
            assert (to / "metrics" / file_name(cadence, 0)).exists()
            writer.close()
    steps = run.snapshots.steps if attends(lesson) else []
    if steps:
        (to / "snapshots").mkdir()
        every = max(1, -(-(len(steps) - 1) // (SNAPSHOTS - 1)))
        for step in sorted({*steps[::every], steps[-1]}):
            shutil.copyfile(
                run.snapshots.path(step), to / "snapshots" / run.snapshots.path(step).name
            )


def shown(lesson: Lesson) -> set[str]:
    """The metrics that a lesson's charts and formulas name."""
    found = {*ALWAYS, *(chart.metric for chart in lesson.charts)}
    for text in lesson.facts.values():
        words = (
            node.value for node in ast.walk(Formula(text).tree) if isinstance(node, ast.Constant)
        )
        found |= {word for word in words if isinstance(word, str)}
    return found


def attends(lesson: Lesson) -> bool:
    """Whether a lesson looks at attention."""
    heads = any("head_" in text for text in lesson.facts.values())
    return heads or any(chart.kind == "attention" for chart in lesson.charts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("lessons", nargs="*", help="their ids; all, where none is named")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/lesson-runs"))
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--digests", action="store_true", help="only judge recorded runs anew")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE")
    given = parser.parse_args()
    if given.digests:
        for run in recorded_runs().list():
            keep(run)
        return
    chosen = dict(one.split("=", 1) for one in given.set)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    store = RunStore(given.folder)
    for id in given.lessons or lessons():
        found = train(lessons()[id], store, chosen, given.seed)
        tell(found)
        if given.record:
            record(found)


if __name__ == "__main__":
    main()
