"""What every measurement needs: networks of the setting, what they compute, slopes and means.

Unless a claim says otherwise: Xavier-normal weights, zero biases, ReLU feed-forward of width 4 d,
4 heads, affine LayerNorm, learned positions, random tokens of 65 letters. B sequences, T tokens,
d width, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from core.anatomy import Report
from core.config import ModelConfig
from core.evidence.claim import Series, spread
from core.language import Message
from core.models import build_model, profile
from core.models.transformer import Transformer
from core.runs import RunStore

LETTERS = 65
CONTEXT = 64
DEPTHS = (6, 12, 24)
BARE = {"placement": "none", "norm": "none"}
# The wirings by the names that tables and pictures call them.
WIRINGS: dict[str, dict[str, Any]] = {
    "pre-LN": {"placement": "pre"},
    "post-LN": {"placement": "post"},
    "Peri-LN": {"placement": "sandwich"},
    "reordered": {"placement": "reordered"},
    "OLMo 2": {"placement": "reordered", "norm": "rms", "qk_norm": "width"},
    "LNS": {"scaling": "lns"},
    "DeepNorm": {"placement": "post", "scaling": "deepnorm"},
    "Admin": {"placement": "post", "scaling": "admin"},
    "Mix-LN": {"placement": "mix"},
    "ReZero": {**BARE, "scaling": "rezero"},
    "LayerScale": {"scaling": "layerscale"},
    "no norm": BARE,
    "no residual": {"placement": "post", "residual": "off"},
    "neither": {**BARE, "residual": "off"},
}


@dataclass
class Lab:
    """What a check works with: its seeds, who hears of its progress, where its runs are kept."""

    seeds: tuple[int, ...]
    report: Report
    store: RunStore


def network(seed: int, depth: int, **values: Any) -> Any:
    """A Transformer of these settings, in training mode; `wiring` names one of WIRINGS.

    Of any type, since its parts are: a block's attention may be absent.
    """
    torch.manual_seed(seed)
    wiring = WIRINGS[values.pop("wiring")] if "wiring" in values else {}
    settings = {"width": 64, "heads": 4, "context": CONTEXT, **wiring, **values}
    return build_model(ModelConfig.model_validate({"depth": depth, **settings}), LETTERS)


def tokens(batch: int = 8, length: int = CONTEXT) -> Tensor:
    """Random tokens, (B, T), from torch's generator as the network's seed left it."""
    return torch.randint(LETTERS, (batch, length))


@torch.no_grad()
def streams(seed: int, depth: int, batch: int = 8, **values: Any) -> list[Tensor]:
    """The residual stream after each block on random tokens, L times (B, T, d) float64."""
    model = network(seed, depth, **values)
    read = tokens(batch)
    profile(model, read)
    trace = model.trace(read)
    return [trace[f"blocks.{i}.resid_post"].double() for i in range(depth)]


def backward(model: Transformer, batch: int = 16) -> None:
    """The gradients of the loss on random tokens."""
    read = tokens(batch, CONTEXT + 1)
    logits = model(read[:, :-1])
    F.cross_entropy(logits.flatten(0, 1), read[:, 1:].flatten()).backward()


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The slope of log y against log x, by least squares."""
    a, b = ([math.log(v) if v > 0 else math.nan for v in values] for values in (x, y))
    middle = mean(a)
    return sum((u - middle) * v for u, v in zip(a, b, strict=True)) / sum(
        (u - middle) ** 2 for u in a
    )


def points(name: str, x: Iterable[float], by_seed: Sequence[Sequence[float]]) -> Series:
    """Measured points: the mean over seeds and its standard deviation at each x."""
    columns = list(zip(*by_seed, strict=True))
    return Series(
        name,
        "measured",
        [float(v) for v in x],
        [mean(column) for column in columns],
        [spread(column) for column in columns],
    )


def of_depth(wiring: str, layers: int) -> Message:
    """What a wiring of so many layers is called in a picture, and as a run."""
    return Message("{wiring}, {n} layers", wiring=Message(wiring), n=layers)


def curve(name: str, x: Iterable[float], y: Iterable[float]) -> Series:
    """The theory's curve."""
    return Series(name, "theory", [float(v) for v in x], [float(v) for v in y])
