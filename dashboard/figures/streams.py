"""The residual stream by depth: what core.anatomy.streams and core.anatomy.cka answer, as figures.

Layer 0 is the embedding; a place between two layers, after attention and before the feed-forward,
stands between their numbers. With `share` a place stands at its share of the network's own depth,
so that a small network and a large one lie beside each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from core.language import mark, t
from core.palette import COLOURS, Mode
from dashboard.figures.layout import (
    Curve,
    axis,
    colour_bar,
    depth_axis,
    layout,
    lines,
    ramp,
    sequential,
    share_axis,
)  # fmt: skip
from dashboard.figures.names import short

AND_WORD = 12  # letters of a name that another word follows
Measured = tuple[str, int, dict[str, Any]]  # a run's name, its colour, and its result


def position(place: str, layers: int) -> float:
    """Where a place of the stream stands on the axis of layers."""
    found = re.match(r"blocks\.(\d+)\.(\w+)", place)
    if not found:
        return 0.0 if place == "embed" else layers + 0.5
    return int(found.group(1)) + (0.5 if found.group(2) == "resid_mid" else 1.0)


def place_name(place: str) -> str:
    """`blocks.3.resid_mid` -> `4, after attention`: layers as people count them."""
    found = re.match(r"blocks\.(\d+)\.(\w+)", place)
    if not found:
        return {"embed": mark("embedding"), "final_norm.out": mark("final norm")}.get(place, place)
    return f"{int(found.group(1)) + 1}" + (" mid" if found.group(2) == "resid_mid" else "")


def place_words(place: str) -> str:
    """`blocks.3.resid_mid` -> `after attention of layer 4`."""
    name = place_name(place)
    if not name[0].isdecimal():
        return t("after the {place}", place=t(name))
    number = name.removesuffix(" mid")
    if name != number:
        return t("after attention of layer {layer}", layer=number)
    return t("after layer {layer}", layer=number)


def by_depth(
    runs: Sequence[Measured], key: str, mode: Mode, unit: str, height: int,
    log: bool = False, zero: bool = True, share: bool = False,
) -> go.Figure:  # fmt: skip
    """One number for each place of the stream; the final norm's output is a ring of its own."""
    curves, rings, depth = [], [], 1
    for name, colour, result in runs:
        layers = layers_of(result)
        depth = max(depth, layers)
        whole = max(layers, 1) if share else 1
        at = [min(position(p, layers) / whole, 1.03 if share else np.inf) for p in result["places"]]
        values = numbers(result[key])
        inside = [i for i, p in enumerate(result["places"]) if p != "final_norm.out"]
        curves.append(Curve(name, colour, [at[i] for i in inside], values[inside]))
        rings += [(colour, at[i], values[i]) for i in range(len(at)) if i not in inside]
    last = depth + 0.5 if rings else depth
    across = share_axis(mode) if share else depth_axis(mode, last)  # type: ignore[arg-type]
    figure = lines(curves, mode, across, unit, height, log, zero)
    for colour, x, y in rings:
        ring = Curve("", colour, [x], [y])
        figure.add_scatter(
            x=[x], y=[y], mode="markers", cliponaxis=False, name=t("after the final norm"),
            marker={
                "symbol": "circle-open", "size": 8, "line": {"width": 2}, "color": ring.paint(mode),
            },
            hovertemplate="%{y:.4~g}",
        )  # fmt: skip
    return figure


def skip_and_branch(
    runs: Sequence[Measured], mode: Mode, height: int, share: bool = False
) -> go.Figure:
    """RMS of the two things that every Add sums: the skip solid, the branch dotted."""
    curves, depth = [], 1
    for name, colour, result in runs:
        layers = max((s["layer"] for s in result["sublayers"]), default=0) + 1
        depth = max(depth, layers)
        whole = layers if share else 1
        at = [
            (s["layer"] + (0.5 if s["part"] == "attn" else 1.0)) / whole
            for s in result["sublayers"]
        ]
        several = f"{short(name, AND_WORD)} " if len(runs) > 1 else ""
        curves.append(Curve(several + t("skip"), colour, at, numbers(result["skip_rms"])))
        curves.append(
            Curve(several + t("branch"), colour, at, numbers(result["branch_rms"]), "dot")
        )
    across = share_axis(mode) if share else depth_axis(mode, depth)
    return lines(curves, mode, across, mark("RMS"), height, log=True)


def by_layer(
    runs: Sequence[Measured], key: str, mode: Mode, unit: str, height: int, share: bool = False
) -> go.Figure:  # fmt: skip
    """One number for each layer, from 1."""
    curves = [
        Curve(
            name, colour,
            np.arange(1, len(result[key]) + 1) / (max(len(result[key]), 1) if share else 1),
            numbers(result[key]),
        )
        for name, colour, result in runs
    ]  # fmt: skip
    depth = max(len(result[key]) for *_, result in runs)
    across = share_axis(mode) if share else depth_axis(mode, depth, 1)
    return lines(curves, mode, across, unit, height, zero=True)


def outliers(runs: Sequence[Measured], mode: Mode, height: int, share: bool = False) -> go.Figure:
    """The largest activation of each place of the stream, and dotted the median, on powers of ten.

    The final norm's output is left out: its largest is that of a normed vector.
    """
    curves, depth = [], 1
    for name, colour, result in runs:
        layers = layers_of(result)
        depth = max(depth, layers)
        places = [p for p in result["places"] if p != "final_norm.out"]
        at = [position(p, layers) / (max(layers, 1) if share else 1) for p in places]
        several = f"{short(name, AND_WORD)} " if len(runs) > 1 else ""
        for key, word, dash in (("largest", t("largest"), "solid"), ("median", t("median"), "dot")):
            curves.append(
                Curve(several + word, colour, at, numbers(result[key])[: len(places)], dash)
            )
    across = share_axis(mode) if share else depth_axis(mode, depth)
    return lines(curves, mode, across, mark("|activation|"), height, log=True)


def similarity_map(
    matrix: ArrayLike, rows: Sequence[str], columns: Sequence[str], mode: Mode, height: int,
    names: tuple[str, str],
) -> go.Figure:  # fmt: skip
    """CKA of every place of one run with every place of the other, 0 to 1."""
    across, up = [place_name(p) for p in columns], [place_name(p) for p in rows]
    figure = go.Figure(
        go.Heatmap(
            z=numbers(matrix), zmin=0, zmax=1, colorscale=sequential(), xgap=1, ygap=1,
            customdata=[[[a, b] for b in across] for a in up],
            hovertemplate=t("{first} and {last}", first="%{customdata[0]}", last="%{customdata[1]}")
            + ": %{z:.3f}<extra></extra>",
            colorbar=colour_bar(mode, "CKA", tickvals=[0, 0.5, 1]), hoverongaps=False,
        ),
        layout(
            mode, height,
            axis(mode, t("layer of {run}", run=short(names[1])), showgrid=False, **_ticks(columns)),
            axis(mode, t("layer of {run}", run=short(names[0])), showgrid=False, **_ticks(rows)),
        ),
    )  # fmt: skip
    return figure


def sink_map(shares: ArrayLike, mode: Mode, height: int, uniform: float) -> go.Figure:
    """Mean attention of every head to the first token; evenly spread attention has `uniform`."""
    shares = np.asarray(shares, dtype=float)
    layers, heads = shares.shape
    return go.Figure(
        go.Heatmap(
            z=shares, x=np.arange(1, heads + 1), y=np.arange(1, layers + 1), zmin=0, zmax=1,
            colorscale=ramp(mode), xgap=2, ygap=2,
            text=[[f"{v:.2f}" for v in row] for row in shares] if heads <= 12 else None,
            texttemplate="%{text}" if heads <= 12 else None, textfont={"size": 12},
            hovertemplate=t(
                "layer {layer}, head {head}: {share}, even {even:.3f}",
                layer="%{y}", head="%{x}", share="%{z:.3f}", even=uniform,
            ) + "<extra></extra>",
            colorbar=colour_bar(mode, mark("share"), tickvals=[0, 0.5, 1]),
        ),
        layout(
            mode, height,
            axis(mode, mark("head"), showgrid=False, dtick=max(1, heads // 8), tick0=1),
            axis(mode, mark("layer"), showgrid=False, dtick=max(1, layers // 8), tick0=1),
            plot_bgcolor=COLOURS[mode]["card"],
        ),
    )  # fmt: skip


def numbers(values: ArrayLike) -> np.ndarray:
    """JSON's null is a gap."""
    return np.asarray(values, dtype=float)


def layers_of(result: dict[str, Any]) -> int:
    """How many layers the network has, by its places."""
    found = [re.match(r"blocks\.(\d+)", p) for p in result["places"]]
    return max((int(f.group(1)) + 1 for f in found if f), default=0)


def _ticks(places: Sequence[str]) -> dict[str, Any]:
    """Whole layers only, and of those as many as have room."""
    whole = [i for i, p in enumerate(places) if not p.endswith("resid_mid")]
    kept = whole[:: max(1, -(-len(whole) // 10))]
    words = {"embedding": mark("emb"), "final norm": mark("norm")}
    names = [place_name(places[i]) for i in kept]
    return {"tickvals": kept, "ticktext": [t(words.get(n, n)) for n in names]}
