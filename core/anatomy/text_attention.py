"""Attention of a typed text, every layer and head.

Kind ``attention``; a text has up to model.context characters. L layers, H heads, T tokens.

arrays
    ``pattern`` float16 (L, H, T, T), ``pattern[l, h, i, j]`` how much token i attends to token j;
                rows sum to 1
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.language import Message


@torch.no_grad()
def attention(
    checkpoint: LoadedCheckpoint, asked: parameters.Attention, report: Report
) -> Answer[results.Attention]:
    """The pattern of the text; the module's docstring says what is found."""
    ids = checkpoint.tokens(asked.text)
    report(0.0, Message("reads {ids} tokens", ids=len(ids)))
    pattern = patterns(checkpoint, ids)
    split = checkpoint.pieces(ids)
    found: results.Attention = {
        "text": "".join(split),
        "tokens": split,
        "ids": ids,
        "layers": pattern.shape[0],
        "heads": pattern.shape[1],
        "causal": checkpoint.wiring.causal,
        "step": checkpoint.step,
    }
    return Answer(found, {"pattern": pattern.numpy()})


@torch.no_grad()
def patterns(checkpoint: LoadedCheckpoint, ids: list[int]) -> Tensor:
    """The pattern of one sequence of tokens, (L, H, T, T) float16 on the processor.

    Each layer's is taken as it passes, so that a large model never has its whole trace in memory.
    """
    layers: list[Tensor] = []

    def see(name: str, tensor: Tensor) -> Tensor:
        if name.endswith(".attn.pattern"):
            layers.append(tensor[0].to(torch.float16).cpu())
        return tensor

    checkpoint.model(torch.tensor([ids], device=checkpoint.device), see)
    return torch.stack(layers)
