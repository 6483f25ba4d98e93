"""One layer step by step, as numbers: every matrix of one short text in one layer and head.

Kind ``block``. T tokens, at most `MOST`; d the size of a head, D the width, M hidden units. The
steps and their equations are those of :mod:`core.anatomy.block_steps`; numbers that `trace` has are
its own, to the last bit of float32, others are made by the layer's own modules of those.

arrays
    one for each step by its place, dots as underscores, float32: ``x`` (T, D), ``attn_norm``
    (T, D), ``attn_q attn_k attn_v attn_head`` (T, d) of the chosen head, ``attn_scores
    attn_pattern`` (T, T) of that head with the mask as -inf, ``mlp_pre mlp_post`` (T, M), all
    others (T, D). Which there are the wiring says.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.block_steps import Step, steps, words
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.language import Message
from core.models.block import Sublayer

MOST = parameters.BLOCK_TOKENS


@torch.no_grad()
def block(
    checkpoint: LoadedCheckpoint, asked: parameters.Block, report: Report
) -> Answer[results.Block]:
    """The matrices of one layer; the module's docstring says what is found."""
    if len(asked.text) > MOST:
        raise ValueError(
            Message(
                "text has {many} characters; one layer step by step shows at most {most}",
                many=len(asked.text),
                most=MOST,
            )
        )
    ids = checkpoint.tokens(asked.text)[:MOST]
    report(0.0, Message("reads {ids} tokens", ids=len(ids)))
    found = steps(checkpoint.wiring, asked.layer, asked.head)
    trace = checkpoint.transformer.trace(torch.tensor([ids], device=checkpoint.device))
    arrays = {
        step.key.replace(".", "_"): _numbers(checkpoint, asked, trace, step).float().cpu().numpy()
        for step in found
    }
    split = checkpoint.pieces(ids)
    result: results.Block = {
        "text": "".join(split),
        "tokens": split,
        "ids": ids,
        "layer": asked.layer,
        "head": asked.head,
        "steps": [_told(step) for step in found],
        "step": checkpoint.step,
    }
    return Answer(result, arrays)


def _numbers(
    checkpoint: LoadedCheckpoint, asked: parameters.Block, trace: dict[str, Tensor], step: Step
) -> Tensor:
    """The matrix of a step, (T, columns)."""
    if step.observables:
        seen = trace[step.observables[0]][0]
        return seen[asked.head] if step.by_head else seen
    part, _, place = step.key.partition(".")
    sublayer = getattr(checkpoint.transformer.blocks[asked.layer], part)
    assert isinstance(sublayer, Sublayer)
    first = trace[step.made_of[0]]
    if place == "head":
        pattern, values = (trace[name][0, asked.head] for name in step.made_of)
        return pattern @ values
    if place == "norm":
        return _plain(sublayer.pre(first)[0])
    normed = sublayer.inner(first)
    return _plain((normed if place == "inner" else sublayer.scale(normed))[0])


def _plain(tensor: Tensor) -> Tensor:
    assert isinstance(tensor, Tensor)
    return tensor


def _told(step: Step) -> results.BlockStep:
    return {
        "key": step.key,
        "symbol": step.symbol,
        "title": step.title,
        "equation": words(step.equation),
        "observables": list(step.observables),
        "made_of": list(step.made_of),
        "by_head": step.by_head,
    }
