"""``python -m tests.science.presets``: does every preset and sweep show what its words say?

Each preset with the seeds 0 to 2 and each cell of every sweep with the same, trained on one thread
as the lab would, without what only watches. What is judged is the gap of the last 50 steps: the
mean of loss - unigram loss of that very batch, so that no luck with the batches enters. The
answers are kept in a file as they come (``--keep``), so that an interrupted round goes on.

tests/science/test_presets.py holds what decides each claim in a few minutes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from core import grids, presets
from core.config import RunConfig
from core.evidence.measure.trained import UNWATCHED, gap
from core.runs import RunStore
from core.training.control import NullControl
from core.training.trainer import Trainer

SEEDS = (0, 1, 2)
SLOW = ("nanogpt-gpu",)  # hours on a processor


class Outcome(NamedTuple):
    """How a run ended: nats below the unigram loss of its last batches, validation loss, time."""

    gap: float
    validation: float
    seconds: float

    @property
    def word(self) -> str:
        """The three states that a claim can speak of."""
        return "learned" if self.gap < -0.3 else "dead" if self.gap > -0.1 else "between"


class Row(NamedTuple):
    """One network of a preset or a sweep, seed aside."""

    source: str
    name: str
    config: RunConfig


def changed(config: RunConfig, **changes: object) -> RunConfig:
    """The config without what only watches; dots of the names as double underscores."""
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return RunConfig.from_flat({**config.flat(), **UNWATCHED, "training.device": "cpu", **dotted})


def one_thread() -> None:
    """As a worker trains: one thread, and subnormals as zeros, which a dying network is full of."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def outcome(config: RunConfig) -> Outcome:
    """Train it to its end."""
    with tempfile.TemporaryDirectory() as folder:
        run = RunStore(folder).create(config)
        started = time.perf_counter()
        Trainer(run, NullControl()).train()
        seconds = time.perf_counter() - started
        validation = run.series("loss/validation")[1]
        return Outcome(gap(run), float(validation[-1]), seconds)


def rows() -> Iterator[Row]:
    """Every network that a preset or a sweep trains."""
    for name in presets.names():
        if name not in SLOW:
            yield Row(f"preset {name}", "", presets.load(name).config)
    # Depths that the summaries of mlp-digits and resnet-digits speak of.
    for preset, setting, values in (
        ("mlp-digits", "model.depth", (1, 2, 8)),
        ("resnet-digits", "model.blocks_per_stage", (1, 2)),
    ):
        for twin in (preset, f"{preset}-plain"):
            base = presets.load(twin).config.flat()
            for value in values:
                config = RunConfig.from_flat({**base, setting: value})
                yield Row(f"preset {twin}", f"{setting.partition('.')[2]} {value}", config)
    for name in grids.examples():
        grid = grids.load(name)
        axes = {axis: values for axis, values in grid.axes.items() if axis != grids.SEED}
        for cell in grids.grid(name, grid.base, axes).plan().runs:
            assert cell.config is not None
            yield Row(f"sweep {name}", cell.name, cell.config)


def measured(keep: Path, seeds: tuple[int, ...], only: str = "") -> dict[tuple[str, str], list]:
    """The outcomes of each row by seed, those of the file and new ones."""
    known = {}
    if keep.exists():
        for line in keep.read_text("utf-8").splitlines():
            key, values = json.loads(line)
            known[key] = Outcome(*values)
    found: dict[tuple[str, str], list] = {}
    for seed in seeds:
        for row in rows():
            if only not in f"{row.source} {row.name}":
                continue
            config = changed(row.config, training__seed=seed)
            key = config.model_copy(update={"name": ""}).model_dump_json()
            if key not in known:
                known[key] = outcome(config)
                with keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([key, known[key]]) + "\n")
                gap, validation, seconds = known[key]
                print(
                    f"{row.source} {row.name} seed {seed}: {gap:+.3f} {validation:.3f}"
                    f" {seconds:.0f} s",
                    flush=True,
                )
            found.setdefault((row.source, row.name), []).append(known[key])
    return found


def table(found: dict[tuple[str, str], list]) -> str:
    """Markdown: gap of each seed, validation losses, and the word for it."""
    lines = ["| of | network | gap, by seed | validation, by seed | |", "|---|---|---|---|---|"]
    for (source, name), outcomes in found.items():
        gaps = " ".join(f"{o.gap:+.2f}" for o in outcomes)
        losses = " ".join(f"{o.validation:.2f}" for o in outcomes)
        words = ", ".join(dict.fromkeys(o.word for o in outcomes))
        lines.append(f"| {source} | {name} | {gaps} | {losses} | {words} |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, default=Path("presets.jsonl"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--only", default="", help="a part of 'preset NAME' or 'sweep NAME CELL'")
    options = parser.parse_args()
    one_thread()
    print(table(measured(options.keep, tuple(options.seeds), options.only)))


if __name__ == "__main__":
    main()
