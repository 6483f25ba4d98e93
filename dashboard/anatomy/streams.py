"""Streams: what happens to the residual stream on its way up, of one run or of two."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from core.jobs.inspections import Inspection
from core.language import t
from core.palette import Mode
from core.runs import Run
from core.verdicts import rules
from dashboard.anatomy.asking import done, standing, wait
from dashboard.anatomy.choice import Choice, colour
from dashboard.catalogue.run_names import name_of
from dashboard.components import anatomy, explained
from dashboard.figures import streams as figures
from dashboard.notice import streams as notice
from dashboard.notice.notice import Notice
from dashboard.ui import cards
from dashboard.ui.templates import render

HEIGHT = 236
MAP = 360
Answered = tuple[Run, dict[str, Any], Inspection]


def section(choice: Choice, mode: Mode) -> None:
    """The pictures by depth, then CKA, then what stands out or does not."""
    asked = [standing(run, "streams", step) for run, step in choice.shown]
    if wait(asked, "streams", t("reads the residual stream"), 420):
        return
    answers = done(asked)
    measured = [(name_of(run), colour(run), result) for run, result, _ in answers]
    about = " ".join(inspection.id for *_, inspection in answers)
    windows = answers[0][1]["windows"]
    share = beside(answers)
    where = t(
        "{windows} held-out windows of {tokens} tokens", windows=windows,
        tokens=_of_each(answers, "tokens"),
    )  # fmt: skip

    def card(key: str, drawn: Any, title: str, subtitle: str, said: Notice) -> None:
        anatomy.figure(
            drawn, key=f"fig_{key}", title=title, subtitle=subtitle, about=about,
            notice=said.told(),
        )  # fmt: skip

    left, middle, right = st.columns(3, gap="small")
    with left:
        card(
            "rms",
            figures.by_depth(
                measured, "rms", mode, t("RMS"), HEIGHT, log=_wide(measured), share=share
            ),
            growth(measured), t("RMS of the stream, {where}", where=where),
            notice.rms(measured),
        )  # fmt: skip
    with middle:
        card(
            "branch", figures.skip_and_branch(measured, mode, HEIGHT, share), branches(measured),
            t("RMS of what each Add sums: skip solid, branch dotted"),
            notice.branch(measured),
        )  # fmt: skip
    with right:
        card(
            "angle", figures.by_layer(measured, "angle", mode, t("angle / π"), HEIGHT, share),
            turning(measured), t("angular distance between a block's input and output"),
            notice.angle(measured),
        )  # fmt: skip
    left, middle, right = st.columns(3, gap="small")
    with left:
        card(
            "similarity",
            figures.by_depth(measured, "similarity", mode, t("cosine"), HEIGHT, share=share),
            alike(measured), t("mean cosine between two tokens of a window"),
            notice.similarity(measured),
        )  # fmt: skip
    with middle:
        most = _of_each(answers, "rank_most")
        card(
            "rank",
            figures.by_depth(
                measured, "effective_rank", mode, t("effective rank"), HEIGHT, share=share
            ),
            ranks(measured), t("exp of the singular values' entropy, 1 to {most}", most=most),
            notice.rank(measured, max(result["rank_most"] for *_, result in measured)),
        )  # fmt: skip
    with right:
        card(
            "largest", figures.outliers(measured, mode, HEIGHT, share), standing_out(measured),
            t("largest activation of the stream, its median dotted"),
            notice.largest(measured),
        )  # fmt: skip
    outliers(answers)
    below(choice, answers, mode)


def beside(answers: list[Answered]) -> bool:
    """Whether depth is drawn as a share: a pretrained model of another depth lies beside a run."""
    depths = {figures.layers_of(result) for _, result, _ in answers}
    return len(depths) > 1 and any(run.source for run, *_ in answers)


def below(choice: Choice, answers: list[Answered], mode: Mode) -> None:
    """CKA of each run with itself and of both with each other; the heads' sinks."""
    first, *second = [run for run, _ in choice.shown]
    pairs: list[tuple[Run, int, list[str]]] = [(run, step, []) for run, step in choice.shown]
    if second:
        # The other run's newest checkpoint is what `cka` compares with.
        pairs.insert(1, (first, choice.step, [second[0].id]))
    places = st.columns([1] * len(pairs) if second else [56, 44], gap="small")
    for place, (run, step, others) in zip(places, pairs, strict=False):
        with place:
            cka(run, step, others, mode, MAP)
    rest = st.columns(len(answers), gap="small") if second else places[1:]
    for place, answer in zip(rest, answers, strict=True):
        with place:
            sinks(*answer, mode, 200 if second else MAP)


def cka(run: Run, step: int, others: list[str], mode: Mode, height: int) -> None:
    """How alike two layers are, within a run or between two."""
    asked = standing(run, "cka", step, others=others)
    key = f"cka_{run.id}_{len(others)}"
    if wait([asked], key, t("compares layers"), height):
        return
    for _, result, inspection in done([asked]):
        names = [one["name"] for one in result["runs"]]
        drawn = figures.similarity_map(
            result["matrix"], result["rows"], result["columns"], mode, height, (names[0], names[-1])
        )
        anatomy.figure(
            drawn, key=f"fig_{key}", title=blocks_alike(result, bool(others)),
            subtitle=t("linear CKA, {n:,} tokens", n=result["tokens"]), about=inspection.id,
            label=t("CKA of the layers of {runs}", runs=", ".join(dict.fromkeys(names))),
            notice=notice.cka(result, bool(others)).told(),
        )  # fmt: skip


def sinks(
    run: Run, result: dict[str, Any], inspection: Inspection, mode: Mode, height: int
) -> None:
    """Mean attention of each head to the first token."""
    shares = inspection.arrays.get("sinks")
    if shares is None:
        return
    found = result["sinks"]
    count = len(found["found"])
    name = name_of(run)
    said = t("No sink seen in {run}", run=name)
    if found["seen"]:
        said = t("{n} head sinks in {run}", "{n} heads sink in {run}", n=count, run=name)
    anatomy.figure(
        figures.sink_map(shares, mode, height, found["uniform"]), key=f"fig_sinks_{run.id}",
        title=said, about=inspection.id,
        subtitle=t(
            "mean attention to the first token; a sink reaches {least:g}", least=found["threshold"]
        ),
        notice=notice.sinks(shares, found).told(),
    )  # fmt: skip


def outliers(answers: list[Answered]) -> None:
    """Massive activations and sinks: said as not seen where they are not."""
    with cards.card("outliers"):
        measured = [(name_of(run), colour(run), result) for run, result, _ in answers]
        explained(notice.outliers(measured).told(), key="outliers", title=t("What stands out"))
        for run, result, _ in answers:
            rows = [
                (what, result[key]["seen"], found(result[key]) if result[key]["seen"] else "")
                for what, key, found in (
                    (t("Massive activations"), "massive", _massive),
                    (t("Attention sinks"), "sinks", _sinks),
                )
                if key in result
            ]
            st.html(
                render(
                    "anatomy/outliers", colour=colour(run), name=name_of(run), rows=rows,
                    largest=_largest(result), massive=massive_rows(result),
                )
            )  # fmt: skip
        sinks = answers[0][1].get("sinks")
        said = t(
            "Massive: |a| > 100 and 1,000 × the median of its place. Sink: mean attention to the"
            " first token."
        )
        if sinks:
            said = t(
                "Massive: |a| > 100 and 1,000 × the median of its place. Sink: mean attention to"
                " the first token of {least:g} or more, even attention has {even:.2f}.",
                least=sinks["threshold"],
                even=sinks["uniform"],
            )
        cards.below(said)


def massive_rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Each massive activation once: token, dimension, largest value, times the median, where."""
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for one in result["massive"]["found"]:
        found.setdefault((one["token"], one["feature"]), []).append(one)
    rows: list[tuple[str, ...]] = []
    for (token, feature), ones in found.items():
        first = ones[0]  # they come from the largest on
        times = first["times_median"]
        rows.append(
            (
                f"{token}",
                f"{feature}",
                f"{first['value']:,.0f}",
                "∞" if times is None else f"{times:,.0f} ×",
                t(figures.place_words(first["place"])),
            )
        )
    return rows


def _massive(answer: dict[str, Any]) -> str:
    """The largest of what was seen; layers as people count them."""
    first = answer["found"][0]
    return t(
        "{value:,.0f} in dimension {feature} of token {token}, {place}, is the largest.",
        value=first["value"],
        feature=first["feature"],
        token=first["token"],
        place=figures.place_words(first["place"]),
    )


def _sinks(answer: dict[str, Any]) -> str:
    """How many heads sink, and which most; layers and heads as people count them."""
    first = answer["found"][0]
    return t(
        "{n} head, layer {layer}, head {head}, with {share:.2f}.",
        "{n} heads, most of all layer {layer}, head {head}, with {share:.2f}.",
        n=len(answer["found"]),
        layer=first["layer"] + 1,
        head=first["head"] + 1,
        share=first["share"],
    )


def _largest(result: dict[str, Any]) -> str:
    largest, median = figures.numbers(result["largest"]), figures.numbers(result["median"])
    if not np.isfinite(largest).any():
        return t("No activation is finite.")
    at = int(np.nanargmax(largest))
    times = largest[at] / median[at] if median[at] else float("inf")
    where = figures.place_words(result["places"][at])
    return t(
        "Largest activation: {size:.3g}, {times:,.0f} × the median, {where}.",
        size=largest[at],
        times=times,
        where=t(where),
    )


def standing_out(measured: list[figures.Measured]) -> str:
    """How far the largest activation stands above the median of its place."""
    said = []
    for name, _, result in measured:
        inside, median = _inside(result, "largest"), _inside(result, "median")
        with np.errstate(divide="ignore", invalid="ignore"):
            times = inside / median
        known = times[np.isfinite(times)]
        most = t("{times:,.0f} × the median", times=float(known.max())) if len(known) else "–"
        said.append((name, most))
    return _sentence(t("The largest is"), said)


# Titles say what to see, from the numbers themselves.


def growth(measured: list[figures.Measured]) -> str:
    """How the stream's size changes from the embedding to the last layer."""
    said = []
    for name, _, result in measured:
        inside = _inside(result, "rms")
        ratio = inside[-1] / inside[0] if inside[0] else float("inf")
        changes = rules.growth(float(inside[0]), float(inside[-1]))
        if changes == "keeps":
            said.append((name, t("keeps its size")))
        elif changes == "grows":
            said.append((name, t("grows {ratio:.3g} ×", ratio=ratio)))
        else:
            said.append((name, t("shrinks to {ratio:.2g} ×", ratio=ratio)))
    return _sentence(t("The stream"), said)


def alike(measured: list[figures.Measured]) -> str:
    """How alike tokens are at the last layer."""
    said = [
        (name, t("end {cosine:.2f} alike", cosine=_inside(result, "similarity")[-1]))
        for name, _, result in measured
    ]
    return _sentence(t("Tokens"), said)


def ranks(measured: list[figures.Measured]) -> str:
    """The effective rank at the embedding and at the last layer."""
    said = []
    for name, _, result in measured:
        inside = _inside(result, "effective_rank")
        said.append((name, f"{inside[0]:.3g} → {inside[-1]:.3g}"))
    return _sentence(t("Effective rank"), said)


def turning(measured: list[figures.Measured]) -> str:
    """The block that turns the stream most."""
    said = []
    for name, _, result in measured:
        angles = figures.numbers(result["angle"])
        layer = int(np.nanargmax(angles)) + 1 if np.isfinite(angles).any() else 0
        turned = t("block {layer} turns it most", layer=layer)
        said.append((name, turned if layer else t("no angle is finite")))
    return _sentence(t("The stream"), said) if len(said) > 1 else said[0][1].capitalize()


def branches(measured: list[figures.Measured]) -> str:
    """How large branches are beside the skip, at the last sublayer."""
    said = []
    for name, _, result in measured:
        shares = figures.numbers(result["branch_share"])
        said.append((name, f"{shares[-1] * 100:.0f} %" if len(shares) else t("nothing")))
    return _sentence(t("Share of the last branch"), said)


def blocks_alike(result: dict[str, Any], between: bool) -> str:
    """How alike first and last layers are, or the same layers of two runs."""
    matrix = figures.numbers(result["matrix"])
    if not between:
        return t("First and last place are {cka:.2f} alike", cka=matrix[0, -1])
    size = min(matrix.shape)
    mean = np.nanmean(np.diagonal(matrix[:size, :size]))
    return t("The same layers of A and B are {cka:.2f} alike", cka=mean)


def _sentence(what: str, said: list[tuple[str, str]]) -> str:
    if len(said) == 1:
        return t("{first} {last}", first=what, last=said[0][1])
    return t("{what}: A {a}, B {b}", what=what, a=said[0][1], b=said[1][1])


def _of_each(answers: list[Answered], key: str) -> str:
    """A number of each run, once where all have the same."""
    return " / ".join(dict.fromkeys(f"{result[key]:,}" for _, result, _ in answers))


def _inside(result: dict[str, Any], key: str) -> np.ndarray:
    """A quantity at the places of the stream before the final norm."""
    kept = [i for i, place in enumerate(result["places"]) if place != "final_norm.out"]
    return figures.numbers(result[key])[kept]


def _wide(measured: list[figures.Measured]) -> bool:
    """Whether the sizes span so much that they need powers of ten."""
    sizes = np.concatenate([_inside(result, "rms") for *_, result in measured])
    sizes = sizes[np.isfinite(sizes)]
    return bool(len(sizes) and sizes.min() > 0 and sizes.max() / sizes.min() > 40)
