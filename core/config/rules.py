"""Which settings of the network can't stand together: one rule for the refusal and for the page.

`core.config.resolving` asks it which words of a choice are impossible beside the other settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.config.families import accepted, misfits
from core.config.wiring import misplaced

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
            f"{model.heads} does not divide model.width {model.width};"
            f" accepted: {', '.join(fitting)}",
        )
    elif model.positions == "rotary" and (model.width // model.heads) % 2:
        yield (
            "positions",
            f"rotary needs an even head size, but model.width / model.heads is"
            f" {model.width // model.heads}; accepted here: sinusoidal, learned, alibi, none",
        )


def _norm_conflicts(model: ModelConfig) -> Iterator[tuple[str, str]]:
    if model.norm != "none":
        return
    if model.final_norm == "on":
        yield "final_norm", "on needs a norm; accepted with norm none: auto, off"
    if model.embedding_norm:
        yield "embedding_norm", "true needs a norm; accepted with norm none: false"
    if model.qk_norm != "off":
        yield "qk_norm", f"{model.qk_norm} needs a norm; accepted with norm none: off"


def _override_conflicts(model: ModelConfig) -> Iterator[tuple[str, str]]:
    for override in model.overrides:
        if override.last >= model.depth:
            layers = "0" if model.depth == 1 else f"0 to {model.depth - 1}"
            yield (
                "overrides",
                f"layers {override.layers} are beyond model.depth {model.depth};"
                f" accepted: layers {layers}",
            )
            return
    told: set[str] = set()
    for layer in range(model.depth if model.overrides else 0):
        one = model.at(layer)
        for field, sentence in misplaced(one):
            # What the whole network has wrong is said once, without a layer.
            if sentence not in told and (field, sentence) not in misplaced(model):
                yield "overrides", f"layer {layer}: {field} {sentence}"
                told.add(sentence)
        if one.norm != model.norm and not accepted("model.norm", (one.norm,), _about(model)):
            yield "overrides", f"layer {layer}: norm {one.norm} is not for a Transformer"
            return


def _about(model: ModelConfig) -> dict[str, str]:
    return {"model.family": model.family, "data.corpus": ""}
