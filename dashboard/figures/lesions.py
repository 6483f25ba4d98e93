"""What parts of a network are worth: lesions and paths, as figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.language import mark, t
from core.palette import Mode
from dashboard.figures.layout import MARGIN, Curve, axis, colour_bar, diverging, layout, lines

GROUPS = {
    "block": mark("block"),
    "swap": mark("swap up"),
    "attention": mark("attention"),
    "feedforward": mark("feed-forward"),
}
Measured = tuple[str, int, dict[str, Any]]  # a run's name, its colour, and its result


def lesion_map(
    arrays: Mapping[str, NDArray[Any]], mode: Mode, limit: float, row: int = 26
) -> go.Figure:  # fmt: skip
    """Δloss of every part taken out, layers upwards; `limit` nats have the full colour.

    Colours follow the square root of Δloss, so that small costs are seen beside large ones. Crosses
    mark losses that were not finite; parts that a network does not have are empty.
    """
    layers = max(len(np.asarray(a)) for name, a in arrays.items() if name != "swap")
    columns, names = [], []
    for group, name in GROUPS.items():
        if group in arrays and np.size(arrays[group]) and not np.all(np.isnan(arrays[group])):
            columns.append(_tall(np.asarray(arrays[group], dtype=float), layers))
            names.append(t(name))
    heads = np.asarray(arrays.get("head", np.zeros((layers, 0))), dtype=float)
    if heads.ndim == 2 and not np.all(np.isnan(heads)):
        columns += list(heads.T)
        names += [
            t("head {head}", head=h + 1) if h == 0 else str(h + 1) for h in range(heads.shape[1])
        ]
    values = np.stack(columns, axis=1)  # (L, columns)
    scale = max(limit, 1e-9)
    drawn = np.sign(values) * np.sqrt(np.abs(values) / scale)
    height = layers * row + MARGIN["t"] + MARGIN["b"] + 12
    marks = (-1.0, -0.5, 0.0, 0.5, 1.0)
    few = values.shape[1] <= 22
    text = [[f"{v:.2f}" if np.isfinite(v) else "" for v in line] for line in values]
    return go.Figure(
        go.Heatmap(
            z=drawn, y=np.arange(1, layers + 1), x=list(range(len(names))), zmin=-1, zmax=1,
            colorscale=diverging(mode), xgap=2, ygap=2, hoverongaps=False,
            text=text if few else None, texttemplate="%{text}" if few else None,
            textfont={"size": 12}, customdata=np.stack([values, np.zeros_like(values)], axis=-1),
            hovertemplate=t(
                "layer {layer}: {value} nats", layer="%{y}", value="%{customdata[0]:+.4f}"
            )
            + "<extra></extra>",
            colorbar=colour_bar(
                mode, mark("Δloss, nats"), tickvals=list(marks),
                ticktext=[f"{np.sign(m) * m * m * scale:.2g}" for m in marks],
            ),
        ),
        layout(
            mode, max(height, 190),
            axis(mode, "", showgrid=False, tickvals=list(range(len(names))), ticktext=names,
                 side="bottom", tickangle=0),
            axis(mode, mark("layer"), showgrid=False, dtick=max(1, layers // 12), tick0=1),
        ),
    )  # fmt: skip


def _tall(column: NDArray[Any], layers: int) -> NDArray[Any]:
    """A column of one value a layer; the last layer has nobody to be swapped with."""
    return np.concatenate([column, np.full(layers - len(column), np.nan)])


def gradient_paths(runs: Sequence[Measured], mode: Mode, height: int) -> go.Figure:
    """Share of the gradient by path length; dotted, how many of all paths have it."""
    curves = [Curve(name, colour, r["lengths"], r["share"]) for name, colour, r in runs]
    counts = np.asarray(runs[0][2]["paths"], dtype=float)
    curves.append(
        Curve(t("all paths"), "muted", runs[0][2]["lengths"], counts / counts.sum(), "dot")
    )
    last = max(r["lengths"][-1] for *_, r in runs)
    x = axis(mode, mark("branches on the path"), range=[-0.02 * last, last * 1.02], tickformat="d")
    return lines(curves, mode, x, mark("share"), height, zero=True)


def logit_paths(runs: Sequence[Measured], mode: Mode, height: int) -> go.Figure:
    """Share of the right token's logit by the longest path that a source's output has behind it."""
    curves, last = [], 1
    for name, colour, result in runs:
        by_depth: dict[int, float] = {}
        for depth, part in zip(result["depth"], result["logit_share"], strict=True):
            if depth is not None:
                by_depth[depth] = by_depth.get(depth, 0.0) + part
        at = sorted(by_depth)
        last = max(last, at[-1])
        curves.append(Curve(name, colour, at, [by_depth[k] for k in at]))
    x = axis(
        mode,
        mark("branches on the longest path"),
        range=[-0.02 * last, last * 1.02],
        tickformat="d",
    )
    return lines(curves, mode, x, mark("share of |contribution|"), height, zero=True)


def source_name(source: str) -> str:
    """`blocks.3.attn` -> `attention 4`."""
    found = re.match(r"blocks\.(\d+)\.(attn|mlp)", source)
    if not found:
        return {"embed": t("the embedding"), "bias": t("the biases")}.get(source, source)
    layer = int(found.group(1)) + 1
    if found.group(2) == "attn":
        return t("attention {layer}", layer=layer)
    return t("feed-forward {layer}", layer=layer)
