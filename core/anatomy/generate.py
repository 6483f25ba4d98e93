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
from typing import TYPE_CHECKING, Any

from core.anatomy import Answer, Report
from core.models.sampling import Drawn, draw

if TYPE_CHECKING:
    from core.anatomy.loaded_checkpoint import Subject

ALTERNATIVES = 5


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
