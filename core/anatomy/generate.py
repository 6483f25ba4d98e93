"""Text from a language model."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn


@torch.no_grad()
def sample(
    model: nn.Module,
    prompt: list[int],
    count: int,
    *,
    context: int,
    temperature: float = 0.8,
    top_k: int = 0,
    seed: int = 0,
) -> Iterator[int]:
    """`count` tokens that continue `prompt`, one by one, the model in evaluation mode meanwhile.

    Draws from softmax(logits / temperature) among the `top_k` likeliest (0: all); temperature 0
    takes the likeliest. The generator is its own, on the processor, so that training stays
    bit-identical and every device gives the same text from the same logits. A non-finite row of
    logits ends the text.
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    ids = list(prompt)
    for _ in range(count):
        tokens = torch.tensor([ids[-context:]], device=device)
        training = model.training
        model.eval()
        logits = model(tokens)[0]  # (T, V), or (V,) of a network that predicts one token
        logits = logits.reshape(-1, logits.shape[-1])[-1].float().cpu()  # (V,)
        model.train(training)
        if not logits.isfinite().all():
            return
        if temperature == 0:
            ids.append(int(logits.argmax()))
        else:
            if 0 < top_k < len(logits):
                logits[logits < logits.topk(top_k).values[-1]] = -torch.inf
            shares = (logits / temperature).softmax(0)
            ids.append(int(torch.multinomial(shares, 1, generator=generator)))
        yield ids[-1]
