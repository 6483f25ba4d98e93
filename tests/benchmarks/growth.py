"""How cost grows: of a step with network and batch, of the pages with runs and their length.

``python -m tests.benchmarks.growth [PART ...] [--into FOLDER]``; the parts are `depth`, `width`,
`context`, `batch`, `runs` and `steps`. Each writes its rows into FOLDER/DATE-growth-cpu.json beside
those of the parts that were measured before on that day, and the table of all into the same name
with .md. The exponent p of cost ~ size^p is that between the two largest sizes, where it counts.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core.config import RunConfig
from core.estimate import flops_per_token, needed_bytes
from core.jobs.admission import letters
from core.runs import RunStore
from tests.benchmarks.many import copies
from tests.benchmarks.memory import SHORT, peak
from tests.fake_runs import Faker, config
from tests.many_runs import make

Row = dict[str, Any]
BASE = {
    **{"model.depth": 4, "model.width": 128, "model.heads": 4, "model.context": 64},
    **{"training.batch_size": 8, "training.device": "cpu", "training.threads": 1},
    **{"training.evaluate_every": 0, "training.checkpoint_every": 0, "probes.budget": 0},
}
SIZES: dict[str, tuple[str, tuple[int, ...]]] = {
    "depth": ("model.depth", (2, 4, 8, 16, 32)),
    "width": ("model.width", (32, 64, 128, 256, 512)),
    "context": ("model.context", (32, 64, 128, 256, 512)),
    "batch": ("training.batch_size", (2, 4, 8, 16, 32)),
}
RUNS = (10, 100, 1_000, 10_000)
STEPS = (10**3, 10**4, 10**5, 10**6, 10**7)
BLOCK = 10**5  # rows that are written at once
SECONDS = 3.0  # that one size's steps are measured for, at most


def engine(name: str) -> Iterator[Row]:
    """Step time, its operations by the estimate, and memory, with one setting at rising sizes."""
    setting, sizes = SIZES[name]
    configs = [RunConfig.from_flat({**BASE, setting: size}) for size in sizes]
    short = [RunConfig.from_flat({**one.flat(), **SHORT}) for one in configs]
    # All before the first step is timed here: a copy of this process begins with what it holds.
    peaks = [peak(one) for one in short]
    for size, chosen, one, most in zip(sizes, configs, short, peaks, strict=True):
        words = letters(chosen) or 0
        flops = flops_per_token(chosen.model, words) * chosen.tokens_per_step
        seconds = step_seconds(chosen)
        yield {
            "size": size,
            "ms a step": 1e3 * seconds,
            "GFLOP a step": flops / 1e9,
            "GFLOP/s": flops / seconds / 1e9,
            "peak memory, MB": most / 1e6,
            "memory estimate, MB": needed_bytes(one, words) / 1e6,
        }


def step_seconds(chosen: RunConfig) -> float:
    """The median seconds of a step, probes at their interval."""
    from core.training.control import NullControl
    from core.training.trainer import Trainer

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(RunStore(folder).create(chosen), NullControl())
        for _ in range(3):
            trainer.advance()
        times: list[float] = []
        while len(times) < 5 or (sum(times) < SECONDS and len(times) < 60):
            began = time.perf_counter()
            trainer.advance()
            times.append(time.perf_counter() - began)
        trainer.flush()
        trainer.log.close()
    return statistics.median(times)


def of_runs(name: str) -> Iterator[Row]:
    """Listing folders of so many runs: by a process that knows none, one that does, and a tick."""
    from core.catalogue import index
    from dashboard.live.feed import feed

    with tempfile.TemporaryDirectory() as folder:
        first = RunStore(Path(folder) / "first")
        make(first, 10, 400, layers=4)
        index.entries(first)  # what is imported for the first of all is paid for here
        for count in RUNS:
            store = RunStore(Path(folder) / str(count))
            copies(first, store, count)
            one = took(lambda store=store: index.entries(store))  # type: ignore[misc]
            again = took(lambda store=store: index.entries(store), 5)  # type: ignore[misc]
            ids = store.names()[:10]
            for id in ids:
                tick(feed(id, store), "")
            live = took(lambda store=store, ids=ids: [tick(feed(i, store), "") for i in ids], 20)  # type: ignore[misc]
            yield {
                "size": count,
                "ms first listing": 1e3 * one,
                "ms listing again": 1e3 * again,
                "ms a tick of 10": 1e3 * live,
            }
            shutil.rmtree(store.root)


def of_steps(name: str) -> Iterator[Row]:
    """Opening the chart of a run of so many steps, and a tick while it grows by one row."""
    from dashboard.live.feed import Feed

    for count in STEPS:
        with tempfile.TemporaryDirectory() as folder:
            run = RunStore(folder).create(config("long", count, model__depth=4))
            faker = Faker(run)
            faker.start()
            for start in range(0, count, BLOCK):
                faker.writers["step"].write(rows(start, min(start + BLOCK, count)))
            found = Feed(run)
            opened = took(lambda found=found: tick(found, ""))  # type: ignore[misc]
            cursor = tick(found, "")
            grown = []
            for step in range(count, count + 20):
                faker.writers["step"].write(rows(step, step + 1))
                began = time.perf_counter()
                cursor = tick(found, cursor)
                grown.append(time.perf_counter() - began)
            series = took(lambda run=run: run.series("loss/train", 1000))  # type: ignore[misc]
            faker.close()
        yield {
            "size": count,
            "ms to open": 1e3 * opened,
            "ms a tick": 1e3 * statistics.median(grown),
            "ms run.series, 1,000 points": 1e3 * series,
        }


def rows(start: int, end: int) -> dict[str, np.ndarray]:
    """Rows of these steps with a loss and a gradient norm of four layers."""
    steps = np.arange(start, end)
    loss = (2 + 2 * np.exp(-steps / 1e4)).astype(np.float32)
    return {
        "step": steps,
        "seconds": steps * 0.01,
        "loss/train": loss,
        "grad_norm/block": np.repeat(loss[:, None], 4, 1),
    }


def tick(found: Any, cursor: str) -> str:
    """What a chart of the loss asks for; the place up to which it then knows it."""
    found.refresh(["loss/train"])
    news = found.news("loss/train", cursor, 1000)
    return str(news.cursor) if news is not None else ""


def took(work: Callable[[], object], times: int = 1) -> float:
    """The median seconds of so many calls."""
    measured = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        measured.append(time.perf_counter() - began)
    return statistics.median(measured)


PARTS: dict[str, Callable[[str], Iterator[Row]]] = {
    **dict.fromkeys(SIZES, engine),
    "runs": of_runs,
    "steps": of_steps,
}


def exponents(found: list[Row]) -> Row:
    """p of cost ~ size^p between the two largest sizes, by column."""
    if len(found) < 2:
        return {}
    small, large = found[-2:]
    ratio = math.log(large["size"] / small["size"])
    return {
        column: math.log(large[column] / small[column]) / ratio
        for column in large
        if column != "size" and min(large[column], small[column]) > 0
    }


def table(measured: dict[str, list[Row]]) -> str:
    """All parts as Markdown, each with a last row of exponents."""
    lines = ["# How cost grows", ""]
    for part, found in measured.items():
        columns = list(found[0])
        lines += [f"## {part}", "", "| " + " | ".join([part, *columns[1:]]) + " |"]
        lines.append("|" + "--:|" * len(columns))
        for row in found:
            lines.append(
                "| "
                + " | ".join([f"{row['size']:,}", *(f"{row[c]:,.3g}" for c in columns[1:])])
                + " |"
            )
        grown = exponents(found)
        lines.append(
            "| exponent | "
            + " | ".join(f"{grown.get(c, math.nan):.2f}" for c in columns[1:])
            + " |"
        )
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Measure the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--into", type=Path, default=Path("assets/benchmarks"))
    chosen = parser.parse_args()
    wrong = [name for name in chosen.parts if name not in PARTS]
    if wrong:
        parser.error(f"{wrong[0]} is no part; accepted: {', '.join(PARTS)}")
    if set(chosen.parts or PARTS) & set(SIZES):
        from core.jobs.execute_run import warm

        warm()
    path = chosen.into / f"{datetime.now(UTC):%Y-%m-%d}-growth-cpu.json"
    measured: dict[str, list[Row]] = json.loads(path.read_text()) if path.exists() else {}
    chosen.into.mkdir(parents=True, exist_ok=True)
    for name in chosen.parts or PARTS:
        measured[name] = []
        for row in PARTS[name](name):
            measured[name].append(row)
            told = (f"{column} {value:,.4g}" for column, value in row.items())
            print(name, *told, sep="  ", flush=True)
            path.write_text(json.dumps(measured, indent=1) + "\n")
            path.with_suffix(".md").write_text(table(measured))
    print(table(measured))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
