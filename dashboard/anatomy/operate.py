"""Operate: change parts of a trained network and read what it costs; lesions; paths."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from core.language import t
from core.palette import Mode
from core.runs import Run
from dashboard.address import page
from dashboard.address.param import Param
from dashboard.anatomy import asking, operations
from dashboard.anatomy.asking import done, standing
from dashboard.anatomy.choice import Choice, colour
from dashboard.anatomy.generate import beginning
from dashboard.catalogue.run_names import name_of
from dashboard.components import anatomy
from dashboard.figures import lesions as figures
from dashboard.notice import parts as notice
from dashboard.ui import cards

NAME = "anatomy_operations"
SECONDS = 30.0
LENGTH = 120


def section(choice: Choice, mode: Mode) -> None:
    """The network with its switches, then the sweep and the paths."""
    table(choice)
    lesion(choice, mode)
    paths(choice, mode)


def table(choice: Choice) -> None:
    """The drawing; what was turned stands in the address."""
    model = choice.run.model_at(choice.step)
    mine = _operations(choice)
    prompt = beginning(choice.run)
    asked = []
    for run, step in choice.shown:
        its = operations.fitting(mine, run.model_at(step))
        if len(its) == len(mine):
            asked.append(
                standing(run, "operate", step, operations=its, prompt=prompt, length=LENGTH)
            )
        else:
            cards.problem(
                t("{run} does not have all of these parts; it is left alone.", run=name_of(run))
            )
    anatomy.operate(
        [one for one in asked if one is not None], key="operate",
        network=operations.network(model), operations=mine,
        turn=int(st.session_state.get("anatomy_turn", 0)), act=turned,
        title=t("Press a part to operate on it"),
        subtitle=t(
            "{run} at step {step:,}, {n} layer", "{run} at step {step:,}, {n} layers",
            run=name_of(choice.run), step=choice.step, n=model.depth,
        ),
    )  # fmt: skip


def turned() -> None:
    """Take over what the drawing sent."""
    sent = st.session_state["operate"].operations
    if isinstance(sent, dict):
        st.session_state[NAME] = sent["operations"]
        st.session_state["anatomy_turn"] = sent["turn"]
        page.forgive(NAME)


def _operations(choice: Choice) -> list[operations.Operation]:
    """What is done now: by the drawing, or at first by the address."""
    model = choice.run.model_at(choice.step)
    nothing: list[operations.Operation] = []
    param = Param(NAME, nothing, lambda text: operations.from_text(text, model), operations.to_text)
    if NAME not in st.session_state:
        st.session_state[NAME] = page.read(param)[NAME]
    now = operations.fitting(st.session_state[NAME], model)
    st.session_state[NAME] = now
    page.write(param, now)
    return now


def lesion(choice: Choice, mode: Mode) -> None:
    """Every part taken out by itself, as one picture."""
    asked = asking.by_button(choice.shown, "lesion", seconds=SECONDS)
    if not asking.offered(
        asked, "lesion", t("Lesion sweep"),
        t("Each block, attention, feed-forward and head is taken out by itself, and neighbours are"
          " swapped; the picture shows what each costs in nats."),
        t("Take out every part"), t("at most {seconds:.0f} s a run", seconds=SECONDS),
    ):  # fmt: skip
        return
    answers = done(asked)
    columns = st.columns(len(answers), gap="small") if answers else []
    limit = max((_largest(i.arrays) for *_, i in answers), default=1.0)
    for place, (run, result, inspection) in zip(columns, answers, strict=True):
        with place:
            drawn = figures.lesion_map(inspection.arrays, mode, limit)
            before = result["before"]
            said = t(
                "Δloss in nats, from {loss:.3f} ± {error:.3f}; {n} windows",
                loss=before["nats"], error=before["error"], n=result["windows"],
            )  # fmt: skip
            if not result["complete"]:
                said = t("{said}, cut short by the time limit", said=said)
            anatomy.figure(
                drawn, key=f"fig_lesion_{run.id}",
                title=worst(result, name_of(run) if len(answers) > 1 else ""),
                subtitle=said,
                about=inspection.id, notice=notice.lesion(result).told(),
            )  # fmt: skip


def worst(result: dict[str, Any], name: str) -> str:
    """The part that costs most."""
    rows = [r for r in result["rows"] if r["delta"] is not None and r["group"] != "swap"]
    if not rows:
        return t("No part could be measured")
    most = max(rows, key=lambda row: row["delta"])
    at = {"layer": most["layer"] + 1}
    part = {
        "block": t("Block {layer}", **at),
        "attention": t("Attention of layer {layer}", **at),
        "feedforward": t("Feed-forward of layer {layer}", **at),
    }
    head = (most["head"] or 0) + 1
    values = {
        "part": part.get(most["group"]) or t("Head {head} of layer {layer}", head=head, **at),
        "cost": most["delta"],
    }
    if name:
        return t("{run}: {part} costs most: {cost:+.2f} nats", run=name, **values)
    return t("{part} costs most: {cost:+.2f} nats", **values)


def _largest(arrays: dict[str, Any]) -> float:
    found = np.concatenate([np.ravel(a).astype(float) for a in arrays.values()])
    found = np.abs(found[np.isfinite(found)])
    return float(found.max()) if len(found) else 1.0


def paths(choice: Choice, mode: Mode) -> None:
    """How long the ways are on which gradient and logit travel."""
    asked = asking.by_button(choice.shown, "paths")
    if not asking.offered(
        asked, "paths", t("Paths through the network"),
        t("A network with skips is a sum of paths that take the branch or the skip at every"
          " sublayer. The picture shows how much of the gradient and of the logit comes by paths of"
          " each length."),
        t("Follow the paths"), t("a few seconds"),
    ):  # fmt: skip
        return
    answers = done(asked)
    if not answers:
        return
    measured = [(name_of(run), colour(run), result) for run, result, _ in answers]
    about = " ".join(inspection.id for *_, inspection in answers)
    first = answers[0][1]
    left, right = st.columns(2, gap="small")
    with left:
        lengths = [f"{r['mean_length']:.1f}" for *_, r in measured]
        said = t("{first} and {last}", first=lengths[0], last=lengths[-1])
        anatomy.figure(
            figures.gradient_paths(measured, mode, 250), key="fig_paths", about=about,
            title=t(
                "The gradient passes {passed} of {all} branches on average",
                passed=said if len(lengths) > 1 else lengths[0], all=len(first["lengths"]) - 1,
            ),
            subtitle=t("share of the gradient by path length; dotted: of all paths"),
            notice=notice.gradient_paths(measured).told(),
        )  # fmt: skip
    with right:
        anatomy.figure(
            figures.logit_paths(measured, mode, 250), key="fig_logit", about=about,
            title=loudest(answers), subtitle=t(
                "share of the right logit by longest path; windows: {n}", n=first["windows"]
            ), notice=notice.logit_paths(measured).told(),
        )  # fmt: skip


def loudest(answers: list[tuple[Run, dict[str, Any], Any]]) -> str:
    """Which source contributes most to the right token's logit."""
    said = []
    for _, result, _ in answers:
        at = int(np.argmax(result["logit_share"]))
        said.append(
            f"{t(figures.source_name(result['sources'][at]))} {result['logit_share'][at]:.0%}"
        )
    if len(said) == 1:
        return t("Most of the logit comes from {source}", source=said[0])
    return t("Most of the logit: A {a}, B {b}", a=said[0], b=said[1])
