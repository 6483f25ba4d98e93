"""The parts of the Anatomy page that live in the browser: questions on their way, text token by
token, the lens, the network with its switches, and figures that keep their zoom.

A part asks for one rerun when a question ends; Cancel and Ask again go through callbacks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from core.jobs.inspections import Inspection, ask, find
from core.runs import Run, RunError, RunStore
from dashboard.catalogue import run_names
from dashboard.components.onto_page import mount, nothing
from dashboard.live.feed import store

HEAD = 56  # pixels of a card's border, padding and title


def _mount(
    view: str, key: str, height: int | None = None,
    acts: dict[str, Callable[[], None]] | None = None, **data: Any,
) -> Any:  # fmt: skip
    """Mount one view; `acts` are called when the view asks for them, by trigger."""
    callbacks = {f"on_{name}_change": act for name, act in (acts or {}).items()}
    return mount(view, key, height, data, **callbacks)


def _following(key: str, asked: Sequence[tuple[Inspection, Run]]) -> dict[str, Any]:
    """What every view that follows questions has in common."""
    return {
        "acts": {
            "news": nothing,
            "cancel": lambda: _cancel(st.session_state[key].cancel),
            "again": lambda: _again(st.session_state[key].again),
        },
        "asked": [about(inspection, run) for inspection, run in asked],
    }


def about(inspection: Inspection, run: Run) -> dict[str, Any]:
    """The facts that a view shows of a question and of the run that it is put to."""
    return {
        "run": inspection.run,
        "id": inspection.id,
        "state": inspection.state,
        "step": inspection.step,
        "name": run_names.name_of(run),
        "colour": run.meta["colour"],
    }


def _cancel(asked: dict[str, str] | None) -> None:
    inspection = _found(asked)
    if inspection is not None:
        inspection.cancel()


def _again(asked: dict[str, str] | None) -> None:
    inspection = _found(asked)
    if inspection is not None:
        again(store(), inspection)


def again(runs: RunStore, inspection: Inspection) -> None:
    """Put a question anew that was cancelled or failed."""
    try:
        ask(
            runs, runs.open(inspection.run), inspection.kind, inspection.step,
            **inspection.parameters,
        )  # fmt: skip
    except RunError:
        return  # the page says why when it looks


def _found(asked: dict[str, str] | None) -> Inspection | None:
    try:
        return find(store().open(asked["run"]), asked["id"]) if asked else None
    except RunError:
        return None


def progress(
    asked: Sequence[tuple[Inspection, Run]], *, key: str, height: int | None = None,
    label: str = "", partial: bool = False,
) -> None:  # fmt: skip
    """Where questions stand, with Cancel. With `height` a skeleton keeps the answer's place.

    `partial` asks for a rerun also when a level of an answer is streamed.
    """
    shared = _following(key, asked)
    if label:
        for one in shared["asked"]:
            one["label"] = label if len(asked) == 1 else f"{one['name']}, {label}"
    _mount("inspection", key, height, skeleton=height is not None, partial=partial, **shared)


def figure(
    drawn: Any, *, key: str, title: str, subtitle: str = "", about: str = "", label: str = "",
    notice: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """A Plotly figure in a card. Zoom and camera stay as long as `about` does.

    `label` says to those who can't see it what the picture shows; the title where it is empty.
    `notice` is what there is to see in it, as `dashboard.notice` tells it.
    """
    shown = json.loads(drawn.to_json())
    _mount(
        "figure",
        key,
        int(shown["layout"]["height"]) + HEAD,
        frame=True,
        figure=shown,
        title=title,
        subtitle=subtitle,
        about=about or key,
        label=label,
        notice=notice,
        revision=hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16],
    )


def tokens(asked: Sequence[tuple[Inspection, Run]], *, key: str, prompt: str, title: str) -> None:
    """Text as it is written, each token in the colour of its probability; runs side by side."""
    _mount("tokens", key, frame=True, prompt=prompt, title=title, **_following(key, asked))


def lens(
    asked: Sequence[tuple[Inspection, Run]], *, key: str, by: str, rows: Sequence[int], title: str,
    subtitle: str,
) -> None:  # fmt: skip
    """The next token that every layer predicts at every token; runs side by side.

    `by` colours a cell by the probability of the `right` token or of the `top` one; `rows` are how
    many each run's table will have.
    """
    _mount(
        "lens", key, frame=True, by=by, rows=list(rows), title=title, subtitle=subtitle,
        **_following(key, asked),
    )  # fmt: skip


def block(
    asked: Sequence[tuple[Inspection, Run]], *, key: str, lanes: Sequence[dict[str, Any]],
    rows: Sequence[Sequence[int | None]], title: str, subtitle: str,
) -> None:  # fmt: skip
    """The matrices of one layer, one step at a time.

    `lanes` are two wirings' steps, and `rows` which of them stand side by side. The questions give
    the numbers of the first lane and, if there are two, of the second.
    """
    _mount(
        "block", key, frame=True, lanes=list(lanes), rows=[list(row) for row in rows], title=title,
        subtitle=subtitle, **_following(key, asked),
    )  # fmt: skip


def operate(
    asked: Sequence[tuple[Inspection, Run]], *, key: str, network: dict[str, Any],
    operations: Sequence[dict[str, Any]], turn: int, act: Callable[[], None], title: str,
    subtitle: str, problem: str = "",
) -> None:  # fmt: skip
    """The network with a switch at every part, and what its operations cost.

    `act` is called when a part was turned; the view's state holds `turn` and `operations` then.
    """
    shared = _following(key, asked)
    shared["acts"]["operations"] = act
    _mount(
        "operate", key, None, frame=True, network=network, operations=list(operations), turn=turn,
        title=title, subtitle=subtitle, problem=problem, **shared,
    )  # fmt: skip
