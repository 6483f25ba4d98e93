"""The kind `streams`: what happens to the residual stream on its way up, on held-out text.

L layers, T tokens, D width, N windows. A *place* is a point of the stream: ``embed``,
``blocks.{i}.resid_mid`` and ``blocks.{i}.resid_post`` (in order), then ``final_norm.out`` where the
network has one.

Sources: ``effective_rank`` exp(H(σ / Σσ)) of a window's (T, D) matrix (Roy & Vetterli 2007);
``participation`` (Σσ²)² / Σσ⁴; ``residual_ratio`` ‖res(X)‖ / ‖X‖ with res(X) = X - 1·(mean over
tokens) (Dong et al. 2021); ``angle`` arccos(cosine) / π, 0 same direction, 1 opposite (Gromov et
al. 2024). ``massive``: |a| > 100 and >= 1,000 x the median of its place (Sun et al. 2024).
``sinks``: heads whose mean attention to token 0 reaches the threshold (Gu et al. 2024). The two
things that the Add box sums are what the skip carries, α and ω included, and the scaled branch.

arrays
    ``sinks`` (L, H) float32: mean attention to token 0. Absent without attention.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.anatomy import Answer, Report, parameters, rank, results
from core.anatomy.loaded_checkpoint import LoadedCheckpoint, sublayers
from core.language import Message, said
from core.models.transformer import Transformer
from core.probes import depth

MASSIVE, TIMES_MEDIAN = 100.0, 1000.0  # Sun et al. 2024, arXiv 2402.17762, section 2
SINK = 0.3  # Gu et al. 2024, arXiv 2410.10781, section 3.2
SHOWN = 20
STREAM = ("resid_mid", "resid_post")


def is_place(name: str, final_norm: bool) -> bool:
    """Whether an observable is a point of the residual stream, and not a copy of another point.

    ``final_norm.out`` is one where the network has a final norm; elsewhere it is the last block's.
    """
    return name == "embed" or name.endswith(STREAM) or (final_norm and name == "final_norm.out")


class Look:
    """A callback that measures the stream as it passes; one portion of windows after another.

    `final_norm`: whether the network has one (``ModelConfig.has_final_norm``).
    """

    def __init__(self, final_norm: bool = True) -> None:
        self.final_norm = final_norm
        self.found: dict[tuple[str, str], list[Tensor]] = defaultdict(list)  # each (N,)
        self.places: list[str] = []
        self.sinks: dict[str, list[Tensor]] = defaultdict(list)  # each (N, H)
        self.largest: list[results.MassiveOne] = []
        self.windows = 0
        self._before: Tensor | None = None

    def keep(self, name: str, **values: Tensor) -> None:
        """Measurements of the windows of this portion, each (N,)."""
        for what, value in values.items():
            self.found[name, what].append(value.cpu())

    def __call__(self, name: str, x: Tensor) -> Tensor:
        if name.endswith(".attn.pattern"):
            self.sinks[name].append(x[:, :, 1:, 0].float().mean(-1).cpu())
        elif name.endswith(".resid_pre"):
            self._before = x
        elif is_place(name, self.final_norm):
            self._measure(name, x.float())
            if name.endswith(".resid_post") and self._before is not None:
                self.keep(name, angle=rank.angular_distance(self._before, x).mean(1))
        return x

    def _measure(self, name: str, x: Tensor) -> None:
        if name not in self.places:
            self.places.append(name)
        size = x.abs().flatten(1)  # (N, T D)
        values = depth.singular_values(x)
        median = size.median(-1).values
        self.keep(
            name,
            rms=x.double().square().mean((1, 2)),
            similarity=depth.token_cosine(x.double()),
            effective_rank=depth.effective_rank(values),
            participation=rank.participation(values),
            residual_ratio=rank.residual_ratio(x),
            largest=size.amax(-1),
            median=median,
        )
        self._largest(name, x, float(median.mean()))

    def _largest(self, name: str, x: Tensor, median: float) -> None:
        top = x.abs().flatten().topk(min(SHOWN, x.numel()))
        for size, index in zip(top.values.tolist(), top.indices.tolist(), strict=True):
            if size > MASSIVE and size >= TIMES_MEDIAN * median:
                window, token, feature = (int(i) for i in np.unravel_index(index, x.shape))
                self.largest.append(
                    {
                        "place": name,
                        "token": token,
                        "feature": feature,
                        "value": float(x[window, token, feature]),
                        "times_median": size / median if median > 0 else None,
                    }
                )

    def mean(self, name: str, what: str) -> float:
        """A measurement over all windows."""
        return float(torch.cat(self.found[name, what]).double().mean())


@contextlib.contextmanager
def watched(model: Transformer, look: Look) -> Iterator[None]:
    """Meanwhile `look` sees what each sublayer's Add box sums: the skip and the branch."""

    def see(name: str, skip: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
        x, branch = inputs
        carried = skip.forward(x, torch.zeros_like(branch))  # what the skip alone lets pass
        for what, value in (("skip_rms", carried), ("branch_rms", branch)):
            look.keep(name, **{what: value.double().square().mean((1, 2))})

    hooks = [
        sublayer.skip.register_forward_pre_hook(partial(see, name))
        for name, sublayer in sublayers(model)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def streams(
    checkpoint: LoadedCheckpoint, asked: parameters.Streams, report: Report
) -> Answer[results.Streams]:
    """Measure the stream on held-out text; the module's docstring says what is found."""
    inputs, _ = checkpoint.held_out(asked.windows)
    look = Look(checkpoint.wiring.has_final_norm)
    portions = checkpoint.batches(inputs)
    for i, (portion,) in enumerate(portions):
        report(
            i / len(portions),
            Message("follows {inputs} windows through the network", inputs=len(inputs)),
        )
        with watched(checkpoint.transformer, look):
            checkpoint.model(portion, look)
    depth = checkpoint.wiring.depth
    names = [name for name, _ in sublayers(checkpoint.transformer)]
    skips, branches = ([look.mean(n, w) ** 0.5 for n in names] for w in ("skip_rms", "branch_rms"))

    def means(what: str) -> list[float | None]:
        return [look.mean(place, what) for place in look.places]

    shares = [torch.cat(parts).mean(0).numpy() for parts in look.sinks.values()]  # each (H,)
    arrays = {"sinks": np.stack(shares).astype(np.float32)} if shares else {}
    result: results.Streams = {
        "places": look.places,
        "layer": [layer_of(place, depth) for place in look.places],
        "rms": [look.mean(place, "rms") ** 0.5 for place in look.places],
        "similarity": means("similarity"),
        "effective_rank": means("effective_rank"),
        "participation": means("participation"),
        "residual_ratio": means("residual_ratio"),
        "median": means("median"),
        "largest": [float(torch.cat(look.found[p, "largest"]).max()) for p in look.places],
        "rank_most": min(inputs.shape[1], checkpoint.wiring.width),
        "sublayers": [
            {"name": name, "layer": layer_of(name, depth), "part": name.rpartition(".")[2]}
            for name in names
        ],
        "skip_rms": [*skips],
        "branch_rms": [*branches],
        "branch_share": [
            branch / (skip + branch) if skip + branch > 0 else None
            for skip, branch in zip(skips, branches, strict=True)
        ],
        "angle": [look.mean(p, "angle") for p in look.places if p.endswith(".resid_post")],
        "massive": _massive(look.largest),
        "tokens": inputs.shape[1],
        "windows": len(inputs),
        "step": checkpoint.step,
        "sinks": _sinks(arrays.get("sinks"), inputs.shape[1], checkpoint.wiring.causal),
    }
    return Answer(result, arrays)


def layer_of(name: str, depth: int) -> int:
    """The layer of an observable, -1 before the first and `depth` after the last."""
    if name.startswith("blocks."):
        return int(name.split(".")[1])
    return -1 if name == "embed" else depth


def _massive(found: list[results.MassiveOne]) -> results.Massive:
    found = sorted(found, key=lambda one: -abs(one["value"]))[:SHOWN]
    rule = Message(
        "|a| > {least:.0f} and at least {times:,.0f} times the median",
        least=MASSIVE,
        times=TIMES_MEDIAN,
    )
    if not found:
        sentence = Message("Massive activations: not seen ({rule}).", rule=rule)
    else:
        first = found[0]
        sentence = Message(
            "Massive activations: {value:,.0f} in feature {feature} of token {token} at {place} is"
            " the largest ({rule}).",
            rule=rule,
            value=first["value"],
            feature=first["feature"],
            token=first["token"],
            place=first["place"],
        )
    return {
        "seen": bool(found),
        "sentence": sentence,
        "said": said(sentence).get("said"),
        "found": found,
    }


def _sinks(shares: Any, tokens: int, causal: bool) -> results.Sinks:
    if shares is None or tokens < 2:
        sentence = Message("Attention sinks: not seen; there is no attention to an earlier token.")
        return {
            "seen": False,
            "sentence": sentence,
            "said": said(sentence).get("said"),
            "threshold": None,
            "uniform": None,
            "found": [],
        }
    rows = np.arange(2, tokens + 1) if causal else np.full(tokens - 1, tokens)
    uniform = float((1 / rows).mean())
    threshold = max(SINK, 2 * uniform)  # in a short text even attention reaches the first token
    found: list[results.Sink] = [
        {"layer": int(layer), "head": int(head), "share": float(shares[layer, head])}
        for layer, head in np.argwhere(shares >= threshold)
    ]
    found.sort(key=lambda one: -one["share"])
    rule = Message(
        "mean attention to token 0 of {threshold:.2f} or more; even attention has {uniform:.2f}",
        threshold=threshold,
        uniform=uniform,
    )
    if found:
        first = found[0]
        sentence = Message(
            "Attention sinks: {many} of {all} heads, the strongest in layer {layer}, head {head},"
            " with {share:.2f} ({rule}).",
            many=len(found),
            all=int(shares.size),
            rule=rule,
            layer=first["layer"],
            head=first["head"],
            share=first["share"],
        )
    else:
        sentence = Message("Attention sinks: not seen ({rule}).", rule=rule)
    return {
        "seen": bool(found),
        "sentence": sentence,
        "said": said(sentence).get("said"),
        "threshold": threshold,
        "uniform": uniform,
        "found": found,
    }
