"""How large the residual stream is at initialisation, by layer and by depth."""

from __future__ import annotations

import torch

from core.evidence.claim import Measured
from core.evidence.measure.networks import (
    DEPTHS,
    Lab,
    backward,
    curve,
    network,
    of_depth,
    points,
    streams,
    tokens,
)
from core.language import mark
from core.models import profile

LAYERS, WIDTH, TOKENS = 24, 256, 32  # the theorem's L, d and n


def lemma_2(lab: Lab, placement: str) -> Measured:
    """`lowest` and `highest` of E‖x_l‖²/d over the layers, E over the seeds too; for pre of its
    ratio to the bounds.

    Lemma 2 of Xiong et al. in its own setting: W_Q = W_K = 0, a d x d feed-forward, one head.
    """
    found = []
    for i, seed in enumerate(lab.seeds):
        lab.report(i / len(lab.seeds))
        found.append(_theorem_sizes(placement, seed))
    layers = range(1, LAYERS + 1)
    measured = points("measured", layers, found)
    sizes = measured.y
    if placement == "post":
        values = {"lowest": [min(sizes)], "highest": [max(sizes)]}
        return Measured(values, [measured, curve("3/2", layers, [1.5] * LAYERS)])
    low, high = [1 + n / 2 for n in layers], [1 + 3 * n / 2 for n in layers]
    values = {
        "lowest": [min(s / b for s, b in zip(sizes, low, strict=True))],
        "highest": [max(s / b for s, b in zip(sizes, high, strict=True))],
    }
    bounds = [curve("1 + l/2", layers, low), curve("1 + 3l/2", layers, high)]
    return Measured(values, [measured, *bounds])


@torch.no_grad()
def _theorem_sizes(placement: str, seed: int) -> list[float]:
    model = network(
        seed, LAYERS, width=WIDTH, heads=1, context=TOKENS, feedforward_width=WIDTH,
        placement=placement,
    )  # fmt: skip
    seen: dict[str, torch.Tensor] = {}
    where = "mlp.sum" if placement == "post" else "resid_post"
    x = torch.randn(8, TOKENS, WIDTH)

    def see(name: str, tensor: torch.Tensor) -> torch.Tensor:
        seen[name] = tensor
        return tensor

    for block in model.blocks:
        block.attn.f.qkv.weight[: 2 * WIDTH] = 0
        x = block(x, see)
    return [seen[f"blocks.{i}.{where}"].pow(2).mean().item() for i in range(LAYERS)]


def final_size(lab: Lab, wiring: str, law: str = "") -> Measured:
    """`size-6`, `size-12`, `size-24`: ‖h‖²/d of what leaves the last of so many layers.

    `law` draws the curve of theory: "1 + 2L", "1 + L", or "1".
    """
    found: dict[int, list[list[float]]] = {depth: [] for depth in DEPTHS}
    for i, seed in enumerate(lab.seeds):
        lab.report(i / len(lab.seeds))
        for depth in DEPTHS:
            sizes = [h.pow(2).mean().item() for h in streams(seed, depth, wiring=wiring)]
            found[depth].append(sizes)
    values = {f"size-{d}": [sizes[-1] for sizes in by_seed] for d, by_seed in found.items()}
    layers = range(1, DEPTHS[-1] + 1)
    series = [
        points(of_depth(wiring, depth), range(1, depth + 1), found[depth])
        for depth in reversed(DEPTHS)
    ]
    if law:
        slope = {"1 + 2L": 2, "1 + L": 1, "1": 0}[law]
        series.append(curve(law, layers, [1 + slope * n for n in layers]))
    return Measured(values, series)


def mix_ln(lab: Lab) -> Measured:
    """`first`: how far the sizes in the post-LN quarter are from 1; `low`, `high`: the size after
    24 layers over 1 + l/2 and 1 + 3l/2 of the pre-LN layers alone."""
    depth = DEPTHS[-1]
    found = [[h.pow(2).mean().item() for h in streams(seed, depth, wiring="Mix-LN")]
             for seed in lab.seeds]  # fmt: skip
    quarter, later = depth // 4, depth - depth // 4
    values = {
        "first": [max(abs(s - 1) for s in sizes[:quarter]) for sizes in found],
        "low": [sizes[-1] / (1 + 0.5 * later) for sizes in found],
        "high": [sizes[-1] / (1 + 1.5 * later) for sizes in found],
    }
    layers = range(1, depth + 1)
    return Measured(
        values,
        [
            points(of_depth("Mix-LN", 24), layers, found),
            curve(mark("1 + l/2 beyond the first quarter"), layers,
                  [1 + 0.5 * max(0, n - quarter) for n in layers]),
            curve(mark("1 + 3l/2 beyond the first quarter"), layers,
                  [1 + 1.5 * max(0, n - quarter) for n in layers]),
        ],
    )  # fmt: skip


def rezero(lab: Lab) -> Measured:
    """`change`: the largest change of the stream from the embedding to the last of 24 layers over
    the stream; `inside` and `alpha`: the largest gradient inside of a branch, and of an α."""
    depth = DEPTHS[-1]
    changes, inside, alphas, sizes = [], [], [], []
    for seed in lab.seeds:
        model = network(seed, depth, wiring="ReZero")
        with torch.no_grad():
            trace = model.trace(tokens())
        start = trace["embed"]
        after = [trace[f"blocks.{i}.resid_post"] for i in range(depth)]
        changes.append(max((h - start).abs().max().item() for h in after))
        sizes.append([h.pow(2).mean().item() / start.pow(2).mean().item() for h in after])
        backward(model)
        gradients = {n: p.grad for n, p in model.named_parameters() if n.startswith("blocks.")}
        branch = [g for n, g in gradients.items() if g is not None and ".alpha" not in n]
        alpha = [g for n, g in gradients.items() if g is not None and ".alpha" in n]
        inside.append(max((g.abs().max().item() for g in branch), default=0.0))
        alphas.append(max(g.abs().max().item() for g in alpha))
    values = {"change": changes, "inside": inside, "alpha": alphas}
    layers = range(1, depth + 1)
    return Measured(
        values, [points("measured", layers, sizes), curve("f(x) = x", layers, [1.0] * depth)]
    )


@torch.no_grad()
def layerscale(lab: Lab) -> Measured:
    """`deep` and `shallow`: how far the stream moves, ‖x_L - x_0‖/‖x_0‖, over 24 layers with
    γ = 1e-5 and over 18 with γ = 0.1."""
    depths = (1, 2, 6, 12, 18, 19, 24)
    found: list[list[float]] = []
    for seed in lab.seeds:
        row = []
        for depth in depths:
            trace = network(seed, depth, wiring="LayerScale").trace(tokens())
            start, end = trace["embed"], trace[f"blocks.{depth - 1}.resid_post"]
            row.append(((end - start).norm() / start.norm()).item())
        found.append(row)
    at = depths.index
    values = {"deep": [row[at(24)] for row in found], "shallow": [row[at(18)] for row in found]}
    return Measured(values, [points("measured", depths, found)])


@torch.no_grad()
def admin(lab: Lab) -> Measured:
    """`xavier`, `torch`, `gpt2`: ω of the last sublayer of 7 layers, by initialisation."""
    depth, values, omegas = 7, {}, {}
    for init in ("xavier", "torch", "gpt2"):
        last, by_seed = [], []
        for seed in lab.seeds:
            model = network(seed, depth, wiring="Admin", init=init)
            profile(model, tokens())
            row = [
                sublayer.skip.omega.mean().item()
                for block in model.blocks
                for sublayer in (block.attn, block.mlp)
            ]
            by_seed.append(row)
            last.append(row[-1])
        values[init] = last
        omegas[init] = by_seed
    sublayers = range(1, 2 * depth + 1)
    return Measured(values, [points(init, sublayers, rows) for init, rows in omegas.items()])


@torch.no_grad()
def gpt2_scaling(lab: Lab) -> Measured:
    """`std`: the standard deviation of the matrices that write into the stream, times sqrt(2L),
    over .02; `growth`: the size added by 24 layers over that of 6, which no longer grows."""
    stds, growth, sizes = [], [], []
    for seed in lab.seeds:
        ratios, added = [], []
        for depth in DEPTHS:
            model = network(seed, depth, init="gpt2", scaling="gpt2")
            written = torch.cat(
                [m.weight.flatten() for b in model.blocks for m in (b.attn.f.out, b.mlp.f.w_out)]
            )
            ratios.append(written.std().item() * (2 * depth) ** 0.5 / 0.02)
            trace = model.trace(tokens())
            end, start = trace[f"blocks.{depth - 1}.resid_post"], trace["embed"]
            added.append((end - start).pow(2).mean().item())
        stds.append(sum(ratios) / len(ratios))
        growth.append(added[-1] / added[0])
        sizes.append([a / added[0] for a in added])
    plain = []
    for seed in lab.seeds:
        row = []
        for depth in DEPTHS:
            trace = network(seed, depth, init="gpt2").trace(tokens())
            end, start = trace[f"blocks.{depth - 1}.resid_post"], trace["embed"]
            row.append((end - start).pow(2).mean().item())
        plain.append([a / row[0] for a in row])
    return Measured(
        {"std": stds, "growth": growth},
        [
            points(mark("with 1/√(2L)"), DEPTHS, sizes),
            points(mark("without"), DEPTHS, plain),
            curve("1", DEPTHS, [1.0] * len(DEPTHS)),
        ],
    )
