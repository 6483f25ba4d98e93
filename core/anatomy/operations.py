"""What can be operated on in a Transformer, in words and without torch.

An operation is a JSON object; :func:`read` checks it against a network's config.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from core.config import PLACEMENTS, ModelConfig
from core.config.wiring import RESIDUALS
from core.language import Message, mark

ACTIONS: dict[str, tuple[str, ...]] = {
    "head": ("off", "scale", "mean"),
    "attention": ("off", "scale", "mean"),
    "feedforward": ("off", "scale", "mean"),
    "block": ("off", "swap"),
    "norm": ("off",),
    "residual": ("off", "scale"),
}
WHOLE = ("embedding", "final")  # norms that belong to no layer
NAMES = {"feedforward": "feed-forward"}


class Given(TypedDict, total=False):
    """An operation as it is asked for; which keys it needs follows from its target and action."""

    target: str
    layer: int
    head: int
    place: str
    sublayer: str
    action: str
    scale: float


@dataclass(frozen=True)
class Operation:
    """One change of a network; layers and heads count from 0."""

    target: str
    action: str
    layer: int = 0
    head: int = 0
    place: str = ""
    sublayer: str = ""
    scale: float = 1.0

    @property
    def words(self) -> str:
        """As files and the command line write it, layers counted from 0: "head 3.2 off"."""
        return self.said(0)

    def said(self, start: int = 1) -> str:
        """The operation in words, with layers and heads counted from `start`; people's from 1."""
        layer = self.layer + start
        parts = {
            "layer": layer,
            "head": self.head + start,
            "place": self.place,
            "part": Message(NAMES.get(self.sublayer, self.sublayer)),
            "target": Message(NAMES.get(self.target, self.target)),
        }
        whole = self.target == "norm" and self.place in WHOLE
        where = Message(WHERE.get("whole" if whole else self.target, WHERE[""]), **parts)
        what = WHAT[self.action]
        return Message(what, where=where, scale=self.scale, other=layer + 1)


# An operation in words: what it changes, and what it does to it.
WHERE = {
    "head": mark("head {layer}.{head}"),
    "norm": mark("norm {place} of layer {layer}"),
    "whole": mark("norm {place}"),
    "residual": mark("residual past {part} {layer}"),
    "": mark("{target} {layer}"),
}
WHAT = {
    "off": mark("{where} off"),
    "scale": mark("{where} × {scale:g}"),
    "mean": mark("{where} replaced by its mean"),
    "swap": mark("{where} swapped with {other}"),
}
PARTS = (mark("attention"), mark("feed-forward"), mark("block"))


def norm_places(model: ModelConfig, layer: int) -> tuple[str, ...]:
    """The norms of a layer: "attention.pre", "feedforward.inner", "attention.q", ..."""
    own = model.at(layer)
    if own.norm == "none":
        return ()
    row, found = PLACEMENTS[own.placement], []
    for part in own.parts:
        sites = list(row.sites(part))
        if part == "attention" and own.qk_norm != "off":
            sites += [site for site in ("q", "k") if site not in sites]
        found += [f"{part}.{site}" for site in sites]
    return tuple(found)


def whole_norms(model: ModelConfig) -> tuple[str, ...]:
    """The norms that belong to no layer: "embedding", "final"."""
    embedding = model.embedding_norm and model.norm != "none"
    return ("embedding",) * embedding + ("final",) * model.has_final_norm


def skips(model: ModelConfig, layer: int) -> tuple[str, ...]:
    """The sublayers of a layer that have a residual connection past them."""
    own = model.at(layer)
    return tuple(part for part in own.parts if part in RESIDUALS[own.residual])


def read(model: ModelConfig, one: Any) -> Operation:
    """An operation of this network. Raises ValueError saying what is accepted instead."""
    if not isinstance(one, dict):
        raise ValueError(
            Message(
                "operations: {one} is not an object with target, layer and action", one=repr(one)
            )
        )
    fields = Given.__annotations__
    for name in one.keys() - fields.keys():
        raise ValueError(
            Message(
                "operations: there is no {name}; accepted: {fields}",
                name=name,
                fields=", ".join(fields),
            )
        )
    target, action = one.get("target"), one.get("action")
    if target not in ACTIONS:
        raise ValueError(
            Message(
                "operations: target is {target}; accepted: {actions}",
                target=repr(target),
                actions=", ".join(ACTIONS),
            )
        )
    if action not in ACTIONS[target]:
        accepted = ", ".join(ACTIONS[target])
        raise ValueError(
            Message(
                "operations: action of a {target} is {action}; accepted: {accepted}",
                target=target,
                action=repr(action),
                accepted=accepted,
            )
        )
    scale = one.get("scale", 1.0)
    if action == "scale" and ("scale" not in one or not _is_number(scale)):
        raise ValueError(
            Message("operations: {target} needs a scale; accepted: a number", target=target)
        )
    if target == "norm" and one.get("place") in WHOLE:
        if one["place"] not in whole_norms(model):
            raise ValueError(
                Message("operations: this network has no {one} norm", one=one["place"])
            )
        return Operation("norm", action, place=one["place"])
    layer = _index(one.get("layer"), model.depth, "layer")
    operation = Operation(
        target,
        action,
        layer,
        _index(one.get("head"), model.heads, "head") if target == "head" else 0,
        str(one.get("place", "")) if target == "norm" else "",
        str(one.get("sublayer", "")) if target == "residual" else "",
        float(scale) if action == "scale" else 1.0,
    )
    _possible(model, operation)
    return operation


def _possible(model: ModelConfig, operation: Operation) -> None:
    target, layer = operation.target, operation.layer
    part = "attention" if target == "head" else target
    if part in ("attention", "feedforward") and part not in model.parts:
        raise ValueError(
            Message(
                "operations: the blocks of this network have no {part}", part=NAMES.get(part, part)
            )
        )
    if target == "norm" and operation.place not in norm_places(model, layer):
        places = (*norm_places(model, layer), *whole_norms(model))
        accepted = ", ".join(places) or Message("none, it has no norms")
        raise ValueError(
            Message(
                "operations: layer {layer} has no norm at {place}; accepted: {accepted}",
                layer=layer,
                place=repr(operation.place),
                accepted=accepted,
            )
        )
    if target == "residual" and operation.sublayer not in skips(model, layer):
        accepted = ", ".join(skips(model, layer)) or Message("none, it has no residual connections")
        raise ValueError(
            Message(
                "operations: layer {layer} has no residual past {sublayer}; accepted: {accepted}",
                layer=layer,
                sublayer=repr(operation.sublayer),
                accepted=accepted,
            )
        )
    if operation.action == "swap":
        if layer == model.depth - 1:
            raise ValueError(
                Message(
                    "operations: layer {layer} is the last; there is none to swap with", layer=layer
                )
            )
        if layer == 0 and model.value_residual:
            raise ValueError(
                Message(
                    "operations: layer 0 gives its values to all others (value residual), so it"
                    " can't change places"
                )
            )


def _index(value: Any, count: int, name: str) -> int:
    if type(value) is not int or not 0 <= value < count:
        raise ValueError(
            Message(
                "operations: {name} is {value}; accepted: 0 to {count}",
                name=name,
                value=repr(value),
                count=count - 1,
            )
        )
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 1e6
