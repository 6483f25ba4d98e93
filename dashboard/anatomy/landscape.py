"""Landscape: the loss around a checkpoint, on a line, over a plane, or along the training path."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.jobs.inspections import Inspection
from core.language import Message, mark, t
from core.palette import Mode
from core.runs import Run
from dashboard.address.widgets import number, segments, several, slider
from dashboard.anatomy import asking
from dashboard.anatomy.asking import Asked
from dashboard.anatomy.choice import Choice, cannot, colour
from dashboard.catalogue.run_names import name_of
from dashboard.components import anatomy
from dashboard.figures import landscape as figures
from dashboard.live.feed import store
from dashboard.notice import landscape as notice
from dashboard.ui import cards
from dashboard.ui.cost import in_time

VIEWS = {
    "landscape1d": mark("Line"),
    "landscape2d": mark("Plane"),
    "trajectory": mark("Path of training"),
}
LOOKS = {"contour": mark("Contour"), "surface": mark("Surface")}
HEIGHT = 430
MOST = 4  # more runs on one scale
WHAT = {
    "landscape1d": mark(
        "The loss along a random direction through the checkpoint, scaled to the lengths"
        " of its filters; several runs stand on one scale."
    ),
    "landscape2d": mark(
        "The loss over a plane of two random directions through the checkpoint, scaled"
        " to the lengths of its filters."
    ),
    "trajectory": mark(
        "The plane in which the checkpoints moved most (PCA), the loss over it, and the"
        " path of training."
    ),
}


def section(choice: Choice, mode: Mode) -> None:
    """The controls, and the picture as fine as it is by now."""
    with cards.card("terrain", horizontal=True, gap="small", vertical_alignment="top"):
        kind = segments("anatomy_view", t("Where"), {name: t(word) for name, word in VIEWS.items()})
        look = "contour"
        if kind != "landscape1d":
            look = segments(
                "anatomy_look", t("Drawn as"), {name: t(word) for name, word in LOOKS.items()}
            )
        seconds = slider(
            "anatomy_seconds", t("Time for the grid, seconds"), 20, 5, 300, step=5, width=200
        )
        parameters: dict[str, Any] = {"seconds": float(seconds)}
        if kind != "trajectory":
            parameters["radius"] = number(
                "anatomy_radius", t("Radius"), 1.0, 0.05, 10.0, step=0.25, width=110
            )
            parameters["seed"] = number("anatomy_directions", t("Seed"), 0, 0, 2**31 - 1, width=110)
            parameters["others"] = _others(choice)
    asked = ask(choice, kind, parameters)
    if all(asked):
        _latest(asked, choice, kind, look, mode)


def _others(choice: Choice) -> list[str]:
    """More runs on the same scale; run B unless told otherwise."""
    fitting = {
        run.id: name_of(run)
        for run in reversed(store().list())
        if run.id != choice.run.id and not cannot(run)
    }
    if not fitting:
        return []
    default = [run.id for run, _ in choice.shown[1:]]
    return several(
        "anatomy_others", t("With"), list(fitting), default, max_selections=MOST, width=300,
        format_func=lambda id: fitting.get(id, id), placeholder=t("no other run"),
    )  # fmt: skip


def ask(choice: Choice, kind: str, parameters: dict[str, Any]) -> list[Asked | None]:
    """The question as it stands, with its button; a path is asked of each run by itself."""
    shown = choice.shown if kind == "trajectory" else choice.shown[:1]
    asked = asking.by_button(shown, kind, **parameters)
    runs = len(shown) if kind == "trajectory" else 1 + len(parameters["others"])
    waiting = asking.open_questions(asked)
    with st.container(key="slot_climb"):  # always there, so that the picture keeps its zoom
        if all(asked) and not waiting:
            return asked
        with cards.card("climb"):
            if not all(asked):
                cards.empty(t(VIEWS[kind]), t(WHAT[kind]))
                spent = in_time(parameters["seconds"] * (runs if kind == "trajectory" else 1))
                asking.button(kind, t("Measure"), t("about {time}", time=t(spent)), primary=True)
            if waiting:
                anatomy.progress(waiting, key="asked_climb", label=t(VIEWS[kind]), partial=True)
    return asked


def _latest(asked: list[Asked | None], choice: Choice, kind: str, look: str, mode: Mode) -> None:
    """The answers, or the finest level that was streamed so far."""
    found = [(run, inspection, latest(inspection)) for inspection, run in filter(None, asked)]
    answers = [(run, inspection, result) for run, inspection, result in found if result]
    if not answers:
        return
    if kind == "landscape1d":
        line(answers[0][1], answers[0][2], mode)
    elif kind == "landscape2d":
        planes(answers[0][1], answers[0][2], look, mode)
    else:
        trails(answers, look, mode)


def latest(inspection: Inspection) -> dict[str, Any]:
    """The answer, or the part that has been streamed so far."""
    if inspection.state == "done":
        return inspection.result
    levels = inspection.stream()
    return levels[-1] if levels else {}


def line(inspection: Inspection, result: dict[str, Any], mode: Mode) -> None:
    """One curve for each run."""
    runs = result["runs"]
    drawn = figures.curves(
        runs, result["a"], mode, HEIGHT, [r["name"] for r in runs], _colours(runs),
        (result["low"], result["high"]),
    )  # fmt: skip
    anatomy.figure(
        drawn,
        key="fig_line",
        title=walls(runs),
        subtitle=t(Message.restored(result.get("said"), result["sentence"])),
        about=inspection.id,
        notice=notice.line(runs).told(),
    )


def planes(inspection: Inspection, result: dict[str, Any], look: str, mode: Mode) -> None:
    """One plane for each run, all on one scale."""
    runs, limits = result["runs"], (result["low"], result["high"])
    colours = _colours(runs)
    for start in range(0, len(runs), 3):
        some = runs[start : start + 3]
        for place, run, own in zip(
            st.columns(len(some), gap="small"), some, colours[start:], strict=False
        ):
            with place:
                if look == "surface":
                    drawn = figures.surface(
                        run["loss"], result["a"], result["b"], mode, HEIGHT, limits
                    )
                else:
                    drawn = figures.contour(
                        run["loss"], result["a"], result["b"], mode, HEIGHT, limits
                    )
                    figures.add_centre(drawn, run["centre"], own, mode)
                anatomy.figure(
                    drawn, key=f"fig_{look}_{run['run']}", title=basin(run),
                    subtitle=t(Message.restored(result.get("said"), result["sentence"])),
                    about=inspection.id,
                    notice=notice.plane(run).told(),
                )  # fmt: skip


def trails(answers: list[tuple[Run, Inspection, dict[str, Any]]], look: str, mode: Mode) -> None:
    """The path of training over the plane in which it moved most."""
    low = min(result["low"] for *_, result in answers)
    high = max(result["high"] for *_, result in answers)
    for place, (run, inspection, result) in zip(
        st.columns(len(answers), gap="small"), answers, strict=True
    ):
        with place:
            share = [f"{v:.0%}" for v in result["explained"]]
            axes = (
                t("first component, {share}", share=share[0]),
                t("second component, {share}", share=share[1]),
            )
            draw = figures.surface if look == "surface" else figures.contour
            drawn = draw(result["loss"], result["a"], result["b"], mode, HEIGHT, (low, high), axes)
            figures.add_path(
                drawn, result["path"], result["steps"], result["path_loss"], colour(run), mode,
                (low, high) if look == "surface" else None,
            )  # fmt: skip
            anatomy.figure(
                drawn, key=f"fig_trail_{look}_{run.id}", title=descent(name_of(run), result),
                subtitle=t(Message.restored(result.get("said"), result["sentence"])),
                    about=inspection.id,
                notice=notice.trail(name_of(run), result).told(),
            )  # fmt: skip


def walls(runs: list[dict[str, Any]]) -> str:
    """How far the loss rises from the checkpoint to the ends of the line."""
    said = []
    for run in runs:
        ends = [v for v in (run["loss"][0], run["loss"][-1]) if v is not None]
        rise = f"+{max(ends) - run['centre']:.3g}" if ends else t("not finite")
        said.append(f"{run['name']} {rise}")
    return t("Nats to the higher end: {runs}", runs=", ".join(said))


def basin(run: dict[str, Any]) -> str:
    """How deep the checkpoint lies below the rest of the plane."""
    values = sorted(v for row in run["loss"] for v in row if v is not None)
    middle = values[len(values) // 2] if values else run["centre"]
    said = t(
        "{run}: {loss:.3g} nats, {deep:.3g} below the median",
        run=run["name"],
        loss=run["centre"],
        deep=middle - run["centre"],
    )
    if run["not_finite"]:
        said = t("{said}, {n} points not finite", said=said, n=run["not_finite"])
    return said


def descent(name: str, result: dict[str, Any]) -> str:
    """From which loss to which the path went."""
    first, last = result["path_loss"][0], result["path_loss"][-1]
    ends = [f"{v:.3g}" if v is not None else t("not finite") for v in (first, last)]
    steps = result["steps"]
    return t(
        "{run}: {first} → {last} nats, steps {begin:,} to {end:,}",
        run=name,
        first=ends[0],
        last=ends[1],
        begin=steps[0],
        end=steps[-1],
    )


def _colours(runs: list[dict[str, Any]]) -> list[int]:
    known = {run.id: colour(run) for run in store().list()}
    return [known.get(run["run"], 0) for run in runs]
