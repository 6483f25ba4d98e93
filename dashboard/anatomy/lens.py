"""Logit lens: what each layer would say next, and what it would cost to stop there."""

from __future__ import annotations

import itertools
from typing import Any

from core.config.units import corpus_unit
from core.language import mark, t
from core.palette import Mode
from core.runs import Run
from dashboard.address.widgets import segments, text
from dashboard.anatomy.asking import done, standing
from dashboard.anatomy.choice import Choice, colour
from dashboard.catalogue.run_names import name_of
from dashboard.components import anatomy
from dashboard.figures import text as figures
from dashboard.notice import parts as notice
from dashboard.ui import cards

BY = {"right": mark("Right token"), "top": mark("Top token")}
ROWS = {"layers": mark("Layers"), "middle": mark("And after attention")}
TOP = 5


def section(choice: Choice, mode: Mode) -> None:
    """The table, and the loss by layer below it."""
    with cards.card("lens", horizontal=True, gap="small", vertical_alignment="top"):
        said = text(
            "anatomy_text", t("Text"), "", 4000, width=440,
            placeholder=t(
                "the run's probe text; up to {n} letters", n=choice.run.config.model.context
            ),
        )  # fmt: skip
        by = segments(
            "anatomy_colour",
            t("Colour by the probability of the"),
            {name: t(word) for name, word in BY.items()},
        )
        rows = segments("anatomy_rows", t("Rows"), {name: t(word) for name, word in ROWS.items()})
    middle = rows == "middle"
    asked = [
        standing(run, "lens", step, text=said, top=TOP, middle=middle) for run, step in choice.shown
    ]
    shown = [one for one in asked if one is not None]
    if not shown:
        return
    answers = done(asked)
    anatomy.lens(
        shown, key="lens_table", by=by,
        rows=[1 + run.config.model.depth * (2 if middle else 1) for _, run in shown],
        title=headline(answers), subtitle=t("head(final norm(stream)) after each layer"),
    )  # fmt: skip
    if not answers:
        return
    curves = [(name_of(run), colour(run), r["rows"], r["loss"]) for run, r, _ in answers]
    first = answers[0][1]
    anatomy.figure(
        figures.by_row(curves, mode, 250, first["unigram"]), key="fig_lens",
        title=last_step(answers), about=" ".join(i.id for *_, i in answers),
        subtitle=t(
            "loss if the network stopped there, {n} held-out windows", n=first["windows"]
        ),
        notice=notice.stopped_early(
            [(c[0], c[3]) for c in curves], first["unigram"], corpus_unit(answers[0][0].corpus)
        ).told(),
    )  # fmt: skip


def headline(answers: list[tuple[Run, dict[str, Any], Any]]) -> str:
    """From which layer on the output's token is the likeliest, on average over the text."""
    said = []
    for _, result, inspection in answers:
        top = inspection.arrays["top_ids"][:, :, 0]  # (N, T)
        agrees = top == top[-1]
        # The first row from which on a token stays what the output says.
        settled = agrees[::-1].cumprod(axis=0)[::-1].argmax(axis=0)
        at = [figures.depth_of(result["rows"][i]) for i in settled]
        said.append(f"{sum(at) / len(at):.1f}")
    if not said:
        return t("What each layer would say next")
    if len(said) == 1:
        return t("Tokens settle after {layers} layers on average", layers=said[0])
    return t("Tokens settle after {a} layers in A, {b} in B", a=said[0], b=said[1])


def last_step(answers: list[tuple[Run, dict[str, Any], Any]]) -> str:
    """The layer that lowers the loss most."""
    said = []
    for _, result, _ in answers:
        loss = [v if v is not None else float("inf") for v in result["loss"]]
        falls = [before - after for before, after in itertools.pairwise(loss)]
        best = max(range(len(falls)), key=falls.__getitem__) if falls else 0
        none = t("no layer")
        said.append(row_name(result["rows"][best + 1]) if falls and falls[best] > 0 else none)
    if len(said) == 1:
        return t("{layer} lowers the loss most", layer=said[0][:1].upper() + said[0][1:])
    return t("What lowers the loss most: A {a}, B {b}", a=said[0], b=said[1])


def row_name(row: str) -> str:
    """`blocks.3.resid_post` -> `layer 4`: layers as people count them."""
    depth = figures.depth_of(row)
    if depth == 0:
        return t("the embedding")
    if depth == int(depth):
        return t("layer {layer}", layer=int(depth))
    return t("attention of layer {layer}", layer=int(depth + 0.5))
