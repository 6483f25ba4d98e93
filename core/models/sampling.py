"""Tokens drawn one by one from a language model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Drawn(NamedTuple):
    """A token and the logits (V,) on the processor that it was drawn from."""

    token: int
    logits: Tensor


def sample(model: nn.Module, prompt: list[int], count: int, **options: Any) -> Iterator[int]:
    """`count` tokens that continue `prompt`, one by one; the options are those of :func:`draw`."""
    return (drawn.token for drawn in draw(model, prompt, count, **options))


@torch.no_grad()
def draw(
    model: nn.Module,
    prompt: list[int],
    count: int,
    *,
    context: int,
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
) -> Iterator[Drawn]:
    """`count` tokens that continue `prompt`, the model in evaluation mode meanwhile.

    Draws from softmax(logits / temperature) among the `top_k` likeliest (0: all), and of those
    among the fewest whose shares sum to `top_p`; temperature 0 takes the likeliest. The generator
    is its own, on the processor, so that training stays bit-identical and every device gives the
    same text from the same logits. The model sees the last `context` tokens. A non-finite row of
    logits ends the text.
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    ids = list(prompt)
    for _ in range(count):
        tokens = torch.tensor([ids[-context:]], device=device)
        training = model.training
        if training:  # asked first: setting the mode of every module is a third of a small step
            model.eval()
        logits = model(tokens)[0]  # (T, V), or (V,) of a network that predicts one token
        logits = logits.reshape(-1, logits.shape[-1])[-1].float().cpu()  # (V,)
        if training:
            model.train()
        if not logits.isfinite().all():
            return
        if temperature == 0:
            ids.append(int(logits.argmax()))
        else:
            shares = _shares(logits, temperature, top_k, top_p)
            ids.append(int(torch.multinomial(shares, 1, generator=generator)))
        yield Drawn(ids[-1], logits)


def _shares(logits: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """The distribution of the next token, (V,) -> (V,)."""
    if 0 < top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], -torch.inf)
    # With the largest at 0 a temperature near 0 stays finite.
    shares = ((logits - logits.max()) / temperature).softmax(0)
    if top_p < 1:
        sorted_shares, order = shares.sort(descending=True, stable=True)
        before = sorted_shares.cumsum(0) - sorted_shares
        shares = shares.index_fill(0, order[(before >= top_p) & (before > 0)], 0.0)
    return shares
