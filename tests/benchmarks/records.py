"""Figures of earlier measurements, kept in assets/benchmarks, and what has fallen since.

Figures of another machine compare as ratios only: what is measured in seconds, bytes or tokens a
second is then left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "benchmarks"
PATTERN = "*-bench.json"
FALLEN = 0.1  # from this share on it is marked

Figures = Mapping[str, float]


class Record(NamedTuple):
    """What was measured, when and on what."""

    date: str
    about: dict[str, Any]  # hardware, torch, python, threads
    figures: dict[str, float]

    @property
    def file(self) -> str:
        """Its name in the folder."""
        return f"{self.date}-bench.json"


def of_bench(result: Mapping[str, Any]) -> Record:
    """The figures of an answer of ``python -m core bench --json``."""
    about = {name: result[name] for name in ("hardware", "device", "threads", "torch", "python")}
    figures = {
        "probes_over_no_probes": result["probes_over_no_probes"],
        **{
            name: result[name]
            for name in (
                *("speed_over_plain_loop", "compiled_over_eager"),
                *("speed_over_compiled_plain_loop", "matrix_bound"),
            )
            if result[name] is not None
        },
        **{f"against {pair}": ratio for pair, ratio in result.get("against", {}).items()},
        **{f"gain, {name}": ratio for name, ratio in result.get("at_once_gain", {}).items()},
        **{f"tokens/s, {name}": v for name, v in result["tokens_per_second"].items()},
        **{f"share of {name}": one["share"] for name, one in result["instruments"].items()},
    }
    if "first_point_seconds" in result:
        figures["first point, s"] = result["first_point_seconds"]
    return Record(result["date"], about, figures)


def newest(folder: Path = FOLDER) -> Record | None:
    """The last stored record."""
    files = sorted(folder.glob(PATTERN))
    if not files:
        return None
    return Record(**json.loads(files[-1].read_text(encoding="utf-8")))


def keep(record: Record, folder: Path = FOLDER) -> Path:
    """Store a record beside the others."""
    file = folder / record.file
    file.write_text(json.dumps(record._asdict(), indent=1) + "\n", encoding="utf-8")
    return file


def less_is_better(name: str) -> bool:
    """Whether a figure is a cost and not a speed."""
    costs = (", s", ", ms", ", bytes", ", MB", "first paint", "ms of the server")
    return name.startswith(("share of", "probes_over")) or any(word in name for word in costs)


def is_absolute(name: str) -> bool:
    """Whether a figure says something of its machine alone."""
    return name.startswith(("tokens/s", "alone,")) or (
        less_is_better(name) and not name.startswith(("share of", "probes_over"))
    )


def fallen(before: Record, now: Record) -> dict[str, float]:
    """Figures that are worse than before by more than a tenth, each with its change as a share."""
    same = before.about == now.about
    found = {}
    for name, value in now.figures.items():
        known = before.figures.get(name)
        if not known or (is_absolute(name) and not same):
            continue
        worse = value / known - 1 if less_is_better(name) else 1 - value / known
        if worse > FALLEN:
            found[name] = worse
    return found


def table(before: Record | None, now: Record) -> str:
    """Both beside each other; what fell is marked."""
    down = {} if before is None else fallen(before, now)
    lines = []
    for name, value in now.figures.items():
        known = None if before is None else before.figures.get(name)
        was = "" if known is None else f"{known:14,.3f}"
        mark = f"   {down[name]:.0%} worse than on {before.date}" if before and name in down else ""
        lines.append(f"  {name:40} {value:14,.3f} {was}{mark}")
    return "\n".join(lines)
