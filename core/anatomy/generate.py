"""Text from a language model.

Kind ``generate``. ``top_p`` is nucleus sampling (Holtzman et al. 2020, arXiv 1904.09751).

no arrays
stream: a :class:`core.anatomy.results.Token` for each new token, in order
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.anatomy import Answer, Report, parameters, results
from core.language import Message
from core.models.sampling import Drawn, draw

if TYPE_CHECKING:
    from core.anatomy.loaded_checkpoint import LoadedCheckpoint

ALTERNATIVES = 5


def about(drawn: Drawn, alphabet: Sequence[str]) -> results.Token:
    """One token as an object of the stream."""
    log = drawn.logits.double().log_softmax(0)  # (V,)
    p = log.exp()
    likeliest = p.topk(min(ALTERNATIVES, len(p)))
    return {
        "text": alphabet[drawn.token],
        "p": float(p[drawn.token]),
        "entropy": float(-(p * log).nan_to_num().sum()),
        "alternatives": [
            (alphabet[i], share)
            for i, share in zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
        ],
    }


def generate(
    checkpoint: LoadedCheckpoint, asked: parameters.Generate, report: Report
) -> Answer[results.Generate]:
    """Stream a continuation; the module's docstring says what is found."""
    prompt, length = asked.prompt, asked.length
    if not prompt:
        raise ValueError(Message("prompt is empty; type at least one character"))
    ids = checkpoint.prompt(prompt)
    alphabet = checkpoint.tokenizer.alphabet
    tokens: list[results.Token] = []
    written: list[int] = []
    report(0.0, Message("writes"))
    for drawn in draw(checkpoint.model, ids, length, context=checkpoint.context, **asked.drawing):
        tokens.append(about(drawn, alphabet))
        written.append(drawn.token)
        report.emit(tokens[-1])
        report(len(tokens) / length, Message("writes"))
    return Answer(
        {
            "prompt": checkpoint.tokenizer.decode(ids),
            "text": checkpoint.tokenizer.decode(written),
            "tokens": tokens,
            "nats": -sum(math.log(max(t["p"], 1e-300)) for t in tokens) / len(tokens)
            if tokens
            else None,
            "ended": "length" if len(tokens) == length else "not finite",
            "step": checkpoint.step,
        }
    )
