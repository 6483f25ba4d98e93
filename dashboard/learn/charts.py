"""What a lesson's runs show while they train and after, in the lab's own charts."""

from __future__ import annotations

import streamlit as st

from core.catalogue.summary import summary_of
from core.language import t
from core.lessons.lesson import Chart
from dashboard import components
from dashboard.learn.model import Shown
from dashboard.ui import units
from dashboard.ui.markdown import literal
from dashboard.ui.templates import render

CHART, HEADS = 300, 360  # pixels


def see(shown: Shown) -> None:
    """3: the runs as they train, in the lab's own charts."""
    lesson = shown.lesson
    note = t("recorded") if shown.kept.recorded else ""
    st.html(render("learn/step", title=f"3 · {t('See')}", recorded=note))
    if not shown.kept.recorded:
        for (name, one), column in zip(
            shown.runs.items(), st.columns(len(shown.runs), gap="small"), strict=True
        ):
            with column:
                components.run_state(one.id, key=f"lesson_state_{name}", height=150)
    for place in range(0, len(lesson.charts), 2):
        pair = lesson.charts[place : place + 2]
        heads = any(chart.kind == "attention" for chart in pair)
        many = 2 if heads else len(pair)  # a few heads do not fill a whole row
        height = HEADS if heads else CHART
        for number, (chart, column) in enumerate(
            zip(pair, st.columns(many, gap="small"), strict=False)
        ):
            with column:
                _chart(shown, chart, f"chart_{lesson.id}_{place + number}", height)
    ids = [one.id for one in shown.runs.values()]
    own = shown.ended and not shown.kept.recorded and not shown.hides("lessons")
    if own and st.button(t("Open these runs in Compare"), key="lesson_compare"):
        st.switch_page("app_pages/compare.py", query_params={"compare_runs": ",".join(ids)})


def _chart(shown: Shown, chart: Chart, key: str, height: int) -> None:
    runs = [run for name, run in shown.runs.items() if not chart.runs or name in chart.runs]
    if not runs:
        return
    ids = [run.id for run in runs]
    title = t(chart.title) if chart.title else None
    below = t(chart.subtitle) if chart.subtitle else None
    match chart.kind:
        case "curves":
            components.curves(
                ids, key=key, metric=chart.metric, log_y=chart.log_y, height=height,
                baseline=_baseline(shown) if chart.baseline else None, title=title, subtitle=below,
            )  # fmt: skip
        case "profile":
            components.depth_profile(
                ids, key=key, metric=chart.metric, height=height, title=title, subtitle=below,
                at=chart.step,
            )  # fmt: skip
        case "map":
            components.layer_map(
                ids[0], key=key, metric=chart.metric, height=height, title=title, subtitle=below,
                decades=chart.decades,
            )  # fmt: skip
        case "lines":
            _, statistic, observable = chart.metric.split("/", 2)
            components.activation_lines(
                ids[0], key=key, statistic=statistic, observable=observable, height=height,
                title=title, subtitle=below,
            )  # fmt: skip
        case "attention":
            components.attention(ids[0], key=key, height=height, title=title)
            if below:  # beside the view's own title stands the moment that it shows
                st.caption(literal(below))


def _baseline(shown: Shown) -> tuple[str, float] | None:
    """The loss of a network that ignores its input, where all runs have the same."""
    runs = list(shown.runs.values())
    known = {summary_of(run).verdict.entropy for run in runs} - {None}
    level = known.pop() if len(known) == 1 else None
    return None if level is None else (units.baseline(runs), level)
