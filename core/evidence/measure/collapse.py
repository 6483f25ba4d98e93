"""How tokens become alike with depth: Dong et al.'s residual, cosine and effective rank."""

from __future__ import annotations

import functools
import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from core.anatomy.rank import residual_ratio
from core.config import RunConfig
from core.data import corpora
from core.evidence.claim import Measured
from core.evidence.measure.networks import (
    BARE,
    CONTEXT,
    LETTERS,
    Lab,
    network,
    points,
    streams,
    tokens,
)
from core.language import Message, mark
from core.probes.depth import effective_rank, singular_values, token_cosine

ALONE: dict[str, Any] = {**BARE, "residual": "off"}
NETWORKS: dict[str, dict[str, Any]] = {
    "attention alone": {**ALONE, "sublayers": "attention", "causal": False},
    "attention + MLP": {**ALONE, "causal": False},
    "LN(attention), no skip": {
        "placement": "post", "residual": "off", "sublayers": "attention", "causal": False,
    },
    "attention + skip": {**BARE, "sublayers": "attention", "causal": False},
    "attention + skip + MLP": {**BARE, "causal": False},
    "causal attention alone": {**ALONE, "sublayers": "attention"},
}  # fmt: skip
LAYERS = 12
FLOOR = 1e-14  # float64 can't tell tokens apart below


@functools.cache
def _windows() -> Tensor:
    """Sequences of real text, (N, T): repeated letters start out alike, random tokens would not."""
    text = corpora.load_text(RunConfig().data)
    letters = torch.from_numpy(text.training[:50_000].astype("int64")) % LETTERS
    return letters[: CONTEXT * (len(letters) // CONTEXT)].view(-1, CONTEXT)


@torch.no_grad()
def residuals(seed: int, name: str, layers: int = LAYERS, batch: int = 4) -> list[float]:
    """‖res(X)‖/‖X‖ after each layer, in float64: a float32 sum would stop at 1e-7."""
    model = network(seed, layers, width=128, **NETWORKS[name]).double()
    windows = _windows()
    trace = model.trace(windows[torch.randint(len(windows), (batch,))])
    found = [residual_ratio(trace[f"blocks.{i}.resid_post"]).mean() for i in range(layers)]
    return [max(v.item(), FLOOR) for v in found]


def rank(lab: Lab, networks: tuple[str, ...], layers: int = LAYERS) -> Measured:
    """`r-1`, `r-2`, ... of the first network named, `power` = log r₃ / log r₂ of it, and the
    smallest and largest `ratio` r_{l+1}/r_l beyond its second layer."""
    found: dict[str, list[list[float]]] = {name: [] for name in networks}
    for i, seed in enumerate(lab.seeds):
        lab.report(i / len(lab.seeds))
        for name, rows in found.items():
            rows.append(residuals(seed, name, layers))
    rows = found[networks[0]]
    values = {f"r-{n}": [row[n - 1] for row in rows] for n in (1, 2, 3, 6) if n <= layers}
    logs = torch.tensor(rows).log()
    values["power"] = (logs[:, 2] / logs[:, 1]).tolist()
    ratios = [[b / a for a, b in pairwise(row[2:])] for row in rows]
    middle = [sum(column) / len(column) for column in zip(*ratios, strict=True)]
    values["slowest"] = [max(middle)]
    values["fastest"] = [min(middle)]
    # What float64 can't tell apart any more is no measurement.
    drawn = {
        name: [[v if v > FLOOR else math.nan for v in row] for row in some]
        for name, some in found.items()
    }
    layer = range(1, layers + 1)
    return Measured(values, [points(Message(name), layer, some) for name, some in drawn.items()])


@torch.no_grad()
def similarity(lab: Lab, wiring: str, batch: int = 4) -> Measured:
    """`cosine` between tokens and `rank`, exp(H(σ/Σσ)), of the stream after 24 layers."""
    depth, cosines, ranks, by_layer = 24, [], [], []
    for i, seed in enumerate(lab.seeds):
        lab.report(i / len(lab.seeds))
        layers = streams(seed, depth, batch, width=128, wiring=wiring)
        cosines.append(token_cosine(layers[-1]).mean().item())
        ranks.append(effective_rank(singular_values(layers[-1])).mean().item())
        by_layer.append([token_cosine(h).mean().item() for h in layers])
    return Measured(
        {"cosine": cosines, "rank": ranks}, [points(wiring, range(1, depth + 1), by_layer)]
    )


@torch.no_grad()
def scores_or_collapse(lab: Lab) -> Measured:
    """`gpt2`, `dyt`, `bare`: token cosine after 6 layers of GPT-2 initialisation."""
    wirings: dict[str, dict[str, Any]] = {
        "gpt2": {"placement": "pre"},
        "dyt": {"placement": "pre", "norm": "dyt"},
        "bare": BARE,
    }
    names = {"gpt2": "pre-LN", "dyt": mark("pre with DyT"), "bare": mark("no norm")}
    values, series = {}, []
    for key, wiring in wirings.items():
        rows = []
        for seed in lab.seeds:
            trace = network(seed, 6, init="gpt2", **wiring).trace(tokens())
            rows.append(
                [token_cosine(trace[f"blocks.{i}.resid_post"]).mean().item() for i in range(6)]
            )
        values[key] = [row[-1] for row in rows]
        series.append(points(names[key], range(1, 7), rows))
    return Measured(values, series)
