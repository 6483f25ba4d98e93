"""The *Add* box: what the skip carries past a sublayer, and the sum. D width, L depth."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.config import ModelConfig
from core.config.wiring import RESIDUALS


class Add(nn.Module):
    """skip(x) = x: the branch is added to what came in (He et al. 2015, arXiv 1512.03385)."""

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return x + branch


class NoSkip(nn.Module):
    """skip(x) = 0: the branch alone goes on."""

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return branch


class DeepNorm(nn.Module):
    """skip(x) = α x with the constant α = (2 L)^¼, so that y = LN(α x + F(x)).

    Wang et al. 2022, arXiv 2203.00555, table 1, decoder-only. Its other half is in initialise.py:
    W_V, W_O and the feed-forward start smaller by (8 L)^-¼.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.alpha = (2 * depth) ** 0.25

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        carried: Tensor = self.alpha * x
        return carried + branch


class Admin(nn.Module):
    """skip(x) = ω ⊙ x with a trained ω, so that y = LN(ω ⊙ x + F(x)).

    Liu et al. 2020, arXiv 2004.08249, section 4.
    ω is 1 until :func:`profile` has measured the branches.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.omega = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return self.omega * x + branch


def skip(config: ModelConfig, part: str) -> nn.Module:
    """The layer's skip past `part` (attention or feedforward), (x, branch) -> skip(x) + branch."""
    if part not in RESIDUALS[config.residual]:
        return NoSkip()
    if config.scaling == "deepnorm":
        return DeepNorm(config.depth)
    return Admin(config.width) if config.scaling == "admin" else Add()


@torch.no_grad()
def profile(model: nn.Module, tokens: Tensor) -> None:
    """Admin's profiling pass: one forward of `tokens` (B, T) sets every ω; else it does nothing.

    ω₁ = 1 and ω²_{i+1} = Var(ω_i x_{i-1}) + Var F_i over the sublayers i in order: what the next
    skip weighs is what this Add box sums. As the authors' code has it (Liu et al. 2020, section
    4.2; github.com/LiyuanLucasLiu/Transformer-Clinic), the variance is that of the true input, over
    all its numbers, and each ω is set before the pass goes on, so that later branches are measured
    on what they will see. After a norm Var x = 1 and ω²_{i+1} = ω_i² + Var F_i; the embedding's own
    variance enters with the first sublayer, which decides where it is small (``init: gpt2``).

    A layer that is not Admin's counts with what its own skip carries: αx, x, or nothing. Random
    states and the mode (train or eval) are left alone; dropout is off.
    """
    skips = [
        module.get_submodule("skip") for name, module in model.named_modules() if _is_sublayer(name)
    ]
    if not any(isinstance(skip, Admin) for skip in skips):
        return
    square = 1.0

    def fill(skip: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
        nonlocal square
        x, branch = inputs
        if isinstance(skip, Admin):
            skip.omega.fill_(square**0.5)
        carried = skip.forward(x, torch.zeros_like(branch))
        square = sum(part.float().var(correction=0).item() for part in (carried, branch))

    hooks = [skip.register_forward_pre_hook(fill) for skip in skips]
    training = model.training
    try:
        model.eval()
        model(tokens)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()


def _is_sublayer(name: str) -> bool:
    return name.startswith("blocks.") and name.endswith((".attn", ".mlp"))
