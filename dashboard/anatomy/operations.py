"""Operations on a network, short enough for an address, and the network as a drawing needs it.

`h3.2=off, a3=mean, f0=x0.5, b3=swap, n3.attention.pre=off, n.final=off, r3.attention=off`: head,
attention, feed-forward, block, norm and residual, with the layer and what else names the part.
Layers and heads are counted from 0, as core.anatomy.operate does.
"""

from __future__ import annotations

import re
from typing import Any

from core.anatomy import operations as targets
from core.config import ModelConfig
from core.language import Message

Operation = dict[str, Any]
LETTERS = {
    "head": "h", "attention": "a", "feedforward": "f", "block": "b", "norm": "n", "residual": "r",
}  # fmt: skip
TARGETS = {letter: target for target, letter in LETTERS.items()}


def to_text(operations: list[Operation]) -> str:
    """Operations for an address."""
    return ",".join(_name(one) + "=" + _action(one) for one in operations)


def _name(one: Operation) -> str:
    rest = one.get("place") or one.get("sublayer") or ""
    middle = str(one.get("layer", "")) + (f".{one['head']}" if "head" in one else "")
    return LETTERS[one["target"]] + middle + (f".{rest}" if rest else "")


def _action(one: Operation) -> str:
    return f"x{one['scale']:g}" if one["action"] == "scale" else str(one["action"])


def from_text(text: str, model: ModelConfig) -> list[Operation]:
    """Operations from an address. Raises ValueError where this network has no such part."""
    return [_read(part.strip(), model) for part in text.split(",") if part.strip()]


def _read(text: str, model: ModelConfig) -> Operation:
    found = re.fullmatch(r"([a-z])(\d*)\.?([a-z0-9.]*)=(off|mean|swap|x-?\d+(?:\.\d+)?)", text)
    if not found or found.group(1) not in TARGETS:
        raise ValueError(
            Message("{text!r} is not an operation; accepted: for example h0.1=off", text=text[:40])
        )
    target, layer, rest, action = TARGETS[found.group(1)], *found.groups()[1:]
    one: Operation = {"target": target}
    if layer:
        one["layer"] = int(layer)
    if target == "head":
        one["head"] = int(rest) if rest.isdecimal() else -1
    elif target == "norm":
        one["place"] = rest
    elif target == "residual":
        one["sublayer"] = rest
    one["action"] = "scale" if action.startswith("x") else action
    if one["action"] == "scale":
        one["scale"] = float(action[1:])
    targets.read(model, one)
    return one


def fitting(value: Any, model: ModelConfig) -> list[Operation]:
    """The operations that the drawing sent, as far as the network has the parts."""
    found = []
    for one in value if isinstance(value, list) else []:
        try:
            targets.read(model, one)
        except ValueError:
            continue
        found.append(one)
    return found


def network(model: ModelConfig) -> dict[str, Any]:
    """The parts of a network that can be operated on, layer by layer.

    ``layers``: of each layer its ``heads`` and ``sublayers``, each with its ``part``, whether it
    has a ``residual``, and its ``norms`` by place. ``final`` and ``embedding``: whether there are
    such norms.
    """
    whole = targets.whole_norms(model)
    layers = []
    for layer in range(model.depth):
        norms, skips = targets.norm_places(model, layer), targets.skips(model, layer)
        sublayers = [
            {
                "part": part,
                "residual": part in skips,
                "norms": [p.partition(".")[2] for p in norms if p.startswith(f"{part}.")],
            }
            for part in model.at(layer).parts
        ]
        layers.append({"layer": layer, "heads": model.heads, "sublayers": sublayers})
    return {"layers": layers, "final": "final" in whole, "embedding": "embedding" in whole}
