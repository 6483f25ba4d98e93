"""The live parts of the pages: they pull from `/api` by themselves and never make the page rerun,
except once when a shown run changes its state.

`height` is that of the whole card in pixels, title and all; cards side by side take the same one.
`frame=False` leaves the card's border and ground to a container of the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.jobs import inspections
from core.language import LANGUAGES, t
from core.runs import Run, RunError
from dashboard.components.facts import about, outcome
from dashboard.components.onto_page import mount
from dashboard.live.feed import opened, store
from dashboard.ui import kept


def _mount(
    view: str,
    key: str,
    ids: Sequence[str] = (),
    height: int | None = None,
    groups: Mapping[str, str] | None = None,
    verdicts: Mapping[str, str] | None = None,
    **data: Any,
) -> Any:
    """Mount one view; returns {"run", "state"} in the rerun that a state change asked for."""
    known: list[dict[str, Any]] = []
    for id in ids:
        try:
            group = (groups or {}).get(id)
            told = about(opened(id), group=group, tokens=view == "attention")
            known.append(told | {"verdict": (verdicts or {}).get(id)})
        except RunError:
            known.append({"id": id, "name": id, "colour": 0, "state": "gone"})
    result = mount(view, key, height, {"runs": known, **data})
    return result.state


def preload() -> None:
    """Load what live charts need before one is shown; every page calls it."""
    _mount("preload", "preload")


def topbar(key: str = "topbar") -> Any:
    """How many runs train, pause and wait, in small letters at the right."""
    return _mount("topbar", key)


def language(key: str = "language") -> None:
    """The languages that are offered, each a link to this very page; nothing while it is one."""
    if len(LANGUAGES) > 1:
        with st.container(key=key):
            _mount("language", f"{key}_links", languages=LANGUAGES)


def newcomer(key: str, shown: str) -> Any:
    """Offer the tour of the Lab to who was never here, and keep which view of the switches is
    shown (`dashboard.ui.kept`).
    """
    return _mount("newcomer", key, view_cookie=kept.VIEW, tour_cookie=kept.TOUR, shown=shown)


def run_state(run_id: str, *, key: str, height: int | None = None, frame: bool = True) -> Any:
    """A run's name, state, step, loss, gradient norm, speed, time left and last message."""
    return _mount("state", key, [run_id], height, frame=frame)


def curves(
    run_ids: Sequence[str],
    *,
    key: str,
    metric: str = "loss/train",
    x: str = "step",
    log_x: bool = False,
    log_y: bool = False,
    smooth: float = 0.9,
    height: int = 300,
    baseline: tuple[str, float] | None = None,
    optimal: tuple[str, float] | None = None,
    title: str | None = None,
    subtitle: str | None = None,
    frame: bool = True,
    follow: bool = False,
    groups: Mapping[str, str] | None = None,
    unit: str | None = None,
    verdicts: Mapping[str, str] | None = None,
) -> Any:
    """A metric through training. `x` is step, tokens, seconds or flops.

    `baseline` (label, value) is a dotted line, `optimal` a dashed one.

    `follow` draws the runs that the page's parts choose together (`hub.choose` in the browser);
    until the first choice `run_ids`. `groups` gives runs, by id, the name of their group,
    `verdicts` the kind of their verdict. `unit` is what the metric is measured in here.
    """
    return _mount(
        "curves",
        key,
        run_ids,
        height,
        groups=groups,
        verdicts=verdicts,
        follow=follow,
        unit=unit,
        metric=metric,
        x=x,
        log_x=log_x,
        log_y=log_y,
        smooth=smooth,
        baseline=list(baseline) if baseline else None,
        optimal=list(optimal) if optimal else None,
        title=title,
        subtitle=subtitle,
        frame=frame,
    )


def difference(
    first: str,
    second: str,
    *,
    key: str,
    metric: str = "loss/train",
    x: str = "step",
    log_x: bool = False,
    smooth: float = 0.9,
    height: int = 180,
    title: str | None = None,
    subtitle: str | None = None,
    frame: bool = True,
    follow: bool = False,
) -> Any:
    """A metric of one run minus that of another at equal steps, around a line at zero.

    With `follow` its x is zoomed with the curves of the page, and it shows their cursor.
    """
    return _mount(
        "difference",
        key,
        [first, second],
        height,
        follow=follow,
        metric=metric,
        x=x,
        log_x=log_x,
        smooth=smooth,
        title=title,
        subtitle=subtitle,
        frame=frame,
    )


def layer_map(
    run_id: str,
    *,
    key: str,
    metric: str = "grad_norm/block",
    height: int = 300,
    title: str | None = None,
    subtitle: str | None = None,
    frame: bool = True,
    decades: tuple[int, int] | None = None,
) -> Any:
    """A per-layer metric as layer x step, log colour, layer 1 at the bottom.

    `decades`: powers of ten that the colours span; without them they follow the values.
    """
    return _mount(
        "map",
        key,
        [run_id],
        height,
        metric=metric,
        title=title,
        subtitle=subtitle,
        frame=frame,
        decades=decades,
    )


def depth_profile(
    run_ids: Sequence[str],
    *,
    key: str,
    metric: str = "activation/rms/resid_post",
    height: int = 300,
    title: str | None = None,
    subtitle: str | None = None,
    frame: bool = True,
    follow: bool = False,
    cursor: bool = False,
    at: int | None = None,
    beside: Run | None = None,
) -> Any:
    """A per-layer metric against depth; the residual stream starts at the embedding.

    At its newest step, at step `at`, or with `cursor` at that of the cursor which the page's parts
    share.
    `follow` draws the runs that they choose together, until then `run_ids`. `beside` is a
    pretrained model, measured now where nobody has; depth is a share then, if theirs differ.
    """
    start = metric.replace("resid_post", "embed") if metric.endswith("/resid_post") else None
    return _mount(
        "profile",
        key,
        run_ids,
        height,
        metric=metric,
        follow=follow,
        cursor=cursor,
        at=at,
        start=start,
        beside=_measured(beside) if beside else None,
        title=title,
        subtitle=subtitle,
        frame=frame,
    )


def _measured(run: Run) -> dict[str, Any]:
    """A run whose statistics by depth are asked for, and the question, or why there is none."""
    try:
        asked = inspections.ask(store(), run, "profile")
    except RunError as error:
        return {"run": about(run), "asked": None, "problem": t(error)}
    return {"run": about(run), "asked": asked.id, "problem": ""}


def activation_lines(
    run_id: str,
    *,
    key: str,
    statistic: str = "rms",
    observable: str = "resid_post",
    height: int = 300,
    title: str | None = None,
    subtitle: str | None = None,
    frame: bool = True,
) -> Any:
    """A statistic (rms mean std kurtosis max dead) of every layer's observable, a line a layer."""
    return _mount(
        "lines",
        key,
        [run_id],
        height,
        metric=f"activation/{statistic}/{observable}",
        title=title,
        subtitle=subtitle,
        frame=frame,
    )


def attention(
    run_id: str, *, key: str, height: int = 420, title: str | None = None, frame: bool = True
) -> Any:
    """Every head's attention over the probe text, one enlarged; follows the newest snapshot."""
    return _mount("attention", key, [run_id], height, title=title, frame=frame)


def happening(
    run_ids: Sequence[str],
    *,
    key: str,
    height: int | None = None,
    title: str | None = None,
    frame: bool = True,
) -> Any:
    """The verdicts on runs that ended, alarms newest first, each run's newest sample of text."""
    outcomes = {id: said for id in run_ids if (said := outcome(id)) is not None}
    return _mount("happening", key, run_ids, height, title=title, frame=frame, outcomes=outcomes)


def explained(notice: Mapping[str, Any], *, key: str, title: str = "") -> None:
    """ "What am I looking at?" of a card that is no live view, after its `title`.

    Without one it stands where the style sheet puts it.
    """
    _mount("explained", f"explained_{key}", notice=notice, title=title)
