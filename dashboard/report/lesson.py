"""A lesson as one HTML file that opens anywhere, offline, and prints; the answer key at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from markupsafe import Markup

from core.config.command import command
from core.language import current, t
from core.lessons import Lesson
from core.lessons.result import Result
from core.runs import Run
from dashboard.figures.equation import equation
from dashboard.report.charts import Charts
from dashboard.report.page import css, versions
from dashboard.report.paper import difference_table, trained_table
from dashboard.report.series import groups
from dashboard.ui.templates import render
from dashboard.web import assets


@dataclass(frozen=True)
class Asked:
    """A question in words, the reader's answer and the right one; "" where there is none."""

    question: str
    options: Sequence[str]
    given: str
    right: str
    is_right: bool | None
    because: str


def lesson_page(
    lesson: Lesson,
    found: Result,
    asked: Sequence[Asked],
    predicted: int | None,
    runs: Mapping[str, Run],
    recorded: bool,
    now: float | None = None,
) -> str:
    """The page in the language that is spoken, with its charts and plotly.js inside."""
    labels = {run.id: t(lesson.run(name).title) for name, run in runs.items()}
    lines = groups(list(runs.values()), labels)
    charts = Charts(lines)
    drawn = charts.drawn()
    tables = count(1)
    blocks = [(labels[run.id], Markup(equation(run.config.model))) for run in runs.values()]
    html = render(
        "report/lesson",
        language=current(),
        lesson=lesson,
        css=css(),
        when=time.strftime("%Y-%m-%d %H:%M", time.localtime(now)),
        recorded=recorded,
        predicted=predicted,
        right=found.right(lesson.predict.options),
        blocks=blocks,
        trained=trained_table(lines, next(tables)),
        differences=difference_table(lines, next(tables)) if len(lines) > 1 else "",
        charts=drawn,
        paragraphs=[t(said) for said in found.paragraphs],
        asked=asked,
        commands=[(labels[run.id], command(run.config)) for run in runs.values()],
        versions=versions(),
        figures=charts.data(),
        plotly=Markup(assets.plotly().decode()),
        code=Markup(assets.text("report.js")),
    )
    return f"{html}\n"
