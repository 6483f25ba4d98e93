"""``python -m core train``: the engine of the dashboard with a progress bar."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import Any

from tqdm import tqdm

from core.cli.options import (
    UsageError,
    add_fork,
    add_priority,
    add_settings,
    add_store,
    config_of,
    fork_of,
    priority_of,
    store_of,
)
from core.data import corpora
from core.data.downloads import CorpusError
from core.jobs import admission
from core.jobs.launcher import revive
from core.jobs.slots import Slot
from core.language import Message, mark, t
from core.machine import DeviceKind
from core.metrics.reader import Reader, Segments
from core.runs import Run, Status
from core.shown import one_line
from core.verdicts.labels import STATE_LABELS


def add_parser(commands: Any) -> None:
    """``train`` and its options."""
    parser = commands.add_parser("train", help=t("train a model here, with a progress bar"))
    add_settings(parser)
    add_fork(parser, mark("go on"))
    add_store(parser)
    parser.add_argument("--name", default="", help=t("what the run is called"))
    add_priority(parser, mark("it trains at once; resumed later, it waits"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train in the foreground; prints the run's id last. Ctrl-C stops with a checkpoint."""
    store, priority = store_of(options), priority_of(options)
    steps = getattr(options, "training.steps")
    fork = fork_of(store, options.fork, steps) if options.fork else None
    config = config_of(options, fork)
    # Before a run exists, so that a wrong path leaves nothing behind.
    try:
        corpora.load_corpus(config)
    except CorpusError as error:
        raise UsageError(
            Message(
                "data.{setting}: {why}",
                setting="path" if config.data.path else "corpus",
                why=error,
            )
        ) from error
    from core.jobs.execute_run import FileControl, work
    from core.training.devices import choose_device

    kind: DeviceKind = "cuda" if choose_device(config).type == "cuda" else "cpu"
    if sentence := admission.refused(config, kind, waits=False):
        raise UsageError(sentence)
    made = store.create(config, options.name, fork, **priority)
    lock, slot = made.lock(), Slot(kind, admission.needed(config, kind))
    lock.acquire()
    slot.enter(wait=False)  # in the foreground somebody waits for it
    revive(store)
    control = FileControl(made, slot)

    def stop(signum: int, frame: object) -> None:
        control.stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        with Bar(made) as bar:
            state = work(made, control, bar.show)
    finally:
        slot.leave()
        lock.release()
    record = made.record
    if record.state != state and bar.status is not None:  # which couldn't be written down
        record = bar.status
    if state != "finished":
        words = record.message or _last_alarm(made) or Message("at step {step}", step=record.step)
        label = Message(STATE_LABELS[state].word)
        print(one_line(t("the run is {state}: {why}", state=label, why=words)), file=sys.stderr)
    print(made.id)
    return 1 if state in ("failed", "out_of_memory") else 0


def _last_alarm(run: Run) -> str:
    alarms = [e for e in run.events if e["kind"] == "alarm"]
    return alarms[-1]["text"] if alarms else ""


class Bar:
    """The progress of a run on standard error."""

    def __init__(self, run: Run) -> None:
        segments = Segments(run.path / "metrics")
        self._readers = {
            mark("loss"): Reader(segments, "step", ["loss/train"]),
            mark("validation"): Reader(segments, "evaluation", ["loss/validation"]),
        }
        self.status: Status | None = None  # the last that was told
        self._words: dict[str, str] = {}
        self._bar = tqdm(
            total=run.config.training.steps,
            initial=run.first_step,
            unit=t("step"),
            desc=one_line(run.name),
            mininterval=0.5,
        )

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, status: Status) -> None:
        """Follow the run's state."""
        self.status = status
        self._bar.update(status.step - self._bar.n)
        for word, reader in self._readers.items():
            rows = reader.read()
            if rows is not None and len(rows.steps):
                self._words[word] = f"{rows.columns[reader.names[0]][-1]:.3f}"
        if status.tokens_per_second:
            self._words["tokens/s"] = f"{status.tokens_per_second:,.0f}"
        self._bar.set_postfix(
            {t(name): text for name, text in self._words.items()}, refresh=False
        )  # the bar has a rhythm of its own
