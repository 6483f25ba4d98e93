"""``python -m tests.benchmarks``: the budgets, each measured in this one run.

Timings on a shared machine are noisy, so these are figures to read and no tests: nothing fails.
Each is compared with the last stored record; ``--record`` stores this one. ``--against FOLDER`` has
a checkout of nanoGPT take turns with the engine; ``--engine`` measures the engine alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from core.cli.bench import words
from tests.benchmarks import attention, compare, dashboard, records

BUDGETS = {
    "first paint, s": "at most 1.5",
    dashboard.TRAIN_SHOWN: "at most 2",
    "click on Train to the first point, s": "at most 1.5",
    "a live tick of 10 runs, ms of the server's processor": "at most 15",
    "a live tick of 10 runs, bytes": "at most 5,000",
    "memory of the server, MB": "at most 300",
    "attention: navigation to the first picture, ms": "at most 1,000",
    "attention: scrub to a far step, ms": "at most 150",
    "attention: scrub to the next step, ms": "at most 150",
}


def engine(against: str | None) -> records.Record:
    """What ``python -m core bench`` says, printed."""
    print(
        "the engine (probes at most 1.05 x, plain loop at least 1.0 x, two at once at least 1.3 x)"
    )
    command = [sys.executable, "-m", "core", "bench", "--json", "--at-once", "2,4", "--first-point"]
    command += ["--against", against] if against else []
    answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    print(words(answer))
    return records.of_bench(answer)


def pages() -> dict[str, float]:
    """The figures of the dashboard, printed beside their budgets."""
    figures = {}
    for title, found in (
        ("the dashboard", dashboard.measure()),
        ("attention, 12 x 12 heads x 256 tokens", attention.measure()),
    ):
        print(f"\n{title}")
        for name, value in found.items():
            budget = f"   ({BUDGETS[name]})" if name in BUDGETS else ""
            print(f"  {name}: {value:,.2f}{budget}")
            figures[name] = float(value)
    print("\n250 runs in Compare, beside TensorBoard")
    print(compare.table(compare.measure()))
    return figures


def main() -> None:
    """Print every figure beside its budget and beside the last record."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--against", metavar="FOLDER", help="a checkout of nanoGPT")
    parser.add_argument("--engine", action="store_true", help="leave the pages out")
    parser.add_argument("--record", action="store_true", help="store what was measured")
    options = parser.parse_args()
    measured = engine(options.against)
    if not options.engine:
        measured.figures.update(pages())
    before = records.newest()
    print("\nbeside the last record" + (f", of {before.date}" if before else ": there is none"))
    print(records.table(before, measured))
    if options.record:
        print(f"stored in {records.keep(measured)}")


if __name__ == "__main__":
    main()
