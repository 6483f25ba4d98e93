"""The live parts of the pages: they pull from `/api` by themselves and never make the page rerun,
except once when a shown run changes its state.

`height` is that of the whole card in pixels, title and all; cards side by side take the same one.
`frame=False` leaves the card's border and ground to a container of the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.catalogue.summary import summary_of
from core.runs import Run, RunError
from core.runs.status import ENDED
from core.verdicts.labels import BAD_KINDS
from dashboard.catalogue import run_names
from dashboard.live.feed import store
from dashboard.ui import palette
from dashboard.ui.cost import step_work
from dashboard.web import assets

# Not isolated: plotly.js puts its rules into the document, a shadow root would not see them.
_LIVE = st.components.v2.component(
    "addnorm_live",
    js=assets.text("loader.js"),
    css=assets.text("css/live.css"),
    isolate_styles=False,
)


def nothing() -> None:
    """Asks Streamlit for the trigger's attribute on the result."""


def mount(
    view: str, key: str, height: int | None, data: Mapping[str, Any], **callbacks: Any
) -> Any:
    """Mount a view with its data; the result has an attribute for each of its states."""
    shared = {"hub": assets.hub_url(), "plotly": assets.plotly_url()}
    return _LIVE(
        key=key,
        data={
            "view": view,
            **shared,
            "palette": palette.for_browser(),
            "height": height,
            **data,
        },
        height=height or "content",
        on_state_change=nothing,
        **callbacks,
    )


def _mount(
    view: str,
    key: str,
    ids: Sequence[str] = (),
    height: int | None = None,
    groups: Mapping[str, str] | None = None,
    **data: Any,
) -> Any:
    """Mount one view; returns {"run", "state"} in the rerun that a state change asked for."""
    known: list[dict[str, Any]] = []
    for id in ids:
        try:
            group = (groups or {}).get(id)
            known.append(about(store().open(id), group=group, tokens=view == "attention"))
        except RunError:
            known.append({"id": id, "name": id, "colour": 0, "state": "gone"})
    result = mount(view, key, height, {"runs": known, **data})
    return result.state


def about(run: Run, *, group: str | None = None, tokens: bool = False) -> dict[str, Any]:
    """The facts of a run that a view shows and that do not change while it trains.

    Runs of one `group` are drawn as their mean with a band. `flops_per_step` is None until the run
    knows its alphabet; `tokens` adds the characters of the probe text.
    """
    meta, config = run.meta, run.config
    vocabulary = run.corpus.get("vocabulary")
    told: dict[str, Any] = {
        "id": run.id,
        "name": run_names.name_of(run),
        "label": run_names.label_of(run),
        "given": str(meta["name"]),
        "colour": meta["colour"],
        "state": run.status,
        "steps": config.training.steps,
        "detail": f"seed {config.training.seed}",
        "tokens_per_step": config.tokens_per_step,
        "layers": config.model.blocks,
        "unit": "images" if config.image else "tokens",
        "heads": config.model.heads,
        "flops_per_step": step_work(config, vocabulary) if isinstance(vocabulary, int) else None,
        "group": group,
    }
    if fork := run_names.forked(run):
        told["fork"] = fork
    if meta["twin_of"]:
        try:
            told["twin"] = run_names.name_of(store().open(str(meta["twin_of"])))
        except RunError:
            told["twin"] = "a deleted run"
    if tokens:
        told["tokens"] = list(str(run.corpus.get("probe_text", "")))[: config.probe_length]
    return told


def preload() -> None:
    """Load what live charts need before one is shown; every page calls it."""
    _mount("preload", "preload")


def topbar(key: str = "topbar") -> Any:
    """How many runs train, pause and wait, in small letters at the right."""
    return _mount("topbar", key)


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
    title: str | None = None,
    subtitle: str | None = None,
    frame: bool = True,
    follow: bool = False,
    groups: Mapping[str, str] | None = None,
) -> Any:
    """A metric through training. `x` is step, tokens, seconds or flops; `baseline` (label, value).

    `follow` draws the runs that the page's parts choose together (`hub.choose` in the browser);
    until the first choice `run_ids`. `groups` gives runs, by id, the name of their group.
    """
    return _mount(
        "curves",
        key,
        run_ids,
        height,
        groups=groups,
        follow=follow,
        metric=metric,
        x=x,
        log_x=log_x,
        log_y=log_y,
        smooth=smooth,
        baseline=list(baseline) if baseline else None,
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
) -> Any:
    """A per-layer metric as layer x step, log colour, layer 1 at the bottom."""
    return _mount(
        "map",
        key,
        [run_id],
        height,
        metric=metric,
        title=title,
        subtitle=subtitle,
        frame=frame,
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
) -> Any:
    """A per-layer metric against depth; the residual stream starts at the embedding.

    At its newest step, or with `cursor` at the step of the cursor that the page's parts share.
    `follow` draws the runs that they choose together, until then `run_ids`.
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
        start=start,
        title=title,
        subtitle=subtitle,
        frame=frame,
    )


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


def outcome(run_id: str) -> list[Any] | None:
    """Step, level and verdict of a run that has ended; None of one under way or gone."""
    try:
        run = store().open(run_id)
        found = summary_of(run)
    except RunError:
        return None
    if found.state not in ENDED:
        return None
    kind = found.verdict.kind
    level = "good" if kind == "learned" else "warning" if kind in BAD_KINDS else "note"
    said = found.verdict.sentence.removeprefix(run.name).lstrip(": ")
    return [found.step, level, said[:1].upper() + said[1:]]
