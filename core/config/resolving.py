"""How settings come to stand together: what a change brings with it, and what it rules out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from core.config.families import adapt
from core.config.groups import NAMED
from core.config.model import ModelConfig
from core.config.rules import conflicts
from core.config.run import RunConfig, choices
from core.config.wiring import NEEDS
from core.language import Message

DEFAULTS = RunConfig().flat()
# Settings of one sublayer: nothing reads them where it is absent.
ATTENTION = ("model.qk_norm", "model.value_residual", "model.causal", "model.heads")
FEEDFORWARD = ("model.feedforward_width", "model.activation")


def resolve(values: Mapping[str, Any], changed: str) -> dict[str, Any]:
    """The settings, by dotted name, that have to change because `changed` did.

    No placement means no norm, both ways; a scaling brings the placement that it needs, and a
    placement that a scaling can't have sends the scaling back.
    """
    if changed in ("model.family", "data.corpus", "data.tokenizer"):
        return adapt(values, DEFAULTS, changed)
    if values["model.family"] == "resnet":
        return {}
    now = dict(values)
    needed = NEEDS.get(now["model.scaling"])
    if changed == "model.scaling" and needed and now["model.placement"] != needed:
        now["model.placement"] = needed
        changed = "model.placement"
    placement, norm = now["model.placement"], now["model.norm"]
    if (placement == "none") != (norm == "none"):
        if changed == "model.placement":
            now["model.norm"] = "none" if placement == "none" else "layer"
        elif changed == "model.norm":
            now["model.placement"] = "none" if norm == "none" else "pre"
    if NEEDS.get(now["model.scaling"], now["model.placement"]) != now["model.placement"]:
        now["model.scaling"] = "one"
    if now["model.norm"] == "none":
        if now["model.final_norm"] == "on":
            now["model.final_norm"] = "auto"
        now["model.qk_norm"], now["model.embedding_norm"] = "off", False
    return {dotted: value for dotted, value in now.items() if value != values[dotted]}


def named(values: Mapping[str, Any], typed: Collection[str]) -> dict[str, Any]:
    """What names that were `typed` say of other settings, by dotted name: a path of its corpus.

    A name that belongs to what is no longer chosen goes.
    """
    found: dict[str, Any] = {}
    for field, (other, word) in NAMED.items():
        own, chosen = f"data.{field}", f"data.{other}"
        if own in typed and values.get(own) and chosen not in typed:
            found[chosen] = word
        elif chosen in typed and values[chosen] != word and own not in typed:
            found[own] = None
    return found


def impossible(values: Mapping[str, Any], field: str) -> dict[str, str]:
    """The words of a choice that can't stand with the other settings now, each with the reason.

    `values` are the network's settings by field, as a ModelConfig holds them; what is already wrong
    with them does not count.
    """

    def wrong(changed: dict[str, Any]) -> list[str]:
        model = ModelConfig.model_construct(**{**values, **changed})
        return [
            Message("{field}: {sentence}", field=name, sentence=sentence)
            for name, sentence in conflicts(model)
        ]

    already = wrong({})
    found = {}
    for word in choices(f"model.{field}"):
        new = [sentence for sentence in wrong({field: word}) if sentence not in already]
        if new and word != values.get(field):
            found[word] = new[0]
    return found


def idle(dotted: str, values: Mapping[str, Any]) -> str:
    """Why nothing reads a setting beside the others, by dotted name; empty where something does.

    Unlike a setting that does not apply (`families.applies`), an idle one is of this family.
    """
    norm, sublayers = values["model.norm"], values["model.sublayers"]
    if dotted in ("model.norm_epsilon", "model.qk_norm", "model.embedding_norm"):
        if norm == "none" and values[dotted] == DEFAULTS[dotted]:
            return Message("there is no norm (model.norm is none)")
        if dotted == "model.norm_epsilon" and norm == "dyt":
            return Message("DyT has no ε (model.norm is dyt)")
    if dotted in ATTENTION and sublayers == "feedforward":
        return Message("the blocks have no attention (model.sublayers is feedforward)")
    if dotted in FEEDFORWARD and sublayers == "attention":
        return Message("the blocks have no feed-forward (model.sublayers is attention)")
    if dotted == "training.sharding" and values["training.devices"] == 1:
        return Message("one device has all of it (training.devices is 1)")
    positions = values["model.positions"]
    if dotted == "model.rotary_base" and positions != "rotary":
        return Message(
            "only rotary positions have one (model.positions is {positions})", positions=positions
        )
    return ""
