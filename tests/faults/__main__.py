"""`make faults`: the whole campaign. Prints what was lost and how to try it again.

With `--write` the table is kept in `assets/benchmarks` and stands in README. `--first 100` leaves
out the first hundred of the cases and adds the others to what was kept of this seed today, so that
a long campaign can be run in pieces.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # conftest, as pytest has it

from tests.faults import campaign  # noqa: E402
from tests.faults.case import Case  # noqa: E402

RECORDS = ROOT / "assets" / "benchmarks"
CASES = 400
PLACE = re.compile(r"(<!-- faults -->\n).*?(<!-- /faults -->)", re.DOTALL)


def main() -> int:
    """Exit status 1 where anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--first", type=int, default=0, help="the first of them that is tried")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="a part of the fault's name")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    chosen = campaign.sample(10**6 if asked.only else asked.cases, asked.seed)
    chosen = [one for one in chosen if asked.only in f"{one[0].fault}: {one[0].what}"]
    chosen = chosen[asked.first : asked.cases]
    began, outcomes = time.monotonic(), []
    for outcome in campaign.run(chosen, asked.workers):
        outcomes.append(outcome)
        if outcome.lost:
            print(f"LOST {outcome.case.fault}: {outcome.case.what}: {outcome.lost}", flush=True)
    minutes = (time.monotonic() - began) / 60
    told = campaign.table(outcomes)
    print(told)
    print(f"{len(outcomes)} cases in {minutes:.1f} minutes, seed {asked.seed}")
    slow = sorted(outcomes, key=lambda o: -o.seconds)[:5]
    print("slowest: " + ", ".join(f"{o.case.fault} ({o.seconds:.0f} s)" for o in slow))
    if asked.write:
        _keep(outcomes, minutes, asked.seed, asked.first)
    return int(any(outcome.lost for outcome in outcomes))


def _earlier(seed: int, path: Path) -> tuple[list[campaign.Outcome], float]:
    """What was kept of the pieces before, and the minutes that they took."""
    found = json.loads(path.read_text())
    if found["seed"] != seed:
        raise SystemExit(f"{path.name} is of seed {found['seed']}; begin with --first 0")
    known = [
        campaign.Outcome(Case(row["fault"], row["what"], _nothing), **{
            name: row[name] for name in ("seed", "lost", "skipped")
        })
        for row in found["outcomes"]
    ]  # fmt: skip
    return known, found["minutes"]


def _nothing(*_: object) -> None:
    """What a case does that was tried before."""


def _keep(outcomes: list[campaign.Outcome], minutes: float, seed: int, first: int) -> None:
    import pyarrow
    import torch

    today = datetime.date.today().isoformat()
    if first:
        before, earlier = _earlier(seed, RECORDS / f"{today}-faults.json")
        outcomes, minutes = [*before, *outcomes], minutes + earlier
    about = {
        "date": today,
        "seed": seed,
        "cases": len(outcomes),
        "minutes": round(minutes, 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pyarrow": pyarrow.__version__,
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
    }
    rows = [
        {"fault": o.case.fault, "what": o.case.what, "seed": o.seed, "lost": o.lost,
         "skipped": o.skipped}
        for o in outcomes
    ]  # fmt: skip
    text = json.dumps({**about, "outcomes": rows}, indent=1) + "\n"
    (RECORDS / f"{today}-faults.json").write_text(text)
    said = ", ".join(f"{name} {value}" for name, value in about.items())
    (RECORDS / f"{today}-faults.md").write_text(
        f"# Faults\n\n{said}\n\n{campaign.table(outcomes)}\n"
    )
    short = campaign.table(outcomes, short=True)
    few = f", the first {len(outcomes)} of {CASES} cases" if len(outcomes) < CASES else ""
    when = f"{today}, seed {seed}{few}, {minutes:.1f} minutes"
    short += f"\n\n({when}; all of it in `assets/benchmarks`)"
    readme = ROOT / "README.md"
    readme.write_text(PLACE.sub(lambda m: f"{m[1]}{short}\n{m[2]}", readme.read_text()))


if __name__ == "__main__":
    sys.exit(main())
