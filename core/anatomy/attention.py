"""Attention of a typed text, every layer and head.

Kind ``attention``. Parameters: ``text`` (up to model.context characters; "" is the run's probe
text). L layers, H heads, T tokens.

result
    ``text``    str, the text as it was read
    ``tokens``  [str] × T, how it is split
    ``ids``     [int] × T, the tokens' indices
    ``layers``  int, L
    ``heads``   int, H
    ``causal``  bool; if true the pattern is 0 above the diagonal
    ``step``    int, the checkpoint's
arrays
    ``pattern`` float16 (L, H, T, T), ``pattern[l, h, i, j]`` how much token i attends to token j;
                rows sum to 1
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from core.anatomy import Answer, Report
from core.anatomy.loaded_checkpoint import Subject


@torch.no_grad()
def attention(subject: Subject, parameters: dict[str, Any], report: Report) -> Answer:
    """The pattern of the text; the module's docstring says what is found."""
    ids = subject.tokens(parameters["text"])
    report(0.0, f"reads {len(ids)} tokens")
    pattern = patterns(subject, ids)
    split = [subject.tokenizer.decode([i]) for i in ids]
    found = {
        "text": "".join(split),
        "tokens": split,
        "ids": ids,
        "layers": pattern.shape[0],
        "heads": pattern.shape[1],
        "causal": subject.wiring.causal,
        "step": subject.step,
    }
    return Answer(found, {"pattern": pattern.numpy()})


@torch.no_grad()
def patterns(subject: Subject, ids: list[int]) -> Tensor:
    """The pattern of one sequence of tokens, (L, H, T, T) float16 on the processor.

    Each layer's is taken as it passes, so that a large model never has its whole trace in memory.
    """
    layers: list[Tensor] = []

    def see(name: str, tensor: Tensor) -> Tensor:
        if name.endswith(".attn.pattern"):
            layers.append(tensor[0].to(torch.float16).cpu())
        return tensor

    subject.model(torch.tensor([ids], device=subject.device), see)
    return torch.stack(layers)
