"""The names of metrics: what each is called, what it is measured in, and which part it is of.

One table for the pages, the report and the browser (`for_browser`, sent with
`python -m dashboard.web.assets`). A metric is named ``<kind>/<part>``, an activation
``activation/<statistic>/<observable>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

# Statistics of activations, and in which order the Lab offers them.
STATISTICS = {
    "rms": "RMS",
    "mean": "mean",
    "std": "standard deviation",
    "kurtosis": "kurtosis",
    "max": "largest value",
    "dead": "share of dead units",
}
# Units by how a metric's name begins; the first that fits. {per}: what a loss in nats is for.
UNITS = {
    "loss/": "nats per {per}",
    "bits_per_byte/": "bits per byte",
    "accuracy/": "accuracy",
    "grad_norm/": "gradient norm",
    "update_ratio/": "update / weight",
    "learning_rate": "learning rate",
    "tokens_per_second": "tokens per second",
    "activation/dead/": STATISTICS["dead"],
    "activation/kurtosis/": STATISTICS["kurtosis"],
    "activation/effective_rank/": "effective rank",
    "activation/token_cosine/": "cosine of two tokens",
    **{f"activation/{name}/": f"{STATISTICS[name]} of activations" for name in
       ("rms", "mean", "std", "max")},
    "attention/entropy": "nats",
    "skip/rms/": "RMS of the skip path",
    "branch/rms/": "RMS of the branch",
    "branch/share/": "branch over skip path",
    "gradient_noise/scale": "examples",
    "gradient_noise/": "squared gradient",
    "hessian/": "curvature",
}  # fmt: skip
# What is said beside the title in place of the unit, where the title is the unit.
NOTES = {
    "accuracy": "share of images",
    "bits_per_byte": "of the held-out text",
    "learning_rate": "per step",
    "grad_norm": "before clipping",
}
TITLES = {
    "loss/train": "Training loss",
    "loss/validation": "Validation loss",
    "loss/unigram": "Loss of frequencies alone",
    "bits_per_byte/validation": "Bits per byte",
    "grad_norm/total": "Gradient norm",
    "grad_norm/embed": "Gradient norm of the embedding",
    "grad_norm/head": "Gradient norm of the output layer",
    "tokens_per_second": "Speed",
    "gradient_noise/scale": "Gradient noise scale",
    "gradient_noise/variance": "Variance of one example's gradient",
    "gradient_noise/signal": "Squared norm of the mean gradient",
    "hessian/largest": "Largest Hessian eigenvalue",
    "hessian/stable": "Curvature of stability, 2 / learning rate",
}
# Groups of parameters, of which gradients and updates are measured by layer.
PARAMETERS = {
    "block": "whole layer",
    "norm": "norms",
    "attn.q": "query matrix",
    "attn.k": "key matrix",
    "attn.v": "value matrix",
    "attn.o": "attention output matrix",
    "mlp.in": "feed-forward input matrix",
    "mlp.gate": "feed-forward gate matrix",
    "mlp.out": "feed-forward output matrix",
}
# In the order in which the Lab offers them.
OBSERVABLES = {
    "resid_post": "residual stream",
    "resid_mid": "residual stream after attention",
    "resid_pre": "residual stream before the layer",
    "attn.out": "attention output",
    "attn.sum": "attention output and skip path",
    "mlp.pre": "feed-forward pre-activation",
    "mlp.post": "feed-forward activation",
    "mlp.out": "feed-forward output",
    "mlp.sum": "feed-forward output and skip path",
    "conv1.pre": "first convolution",
    "conv1.post": "first convolution after its activation",
    "conv2.out": "second convolution",
    "shortcut.out": "shortcut",
    "conv2.sum": "second convolution and shortcut",
    "embed": "embedding",
    "final_norm.out": "final norm",
    "pool.out": "pooled features",
    "logits": "logits",
    "attn.q": "queries",
    "attn.k": "keys",
    "attn.v": "values",
    "layer.out": "layer output",  # of a network that the lab did not build
}
SPLIT_BY_HEADS = ("attn.q", "attn.k", "attn.v")  # the Lab does not offer them
# What profiles over the layers are called where the observable alone does not say it.
PROFILES = {
    "grad_norm/block": "gradient norm",
    "attention/entropy": "attention entropy",
    "branch/share/attn": "attention branch over its skip path",
    "branch/share/mlp": "feed-forward branch over its skip path",
    "activation/effective_rank/resid_post": "effective rank of the residual stream",
    "activation/dead/mlp.post": "share of dead units",
}


def unit_of(metric: str, per: str = "character") -> str:
    """The unit of a metric; the metric's name where the table does not list it."""
    found = next((unit for start, unit in UNITS.items() if metric.startswith(start)), metric)
    return found.format(per=per) if found != metric else metric


def title_of(metric: str) -> str:
    """The title of a metric's chart."""
    title = TITLES.get(metric) or unit_of(metric)
    return title[:1].upper() + title[1:]


def predicted(units: Iterable[str]) -> str:
    """The word for one prediction, whose loss is in nats: `character`, `token`, `byte` or `image`
    where that is the unit of all runs, else `prediction`."""
    found = set(units)
    return found.pop() if len(found) == 1 else "prediction"


def baseline_of(per: str) -> str:
    """The name of the loss of a network that ignores its input; `per` is one prediction."""
    return "class entropy" if per == "image" else "unigram entropy"


OPTIMAL = "optimal loss"  # the line of the lowest loss that any network can have


def for_browser() -> dict[str, Any]:
    """The table as the live views are given it."""
    return {
        "units": {start: unit.format(per="character") for start, unit in UNITS.items()},
        "titles": TITLES,
        "statistics": STATISTICS,
        "parameters": PARAMETERS,
        "observables": OBSERVABLES,
        "profiles": PROFILES,
    }


def layer_of(metric: str) -> tuple[str, int | None]:
    """`activation/rms/blocks.3.resid_post` -> (`activation/rms/resid_post`, 3).

    Of all layers, as `activation/rms/resid_post` or with ``blocks.{i}.``, the layer is None.
    """
    found = re.search(r"blocks\.(\d+|\{i\})\.", metric)
    if not found:
        return metric, None
    layer = found.group(1)
    return metric.replace(found.group(0), ""), int(layer) if layer.isdecimal() else None


def flat_names(name: str, width: int) -> list[str]:
    """A metric's columns in a table: itself, or one for each layer."""
    return [f"{name}/layer_{layer}" for layer in range(width)] if width else [name]
