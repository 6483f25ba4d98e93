"""One block step by step: what a layer computes, as numbers with the equation beside them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.anatomy.block_steps import Step, beside, other_wiring, steps
from core.anatomy.parameters import BLOCK_TOKENS
from core.config import ModelConfig
from core.language import Message, t
from core.palette import Mode
from core.runs import Run
from dashboard.address.widgets import number, text
from dashboard.anatomy.asking import Asked, standing
from dashboard.anatomy.choice import Choice
from dashboard.catalogue.run_names import name_of
from dashboard.components import anatomy
from dashboard.figures.block import published
from dashboard.ui import cards


def section(choice: Choice, mode: Mode) -> None:
    """The text, the layer and the head; below them the steps, run A's and another wiring's."""
    run, step = choice.shown[0]
    model = run.model_at(step)
    with cards.card("one_block", horizontal=True, gap="small", vertical_alignment="top"):
        said = text(
            "anatomy_block_text", t("Text"), "", BLOCK_TOKENS, width=300,
            placeholder=t("the probe text's start; up to {n} letters", n=BLOCK_TOKENS),
        )  # fmt: skip
        layer = _counted(
            "anatomy_block_layer", t("Layer, 1 to {depth}", depth=model.depth), model.depth
        )
        heads = model.heads if "attention" in model.parts else 1
        head = _counted("anatomy_block_head", t("Head, 1 to {heads}", heads=heads), heads)
    mine = standing(run, "block", step, text=said, layer=layer, head=head)
    if mine is None:
        return
    lanes = [lane(model, layer, head)]
    asked = [mine]
    theirs = _second(choice, said, layer, head)
    if theirs is None:
        other = other_wiring(model, layer)
        lanes.append(lane(other, layer, head))
    else:
        one, network = theirs
        asked.append(one)
        lanes.append(lane(network, layer, head))
    anatomy.block(
        asked, key="block_steps", lanes=[shown(*one) for one in lanes],
        rows=beside([found for _, found in lanes]),
        title=t("Step through one block"),
        subtitle=t(
            "layer {layer} of {depth} at step {step:,}, head {head} of {heads}",
            layer=layer + 1, depth=model.depth, step=step, head=head + 1, heads=heads,
        ),
    )  # fmt: skip


def _counted(name: str, label: str, most: int) -> int:
    """A layer or a head, from 1 as people count; the number from 0."""
    if st.session_state.get(name, 1) > most:  # of a run that has more of them
        st.session_state[name] = most
    return int(number(name, label, 1, 1, most, width=130)) - 1


def _second(choice: Choice, said: str, layer: int, head: int) -> tuple[Asked, ModelConfig] | None:
    """Run B's question, where there is a run B that has this layer and this head."""
    for run, step in choice.shown[1:]:
        model = run.model_at(step)
        if sentence := lacks(run, model, layer, head):
            cards.problem(sentence)
            return None
        asked = standing(run, "block", step, text=said, layer=layer, head=head)
        return None if asked is None else (asked, model)
    return None


def lacks(run: Run, model: ModelConfig, layer: int, head: int) -> str:
    """Why a run has no such layer or head, or nothing."""
    if layer >= model.depth:
        return Message(
            "{run} has no layer {layer}; it has {depth}.",
            run=name_of(run),
            layer=layer + 1,
            depth=model.depth,
        )
    if head >= model.heads and "attention" in model.parts:
        return Message(
            "{run} has no head {head}; it has {heads} a layer.",
            run=name_of(run),
            head=head + 1,
            heads=model.heads,
        )
    return ""


def lane(model: ModelConfig, layer: int, head: int) -> tuple[str, list[Step]]:
    """A wiring's name, as the papers have it, and its steps."""
    alone = model.at(layer)
    title = t(published(alone)).split(" · ")[0]
    return title, steps(model, layer, head)


def shown(title: str, found: list[Step]) -> dict[str, Any]:
    """A lane as the view is given it."""
    return {
        "title": title,
        "steps": [
            {
                "key": step.key.replace(".", "_"),
                "symbol": step.symbol,
                "title": step.title,
                "equation": [list(piece) for piece in step.equation],
                "where": t(step.where),
                "observables": list(step.observables),
                "made_of": list(step.made_of),
            }
            for step in found
        ],
    }
