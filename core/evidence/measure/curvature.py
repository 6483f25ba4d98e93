"""Gradient descent at the edge of stability: the largest eigenvalue of the loss's Hessian."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import ModelConfig, Shape
from core.data.images import load_images
from core.evidence.claim import Measured
from core.evidence.measure.networks import Lab, curve, points
from core.language import Message
from core.models import build_model

STEPS, EVERY, PICTURES = 1500, 25, 200
RATES = (0.3, 0.4)


def edge(lab: Lab) -> Measured:
    """`edge`: sharpness · η/2 at the end of full-batch gradient descent, over rates and seeds;
    `start` the same at its beginning; `still`: how much the loss falls in the last half.

    Two layers of 32 GELU units on 200 digits, squared error, as the paper's
    fully connected networks; no residual and no norm.
    """
    images = load_images("digits")
    pixels = torch.from_numpy(images.training[:PICTURES].astype("float32")) / 16
    pixels = pixels - pixels.mean(0)
    targets = F.one_hot(torch.from_numpy(images.training_labels[:PICTURES]), 10).float()
    values: dict[str, list[float]] = {"edge": [], "start": [], "still": []}
    rows: dict[float, list[list[float]]] = {rate: [] for rate in RATES}
    jobs = [(rate, seed) for rate in RATES for seed in lab.seeds]
    for i, (rate, seed) in enumerate(jobs):
        lab.report(i / len(jobs), Message("gradient descent at rate {rate:g}", rate=rate))
        sharp, losses = _descend(seed, rate, pixels, targets)
        rows[rate].append(sharp)
        late = sharp[-len(sharp) // 4 :]
        values["edge"].append(sum(late) / len(late) * rate / 2)
        values["start"].append(sharp[0] * rate / 2)
        values["still"].append(1 - losses[-1] / losses[len(losses) // 2])
    at = range(0, STEPS, EVERY)
    series = [
        points(Message("rate {rate:g}", rate=rate), at, found) for rate, found in rows.items()
    ]
    levels = [curve(f"2/{rate:g}", (0.0, STEPS), (2 / rate, 2 / rate)) for rate in RATES]
    return Measured(values, [*series, *levels])


def _descend(seed: int, rate: float, x: Tensor, y: Tensor) -> tuple[list[float], list[float]]:
    torch.manual_seed(seed)
    config = ModelConfig.model_validate(
        {
            "family": "mlp", "depth": 2, "width": 32, "feedforward_width": 32, "placement": "none",
            "norm": "none", "residual": "off", "activation": "gelu",
        }
    )  # fmt: skip
    model = build_model(config, 10, Shape(1, 8, 8))
    weights = [p for p in model.parameters() if p.requires_grad]
    direction = [torch.randn_like(p) for p in weights]
    sharp, losses = [], []
    for step in range(STEPS):
        loss = (model(x) - y).square().sum(1).mean() / 2
        watched = step % EVERY == 0
        gradient = torch.autograd.grad(loss, weights, create_graph=watched)
        if watched:
            value, direction = sharpness(weights, gradient, direction, 30 if step == 0 else 8)
            sharp.append(value)
            losses.append(loss.item())
        with torch.no_grad():
            for p, g in zip(weights, gradient, strict=True):
                p.sub_(g, alpha=rate)
    return sharp, losses


def sharpness(
    weights: list[nn.Parameter], gradient: tuple[Tensor, ...], start: list[Tensor], rounds: int
) -> tuple[float, list[Tensor]]:
    """The largest eigenvalue of the Hessian by power iteration, and its direction for the next."""
    value = 0.0
    for _ in range(rounds):
        length = torch.sqrt(sum((d.square().sum() for d in start), torch.zeros(())))
        start = [d / length for d in start]
        product = torch.autograd.grad(gradient, weights, start, retain_graph=True)
        value = float(sum((p * d).sum() for p, d in zip(product, start, strict=True)))
        start = [p.detach() for p in product]
    return value, start
