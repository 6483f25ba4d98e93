"""Which settings of the network can't stand together: one rule for the refusal and for the page.

`core.config.resolving` asks it which words of a choice are impossible beside the other settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.config import layers as counting
from core.config.families import accepted, misfits
from core.config.wiring import misplaced
from core.language import Message

if TYPE_CHECKING:
    from core.config.model import ModelConfig


def conflicts(model: ModelConfig) -> Iterator[tuple[str, str]]:
    """Combinations that no network can have: the field to change, and what would be accepted."""
    yield from misfits("model", model, {"model.family": model.family, "data.corpus": ""})
    if model.family == "transformer":
        yield from _attention_conflicts(model)
        yield from _override_conflicts(model)
    if model.family != "resnet":
        yield from misplaced(model)
        yield from _norm_conflicts(model)


def _attention_conflicts(model: ModelConfig) -> Iterator[tuple[str, str]]:
    if model.width % model.heads:
        fitting = [str(h) for h in range(1, min(model.width, 256) + 1) if model.width % h == 0]
        yield (
            "heads",
            Message(
                "{heads} does not divide model.width {width}; accepted: {accepted}",
                heads=model.heads,
                width=model.width,
                accepted=", ".join(fitting),
            ),
        )
    elif model.positions == "rotary" and (model.width // model.heads) % 2:
        yield (
            "positions",
            Message(
                "rotary needs an even head size, but model.width / model.heads is {size};"
                " accepted here: sinusoidal, learned, alibi, none",
                size=model.width // model.heads,
            ),
        )


def _norm_conflicts(model: ModelConfig) -> Iterator[tuple[str, str]]:
    if model.norm != "none":
        return
    if model.final_norm == "on":
        yield "final_norm", Message("on needs a norm; accepted with norm none: auto, off")
    if model.embedding_norm:
        yield "embedding_norm", Message("true needs a norm; accepted with norm none: false")
    if model.qk_norm != "off":
        yield (
            "qk_norm",
            Message("{value} needs a norm; accepted with norm none: off", value=model.qk_norm),
        )


def _override_conflicts(model: ModelConfig) -> Iterator[tuple[str, str]]:
    for override in model.overrides:
        if override.last >= model.depth:
            yield (
                "overrides",
                Message(
                    "layers {layers} are beyond model.depth {depth}; accepted: layers"
                    " {layers_there}",
                    layers=override.layers,
                    depth=model.depth,
                    layers_there=counting.up_to(model.depth),
                ),
            )
            return
    told: set[str] = set()
    for layer in range(model.depth if model.overrides else 0):
        one = model.at(layer)
        for field, sentence in misplaced(one):
            # What the whole network has wrong is said once, without a layer.
            if sentence not in told and (field, sentence) not in misplaced(model):
                yield (
                    "overrides",
                    Message(
                        "layer {layer}: {field} {sentence}",
                        layer=layer,
                        field=field,
                        sentence=sentence,
                    ),
                )
                told.add(sentence)
        if one.norm != model.norm and not accepted("model.norm", (one.norm,), _about(model)):
            yield (
                "overrides",
                Message(
                    "layer {layer}: norm {norm} is not for a Transformer",
                    layer=layer,
                    norm=one.norm,
                ),
            )
            return


def _about(model: ModelConfig) -> dict[str, str]:
    return {"model.family": model.family, "data.corpus": ""}
