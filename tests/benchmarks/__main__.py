"""``python -m tests.benchmarks``: the budgets, each measured in this one run.

Timings on a shared machine are noisy, so these are figures to read and no tests: nothing fails.
"""

from __future__ import annotations

from core.__main__ import main as core
from tests.benchmarks import attention, compare, dashboard, two_at_once

BUDGETS = {
    "ratio": "two at once / best alone: at least 1.2",
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


def main() -> None:
    """Print every figure beside its budget."""
    print("the engine (probes at most 1.05 x, plain loop at least 1.0 x)")
    core(["bench"])
    for title, found in (
        ("two runs at once, tokens/s", two_at_once.measure()),
        ("the dashboard", dashboard.measure()),
        ("attention, 12 x 12 heads x 256 tokens", attention.measure()),
    ):
        print(f"\n{title}")
        for name, value in found.items():
            budget = f"   ({BUDGETS[name]})" if name in BUDGETS else ""
            print(f"  {name}: {value:,.2f}{budget}")
    print("\n250 runs in Compare, beside TensorBoard")
    print(compare.table(compare.measure()))


if __name__ == "__main__":
    main()
