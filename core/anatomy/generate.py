"""Text from a language model.

Kind ``generate``. Parameters: ``prompt`` (of any length above 0; the model sees its last
model.context tokens), ``length`` (tokens to add), ``temperature`` (0 takes the likeliest),
``top_k`` (0: all), ``top_p`` (1: all; nucleus sampling, Holtzman et al. 2020, arXiv 1904.09751),
``seed``. The same seed gives the same text.

stream, one object for each new token, in order
    ``text``         str
    ``p``            float, its probability under softmax(logits), whatever the temperature
    ``entropy``      float, of that distribution, nats
    ``alternatives`` [[text, p] × at most 5], the likeliest tokens there, likeliest first
result
    ``prompt``  str
    ``text``    str, the continuation
    ``tokens``  the stream's objects, all of them
    ``nats``    float or null, mean of -log p over the continuation
    ``ended``   "length", or "not finite" where the logits were not and the text ended early
    ``step``    int, the checkpoint's
no arrays
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from core.anatomy import Answer, Report

if TYPE_CHECKING:
    from core.anatomy.subject import Subject

ALTERNATIVES = 5


class Drawn(NamedTuple):
    """A token and the logits (V,) on the processor that it was drawn from."""

    token: int
    logits: Tensor


def sample(
    model: nn.Module,
    prompt: list[int],
    count: int,
    *,
    context: int,
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
) -> Iterator[int]:
    """`count` tokens that continue `prompt`, one by one; see :func:`draw`."""
    for drawn in draw(
        model,
        prompt,
        count,
        context=context,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
    ):
        yield drawn.token


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
    """What the next token is drawn from, (V,) -> (V,)."""
    if 0 < top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], -torch.inf)
    # With the largest at 0 a temperature near 0 stays finite.
    shares = ((logits - logits.max()) / temperature).softmax(0)
    if top_p < 1:
        sorted_shares, order = shares.sort(descending=True, stable=True)
        before = sorted_shares.cumsum(0) - sorted_shares
        shares = shares.index_fill(0, order[(before >= top_p) & (before > 0)], 0.0)
    return shares


def about(drawn: Drawn, alphabet: str) -> dict[str, Any]:
    """What the stream says of a token."""
    log = drawn.logits.double().log_softmax(0)  # (V,)
    p = log.exp()
    likeliest = p.topk(min(ALTERNATIVES, len(p)))
    return {
        "text": alphabet[drawn.token],
        "p": float(p[drawn.token]),
        "entropy": float(-(p * log).nan_to_num().sum()),
        "alternatives": [
            [alphabet[i], share]
            for i, share in zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
        ],
    }


def generate(subject: Subject, parameters: dict[str, Any], report: Report) -> Answer:
    """Stream a continuation; the module's docstring says what is found."""
    prompt, length = parameters["prompt"], parameters["length"]
    if not prompt:
        raise ValueError("prompt is empty; type at least one character")
    ids = subject.prompt(prompt)
    drawing = {name: parameters[name] for name in ("temperature", "top_k", "top_p", "seed")}
    alphabet, tokens = subject.tokenizer.alphabet, []
    report(0.0, "writes")
    for drawn in draw(subject.model, ids, length, context=subject.context, **drawing):
        tokens.append(about(drawn, alphabet))
        report.emit(tokens[-1])
        report(len(tokens) / length, "writes")
    return Answer(
        {
            "prompt": subject.tokenizer.decode(ids),
            "text": "".join(token["text"] for token in tokens),
            "tokens": tokens,
            "nats": -sum(math.log(max(t["p"], 1e-300)) for t in tokens) / len(tokens)
            if tokens
            else None,
            "ended": "length" if len(tokens) == length else "not finite",
            "step": subject.step,
        }
    )
