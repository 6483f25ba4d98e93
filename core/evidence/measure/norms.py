"""The Jacobians of the norms, in float64, and what the head reads."""

from __future__ import annotations

import torch
from torch import Tensor

from core.evidence.claim import Measured
from core.evidence.measure.networks import Lab, curve, network, points, tokens
from core.language import mark

WIDTH = 64
LENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # std of x


def jacobian(lab: Lab, norm: str) -> Measured:
    """`norm`: ‖J‖₂ ‖x‖/sqrt(d), over lengths of x; `first` and `second`: the smallest two singular
    values over the largest, `rest` the smallest of the others over it."""
    products, first, second, rest, sizes, lengths = [], [], [], [], [], []
    for seed in lab.seeds:
        module = network(seed, 1, norm=norm, norm_epsilon=1e-12).double().final_norm
        row, by_length = [], []
        for length in LENGTHS:
            x = torch.randn(WIDTH, dtype=torch.float64)
            x = (x - x.mean()) * length
            jacobian = torch.autograd.functional.jacobian(module, x)
            values = torch.linalg.svdvals(jacobian)
            row.append(values[0].item() * x.norm().item() / WIDTH**0.5)
            by_length.append(values[0].item() * x.norm().item() / WIDTH**0.5 / length)
            last = (values / values[0]).flip(0)
        products.append(max(row, key=lambda v: abs(v - 1)))
        first.append(last[0].item())
        second.append(last[1].item())
        rest.append(last[2].item())
        sizes.append(by_length)
        lengths.append(row)
    values = {"norm": products, "first": first, "second": second, "rest": rest}
    return Measured(
        values,
        [
            points("measured", LENGTHS, sizes),
            curve("√d/‖x‖", LENGTHS, [1 / length for length in LENGTHS]),
        ],
    )


def dyt(lab: Lab) -> Measured:
    """`small` and `same`: DyT's largest singular value at small x, over α, at two lengths of x."""
    lengths = (1e-3, 1e-2, 0.1, 1.0, 10.0)
    found = []
    for seed in lab.seeds:
        module = network(seed, 1, norm="dyt").double().final_norm
        row = []
        for length in lengths:
            x = torch.randn(WIDTH, dtype=torch.float64) * length
            row.append(
                torch.linalg.svdvals(torch.autograd.functional.jacobian(module, x))[0].item()
            )
        found.append(row)
    values = {"small": [row[0] for row in found], "same": [row[1] / row[0] for row in found]}
    return Measured(
        values,
        [
            points("DyT", lengths, found),
            curve(mark("a norm: 1/rms(x)"), lengths[2:], [1 / length for length in lengths[2:]]),
        ],
    )


@torch.no_grad()
def final_norm(lab: Lab) -> Measured:
    """`post` and `pre`: ‖logits‖ where the stream that leaves the last block is doubled, over
    ‖logits‖ where it is not."""
    factors = (1.0, 1.5, 2.0, 3.0, 4.0)
    found: dict[str, list[list[float]]] = {"post": [], "pre": []}
    for seed in lab.seeds:
        for placement, rows in found.items():
            model = network(seed, 6, placement=placement)
            read = tokens()

            def times(factor: float, model: torch.nn.Module = model, read: Tensor = read) -> float:
                def see(name: str, tensor: Tensor) -> Tensor:
                    return tensor * factor if name == "blocks.5.resid_post" else tensor

                size: float = model(read, see).norm().item()
                return size

            plain = times(1.0)
            rows.append([times(factor) / plain for factor in factors])
    at = factors.index(2.0)
    values = {name: [row[at] for row in rows] for name, rows in found.items()}
    series = [points(f"{name}-LN", factors, rows) for name, rows in found.items()]
    return Measured(values, [*series, curve(mark("no final norm"), factors, factors)])
