"""Tables and lists of runs: their colours, their words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd

from core.runs import Run
from core.runs.compare import Verdict
from dashboard.palette import DARK, LIGHT, Mode, run_colour

DEAD = ("plateau", "diverged", "failed")


def runs_table(table: pd.DataFrame, runs: Sequence[Run], dark: bool) -> Any:
    """The table with each run's dot in its colour and dead ends in the warning's."""
    mode: Mode = "dark" if dark else "light"
    warning = (DARK if dark else LIGHT)["warning_text"]

    def paint(row: pd.Series) -> list[str]:
        colours = {"": run_colour(_index(runs[int(str(row.name))]), mode)}
        if str(row["state"]).startswith(DEAD):
            colours["state"] = warning
        return [f"color: {colours[c]}" if c in colours else "" for c in row.index]

    return table.style.apply(paint, axis=1)


def verdict_list(verdicts: Sequence[tuple[Run, Verdict]]) -> str:
    """One sentence for each run, marked with its colour."""
    if not verdicts:
        return '<div class="card-below">Tick runs in the table.</div>'
    items = []
    for run, judged in verdicts:
        rest = judged.sentence.removeprefix(run.name)
        items.append(
            f'<li class="verdict {judged.kind}">{dot(run)}<b>{escape(run.name)}</b>'
            f"{escape(rest)}</li>"
        )
    return f'<ul class="verdicts">{"".join(items)}</ul>'


def difference_table(runs: Sequence[Run], rows: Sequence[tuple[str, Sequence[Any]]]) -> str:
    """Settings down, runs across."""
    head = "".join(
        f'<th style="color:{text_colour(run)}" title="{escape(run.name)}">{escape(run.name)}</th>'
        for run in runs
    )
    body = "".join(
        f"<tr><th>{escape(name)}</th>"
        + "".join(f"<td>{escape('–' if v in (None, '') else str(v))}</td>" for v in values)
        + "</tr>"
        for name, values in rows
    )
    return (
        f'<div class="scroll"><table class="differences"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def dot(run: Run) -> str:
    """A run's colour."""
    index = _index(run)
    light, dark = run_colour(index, "light"), run_colour(index, "dark")
    return f'<span class="dot" style="background:light-dark({light},{dark})"></span>'


def text_colour(run: Run) -> str:
    """A run's colour for text, in both modes."""
    index = _index(run)
    light, dark = run_colour(index, "light", text=True), run_colour(index, "dark", text=True)
    return f"light-dark({light},{dark})"


def _index(run: Run) -> int:
    colour = run.meta["colour"]
    return colour if isinstance(colour, int) else 0
